//! The rules can fail. Each has a short broken timeline that it alone must name, and a schedule that is
//! deceived about a rule's subject is found out by generated events.

use super::super::oracle::{Fact, broken, rules};
use super::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::collections::BTreeSet;

fn start(n: u32, kind: Kind) -> Fact {
    Fact::Started(Launch { n, command: format!("main/{}x", kind.prefix()), kind, seed: 0 })
}

fn ended(n: u32) -> Fact {
    Fact::Ended(n, Ending::Exited { code: 0 })
}

/// A timeline that breaks nothing: first, two parallel, one serial, anytime, finally.
fn sound() -> Vec<Fact> {
    vec![
        start(1, Kind::First),
        ended(1),
        Fact::FaultsOn,
        start(2, Kind::ParallelDriver),
        start(3, Kind::ParallelDriver),
        start(4, Kind::Anytime),
        ended(2),
        ended(3),
        start(5, Kind::SerialDriver),
        ended(5),
        ended(4),
        Fact::DriveOver,
        Fact::Healed,
        start(6, Kind::Finally),
        ended(6),
        Fact::Done,
    ]
}

/// The sound timeline with one fact replaced, removed or put in, and the rules that this breaks.
fn mutants() -> Vec<(Vec<Fact>, Vec<&'static str>)> {
    let with = |at: usize, facts: &[Fact]| {
        let mut all = sound();
        all.splice(at..at, facts.iter().cloned());
        all
    };
    let replaced = |at: usize, fact: Fact| {
        let mut all = sound();
        all[at] = fact;
        all
    };
    let without = |at: usize| {
        let mut all = sound();
        all.remove(at);
        all
    };
    let killed = Fact::Ended(3, Ending::Killed { by: Killer::Deadline });
    vec![
        (
            with(9, &[start(9, Kind::First), ended(9)]),
            vec!["first_ comes before everything, once", "nothing runs"],
        ),
        (with(1, &[start(9, Kind::Anytime), ended(9)]), vec!["nothing runs beside first_", "the drive only"]),
        (with(12, &[start(9, Kind::Anytime), ended(9)]), vec!["during the drive only"]),
        (with(2, &[start(9, Kind::ParallelDriver), ended(9)]), vec!["during the drive only"]),
        (with(9, &[start(9, Kind::ParallelDriver), ended(9)]), vec!["beside a serial driver"]),
        (with(5, &[start(9, Kind::SerialDriver), ended(9)]), vec!["beside a serial driver"]),
        (replaced(8, start(5, Kind::SingletonDriver)), vec!["a singleton is the only driver"]),
        (with(5, &[start(9, Kind::ParallelDriver), ended(9)]), vec!["no more parallel drivers"]),
        (
            with(6, &[start(8, Kind::Anytime), start(9, Kind::Anytime), ended(8), ended(9)]),
            vec!["anytime commands are bounded"],
        ),
        (without(10), vec!["a terminal command runs alone", "nothing runs when it is done"]),
        (with(15, &[start(9, Kind::Eventually), ended(9)]), vec!["one terminal command"]),
        (without(12), vec!["terminal commands start after faults are healed"]),
        (
            vec![Fact::FaultsOn, Fact::DriveOver, Fact::Healed, start(1, Kind::Eventually), ended(1)],
            vec!["eventually_ needs a started driver"],
        ),
        (replaced(7, killed), vec!["finally_ needs every command to have ended by itself"]),
        (with(3, &[Fact::Cancelled]), vec!["nothing starts after a cancel"]),
        (with(13, &[Fact::Kill(4, Killer::End)]), vec!["only what runs is killed"]),
        (
            with(6, &[Fact::Kill(4, Killer::Cancel), Fact::Kill(4, Killer::Cancel)]),
            vec!["and once", "kills have their reason"],
        ),
        (with(6, &[Fact::Kill(4, Killer::Cancel)]), vec!["kills have their reason"]),
        (with(6, &[Fact::Kill(4, Killer::Eventually)]), vec!["kills have their reason"]),
        (without(14), vec!["nothing runs when it is done"]),
    ]
}

#[test]
fn every_rule_names_a_timeline_that_breaks_it() {
    assert_eq!(broken(&sound(), 2), Vec::<&str>::new());
    let mut named = BTreeSet::new();
    for (facts, expected) in mutants() {
        let found = broken(&facts, 2);
        assert!(
            found.iter().any(|rule| rule.contains(expected[0])),
            "{expected:?} not in {found:?}: {facts:#?}"
        );
        let stray: Vec<_> = found.iter().filter(|rule| !expected.iter().any(|e| rule.contains(e))).collect();
        assert!(stray.is_empty(), "{stray:?} in {facts:#?}");
        named.extend(found.into_iter().filter(|rule| rule.contains(expected[0])));
    }
    assert_eq!(named, rules().collect(), "each rule needs a mutant of its own");
}

/// Rules broken in generated timelines under a lie.
fn broken_under(lie: Lie) -> BTreeSet<&'static str> {
    let mut runner = TestRunner::deterministic();
    let timelines = (any_plan(), any_moves());
    (0..1_500)
        .flat_map(|_| {
            let (plan, moves) = timelines.new_tree(&mut runner).unwrap().current();
            let max_parallel = plan.max_parallel;
            broken(&run(plan, &moves, lie).facts, max_parallel)
        })
        .collect()
}

#[test]
fn a_deceived_schedule_is_found_out() {
    for (lie, rule) in [
        (Lie::EndsTooSoon(Kind::First), "nothing runs beside first_"),
        (Lie::EndsTooSoon(Kind::SerialDriver), "no driver runs beside a serial driver"),
        (Lie::EndsTooSoon(Kind::ParallelDriver), "no more parallel drivers than configured"),
        (Lie::EndsTooSoon(Kind::Anytime), "anytime commands are bounded"),
        (Lie::EndsTooSoon(Kind::Finally), "nothing runs when it is done"),
        (Lie::EndsWell, "finally_ needs every command to have ended by itself"),
        (Lie::HealedTooSoon, "terminal commands start after faults are healed"),
        (Lie::KillsNothing, "a terminal command runs alone"),
    ] {
        assert!(broken_under(lie).contains(rule), "{lie:?} was not noticed by {rule:?}");
    }
    assert_eq!(broken_under(Lie::None), BTreeSet::new());
}

#[test]
fn generated_timelines_reach_what_the_rules_speak_of() {
    let mut runner = TestRunner::deterministic();
    let timelines = (any_plan(), any_moves());
    let mut reached = BTreeSet::new();
    for _ in 0..1_500 {
        let (plan, moves) = timelines.new_tree(&mut runner).unwrap().current();
        let world = run(plan, &moves, Lie::None);
        for fact in &world.facts {
            reached.insert(match fact {
                Fact::Started(launch) => format!("started {}", launch.kind),
                Fact::Kill(_, by) => format!("kill {by:?}"),
                _ => continue,
            });
        }
        reached.insert(match world.schedule.conclusion().unwrap() {
            Conclusion::NoTerminal(why) => format!("{why:?}"),
            Conclusion::FirstIncomplete => "first incomplete".into(),
            Conclusion::Terminal(_) | Conclusion::Cancelled => continue,
        });
    }
    let starts = Kind::ALL.map(|kind| format!("started {kind}"));
    let kills = ["kill Cancel", "kill End", "kill Eventually"];
    let ends = ["NotPlanned", "NoDriverStarted", "NotAllEnded", "first incomplete"];
    let expected = starts.into_iter().chain(kills.into_iter().chain(ends).map(str::to_owned)).collect();
    assert_eq!(reached, expected);
}

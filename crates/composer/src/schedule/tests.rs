//! Timelines made of generated events keep all rules, and the rules notice timelines that do not.

mod mutants;
mod world;

use super::*;
use crate::plan::{Plan, PlanConfig, Shape, TerminalChoice};
use crate::template::Listed;
use oracle::{Fact, broken};
use proptest::prelude::*;
use std::num::NonZeroU32;
use std::time::Duration;
use world::{Lie, Move, World, run};

/// A plan for a template with these kinds, `n` commands each.
fn plan(seed: u64, kinds: &[(Kind, usize)], max_parallel: u32, terminal: TerminalChoice) -> Option<Plan> {
    let listed: Vec<_> = kinds
        .iter()
        .flat_map(|(kind, count)| (0..*count).map(|i| (*kind, format!("main/{}{i}", kind.prefix()))))
        .map(|(kind, command)| Listed { command, kind })
        .collect();
    let config = PlanConfig {
        max_parallel: NonZeroU32::new(max_parallel).unwrap(),
        terminal,
        drain: Duration::from_secs(2),
        ..PlanConfig::new(seed, Duration::from_secs(5))
    };
    Plan::draw(&listed, &config).ok()
}

/// Plans of every composition of kinds.
fn any_plan() -> impl Strategy<Value = Plan> {
    let terminal = prop_oneof![
        4 => Just(TerminalChoice::Auto),
        1 => Just(TerminalChoice::Eventually),
        1 => Just(TerminalChoice::Finally),
        1 => Just(TerminalChoice::None),
    ];
    (any::<u64>(), prop::array::uniform7(0_usize..3), 1_u32..5, terminal).prop_filter_map(
        "nothing to run",
        |(seed, counts, max_parallel, terminal)| {
            let kinds: Vec<_> = Kind::ALL.into_iter().zip(counts).collect();
            plan(seed, &kinds, max_parallel, terminal)
        },
    )
}

fn any_ending() -> impl Strategy<Value = Ending> {
    prop_oneof![
        8 => Just(Ending::Exited { code: 0 }),
        2 => (1..256).prop_map(|code| Ending::Exited { code }),
        1 => prop_oneof![Just(6), Just(9), Just(15)].prop_map(|signal| Ending::Signalled { signal }),
        1 => Just(Ending::Killed { by: Killer::Deadline }),
        1 => Just(Ending::Killed { by: Killer::Fault }),
        1 => Just(Ending::NotStarted { reason: "generated".into() }),
    ]
}

/// Time and ends mostly; the caller's requests now and then, in their place or not.
fn any_moves() -> impl Strategy<Value = Vec<Move>> {
    let request = prop_oneof![
        6 => Just(Event::Drive),
        3 => Just(Event::EndDrive),
        3 => Just(Event::Healed),
        1 => Just(Event::Begin),
        1 => Just(Event::Cancel),
        1 => any::<u32>().prop_map(|n| Event::Ended { n, ending: Ending::Exited { code: 0 } }),
    ];
    let one = prop_oneof![
        20 => (0_u64..400).prop_map(Move::Pass),
        2 => (400_u64..4_000).prop_map(Move::Pass),
        12 => (any::<prop::sample::Index>(), any_ending()).prop_map(|(which, how)| Move::End(which, how)),
        2 => request.prop_map(Move::Request),
    ];
    prop::collection::vec(one, 0..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn every_timeline_keeps_every_rule_and_comes_to_its_end(plan in any_plan(), moves in any_moves()) {
        let max_parallel = plan.max_parallel;
        let world = run(plan, &moves, Lie::None);
        prop_assert_eq!(broken(&world.facts, max_parallel), Vec::<&str>::new(), "{:#?}", world.facts);
        prop_assert_eq!(world.facts.last(), Some(&Fact::Done), "{:#?}", world.facts);
        prop_assert!(world.schedule.conclusion().is_some());
    }

    #[test]
    fn the_same_events_give_the_same_actions(plan in any_plan(), moves in any_moves()) {
        prop_assert_eq!(run(plan.clone(), &moves, Lie::None).facts, run(plan, &moves, Lie::None).facts);
    }

    #[test]
    fn waking_when_asked_misses_nothing(plan in any_plan()) {
        // Commands that never end, so that time alone decides: ticks in between must change nothing.
        let patient = World::driven(plan.clone(), |world| world.schedule.wake_at());
        let restless = World::driven(plan, |world| Some(world.now + Duration::from_millis(1)));
        prop_assert_eq!(patient.facts, restless.facts);
    }
}

fn started(world: &World, kind: Kind) -> Vec<Launch> {
    let of_kind = |fact: &Fact| match fact {
        Fact::Started(launch) if launch.kind == kind => Some(launch.clone()),
        _ => None,
    };
    world.facts.iter().filter_map(of_kind).collect()
}

/// A world in the drive of a template with these kinds.
fn driving(seed: u64, kinds: &[(Kind, usize)], terminal: TerminalChoice) -> World {
    let mut world = World::new(plan(seed, kinds, 4, terminal).unwrap(), Lie::None);
    world.send(Event::Begin);
    world.end_all(&Ending::Exited { code: 0 });
    world.send(Event::Drive);
    world
}

const ONE_PARALLEL: (Kind, usize) = (Kind::ParallelDriver, 1);

#[test]
fn copies_of_one_command_run_beside_each_other() {
    let together = (0..20).map(|seed| {
        let mut world = driving(seed, &[ONE_PARALLEL], TerminalChoice::None);
        world.pass(Duration::from_secs(4));
        world.alive.len()
    });
    assert_eq!(together.max(), Some(4));
}

#[test]
fn a_first_that_fails_goes_on_and_one_that_is_killed_ends_the_timeline() {
    let kinds = [(Kind::First, 1), ONE_PARALLEL];
    for (ending, phase) in [
        (Ending::Exited { code: 7 }, Phase::Ready),
        (Ending::Signalled { signal: 11 }, Phase::Ready),
        (Ending::Signalled { signal: 9 }, Phase::Done),
        (Ending::Killed { by: Killer::Deadline }, Phase::Done),
        (Ending::NotStarted { reason: String::new() }, Phase::Done),
    ] {
        let mut world = World::new(plan(1, &kinds, 4, TerminalChoice::None).unwrap(), Lie::None);
        world.send(Event::Begin);
        world.end_all(&ending);
        assert_eq!(world.schedule.phase(), phase, "{ending}");
        let stopped = world.schedule.conclusion() == Some(&Conclusion::FirstIncomplete);
        assert_eq!(stopped, phase == Phase::Done, "{ending}");
    }
}

#[test]
fn a_serial_driver_waits_even_into_the_next_segment() {
    let kinds = [(Kind::SerialDriver, 1), ONE_PARALLEL];
    let waited = (0..20).filter(|seed| {
        let mut world = driving(*seed, &kinds, TerminalChoice::None);
        if matches!(world.schedule.plan().segments[0].steps[0].pick.kind, Kind::SerialDriver) {
            return false;
        }
        // The parallel drivers of the first two segments hang; the serial one comes as soon as they end.
        world.pass(Duration::from_millis(2_100));
        assert_eq!(started(&world, Kind::SerialDriver), []);
        world.end_all(&Ending::Exited { code: 0 });
        started(&world, Kind::SerialDriver).len() == 1
    });
    assert!(waited.count() > 5);
}

#[test]
fn the_drive_ends_with_its_singleton() {
    let mut world = driving(1, &[(Kind::SingletonDriver, 1), (Kind::Anytime, 1)], TerminalChoice::None);
    world.pass(Duration::from_millis(400));
    assert_eq!(world.schedule.phase(), Phase::Drive);
    let singleton = world.alive.iter().position(|l| l.kind == Kind::SingletonDriver).unwrap();
    world.end(singleton, &Ending::Exited { code: 0 });
    assert_eq!(world.schedule.phase(), Phase::Driven);
}

#[test]
fn eventually_kills_what_runs_and_starts_when_nothing_is_left() {
    let mut world = driving(1, &[ONE_PARALLEL, (Kind::Eventually, 1)], TerminalChoice::Auto);
    world.pass(Duration::from_secs(3));
    let running = world.alive.len();
    assert!(running > 0);
    world.send(Event::EndDrive);
    world.send(Event::Healed);
    let kills = world.facts.iter().filter(|f| matches!(f, Fact::Kill(_, Killer::Eventually))).count();
    assert_eq!((kills, started(&world, Kind::Eventually).len()), (running, 0));
    world.end_all(&Ending::Killed { by: Killer::Eventually });
    assert_eq!(started(&world, Kind::Eventually).len(), 1);
    world.end_all(&Ending::Exited { code: 1 });
    assert!(
        matches!(world.schedule.conclusion(), Some(Conclusion::Terminal(l)) if l.kind == Kind::Eventually)
    );
}

#[test]
fn finally_waits_for_what_runs_but_not_for_ever() {
    let wait = |kinds: &[_], ends: bool| {
        let mut world = driving(1, kinds, TerminalChoice::Finally);
        world.pass(Duration::from_secs(3));
        world.send(Event::EndDrive);
        world.send(Event::Healed);
        assert_eq!(started(&world, Kind::Finally), []);
        if ends {
            world.end_all(&Ending::Exited { code: 9 });
        }
        world.pass(Duration::from_secs(3));
        world
    };
    let kinds = [ONE_PARALLEL, (Kind::Finally, 1)];
    assert_eq!(started(&wait(&kinds, true), Kind::Finally).len(), 1, "an exit code is an end of one's own");
    let mut hung = wait(&kinds, false);
    assert!(hung.facts.iter().any(|f| matches!(f, Fact::Kill(_, Killer::End))));
    hung.end_all(&Ending::Killed { by: Killer::End });
    assert_eq!(hung.schedule.conclusion(), Some(&Conclusion::NoTerminal(NoTerminal::NotAllEnded)));
}

#[test]
fn where_finally_is_not_allowed_the_plans_other_end_is_taken() {
    let kinds = [ONE_PARALLEL, (Kind::Eventually, 1), (Kind::Finally, 1)];
    let seed = (0..)
        .find(|seed| plan(*seed, &kinds, 4, TerminalChoice::Auto).unwrap().terminal[0].kind == Kind::Finally);
    for (ending, expected) in [
        (Ending::Exited { code: 0 }, Kind::Finally),
        (Ending::Killed { by: Killer::Deadline }, Kind::Eventually),
        (Ending::Signalled { signal: 9 }, Kind::Eventually),
    ] {
        let mut world = driving(seed.unwrap(), &kinds, TerminalChoice::Auto);
        world.pass(Duration::from_secs(3));
        world.send(Event::EndDrive);
        world.end_all(&ending);
        world.send(Event::Healed);
        assert_eq!(world.alive.iter().map(|l| l.kind).collect::<Vec<_>>(), [expected], "{ending}");
    }
}

#[test]
fn a_driver_that_cannot_be_started_was_not_started() {
    let mut world = driving(1, &[ONE_PARALLEL, (Kind::Eventually, 1)], TerminalChoice::Auto);
    for _ in 0..1_000 {
        world.pass(Duration::from_millis(5));
        world.end_all(&Ending::NotStarted { reason: String::new() });
    }
    assert!(started(&world, Kind::ParallelDriver).len() > 3);
    world.send(Event::Healed);
    assert_eq!(world.schedule.conclusion(), Some(&Conclusion::NoTerminal(NoTerminal::NoDriverStarted)));
}

#[test]
fn without_a_driver_there_is_no_eventually() {
    let mut world = driving(1, &[(Kind::Anytime, 1), (Kind::Eventually, 1)], TerminalChoice::Auto);
    assert_eq!(world.schedule.plan().shape, Shape::AnytimeOnly);
    world.pass(Duration::from_secs(3));
    world.end_all(&Ending::Exited { code: 0 });
    world.send(Event::EndDrive);
    world.send(Event::Healed);
    assert_eq!(world.schedule.conclusion(), Some(&Conclusion::NoTerminal(NoTerminal::NoDriverStarted)));
}

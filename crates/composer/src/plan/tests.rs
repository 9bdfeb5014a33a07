//! Plans are functions of their input, and draw what they may draw and nothing else.

use super::*;
use crate::template::Listed;
use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::time::Duration;

fn listed(files: &[&str]) -> Vec<Listed> {
    let kind = |file: &str| Kind::of_file_name(file).unwrap();
    files.iter().map(|file| Listed { command: format!("main/{file}"), kind: kind(file) }).collect()
}

fn all_kinds() -> Vec<Listed> {
    listed(&[
        "anytime_watch",
        "eventually_health",
        "finally_check",
        "first_a",
        "first_b",
        "parallel_driver_read",
        "parallel_driver_write",
        "serial_driver_move",
        "singleton_driver_suite",
    ])
}

fn config(seed: u64) -> PlanConfig {
    PlanConfig::new(seed, Duration::from_secs(6))
}

/// Over many seeds, so that each possible decision has been taken at least once.
fn plans(listed: &[Listed]) -> Vec<Plan> {
    (0..200).map(|seed| Plan::draw(listed, &config(seed)).unwrap()).collect()
}

fn steps(plan: &Plan) -> impl Iterator<Item = &Step> {
    plan.segments.iter().flat_map(|segment| &segment.steps)
}

#[test]
fn the_same_seed_gives_the_same_text_and_another_one_another() {
    let texts: BTreeSet<_> = plans(&all_kinds()).iter().map(Plan::to_string).collect();
    assert_eq!(texts.len(), 200);
    assert_eq!(plans(&all_kinds()), plans(&all_kinds()));
    let mut reversed = all_kinds();
    reversed.reverse();
    assert_eq!(plans(&reversed), plans(&all_kinds()), "the order of the listing does not matter");
}

#[test]
fn plans_of_stored_seeds_stay_the_same_in_every_version() {
    let plan = Plan::draw(&all_kinds(), &config(7)).unwrap();
    assert_eq!(plan.to_string(), include_str!("seed_7.txt"), "this breaks every recorded seed");
}

#[test]
fn a_plan_survives_its_file() {
    for plan in plans(&all_kinds()) {
        let text = serde_json::to_string(&plan).unwrap();
        assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
    }
}

#[test]
fn segments_beyond_the_stored_ones_are_drawn_from_the_same_seed() {
    let hour = PlanConfig { duration: Duration::from_secs(3600), ..config(3) };
    let plan = Plan::draw(&listed(&["parallel_driver_a", "anytime_b"]), &hour).unwrap();
    assert!(plan.segment_count() as usize > plan.segments.len());
    let shortened = Plan { segments: plan.segments[..2].to_vec(), ..plan.clone() };
    for index in 0..plan.segment_count() {
        assert_eq!(shortened.segment(index), plan.segment(index), "segment {index}");
    }
    assert_ne!(plan.segment(300), plan.segment(301));
}

#[test]
fn every_kind_has_its_place() {
    let plans = plans(&all_kinds());
    let firsts: BTreeSet<_> = plans.iter().map(|p| p.first.clone().unwrap().command).collect();
    assert_eq!(firsts.len(), 2, "each first_ is chosen on some timeline");
    let singletons = plans.iter().filter(|p| matches!(p.shape, Shape::Singleton(_))).count();
    assert!((20..100).contains(&singletons), "a fifth or a quarter of the draws, not {singletons} of 200");
    for plan in &plans {
        assert_eq!(steps(plan).next().is_some(), plan.shape == Shape::Mixture);
        assert!(steps(plan).all(|s| matches!(s.pick.kind, Kind::ParallelDriver | Kind::SerialDriver)));
        let arrivals = plan.segments.iter().flat_map(|s| &s.arrivals);
        assert!(arrivals.clone().all(|a| a.pick.kind == Kind::Anytime && a.at_ms < plan.segment_ms));
        assert_eq!(plan.terminal.len(), 2);
    }
    let ends: BTreeSet<_> = plans.iter().map(|p| p.terminal[0].kind).collect();
    assert_eq!(ends, BTreeSet::from([Kind::Eventually, Kind::Finally]));
}

#[test]
fn parallelism_and_pace_vary_within_their_bounds() {
    let plans = plans(&listed(&["parallel_driver_a"]));
    let levels: BTreeSet<_> = plans.iter().flat_map(|p| &p.segments).map(|s| s.parallel).collect();
    assert_eq!(levels, BTreeSet::from([1, 2, 3, 4]));
    for plan in &plans {
        for segment in &plan.segments {
            let total: u64 = segment.steps.iter().map(|s| s.pause_ms).sum();
            assert!(total >= plan.segment_ms, "enough steps to fill the segment");
            assert!(segment.steps.iter().all(|s| s.pause_ms >= 20), "pauses bound the number of starts");
        }
    }
}

#[test]
fn seeds_of_commands_differ_and_fit_a_double() {
    let plan = Plan::draw(&all_kinds(), &PlanConfig::new(1, Duration::from_secs(60))).unwrap();
    let seeds: Vec<_> = steps(&plan).map(|s| s.pick.seed).collect();
    assert_eq!(seeds.iter().collect::<BTreeSet<_>>().len(), seeds.len());
    assert!(seeds.iter().all(|seed| *seed < 1 << 53));
}

#[test]
fn weights_shift_the_draws_and_zero_leaves_out() {
    let commands = listed(&["parallel_driver_a", "parallel_driver_b", "parallel_driver_c"]);
    let weights = [("parallel_driver_a".into(), 9), ("parallel_driver_c".into(), 0)].into();
    let config = PlanConfig { weights, ..PlanConfig::new(5, Duration::from_secs(120)) };
    let plan = Plan::draw(&commands, &config).unwrap();
    let count = |name: &str| steps(&plan).filter(|s| s.pick.command.ends_with(name)).count();
    assert_eq!(count("c"), 0);
    assert!(count("b") > 0 && count("a") > 4 * count("b"), "{} {}", count("a"), count("b"));
}

#[test]
fn deadlines_can_differ_by_command() {
    let deadlines = [("first_a".into(), Duration::from_secs(5))].into();
    let plan = Plan::draw(&all_kinds(), &PlanConfig { deadlines, ..config(1) }).unwrap();
    assert_eq!(plan.deadline_ms("main/first_a"), Some(5_000));
    assert_eq!(plan.deadline_ms("main/first_b"), Some(60_000));
    assert_eq!(plan.deadline_ms("main/first_c"), None);
}

#[test]
fn the_end_can_be_chosen() {
    let terminal = |choice| {
        let config = PlanConfig { terminal: choice, ..config(1) };
        Plan::draw(&all_kinds(), &config).unwrap().terminal.iter().map(|p| p.kind).collect::<Vec<_>>()
    };
    assert_eq!(terminal(TerminalChoice::Eventually), [Kind::Eventually]);
    assert_eq!(terminal(TerminalChoice::Finally), [Kind::Finally]);
    assert_eq!(terminal(TerminalChoice::None), []);
}

#[test]
fn what_cannot_be_planned_says_why() {
    let draw =
        |files: &[&str], config: &PlanConfig| Plan::draw(&listed(files), config).unwrap_err().to_string();
    let typo = PlanConfig { weights: [("anytime_wach".into(), 2)].into(), ..config(1) };
    assert!(
        draw(&["anytime_watch"], &typo).contains("\"anytime_wach\" in this template; it has anytime_watch")
    );
    let none = PlanConfig { weights: [("anytime_watch".into(), 0)].into(), ..config(1) };
    assert!(draw(&["anytime_watch"], &none).contains("weight above zero"));
    assert!(draw(&["first_a"], &config(1)).contains("no driver"));
    let finally = PlanConfig { terminal: TerminalChoice::Finally, ..config(1) };
    assert!(draw(&["anytime_watch"], &finally).contains("no finally_ command"));
}

#[test]
fn extreme_configurations_are_bounded() {
    let endless = PlanConfig {
        max_parallel: NonZeroU32::MAX,
        deadline: Duration::MAX,
        duration: Duration::MAX,
        weights: [("parallel_driver_a".into(), u32::MAX), ("parallel_driver_b".into(), u32::MAX)].into(),
        ..config(u64::MAX)
    };
    let plan = Plan::draw(&listed(&["parallel_driver_a", "parallel_driver_b"]), &endless).unwrap();
    assert!(plan.segments.len() < 100);
    let nothing = PlanConfig { duration: Duration::ZERO, ..config(1) };
    assert!(Plan::draw(&all_kinds(), &nothing).unwrap().segments.is_empty());
}

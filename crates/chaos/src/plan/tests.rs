//! What every plan keeps to, and what the shipped profiles promise.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::environment::Backend;
use crate::gateway;

fn here(size: usize) -> Environment {
    Environment {
        backend: Backend::Process,
        members: (0..size).map(|index| format!("etcd{index}")).collect(),
        peer_links: true,
        client_links: true,
        admin_api: Some(gateway::API.to_owned()),
        can_rejoin: true,
        packets: None,
    }
}

fn plan(profile: &str, seed: u64, seconds: u64, size: usize) -> Plan {
    let profile = Profile::shipped(profile).unwrap();
    Plan::draw(&profile, &[], seed, Duration::from_secs(seconds), &here(size)).unwrap()
}

fn monkey(yaml: &str) -> Monkey {
    serde_saphyr::from_str(yaml).unwrap()
}

fn profiles() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["none", "resilient", "high_availability", "brutal"])
}

proptest! {
    #[test]
    fn every_plan_keeps_its_bounds(profile in profiles(), seed: u64, seconds in 1_u64..100, size in prop::sample::select(vec![1_usize, 3, 5])) {
        let plan = plan(profile, seed, seconds, size);
        let faults: Vec<_> = plan.faults().collect();
        prop_assert_eq!(&faults, &plan.faults().collect::<Vec<_>>());
        prop_assert!(faults.is_sorted_by_key(|fault| fault.at_ms));
        for fault in &faults {
            prop_assert!(fault.at_ms + fault.lasts_ms <= plan.duration_ms);
            prop_assert_eq!(fault.order.iter().collect::<BTreeSet<_>>().len(), size);
            let active: Vec<_> = faults
                .iter()
                .filter(|other| other.at_ms <= fault.at_ms && fault.at_ms < other.at_ms + other.lasts_ms)
                .collect();
            prop_assert!(active.len() <= plan.overlap as usize);
            prop_assert!(active.len() < 2 || !active.iter().any(|fault| fault.exclusive));
            prop_assert!(active.iter().filter(|fault| fault.kind.is_on_process()).count() < 2);
        }
    }

    #[test]
    fn quiet_windows_are_quiet(seed: u64) {
        let plan = plan("high_availability", seed, 60, 3);
        let busy: Vec<_> = plan.faults().map(|fault| (fault.at_ms, fault.at_ms + fault.lasts_ms)).collect();
        // Each segment of 30 s has at least one window of at least 2 s that begins 12 to 18 s after its begin.
        for segment in 0..2 {
            let from = segment * 30_000 + 12_000;
            let quiet = (from..=from + 6_000).any(|at| {
                busy.iter().all(|(begin, end)| *end <= at || *begin >= at + 2_000)
            });
            prop_assert!(quiet, "no quiet window in segment {segment}");
        }
    }

    #[test]
    fn another_seed_is_another_plan(seed in 0_u64..u64::MAX) {
        let (one, other) = (plan("high_availability", seed, 30, 3), plan("high_availability", seed + 1, 30, 3));
        prop_assert_ne!(one.faults().collect::<Vec<_>>(), other.faults().collect::<Vec<_>>());
    }

    #[test]
    fn a_minute_of_every_busy_profile_has_each_class_of_fault(seed: u64, profile in prop::sample::select(vec!["high_availability", "brutal"])) {
        let labels: BTreeSet<_> = plan(profile, seed, 60, 3).faults().map(|fault| fault.kind.label()).collect();
        for label in ["partition", "one-way cut", "kill", "pause", "delay"] {
            prop_assert!(labels.contains(label), "no {label} in {profile}: {labels:?}");
        }
    }
}

#[test]
fn a_plan_is_written_and_read_without_loss() {
    let plan = plan("high_availability", 7, 60, 3);
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
    assert!(text.len() < 16_384, "it holds what faults are drawn from, not the faults: {}", text.len());
}

#[test]
fn a_profile_leaves_out_what_a_suite_is_refused() {
    let alone = plan("brutal", 1, 10, 1);
    let left: Vec<_> = alone.left_out.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(left, ["partition", "one-way cut", "delay"]);
    assert!(alone.faults().filter(|fault| fault.kind.label() == "kill").count() > 10);

    let none = Profile::shipped("none").unwrap();
    let refused = |yaml: &str| {
        let own = [monkey(yaml)];
        Plan::draw(&none, &own, 1, Duration::from_secs(9), &here(1)).unwrap_err().to_string()
    };
    assert_eq!(
        refused("{name: w, fault: wipe, on: one, every_ms: [1, 2]}"),
        "the monkey `w` is refused: wipe on one is not available: fewer than 3 members have none to spare"
    );
    assert!(refused("{fault: kill, every_ms: [5, 2]}").contains("range begins above its end"));
    assert!(refused("{fault: kill, every_ms: [1, 2], lasts_ms: [1, 20000]}").contains("15000 ms at most"));
    assert!(refused("{fault: kill, every_ms: [0, 0]}").contains("without any pause"));
    assert!(refused("{fault: kill, every_ms: [1, 2], probability: 1.5}").contains("between 0 and 1"));
    assert!(refused("{fault: snapshot, every_ms: [1, 2], lasts_ms: [1, 2]}").contains("happens at once"));
}

#[test]
fn weights_and_probabilities_count() {
    let none = Profile::shipped("none").unwrap();
    let count = |yaml: &str| {
        let own = [monkey(yaml)];
        Plan::draw(&none, &own, 5, Duration::from_secs(300), &here(3)).unwrap().faults().count()
    };
    let usual = count("{fault: move_leader, every_ms: [400, 600]}");
    let heavy = count("{fault: move_leader, every_ms: [400, 600], weight: 3}");
    let rare = count("{fault: move_leader, every_ms: [400, 600], probability: 0.1}");
    assert!((550..650).contains(&usual), "{usual}");
    assert!((1_600..2_000).contains(&heavy), "{heavy}");
    assert!((25..110).contains(&rare), "{rare}");
    assert_eq!(count("{fault: move_leader, every_ms: [400, 600], weight: 0}"), 0);
}

#[test]
fn a_plan_is_shown_as_it_will_be() {
    insta::assert_snapshot!(plan("resilient", 3, 12, 3).to_string());
}

#[test]
fn a_kill_at_an_answer_is_a_kill_at_any_moment_where_answers_go_through_no_proxy() {
    let fine = Ok(());
    let packets = crate::containers::Abilities {
        cut: fine.clone(),
        reset: fine.clone(),
        loss: fine.clone(),
        bandwidth: fine.clone(),
        delay: fine,
    };
    let here = Environment { backend: Backend::Compose, packets: Some(packets), ..here(3) };
    let profile = Profile::shipped("brutal").unwrap();
    let plan = Plan::draw(&profile, &[], 1, Duration::from_secs(60), &here).unwrap();
    let kills = plan.faults().filter(|fault| fault.kind == Kind::Kill && fault.monkey.ends_with("answer"));
    assert!(kills.count() > 20, "{plan:?}");
    assert!(plan.faults().all(|fault| fault.kind != Kind::KillAtReply));
}

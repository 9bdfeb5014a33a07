//! What is not in the history never makes a store guilty: other writers, a store that was not empty, lost lines.

use checker::Verdict;
use checker::etcd::{Initial, Options, check};
use history::{History, Outcome, Reply};

use super::generate::{Random, Shape};
use super::record::history;

fn shape(seed: u64) -> Shape {
    let keys = [2, 5, 20][seed as usize % 3];
    let odd = seed.is_multiple_of(2);
    Shape { seed, keys, odd, leases: odd, operations: 400, ..Shape::default() }
}

/// Checks, and says whether it was decided.
fn innocent(history: &History<'_>, options: &Options, seed: u64) -> bool {
    let report = check(history, options);
    assert!(!matches!(report.verdict, Verdict::Invalid(_)), "seed {seed}: {}", report.verdict);
    report.verdict == Verdict::Valid
}

#[test]
fn operations_of_others_are_no_violation() {
    let mut decided = 0;
    for seed in 0..120 {
        let mut made = history(&shape(seed));
        let mut random = Random::new(seed);
        made.operations.retain(|_| !random.chance(0.1));
        let options = Options { foreign_writers: true, ..Options::own_store() };
        decided += u32::from(innocent(&made, &options, seed));
    }
    assert!(decided > 60, "only {decided} of 120 decided");
}

#[test]
fn a_store_that_was_not_empty_is_no_violation() {
    let mut decided = 0;
    for seed in 0..120 {
        let mut made = history(&shape(seed));
        // What was over before the rest began is as good as never seen.
        let cut = made.operations[150].invoked;
        made.operations.retain(|op| op.invoked >= cut);
        for options in [Options::default(), Options { initial: Initial::Unknown, ..Options::default() }] {
            decided += u32::from(innocent(&made, &options, seed));
        }
    }
    assert!(decided > 60, "only {decided} of 240 decided");
}

#[test]
fn a_lost_write_is_found_among_strangers_too() {
    let mut found = 0;
    for seed in 0..60 {
        let mut made = history(&Shape { unknown: 0.0, leases: false, odd: false, ..shape(seed) });
        let read = made.operations.iter_mut().rev().find_map(|op| match &mut op.outcome {
            Outcome::Ok(Reply::Range { kvs, count, .. }) if kvs.len() == 1 && *count == 1 => {
                Some((kvs, count))
            }
            _ => None,
        });
        let Some((kvs, count)) = read else { continue };
        kvs.clear();
        *count = 0;
        let report = check(&made, &Options::default());
        found += u32::from(matches!(report.verdict, Verdict::Invalid(_)));
    }
    assert!(found > 40, "{found}");
}

#[test]
fn a_lease_from_before_the_history_may_end_in_it() {
    for seed in 0..60 {
        let mut made = history(&Shape { leases: true, latency: 60_000_000, ..shape(seed) });
        let cut = made.operations[150].invoked;
        made.operations.retain(|op| op.invoked >= cut);
        let options = Options { initial: Initial::Unknown, foreign_writers: false, witness: false };
        // Operations with an unknown outcome from before the cut may still come: they are missing, and so strangers.
        innocent(&made, &options, seed);
    }
}

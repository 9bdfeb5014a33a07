//! What the generator makes is valid, whatever its shape.

use checker::Verdict;
use checker::etcd::{Options, check};

use super::generate::Shape;
use super::record::history;

#[test]
fn generated_histories_are_valid() {
    let mut undecided = 0;
    for seed in 0..60 {
        for (unknown, odd, leases) in [
            (0.0, false, false),
            (0.0, true, true),
            (0.05, false, false),
            (0.05, true, false),
            (0.05, true, true),
        ] {
            let keys = [2, 5, 10, 50][seed as usize % 4];
            let shape = Shape { seed, unknown, odd, leases, keys, operations: 1_000, ..Shape::default() };
            let report = check(&history(&shape), &Options::own_store());
            match report.verdict {
                Verdict::Valid => {}
                Verdict::Unknown { reason } => {
                    undecided += 1;
                    println!("{shape:?}: {reason}");
                }
                other => panic!("{shape:?}: {other}"),
            }
        }
    }
    assert!(undecided < 3, "{undecided} of 300 undecided");
}

#[test]
fn long_histories_with_values_kept_and_keys_only_are_valid() {
    for seed in [30, 31, 32] {
        let shape = Shape { seed, keys: 2, operations: 20_000, ..Shape::default() };
        let report = check(&history(&shape), &Options::own_store());
        assert_eq!(report.verdict, Verdict::Valid, "{shape:?}");
    }
}

/// Each of these needs something of its own to be decided: values that only one operation can have put, though others keep
/// values; plans that keep what is needed; the lease of a life that ended unseen; operations that change several keys and
/// leases that a key outlived; a lease that an unknown transaction gave; what nested transactions did besides; a walk, where a
/// plan went wrong well before that is found.
#[test]
fn histories_that_were_hard_to_decide_are_decided() {
    for (seed, keys, clients, applied, odd) in [
        (324, 2, 50, 0.8, true),
        (327, 20, 50, 0.8, true),
        (353, 100, 5, 0.8, true),
        (279, 20, 5, 0.5, true),
        (293, 100, 10, 0.8, true),
        (292, 50, 10, 0.8, true),
        (1163, 100, 10, 0.8, false),
        (1571, 100, 5, 0.5, false),
        (1587, 20, 10, 0.8, true),
        (1619, 100, 50, 0.8, false),
        (1648, 50, 5, 0.8, true),
        (2906, 10, 50, 0.8, true),
        (2500, 50, 5, 0.8, true),
        (2861, 100, 5, 0.5, true),
    ] {
        let operations = 20_000;
        let shape = Shape { seed, keys, clients, applied, odd, operations, gets: 10, ..Shape::default() };
        let report = check(&history(&shape), &Options { patient: true, ..Options::own_store() });
        assert_eq!(report.verdict, Verdict::Valid, "{shape:?}");
    }
}

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

//! What is not in the history never makes a store guilty: other writers, a store that was not empty, lost lines.

use checker::Verdict;
use checker::etcd::{Initial, Options, check};
use history::{Blob, Call, Compare, Comparison, Delete, History, Outcome, Put, Range, Reply, Target, Txn};

use super::generate::{Random, Shape};
use super::model::Etcd;
use super::record::history;
use super::single::operation;

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
    assert!(decided > 60, "only {decided} of 240 decided");
}

#[test]
fn keys_that_nobody_names_are_counted_deleted_and_compared_like_any() {
    let put = |key: &'static str| Call::Put(Put { key: key.into(), value: "v".into(), ..Put::default() });
    let mut decided = 0;
    for seed in 0..2_000 {
        let mut random = Random::new(seed);
        let mut etcd = Etcd::new();
        // Before the history: keys of which it says nothing, in the ranges that it asks for.
        for key in ["a0", "b1", "b2", "c1"] {
            if random.chance(0.5) {
                etcd.apply(&put(key));
            }
        }
        let mut operations = Vec::new();
        for number in 0..8 {
            let key = ["a", "b", "c"][random.below(3) as usize];
            let end =
                [None, Some("b"), Some("b0"), Some("c"), Some("d"), Some("\0")][random.below(6) as usize];
            let (key, end) = (Blob::from(key), end.map(Blob::from));
            let compare = Compare {
                key: key.clone(),
                end: end.clone(),
                target: [Target::Version(0), Target::Create(3), Target::Mod(4)][random.below(3) as usize]
                    .clone(),
                comparison: [Comparison::Equal, Comparison::Greater][random.below(2) as usize],
            };
            let call = match random.below(6) {
                0 => put("a"),
                1 => put("b"),
                2 => Call::Range(Range { key, ..Range::default() }),
                3 => Call::Delete(Delete { key, end, prev_kv: false }),
                4 => Call::Txn(Txn { compare: vec![compare], ..Txn::default() }),
                _ => Call::Range(Range { key, end, count_only: true, ..Range::default() }),
            };
            let reply = etcd.apply(&call).unwrap();
            operations.push(operation(number, 10 * number + 1, call, Outcome::Ok(reply)));
        }
        let made = History { operations, watched: Vec::new(), files: Vec::new() };
        for foreign_writers in [false, true] {
            let options = Options { foreign_writers, ..Options::default() };
            decided += u32::from(innocent(&made, &options, seed));
        }
    }
    assert!(decided > 200, "only {decided} of 4,000 decided");
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

fn compared(target: Target<'static>, success: Call<'static>) -> Call<'static> {
    let compare = Compare { key: "k".into(), end: None, target, comparison: Comparison::Equal };
    Call::Txn(Txn { compare: vec![compare], success: vec![success], failure: Vec::new() })
}

/// What such calls come to on a store that held something before, if this one had no answer.
fn judged(etcd: &mut Etcd, calls: impl IntoIterator<Item = Call<'static>>, lost: Option<u64>) -> Verdict {
    let done = |(number, call): (u64, Call<'static>)| {
        let reply = etcd.apply(&call).unwrap();
        let outcome = if lost == Some(number) { Outcome::Unknown(None) } else { Outcome::Ok(reply) };
        operation(number, 10 * number + 1, call, outcome)
    };
    let operations = (0..).zip(calls).map(done).collect();
    check(&History { operations, watched: Vec::new(), files: Vec::new() }, &Options::default()).verdict
}

#[test]
fn what_a_transaction_compares_need_not_have_been_seen() {
    let put = |key: &'static str| Call::Put(Put { key: key.into(), value: "v".into(), ..Put::default() });
    let get = || Call::Range(Range { key: "k".into(), ..Range::default() });
    for target in [Target::Create(0), Target::Version(3), Target::Mod(2), Target::Value("w".into())] {
        for lost in [None, Some(1)] {
            let calls = [put("a"), compared(target.clone(), put("k")), get()];
            assert_eq!(judged(&mut Etcd::new(), calls, lost), Verdict::Valid, "{target:?}");
        }
        // Here the key was there, and what held tells it.
        let mut etcd = Etcd::new();
        for _ in 0..3 {
            etcd.apply(&put("k"));
        }
        let verdict = judged(&mut etcd, [put("a"), compared(target.clone(), put("k")), get()], None);
        assert!(!matches!(verdict, Verdict::Invalid(_)), "{target:?}: {verdict}");
    }
}

#[test]
fn a_key_that_was_there_before_is_not_taken_for_a_new_one() {
    let put = |key: &'static str| Call::Put(Put { key: key.into(), value: "v".into(), ..Put::default() });
    let get = || Call::Range(Range { key: "k".into(), ..Range::default() });
    let mut etcd = Etcd::new();
    etcd.apply(&put("k"));
    let calls = [put("a"), compared(Target::Value("w".into()), put("k")), get(), put("k"), get()];
    assert_eq!(judged(&mut etcd, calls, None), Verdict::Valid);
    // What is deleted was there, though nobody ever saw it.
    let mut etcd = Etcd::new();
    etcd.apply(&put("k"));
    let delete = Call::Delete(Delete { key: "k".into(), end: None, prev_kv: false });
    assert_eq!(judged(&mut etcd, [put("a"), delete, get(), put("k"), get()], None), Verdict::Valid);
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
        let options = Options { foreign_writers: false, ..Options::default() };
        // Operations with an unknown outcome from before the cut may still come: they are missing, and so strangers.
        innocent(&made, &options, seed);
    }
}

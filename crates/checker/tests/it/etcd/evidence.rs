//! What the engine shows of a broken history: who did what to which key, and how far all went well.

use checker::etcd::{Options, check};
use checker::{Verdict, Violation};
use history::{
    Call, Delete, Event, History, KeyValue, Nanos, Operation, Outcome, Put, Range, Reply, WatchUpdate,
};

use super::attack::in_time;
use super::generate::Shape;
use super::record::history;

fn made(seed: u64) -> Vec<Operation<'static>> {
    let odd = seed.is_multiple_of(2);
    history(&Shape { seed, keys: 5, odd, leases: false, operations: 400, ..Shape::default() }).operations
}

fn violation(operations: &[Operation<'static>]) -> Violation {
    let history = History { operations: operations.to_vec(), watched: Vec::new(), files: Vec::new() };
    match check(&history, &Options::own_store()).verdict {
        Verdict::Invalid(violation) => *violation,
        other => panic!("{other}"),
    }
}

/// Answered puts and reads by the end of an operation.
fn before(operations: &[Operation<'static>], end: Nanos) -> usize {
    let asks = |op: &&Operation<'_>| matches!(op.call, Call::Put(_) | Call::Range(_));
    let over = |op: &&Operation<'_>| matches!(op.outcome, Outcome::Ok(_)) && op.returned < Some(end);
    operations.iter().filter(asks).filter(over).count()
}

#[test]
fn a_stale_read_has_everything_before_it_as_a_legal_prefix() {
    for seed in 0..40 {
        let mut operations = made(seed);
        let at = operations.iter().rposition(|op| {
            let linearizable =
                matches!(&op.call, Call::Range(range) if !range.serializable && range.revision == 0);
            linearizable && matches!(&op.outcome, Outcome::Ok(Reply::Range { .. }))
        });
        let at = at.unwrap();
        let Outcome::Ok(Reply::Range { revision, .. }) = &mut operations[at].outcome else { unreachable!() };
        *revision -= 60;
        let Violation { legal_prefix, operations: core, .. } = violation(&operations);
        assert!(core.contains(&at), "seed {seed}: {core:?}");
        assert!(!legal_prefix.contains(&at) && in_time(&operations, &legal_prefix), "seed {seed}");
        let placed =
            legal_prefix.iter().filter(|&&op| operations[op].returned < Some(operations[at].invoked));
        assert!(placed.count() >= before(&operations, operations[at].invoked), "seed {seed}");
    }
}

#[test]
fn a_value_that_nobody_wrote_ends_the_legal_prefix() {
    for seed in 0..40 {
        let mut operations = made(seed);
        let shown = |op: &Operation<'_>| match &op.outcome {
            Outcome::Ok(Reply::Range { kvs, .. }) => kvs.iter().any(|kv| !kv.value.bytes().is_empty()),
            _ => false,
        };
        let at = operations.iter().rposition(shown).unwrap();
        let Outcome::Ok(Reply::Range { kvs, .. }) = &mut operations[at].outcome else { unreachable!() };
        kvs.iter_mut().filter(|kv| !kv.value.bytes().is_empty()).for_each(|kv| kv.value = "never".into());
        let Violation { legal_prefix, sentence, .. } = violation(&operations);
        assert!(in_time(&operations, &legal_prefix), "seed {seed}: {sentence}");
        assert!(
            legal_prefix.len() * 10 > operations.len() * 7,
            "seed {seed}: {} {sentence}",
            legal_prefix.len()
        );
    }
}

#[test]
fn a_revision_given_twice_names_keys_clients_and_revision() {
    for seed in 0..40 {
        let mut operations = made(seed);
        let mut puts = (0..operations.len()).rev().filter(|&at| {
            matches!(operations[at].call, Call::Put(_)) && matches!(operations[at].outcome, Outcome::Ok(_))
        });
        let (late, early) = (puts.next().unwrap(), puts.next().unwrap());
        let Outcome::Ok(Reply::Put { revision, .. }) = operations[early].outcome.clone() else {
            unreachable!()
        };
        let Outcome::Ok(Reply::Put { revision: other, .. }) = &mut operations[late].outcome else {
            unreachable!()
        };
        *other = revision;
        // They overlap, so that nothing but the revision is wrong.
        operations[late].invoked = operations[early].invoked;
        let Violation { rule, sentence, key, operations: core, legal_prefix } = violation(&operations);
        assert_eq!(rule, "revision-given-twice", "seed {seed}: {sentence}");
        for at in [early, late] {
            let Call::Put(put) = &operations[at].call else { unreachable!() };
            assert!(sentence.contains(&format!("of key {}", put.key)), "seed {seed}: {sentence}");
            assert!(sentence.contains(&format!("client {}'s put", operations[at].client)), "{sentence}");
            assert!(core.contains(&at), "seed {seed}: {core:?}");
        }
        assert!(sentence.contains(&format!("revision {revision} ")), "seed {seed}: {sentence}");
        assert!(key.is_some_and(|key| sentence.contains(&key)), "seed {seed}: {sentence}");
        assert!(legal_prefix.len() * 2 > operations.len(), "seed {seed}: {}", legal_prefix.len());
    }
}

#[test]
fn what_a_watch_shows_of_before_has_been_put() {
    let put = |value: &'static str| Call::Put(Put { key: "k".into(), value: value.into(), ..Put::default() });
    let delete = Call::Delete(Delete { key: "k".into(), end: None, prev_kv: false });
    let get = Call::Range(Range { key: "k".into(), ..Range::default() });
    let gone = Reply::Range { revision: 4, kvs: Vec::new(), count: 0, more: false };
    let calls = [
        (put("a"), Outcome::Ok(Reply::Put { revision: 2, prev: None })),
        (put("b"), Outcome::Unknown(None)),
        (delete, Outcome::Unknown(None)),
        (get, Outcome::Ok(gone)),
    ];
    let operation = |(number, (call, outcome)): (u64, (Call<'static>, Outcome<'static>))| Operation {
        file: 0,
        number,
        client: 0,
        member: "".into(),
        call,
        invoked: Nanos(10 * number + 1),
        returned: Some(Nanos(10 * number + 5)),
        outcome,
    };
    let operations: Vec<Operation<'static>> = (0..).zip(calls).map(operation).collect();
    let verdict = |key: &'static str, value: &'static str| {
        let prev = KeyValue {
            key: key.into(),
            value: value.into(),
            create_revision: 2,
            mod_revision: 3,
            version: 2,
            lease: 0,
        };
        let event = Event::Delete { key: "k".into(), revision: 4, prev: Some(prev) };
        let update = WatchUpdate { file: 0, watch: 0, t: Nanos(100), revision: 4, events: vec![event] };
        let history = History { operations: operations.clone(), watched: vec![update], files: Vec::new() };
        check(&history, &Options::own_store()).verdict
    };
    assert_eq!(verdict("k", "b"), Verdict::Valid);
    for (key, value) in [("k", "c"), ("j", "b")] {
        assert!(matches!(verdict(key, value), Verdict::Invalid(_)), "{key} {value}");
    }
}

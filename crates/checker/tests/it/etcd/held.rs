//! Histories with the store's own locks and elections are decided, and what is wrong in them is found.

use std::path::PathBuf;

use checker::Verdict;
use checker::etcd::{Options, check, check_files};
use history::{
    Blob, Call, Header, History, KeyValue, Lines, Nanos, Operation, Outcome, Range, Reply, Sort, SortBy,
    Sources,
};

use super::recipe::{Clients, run};
use super::services::verdict;
use super::single::operation;

fn clients(seed: u64, operations: usize) -> Clients {
    Clients {
        seed,
        operations,
        clients: 4,
        unknown: [0.0, 0.05, 0.1][seed as usize % 3],
        latency: 20_000_000,
        leases: 6,
        orderly: 0.85,
        patience: 60,
        careless: seed.is_multiple_of(5),
    }
}

/// The file that such clients write.
fn file(operations: &[Operation<'static>]) -> Sources {
    let mut lines = Lines::new(Vec::new());
    let header = Header {
        history: history::FORMAT_VERSION,
        boot: "simulated".into(),
        run: String::new(),
        command: "lease/parallel_driver_simulated".into(),
        number: 1,
        pid: 1,
        t: Nanos(0),
        wall: Nanos(0),
    };
    lines.header(&header).unwrap();
    let begun = operations.iter().map(|operation| (operation.invoked, operation.number, true));
    let ended =
        operations.iter().filter_map(|operation| Some((operation.returned?, operation.number, false)));
    let mut moments: Vec<_> = begun.chain(ended).collect();
    // What ends when it began comes behind that.
    moments.sort_by_key(|&(t, number, begins)| (t, !begins, number));
    for (t, number, begins) in moments {
        let operation = &operations[number as usize];
        match begins {
            true => lines.invoked(number, t, operation.client, "", &operation.call).unwrap(),
            false => lines.returned(number, t, &operation.outcome).unwrap(),
        }
    }
    let text = lines.footer(operations.len() as u64, Nanos(u64::MAX / 2)).unwrap();
    Sources::from_bytes(vec![(PathBuf::from("simulated.jsonl"), text)])
}

#[test]
fn histories_with_locks_and_elections_are_valid() {
    let (mut granted, mut undecided) = (0, 0);
    for seed in 0..60 {
        let operations = run(&clients(seed, 300));
        let held = |op: &&Operation<'_>| matches!(op.outcome, Outcome::Ok(Reply::Held { .. }));
        granted += operations.iter().filter(held).count();
        match verdict(&operations) {
            Verdict::Valid => {}
            Verdict::Unknown { reason } => {
                undecided += 1;
                println!("seed {seed}: {reason}");
                continue;
            }
            other => panic!("seed {seed}: {other}"),
        }
        // The same from a file, read first or scanned.
        let sources = file(&operations);
        let read = check(&History::parse(&sources).unwrap(), &Options::own_store());
        let (scanned, files) = check_files(&sources, &Options::own_store()).unwrap();
        assert!(files[0].is_complete(), "{:?}", files[0]);
        assert_eq!((read.verdict, scanned.verdict), (Verdict::Valid, Verdict::Valid), "seed {seed}");
        assert_eq!(format!("{:?}", scanned.counts), format!("{:?}", read.counts), "seed {seed}");
    }
    assert!(granted > 1_000 && undecided < 3, "{granted} granted, {undecided} of 60 undecided");
}

/// An operation behind all others.
fn later(
    operations: &[Operation<'static>],
    call: Call<'static>,
    reply: Reply<'static>,
) -> Operation<'static> {
    let ends = operations.iter().map(|op| op.returned.unwrap_or(op.invoked)).max().unwrap();
    Operation {
        file: 0,
        number: operations.len() as u64,
        client: 99,
        member: "".into(),
        call,
        invoked: Nanos(ends.0 + 1),
        returned: Some(Nanos(ends.0 + 2)),
        outcome: Outcome::Ok(reply),
    }
}

fn get(key: &Blob<'static>) -> Call<'static> {
    Call::Range(Range { key: key.clone(), ..Range::default() })
}

fn found(kv: Option<KeyValue<'static>>, revision: i64) -> Reply<'static> {
    Reply::Range { revision, count: i64::from(kv.is_some()), kvs: kv.into_iter().collect(), more: false }
}

fn head(operations: &[Operation<'static>]) -> i64 {
    let replies = operations.iter().filter_map(|op| match &op.outcome {
        Outcome::Ok(reply) => Some(reply.revision()),
        _ => None,
    });
    replies.max().unwrap()
}

fn shown<'o>(operation: &'o Operation<'static>) -> &'o [KeyValue<'static>] {
    match &operation.outcome {
        Outcome::Ok(Reply::Range { kvs, .. }) => kvs,
        _ => &[],
    }
}

/// Histories that are made wrong: so many were found, and so many were left undecided.
#[derive(Debug, Default)]
struct Found(u32, u32);

impl Found {
    fn judge(&mut self, operations: &[Operation<'static>]) {
        match verdict(operations) {
            Verdict::Invalid(_) => self.0 += 1,
            Verdict::Unknown { .. } => self.1 += 1,
            other => panic!("{other}: {operations:#?}"),
        }
    }
}

#[test]
fn a_key_that_is_read_after_its_unlock_or_resignation_is_found() {
    let mut judged = Found::default();
    for seed in 0..200 {
        let operations = run(&clients(seed, 50));
        let wrong = operations.iter().filter_map(|released| {
            let (Call::Unlock { key } | Call::Resign { key, .. }, Outcome::Ok(Reply::Done { revision })) =
                (&released.call, &released.outcome)
            else {
                return None;
            };
            let created = match released.call {
                Call::Resign { created, .. } => created,
                _ => 0,
            };
            let mut before = operations.iter().flat_map(shown).filter(|kv| {
                kv.key == *key && kv.mod_revision < *revision && [0, kv.create_revision].contains(&created)
            });
            before.next().map(|kv| (key, kv.clone()))
        });
        for (key, kv) in wrong.take(2) {
            let mut operations = operations.clone();
            let reply = found(Some(kv), head(&operations));
            operations.push(later(&operations, get(key), reply));
            judged.judge(&operations);
        }
    }
    assert!(judged.0 > 80 && judged.1 < 8, "{judged:?}");
}

#[test]
fn two_in_line_by_one_revision_of_creation_are_found() {
    let mut judged = Found::default();
    for seed in 0..200 {
        let operations = run(&clients(seed, 50));
        let lists = (0..operations.len()).filter(|&at| shown(&operations[at]).len() > 1);
        for at in lists.take(2) {
            let mut operations = operations.clone();
            let Outcome::Ok(Reply::Range { kvs, .. }) = &mut operations[at].outcome else { continue };
            let (create, modified) = (kvs[0].create_revision, kvs[0].mod_revision);
            (kvs[1].create_revision, kvs[1].mod_revision) = (create, modified);
            judged.judge(&operations);
        }
    }
    assert!(judged.0 > 50 && judged.1 < 8, "{judged:?}");
}

/// A history of calls that follow each other, all answered.
fn told(steps: Vec<(Call<'static>, Reply<'static>)>) -> Vec<Operation<'static>> {
    let answered = |(number, (call, reply))| operation(number, 10 * number + 1, call, Outcome::Ok(reply));
    (0..).zip(steps).map(answered).collect()
}

fn grant(lease: i64) -> (Call<'static>, Reply<'static>) {
    (Call::Grant { ttl: 60, lease }, Reply::Grant { revision: 1, lease, ttl: 60 })
}

fn lock(lease: i64, key: &'static str, revision: i64) -> (Call<'static>, Reply<'static>) {
    (Call::Lock { name: "l".into(), lease }, Reply::Held { revision, key: key.into(), created: 0 })
}

fn campaign(created: i64, revision: i64) -> (Call<'static>, Reply<'static>) {
    let call = Call::Campaign { name: "e".into(), lease: 0xab, value: "v".into() };
    (call, Reply::Held { revision, key: "e/ab".into(), created })
}

fn unlock(revision: i64) -> (Call<'static>, Reply<'static>) {
    (Call::Unlock { key: "l/ab".into() }, Reply::Done { revision })
}

fn resign(created: i64, revision: i64) -> (Call<'static>, Reply<'static>) {
    (Call::Resign { key: "e/ab".into(), created }, Reply::Done { revision })
}

fn proclaim(created: i64, revision: i64) -> (Call<'static>, Reply<'static>) {
    (Call::Proclaim { key: "e/ab".into(), created, value: "w".into() }, Reply::Done { revision })
}

fn read(key: &'static str, kv: Option<KeyValue<'static>>, revision: i64) -> (Call<'static>, Reply<'static>) {
    (get(&key.into()), found(kv, revision))
}

fn kv(key: &'static str, value: &'static str, create_revision: i64, version: i64) -> KeyValue<'static> {
    let mod_revision = create_revision + version - 1;
    KeyValue { key: key.into(), value: value.into(), create_revision, mod_revision, version, lease: 0xab }
}

fn put(revision: i64) -> (Call<'static>, Reply<'static>) {
    let put = history::Put { key: "k".into(), value: "x".into(), ..history::Put::default() };
    (Call::Put(put), Reply::Put { revision, prev: None })
}

fn rule(steps: Vec<(Call<'static>, Reply<'static>)>) -> &'static str {
    match verdict(&told(steps)) {
        Verdict::Invalid(violation) => violation.rule,
        Verdict::Valid => "valid",
        Verdict::Unknown { .. } => "unknown",
        Verdict::Vacuous { .. } => "vacuous",
    }
}

#[test]
fn a_lock_is_a_key_until_it_is_let_go() {
    let held = || vec![grant(0xab), lock(0xab, "l/ab", 2), read("l/ab", Some(kv("l/ab", "", 2, 1)), 2)];
    let rest =
        |more: Vec<(Call<'static>, Reply<'static>)>| held().into_iter().chain(more).collect::<Vec<_>>();
    assert_eq!(rule(rest(vec![unlock(3), put(4), read("l/ab", None, 4)])), "valid");
    // Nobody says how the key went, or how it came back.
    assert_eq!(rule(rest(vec![put(3), read("l/ab", None, 3)])), "lost-write");
    let back = read("l/ab", Some(kv("l/ab", "", 2, 1)), 4);
    assert_ne!(rule(rest(vec![unlock(3), put(4), back])), "valid");
    // The revision of the unlock is another's.
    assert_eq!(rule(rest(vec![put(3), unlock(3), read("l/ab", None, 3)])), "request-left-undone");
    // An unlock that finds nothing does nothing.
    assert_eq!(rule(rest(vec![unlock(3), put(4), unlock(4), read("l/ab", None, 4)])), "valid");
}

#[test]
fn a_lock_is_not_granted_without_its_key() {
    let kv = KeyValue { lease: 0, ..kv("k", "x", 2, 1) };
    let early = read("k", Some(kv.clone()), 2);
    assert_eq!(rule(vec![grant(0xab), put(2), lock(0xab, "l/ab", 2), early]), "lock-without-key");
    let read = read("k", Some(kv), 3);
    assert_eq!(rule(vec![grant(0xab), put(2), lock(0xab, "l/ab", 3), read]), "valid");
}

#[test]
fn a_leader_proclaims_by_the_key_of_its_campaign_and_resigns() {
    let led = |more: Vec<(Call<'static>, Reply<'static>)>| {
        let steps = vec![grant(0xab), put(2), campaign(3, 3)];
        steps.into_iter().chain(more).collect::<Vec<_>>()
    };
    let (first, second) = (|| read("e/ab", Some(kv("e/ab", "v", 3, 1)), 3), || kv("e/ab", "w", 3, 2));
    let shown = || read("e/ab", Some(second()), 4);
    assert_eq!(
        rule(led(vec![first(), proclaim(3, 4), shown(), resign(3, 5), read("e/ab", None, 5)])),
        "valid"
    );
    assert_eq!(rule(led(vec![first(), resign(2, 3), first()])), "valid");
    assert_ne!(rule(led(vec![first(), proclaim(2, 4), shown()])), "valid");
    assert_ne!(rule(led(vec![read("e/ab", None, 3)])), "valid");
    assert_ne!(rule(led(vec![first(), resign(3, 4), read("e/ab", Some(kv("e/ab", "v", 3, 1)), 4)])), "valid");
    // It found a key that was never put.
    assert_ne!(rule(vec![grant(0xab), put(2), campaign(2, 2), read("e/ab", None, 2)]), "valid");
}

#[test]
fn a_key_that_a_call_does_not_tell_may_be_anybodys() {
    let shown = || read("k", Some(KeyValue { lease: 0, ..kv("k", "x", 5, 1) }), 5);
    for untold in [lock(0, "l/77", 2), lock(0xab, "prefix/l/ab", 2)] {
        assert_eq!(rule(vec![grant(0xab), untold, put(5), shown()]), "valid");
    }
    let told = lock(0xab, "l/ab", 2);
    assert_eq!(rule(vec![grant(0xab), told, put(5), shown()]), "unexplained-revisions");
}

#[test]
fn whoever_is_first_in_line_is_shown_first() {
    let enter = |key: &'static str, revision| {
        let put = history::Put { key: key.into(), value: "x".into(), ..history::Put::default() };
        (Call::Put(put), Reply::Put { revision, prev: None })
    };
    let first = |by, descending, key, created| {
        let sort = Some(Sort { by, descending });
        let end = Some("l0".into());
        let range = Range { key: "l/".into(), end, limit: 1, sort, ..Range::default() };
        let kvs = vec![KeyValue { lease: 0, ..kv(key, "x", created, 1) }];
        (Call::Range(range), Reply::Range { revision: 3, kvs, count: 2, more: true })
    };
    let line = |answer| rule(vec![enter("l/b", 2), enter("l/a", 3), answer]);
    for by in [SortBy::Create, SortBy::Mod] {
        assert_eq!(line(first(by, false, "l/b", 2)), "valid");
        assert_eq!(line(first(by, true, "l/a", 3)), "valid");
        assert_eq!(line(first(by, false, "l/a", 3)), "key-passed-over");
        assert_eq!(line(first(by, true, "l/b", 2)), "key-passed-over");
    }
    // What is shown is looked at, too.
    assert_eq!(line(first(SortBy::Create, false, "l/a", 2)), "older-value");
    // The values are alike: either may come first.
    assert_eq!(line(first(SortBy::Value, false, "l/a", 3)), "valid");
    assert_eq!(line(first(SortBy::Value, false, "l/b", 2)), "valid");
}

//! The engine against brute force, on tiny histories of every kind, made valid and then made wrong.

use checker::Verdict;
use checker::etcd::{Options, check};
use history::{Blob, Call, History, KeyValue, Nanos, Operation, Outcome, Reply};

use super::generate::{Random, Shape};
use super::model::Etcd;
use super::oracle;
use super::record::history;
use super::strict::{self, RULES};

/// What an attack came to.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) histories: u64,
    pub(crate) valid: u64,
    pub(crate) invalid: u64,
    pub(crate) undecided: u64,
    /// Orders that were replayed and explained every answer.
    pub(crate) witnesses: u64,
    /// Legal orders of more than half of an invalid history, replayed too.
    pub(crate) prefixes: u64,
    pub(crate) disagreements: Vec<String>,
}

/// A tiny history from a seed: few keys, few operations, many ties, leases whose time passes.
fn tiny(seed: u64) -> Shape {
    let mut random = Random::new(seed ^ 0xA77A_C4E5);
    Shape {
        seed,
        operations: 2 + random.below(6),
        clients: 1 + random.below(4) as u32,
        keys: 1 + random.below(3),
        unknown: [0.0, 0.2, 0.5][random.below(3) as usize],
        applied: [0.5, 0.8, 1.0][random.below(3) as usize],
        leases: random.chance(0.4),
        odd: random.chance(0.6),
        latency: [2, 10, 800_000_000][random.below(3) as usize],
        values: [0, 0, 2][random.below(3) as usize],
        gets: 35,
    }
}

fn nudge(n: &mut i64, random: &mut Random) {
    *n += if random.chance(0.5) { 1 } else { -1 };
    *n = (*n).max(0);
}

fn spoil_kv(kv: &mut KeyValue<'static>, random: &mut Random) {
    match random.below(6) {
        0 => nudge(&mut kv.mod_revision, random),
        1 => nudge(&mut kv.create_revision, random),
        2 => nudge(&mut kv.version, random),
        3 => kv.lease = random.below(3) as i64,
        4 => kv.value = Blob::from(format!("v{}", random.below(6))),
        _ => kv.key = Blob::from(format!("k{:03}", random.below(3))),
    }
}

fn some_kv(random: &mut Random) -> KeyValue<'static> {
    let at = 2 + random.below(5) as i64;
    KeyValue {
        key: Blob::from(format!("k{:03}", random.below(3))),
        value: Blob::from(format!("v{}", 1 + random.below(5))),
        create_revision: at,
        mod_revision: at,
        version: 1,
        lease: 0,
    }
}

fn spoil_kvs(kvs: &mut Vec<KeyValue<'static>>, random: &mut Random) {
    if kvs.is_empty() {
        kvs.push(some_kv(random));
        return;
    }
    let at = random.below(kvs.len() as u64) as usize;
    if random.chance(0.3) {
        kvs.remove(at);
    } else {
        spoil_kv(&mut kvs[at], random);
    }
}

/// Inner replies have no revision of their own.
fn spoil_reply(reply: &mut Reply<'static>, inner: bool, random: &mut Random) {
    if let Reply::Txn { replies, .. } = reply
        && !replies.is_empty()
        && random.chance(0.7)
    {
        let at = random.below(replies.len() as u64) as usize;
        return spoil_reply(&mut replies[at], true, random);
    }
    let whole = !inner && random.chance(0.4);
    match reply {
        Reply::Range { kvs, count, more, .. } if !whole => match random.below(5) {
            0 => nudge(count, random),
            1 => *more = !*more,
            _ => {
                spoil_kvs(kvs, random);
                if random.chance(0.8) {
                    *count = kvs.len() as i64;
                }
            }
        },
        Reply::Delete { deleted, prev, .. } if !whole => match random.below(2) {
            0 => nudge(deleted, random),
            _ => spoil_kvs(prev, random),
        },
        Reply::Put { prev: Some(kv), .. } if !whole => spoil_kv(kv, random),
        _ if inner => {}
        _ => shift(reply, if random.chance(0.5) { 1 } else { -1 }),
    }
}

/// Moves the revision of a reply and of the replies inside.
fn shift(reply: &mut Reply<'static>, by: i64) {
    match reply {
        Reply::Put { revision, .. }
        | Reply::Range { revision, .. }
        | Reply::Delete { revision, .. }
        | Reply::Grant { revision, .. }
        | Reply::Revoke { revision }
        | Reply::Held { revision, .. }
        | Reply::Done { revision } => *revision += by,
        Reply::Txn { revision, replies, .. } => {
            *revision += by;
            replies.iter_mut().for_each(|reply| shift(reply, by));
        }
        _ => {}
    }
}

/// Spoils one thing.
pub(crate) fn spoil(operations: &mut Vec<Operation<'static>>, random: &mut Random) {
    let at = random.below(operations.len() as u64) as usize;
    let other = random.below(operations.len() as u64) as usize;
    match random.below(12) {
        0 => {
            let longer = Nanos(operations[at].returned.map_or(5, |t| t.0) + random.below(10));
            operations[at].returned = operations[at].returned.map(|_| longer);
        }
        1 => {
            let operation = &mut operations[at];
            let length = operation.returned.map_or(0, |t| t.0 - operation.invoked.0);
            operation.returned =
                operation.returned.map(|_| Nanos(operation.invoked.0 + random.below(length + 1)));
        }
        2 => operations[at].outcome = Outcome::Unknown(None),
        3 if operations.len() > 1 => {
            operations.remove(at);
        }
        4 if operations[at].call.name() == operations[other].call.name()
            && !matches!(operations[at].call, Call::Txn(_)) =>
        {
            let outcome = operations[at].outcome.clone();
            operations[at].outcome = std::mem::replace(&mut operations[other].outcome, outcome);
        }
        5 => {
            let call = &mut operations[at].call;
            if let Call::Put(put) = call {
                put.value = Blob::from(format!("v{}", random.below(6)));
            }
        }
        _ => {
            if let Outcome::Ok(reply) = &mut operations[at].outcome {
                spoil_reply(reply, false, random);
            }
        }
    }
}

/// Replays a witness of everything, or of as much as it goes well. Leases end between the operations, which a witness
/// does not show: then there is nothing to see.
fn explains(operations: &[Operation<'static>], witness: &[usize], whole: bool) -> bool {
    if operations.iter().any(|op| has_lease(&op.call)) {
        return true;
    }
    let mut etcd = Etcd::lenient();
    for &at in witness {
        let call = &operations[at].call;
        let reply = etcd.apply(call);
        if let Outcome::Ok(answer) = &operations[at].outcome
            && !reply.is_some_and(|reply| etcd.right(call, answer, &reply))
            && !matches!(answer, Reply::Grant { .. })
        {
            return false;
        }
    }
    let must = |op: &&Operation<'_>| matches!(op.outcome, Outcome::Ok(_)) && placed(op);
    let all = operations.iter().filter(must).count();
    !whole || all == witness.iter().filter(|&&at| matches!(operations[at].outcome, Outcome::Ok(_))).count()
}

fn placed(operation: &Operation<'_>) -> bool {
    !matches!(operation.call, Call::KeepAlive { .. } | Call::Compact { .. })
}

/// Whether an order respects the intervals, and leaves nothing out that was over before something in it began.
pub(crate) fn in_time(operations: &[Operation<'static>], order: &[usize]) -> bool {
    let timed = |op: &&Operation<'_>| placed(op) && !oracle::serializable(op);
    let mut instant = Nanos(0);
    for op in order.iter().map(|&at| &operations[at]).filter(timed) {
        instant = instant.max(op.invoked);
        if instant > op.deadline() {
            return false;
        }
    }
    let mut left = operations.iter().enumerate().filter(|(at, op)| timed(op) && !order.contains(at));
    left.all(|(_, op)| op.deadline() >= instant || matches!(op.outcome, Outcome::Failed(_)))
}

fn has_lease(call: &Call<'_>) -> bool {
    match call {
        Call::Put(put) => put.lease != 0,
        Call::Txn(txn) => txn.success.iter().chain(&txn.failure).any(has_lease),
        _ => false,
    }
}

/// Compares the engine with brute force on the histories of these seeds.
pub(crate) fn attack(seeds: std::ops::Range<u64>) -> Tally {
    let mut tally = Tally::default();
    for seed in seeds {
        let mut random = Random::new(seed ^ 0x5EED);
        let made = history(&tiny(seed));
        let mut operations = made.operations;
        for round in 0..4 {
            if round > 0 {
                spoil(&mut operations, &mut random);
                operations.sort_by_key(|operation| (operation.invoked, operation.number));
            }
            compare(seed, round, &operations, &mut tally);
        }
    }
    tally
}

fn compare(seed: u64, round: u32, operations: &[Operation<'static>], tally: &mut Tally) {
    let history = History { operations: operations.to_vec(), watched: Vec::new(), files: Vec::new() };
    // Who is patient has the search walk first.
    let patient = seed % 2 != u64::from(round) % 2;
    let report = check(&history, &Options { witness: true, patient, ..Options::own_store() });
    let truth = oracle::valid(operations);
    tally.histories += 1;
    let agrees = match &report.verdict {
        Verdict::Valid | Verdict::Vacuous { .. } => truth,
        Verdict::Invalid(violation) if RULES.contains(&violation.rule) => !strict::valid(operations),
        Verdict::Invalid(_) => !truth,
        Verdict::Unknown { .. } => {
            tally.undecided += 1;
            true
        }
    };
    if let Some(witness) = &report.witness {
        assert!(
            explains(operations, witness, true) && in_time(operations, witness),
            "seed {seed} round {round}: the witness {witness:?} explains nothing of {operations:?}"
        );
        tally.witnesses += 1;
    }
    if let Verdict::Invalid(violation) = &report.verdict {
        let prefix = &violation.legal_prefix;
        assert!(
            explains(operations, prefix, false) && in_time(operations, prefix),
            "seed {seed} round {round}: {prefix:?} is no legal order of {operations:#?}"
        );
        tally.prefixes += u64::from(prefix.len() * 2 > operations.len());
    }
    if truth {
        tally.valid += 1;
    } else {
        tally.invalid += 1;
    }
    assert!(round > 0 || truth, "the generator made an invalid history from seed {seed}");
    if !agrees {
        let listed: Vec<String> = operations.iter().map(|op| format!("{op:?}")).collect();
        let verdict = report.verdict;
        tally.disagreements.push(format!(
            "seed {seed} round {round}: {verdict}, but brute force says {truth}\n{}",
            listed.join("\n")
        ));
    }
}

#[test]
fn agrees_with_brute_force() {
    let tally = attack(0..5_000);
    assert!(tally.disagreements.is_empty(), "{}", tally.disagreements[0]);
    assert!(tally.invalid > 2_000 && tally.valid > 5_000, "{tally:?}");
    assert!(tally.witnesses > 1_000 && tally.prefixes > 1_000, "{tally:?}");
    assert!(tally.undecided * 100 < tally.histories, "{tally:?}");
}

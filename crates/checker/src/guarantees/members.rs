//! Members hold the same: heads, compactions and hashes, by their own words, while nothing moves.
//!
//! A member may lag, so two of them are compared only where both have applied the same entries. A status does not tell
//! that and the revision at one instant; two equal ones in a row do, if nothing was being written meanwhile.

use std::collections::BTreeMap;

use history::{Call, Nanos, Reply};
use rustc_hash::FxHashMap;

use super::Guarantee;
use super::record::{Record, answer, failed, may_do, told, wrote};
use super::tally::Tallies;
use super::words::Words;
use crate::Violation;

/// A write whose outcome nobody knows is taken to move the store until so long after its client gave it up; when the
/// client was killed, after it was asked for.
const MOVES_ON: std::time::Duration = std::time::Duration::from_secs(10);

/// One answer with a member's own words.
#[derive(Clone, Copy, Debug)]
struct Word {
    asked: Nanos,
    told: Nanos,
    revision: i64,
    applied: u64,
}

/// A member that did not move between two of its statuses.
#[derive(Clone, Copy, Debug)]
struct Still {
    op: usize,
    revision: i64,
    compacted: Option<i64>,
}

pub(super) fn check(record: &Record<'_>, tallies: &mut Tallies) {
    hashes(record, tallies);
    still(record, tallies);
    asked_for(record, tallies);
}

/// Hashes of one revision above all that was compacted are of the same keys, whenever they were taken.
fn hashes(record: &Record<'_>, tallies: &mut Tallies) {
    let compacted = compactions(record).max().unwrap_or(0);
    let mut groups: BTreeMap<(i64, i64), (usize, u32)> = BTreeMap::new();
    for (op, operation) in record.history.operations.iter().enumerate() {
        let (Call::Hash { revision: at }, Some(Reply::Hash { revision, hash, compacted: own })) =
            (&operation.call, answer(operation))
        else {
            continue;
        };
        // Up to a compaction, members answer with a hash that they took when they compacted, or with none.
        let above = record.options.own_store && *at > compacted;
        if *at <= 0 || !above && revision != at {
            continue;
        }
        let Some((first, known)) = groups.insert((*at, *own), (op, *hash)) else { continue };
        tallies.compared(Guarantee::MemberHashes, 1);
        if known != *hash {
            tallies.broke(Guarantee::MemberHashes, || {
                let words = Words(record);
                let sentence = format!(
                    "at revision {at}, compacted up to {own}, {} gave hash {known:08x} and {} gave {hash:08x}",
                    words.member(first),
                    words.member(op),
                );
                words.violation("hashes-differ", sentence, None, vec![first, op])
            });
        }
    }
}

fn compactions(record: &Record<'_>) -> impl Iterator<Item = i64> {
    record.history.operations.iter().filter(|operation| !failed(operation)).filter_map(|operation| {
        match operation.call {
            Call::Compact { revision, .. } => Some(revision),
            _ => None,
        }
    })
}

/// Members that stood still with the same entries applied.
fn still(record: &Record<'_>, tallies: &mut Tallies) {
    let moving = Moving::new(record);
    let hashed = compacted_by(record);
    let mut last: FxHashMap<&str, Word> = FxHashMap::default();
    let mut groups: BTreeMap<u64, FxHashMap<&str, Still>> = BTreeMap::new();
    for (op, operation) in record.history.operations.iter().enumerate() {
        let (Some(Reply::Status { revision, applied, .. }), Some(told)) =
            (answer(operation), operation.returned)
        else {
            continue;
        };
        if operation.member.is_empty() || *applied == 0 {
            continue;
        }
        let word = Word { asked: operation.invoked, told, revision: *revision, applied: *applied };
        let Some(before) = last.insert(&operation.member, word) else { continue };
        let same = (before.revision, before.applied) == (word.revision, word.applied);
        if !same || before.told >= word.asked || moving.during(before.asked, word.told) {
            continue;
        }
        let compacted = hashed.get(&*operation.member).and_then(|hashed| {
            let during = hashed.iter().find(|(at, _)| *at >= before.asked && *at <= word.told);
            during.map(|(_, compacted)| *compacted)
        });
        let still = Still { op, revision: word.revision, compacted };
        groups.entry(word.applied).or_default().insert(&operation.member, still);
    }
    for (applied, members) in &groups {
        let mut members: Vec<Still> = members.values().copied().collect();
        members.sort_by_key(|still| still.op);
        compare(record, *applied, &members, tallies);
    }
}

fn compare(record: &Record<'_>, applied: u64, members: &[Still], tallies: &mut Tallies) {
    let mut judge = |guarantee, of: &dyn Fn(&Still) -> Option<i64>, rule, what: &str| {
        let mut known = members.iter().filter_map(|still| Some((still.op, of(still)?)));
        let Some((first, value)) = known.next() else { return };
        for (op, other) in known {
            tallies.compared(guarantee, 1);
            if other != value {
                tallies.broke(guarantee, || {
                    apart(record, rule, &format!("entry {applied}"), what, [(first, value), (op, other)])
                });
            }
        }
    };
    judge(Guarantee::MemberHeads, &|still| Some(still.revision), "heads-differ", "is at revision");
    judge(
        Guarantee::MemberCompactions,
        &|still| still.compacted,
        "compactions-differ",
        "has compacted up to",
    );
}

fn apart(
    record: &Record<'_>,
    rule: &'static str,
    applied: &str,
    what: &str,
    two: [(usize, i64); 2],
) -> Violation {
    let words = Words(record);
    let [(first, value), (second, other)] = two;
    let sentence = format!(
        "with the same entries applied, up to {applied}, {} {what} {value} and {} {what} {other}",
        words.member(first),
        words.member(second)
    );
    words.violation(rule, sentence, None, vec![first, second])
}

/// When each member told of its compaction, and which: only where it hashed behind it, which tells the truth.
fn compacted_by<'h>(record: &Record<'h>) -> FxHashMap<&'h str, Vec<(Nanos, i64)>> {
    let mut told: FxHashMap<&str, Vec<(Nanos, i64)>> = FxHashMap::default();
    for operation in &record.history.operations {
        if let (Call::Hash { revision: at }, Some(Reply::Hash { revision, compacted, .. })) =
            (&operation.call, answer(operation))
            && revision == at
            && compacted < at
        {
            told.entry(&operation.member).or_default().push((operation.invoked, *compacted));
        }
    }
    told
}

/// When something may have been writing.
#[derive(Debug)]
struct Moving {
    /// By their begin, with the greatest end of all up to there.
    times: Vec<(Nanos, Nanos)>,
}

impl Moving {
    fn new(record: &Record<'_>) -> Self {
        let mut times = Vec::new();
        for operation in &record.history.operations {
            let end = match (answer(operation), operation.returned) {
                _ if failed(operation) => continue,
                (Some(reply), Some(returned)) => {
                    let compacts = matches!(operation.call, Call::Compact { .. });
                    if !compacts && !wrote(&operation.call, reply) && !recipe(&operation.call) {
                        continue;
                    }
                    returned
                }
                _ if !may_write(&operation.call) => continue,
                (_, returned) => returned.unwrap_or(operation.invoked).plus(MOVES_ON),
            };
            times.push((operation.invoked, end));
        }
        times.sort_unstable();
        let mut latest = Nanos(0);
        for (_, end) in &mut times {
            latest = latest.max(*end);
            *end = latest;
        }
        Self { times }
    }

    fn during(&self, from: Nanos, to: Nanos) -> bool {
        let begun = self.times.partition_point(|(begin, _)| *begin <= to);
        self.times[..begun].last().is_some_and(|(_, end)| *end >= from)
    }
}

/// The store's own locks and elections, leases' ends: they write, and do not tell what.
fn recipe(call: &Call<'_>) -> bool {
    matches!(
        call,
        Call::Lock { .. }
            | Call::Unlock { .. }
            | Call::Campaign { .. }
            | Call::Proclaim { .. }
            | Call::Resign { .. }
            | Call::Revoke { .. }
    )
}

fn may_write(call: &Call<'_>) -> bool {
    let mut writes = recipe(call) || matches!(call, Call::Compact { .. });
    may_do(call, &mut |call| writes |= matches!(call, Call::Put(_) | Call::Delete(_)));
    writes
}

/// Every revision above the first was taken by something that was asked for.
fn asked_for(record: &Record<'_>, tallies: &mut Tallies) {
    if !record.alone() {
        return;
    }
    let most = 1 + record.history.operations.iter().map(may_take).sum::<i64>();
    let replies = record
        .history
        .operations
        .iter()
        .enumerate()
        .filter_map(|(op, operation)| told(operation).map(|revision| (revision, op)));
    let watches = record
        .watches
        .iter()
        .flat_map(|watched| watched.updates.iter().map(|(_, update)| (update.revision, watched.op)));
    let (mut head, mut compared) = ((0, 0), 0);
    for revision in replies.chain(watches) {
        head = head.max(revision);
        compared += 1;
    }
    tallies.compared(Guarantee::RevisionsAsked, compared);
    let (revision, op) = head;
    if revision > most {
        tallies.broke(Guarantee::RevisionsAsked, || {
            let words = Words(record);
            let sentence = format!(
                "{} told {} of revision {revision}, but all that was asked for can have taken revisions up to {most}",
                words.member(op),
                words.what(op)
            );
            words.violation("more-revisions-than-asked", sentence, None, vec![op])
        });
    }
}

/// How many revisions an operation may have taken; a lease's end is counted with its grant.
fn may_take(operation: &history::Operation<'_>) -> i64 {
    match &operation.call {
        // A key for the waiter, another value for it, and its end.
        Call::Lock { .. } | Call::Campaign { .. } => 3,
        _ if failed(operation) => 0,
        Call::Unlock { .. } | Call::Resign { .. } | Call::Proclaim { .. } | Call::Grant { .. } => 1,
        call => match answer(operation) {
            Some(reply) => i64::from(wrote(call, reply)),
            None => i64::from(may_write(call)),
        },
    }
}

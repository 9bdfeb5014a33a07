//! Locks and elections: who is granted one has its key, is first in line, and is fenced off once another follows.
//!
//! A lock alone does not exclude: its holder may be paused past its lease and go on. That two believed to hold one at the
//! same time is counted, and is no violation; that a write which carries the older token succeeds behind one with a newer
//! token is.

use std::collections::BTreeMap;

use history::{Call, Comparison, Event, Nanos, Reply, Target, Txn};
use rustc_hash::FxHashMap;

use super::Guarantee;
use super::record::{Record, answer, done};
use super::tally::Tallies;
use super::words::Words;

pub(super) fn check(record: &Record<'_>, tallies: &mut Tallies) {
    granted(record, tallies);
    fenced(record, tallies);
    elected(record, tallies);
}

/// At which revision, a holder's revision of creation was used or told, by which operation.
type Token = (i64, i64, usize);

/// A key that stood in line for a lock and was seen to go.
#[derive(Clone, Copy, Debug)]
struct Stay<'h> {
    key: &'h [u8],
    created: i64,
    gone: i64,
}

/// A grant is true only if, at some revision, its key was there and none before it in line. Only deletes that show what
/// they deleted tell when it went; and a key that several waits of one lease made is not told apart.
fn granted(record: &Record<'_>, tallies: &mut Tallies) {
    let stays = stays(record);
    let mut waits: FxHashMap<(&[u8], i64), u32> = FxHashMap::default();
    for operation in &record.history.operations {
        if let Call::Lock { name, lease } | Call::Campaign { name, lease, .. } = &operation.call {
            *waits.entry((name.bytes(), *lease)).or_default() += 1;
        }
    }
    let mut lines: FxHashMap<&[u8], Vec<Stay<'_>>> = FxHashMap::default();
    for (op, operation) in record.history.operations.iter().enumerate() {
        let (
            Call::Lock { name, lease } | Call::Campaign { name, lease, .. },
            Some(Reply::Held { revision, key, .. }),
        ) = (&operation.call, answer(operation))
        else {
            continue;
        };
        let known = stays.partition_point(|stay| stay.key < key.bytes());
        let Some(stay) = stays.get(known).filter(|stay| stay.key == key.bytes()) else { continue };
        if waits.get(&(name.bytes(), *lease)) != Some(&1) {
            continue;
        }
        let line = lines.entry(name.bytes()).or_insert_with(|| line(&stays, name.bytes()));
        let before = line.partition_point(|other| other.created < stay.created);
        let last = line[..before].last().map_or(0, |other| other.gone);
        tallies.compared(Guarantee::LockGranted, 1);
        if stay.gone <= *revision || stay.gone < last {
            tallies.broke(Guarantee::LockGranted, || {
                let why = match last {
                    last if stay.gone < last => {
                        format!("one before it in line went at revision {last}, not earlier")
                    }
                    _ => format!("the grant is of revision {revision}"),
                };
                let name = key.to_string();
                let words = Words(record);
                let sentence = format!(
                    "{} was granted by key {name} of revision {}, which went at revision {}; {why}",
                    words.what(op),
                    stay.created,
                    stay.gone
                );
                words.violation("granted-without-key", sentence, Some(name), vec![op])
            });
        }
    }
}

/// By key, then creation.
fn stays<'h>(record: &Record<'h>) -> Vec<Stay<'h>> {
    let mut stays = Vec::new();
    for event in record.history.watched.iter().flat_map(|update| &update.events) {
        if let Event::Delete { key, revision, prev: Some(prev) } = event {
            stays.push(Stay { key: key.bytes(), created: prev.create_revision, gone: *revision });
        }
    }
    stays.sort_unstable_by_key(|stay| (stay.key, stay.created));
    stays.dedup_by_key(|stay| (stay.key, stay.created));
    stays
}

/// All that stood in line for one lock, by creation, each with the latest end of all up to it. etcd's recipes keep the
/// keys of a line below its name and a slash.
fn line<'h>(stays: &[Stay<'h>], name: &[u8]) -> Vec<Stay<'h>> {
    let from = [name, b"/"].concat();
    let first = stays.partition_point(|stay| stay.key < from.as_slice());
    let mut line: Vec<Stay<'h>> =
        stays[first..].iter().take_while(|stay| stay.key.starts_with(&from)).copied().collect();
    line.sort_unstable_by_key(|stay| stay.created);
    let mut latest = 0;
    for stay in &mut line {
        latest = latest.max(stay.gone);
        stay.gone = latest;
    }
    line
}

/// Writes that carry the token of a holder succeed in the order of tokens.
fn fenced(record: &Record<'_>, tallies: &mut Tallies) {
    let mut holders: FxHashMap<(&[u8], i64), &[u8]> = FxHashMap::default();
    for operation in &record.history.operations {
        if let Call::Hold { name, key, token } = &operation.call {
            holders.insert((key.bytes(), *token), name.bytes());
        }
    }
    // By lock, and by the key that is written.
    let mut writes: BTreeMap<(&[u8], &[u8]), Vec<Token>> = BTreeMap::new();
    for (op, operation) in record.history.operations.iter().enumerate() {
        let (Call::Txn(txn), Some(reply @ Reply::Txn { revision, succeeded: true, .. })) =
            (&operation.call, answer(operation))
        else {
            continue;
        };
        for (key, token) in tokens(txn) {
            let Some(name) = holders.get(&(key, token)) else { continue };
            done(&operation.call, reply, &mut |call, _| {
                if let Call::Put(put) = call {
                    writes.entry((*name, put.key.bytes())).or_default().push((*revision, token, op));
                }
            });
        }
    }
    for ((name, key), mut writes) in writes {
        writes.sort_unstable();
        for pair in writes.windows(2) {
            let [(before, newer, first), (at, older, second)] = *pair else { continue };
            tallies.compared(Guarantee::LockFenced, 1);
            if older < newer {
                tallies.broke(Guarantee::LockFenced, || {
                    let words = Words(record);
                    let (name, key) = (history::Blob::from(name), history::Blob::from(key));
                    let sentence = format!(
                        "{} wrote key {key} at revision {at} with token {older} of lock {name}, behind {} at revision \
                         {before} with the newer token {newer}",
                        words.what(second),
                        words.what(first)
                    );
                    words.violation("token-out-of-order", sentence, Some(key.to_string()), vec![first, second])
                });
            }
        }
    }
}

/// Keys that must have been created at a certain revision for the transaction to succeed.
fn tokens<'h>(txn: &'h Txn<'h>) -> impl Iterator<Item = (&'h [u8], i64)> {
    txn.compare.iter().filter_map(|compare| match compare.target {
        Target::Create(token) if compare.comparison == Comparison::Equal && compare.end.is_none() => {
            Some((compare.key.bytes(), token))
        }
        _ => None,
    })
}

/// Leaders, as told in the order of revisions, came to their line in that order.
fn elected(record: &Record<'_>, tallies: &mut Tallies) {
    let mut told: BTreeMap<&[u8], Vec<Token>> = BTreeMap::new();
    for (op, operation) in record.history.operations.iter().enumerate() {
        if let (Call::Leader { name }, Some(Reply::Leader { revision, kv: Some(kv) })) =
            (&operation.call, answer(operation))
        {
            told.entry(name.bytes()).or_default().push((*revision, kv.create_revision, op));
        }
    }
    for (name, mut leaders) in told {
        leaders.sort_unstable();
        for pair in leaders.windows(2) {
            let [(before, newer, first), (at, older, second)] = *pair else { continue };
            tallies.compared(Guarantee::ElectionOrder, 1);
            if older < newer {
                tallies.broke(Guarantee::ElectionOrder, || {
                    let words = Words(record);
                    let name = history::Blob::from(name);
                    let sentence = format!(
                        "election {name} was led by who came at revision {newer}, as {} was told at revision {before}, and \
                         then by who came earlier, at revision {older}, as {} was told at revision {at}",
                        words.what(first),
                        words.what(second)
                    );
                    words.violation("leader-out-of-order", sentence, Some(name.to_string()), vec![first, second])
                });
            }
        }
    }
}

/// What the clients of locks believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holds {
    /// Times a client believed to hold a lock alone.
    pub held: u64,
    /// Of these, the ones that began while another client believed the same of the same lock.
    pub overlapping: u64,
}

/// How often two clients believed to hold the same lock. That is no violation: without a token that what it guards
/// checks, a lock does not exclude, and etcd says so.
#[must_use]
pub fn holds(history: &history::History<'_>) -> Holds {
    let mut until: FxHashMap<&[u8], Nanos> = FxHashMap::default();
    let mut holds = Holds::default();
    for operation in &history.operations {
        let Call::Hold { name, .. } = &operation.call else { continue };
        // What a killed client believed ended with it; when, is not known.
        let Some(returned) = operation.returned else { continue };
        let latest = until.entry(name.bytes()).or_default();
        holds.held += 1;
        holds.overlapping += u64::from(operation.invoked < *latest);
        *latest = (*latest).max(returned);
    }
    holds
}

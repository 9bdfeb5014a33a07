//! Locks and elections: who is granted one has its key, is first in line, and is fenced off once another follows.
//!
//! A lock alone does not exclude: its holder may be paused past its lease and go on. That two believed to hold one at the
//! same time is counted, and is no violation; that a write which carries the older token succeeds behind one with a newer
//! token is.

use std::collections::BTreeMap;

use history::{Call, Comparison, Nanos, Reply, Target, Txn};
use rustc_hash::FxHashMap;

use super::Guarantee;
use super::changes::{Change, What};
use super::keys::Key;
use super::record::{Record, answer, done};
use super::tally::Tallies;
use super::words::Words;

pub(super) fn check(record: &Record<'_>, tallies: &mut Tallies) {
    granted(record, tallies);
    fenced(record, tallies);
    elected(record, tallies);
}

/// One stay of a key in the line for a lock: the revisions of its creation and of its end.
#[derive(Clone, Copy, Debug)]
struct Stay {
    created: i64,
    /// The maximum while no end of it is known.
    gone: i64,
}

/// A grant is true only if, at some revision, its key was there and none before it in line.
fn granted(record: &Record<'_>, tallies: &mut Tallies) {
    let mut lines: FxHashMap<&[u8], Line> = FxHashMap::default();
    for (op, operation) in record.history.operations.iter().enumerate() {
        let (Call::Lock { name, .. } | Call::Campaign { name, .. }, Some(Reply::Held { revision, key, created })) =
            (&operation.call, answer(operation))
        else {
            continue;
        };
        let Some(key) = record.keys.rank(key.bytes()) else { continue };
        let line = lines.entry(name.bytes()).or_insert_with(|| Line::new(record, name.bytes()));
        let Some(stay) = stay(record, key, *created, *revision) else { continue };
        tallies.compared(Guarantee::LockGranted, 1);
        let last = line.gone_before(stay.created);
        if stay.gone <= *revision || stay.gone < last {
            tallies.broke(Guarantee::LockGranted, || {
                let words = Words(record);
                let name = record.keys.name(key);
                let why = match last {
                    i64::MAX => "somebody before it in line was never seen to go".to_owned(),
                    last if stay.gone < last => format!("somebody before it in line went at revision {last} only"),
                    _ => format!("the grant is of revision {revision}"),
                };
                let sentence = format!(
                    "{} was granted by key {name} of revision {}, which was gone at revision {}; {why}",
                    words.what(op),
                    stay.created,
                    stay.gone
                );
                words.violation("granted-without-key", sentence, Some(name), vec![op])
            });
        }
    }
}

/// The stay of a key that a grant is about: the one created then, or the last before the answer.
fn stay(record: &Record<'_>, key: Key, created: i64, answered: i64) -> Option<Stay> {
    let stays = stays(record, key);
    match created {
        0 => stays.into_iter().rfind(|stay| stay.created <= answered),
        created => stays.into_iter().find(|stay| stay.created == created),
    }
}

fn stays(record: &Record<'_>, key: Key) -> Vec<Stay> {
    let mut stays: Vec<Stay> = Vec::new();
    let mut open = false;
    for Change { revision, what, .. } in record.changes.of_key(key) {
        match what {
            What::Put(_) if !open => {
                // A key whose creation nobody told of is known from its first change on.
                stays.push(Stay { created: *revision, gone: i64::MAX });
                open = true;
            }
            What::Put(_) => {}
            What::Delete => {
                if let Some(stay) = stays.last_mut().filter(|_| open) {
                    stay.gone = *revision;
                }
                open = false;
            }
        }
    }
    stays
}

/// All that stood in line for one lock.
#[derive(Debug)]
struct Line {
    /// By creation; with the greatest known end of all up to there.
    stays: Vec<Stay>,
}

impl Line {
    /// etcd's recipes keep the keys of a line below its name and a slash.
    fn new(record: &Record<'_>, name: &[u8]) -> Self {
        let (from, to) = ([name, b"/"].concat(), [name, b"0"].concat());
        let keys = record.keys.range(&from.into(), Some(&to.into()));
        let mut stays: Vec<Stay> = keys.flat_map(|key| stays(record, key)).collect();
        stays.retain(|stay| stay.gone != i64::MAX);
        stays.sort_by_key(|stay| stay.created);
        let mut latest = 0;
        for stay in &mut stays {
            latest = latest.max(stay.gone);
            stay.gone = latest;
        }
        Self { stays }
    }

    /// When the last of those that came before was seen to go; 0 without any.
    fn gone_before(&self, created: i64) -> i64 {
        let before = self.stays.partition_point(|stay| stay.created < created);
        self.stays[..before].last().map_or(0, |stay| stay.gone)
    }
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
    let mut writes: BTreeMap<(&[u8], &[u8]), Vec<(i64, i64, usize)>> = BTreeMap::new();
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
    let mut told: BTreeMap<&[u8], Vec<(i64, i64, usize)>> = BTreeMap::new();
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

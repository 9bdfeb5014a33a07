//! Keys that went although their lease had time left, and nobody asked for it.

use history::{Call, Nanos, Outcome};

use super::super::Guarantee;
use super::super::changes::{Change, Source, What};
use super::super::doubts::Doubts;
use super::super::keys::Key;
use super::super::record::Record;
use super::super::tally::Tallies;
use super::super::views::View;
use super::super::words::{Words, span};
use super::{Lease, Leases};
use crate::Violation;

/// Reads of ranges with more leased keys than this are not looked through.
const KEYS_LOOKED_AT: usize = 256;

/// A key of a lease that was not there any more.
#[derive(Debug)]
struct Gone<'r, 'h> {
    put: &'r Change<'h>,
    lease: i64,
    /// When somebody knew, and by which operation.
    known: Nanos,
    by: usize,
    revision: i64,
}

pub(super) fn check(record: &Record<'_>, leases: &Leases, views: &[View<'_>], tallies: &mut Tallies) {
    // Anybody else may have deleted the key.
    if !record.alone() {
        return;
    }
    let doubts = Doubts::new(record);
    let mut leased: Vec<Key> = Vec::new();
    for key in 0..record.keys.len() as Key {
        let mut puts = record.changes.of_key(key);
        if puts.any(|change| lease_of(change).is_some_and(|lease| leases.contains_key(&lease))) {
            leased.push(key);
            deleted(record, leases, &doubts, key, tallies);
        }
    }
    missed(record, leases, tallies);
    for view in views.iter().filter(|view| view.whole) {
        let start = leased.partition_point(|key| *key < view.keys.start);
        let end = leased.partition_point(|key| *key < view.keys.end);
        if end - start <= KEYS_LOOKED_AT {
            leased[start..end].iter().for_each(|key| absent(record, leases, &doubts, view, *key, tallies));
        }
    }
}

fn lease_of(change: &Change<'_>) -> Option<i64> {
    match change.what {
        What::Put(put) => put.lease.filter(|lease| *lease != 0),
        What::Delete => None,
    }
}

/// Deletes of the key that watches delivered, and that no acknowledged operation made.
fn deleted(record: &Record<'_>, leases: &Leases, doubts: &Doubts, key: Key, tallies: &mut Tallies) {
    let mut before: Option<&Change<'_>> = None;
    for change in record.changes.of_key(key) {
        let put = before.replace(change);
        let (Some(put), What::Delete, Source::Delivered(update)) = (put, change.what, change.source) else {
            continue;
        };
        let (Some(lease), None) = (lease_of(put), record.changes.writer(change.revision)) else { continue };
        let update = &record.history.watched[update as usize];
        let watch = record.watch_of(update).unwrap_or_default();
        let gone = Gone { put, lease, known: update.t, by: watch, revision: change.revision };
        judge(record, leases, doubts, &gone, tallies);
    }
}

/// A read that did not find the key, with nothing known to have happened to it since it was put.
fn absent(
    record: &Record<'_>,
    leases: &Leases,
    doubts: &Doubts,
    view: &View<'_>,
    key: Key,
    tallies: &mut Tallies,
) {
    let Some(put) = record.changes.before(key, view.revision.saturating_add(1)) else { return };
    let name = |kv: &history::KeyValue<'_>| record.keys.rank(kv.key.bytes()) == Some(key);
    let (Some(lease), Some(known)) = (lease_of(put), record.op(view.op as usize).returned) else { return };
    if view.kvs.iter().any(name) || doubts.may_have_swept(key, known) {
        return;
    }
    let gone = Gone { put, lease, known, by: view.op as usize, revision: view.revision };
    judge(record, leases, doubts, &gone, tallies);
}

fn judge(record: &Record<'_>, leases: &Leases, doubts: &Doubts, gone: &Gone<'_, '_>, tallies: &mut Tallies) {
    let key = gone.put.key;
    if doubts.may_remove(key, gone.known) || doubts.may_put(key, gone.known) {
        return;
    }
    let Some((until, by)) = leases.get(&gone.lease).and_then(|lease| promised(lease, gone.known)) else {
        return;
    };
    tallies.compared(Guarantee::LeaseKept, 1);
    if gone.known < until {
        tallies.broke(Guarantee::LeaseKept, || early(record, gone, until, by));
    }
}

/// Until when a lease must live that somebody found gone at `known`, and by which request; `None` where something else
/// may have ended it. A grant alone promises its time too.
fn promised(lease: &Lease, known: Nanos) -> Option<(Nanos, usize)> {
    let revoked = lease.revoke_asked.is_some_and(|asked| asked <= known);
    if revoked || lease.recipe || !lease.single() { None } else { lease.promise() }
}

/// Requests that went the way of all writes and were told that the lease is not there: nor are its keys.
fn missed(record: &Record<'_>, leases: &Leases, tallies: &mut Tallies) {
    for (by, operation) in record.history.operations.iter().enumerate() {
        let id = match (&operation.call, &operation.outcome) {
            (Call::Revoke { lease }, Outcome::Failed(failure)) if failure.class == "lease-not-found" => {
                *lease
            }
            (Call::Put(put), Outcome::Failed(failure)) if failure.class == "lease-not-found" => put.lease,
            _ => continue,
        };
        let Some(known) = operation.returned else { continue };
        let Some((until, kept)) = leases.get(&id).and_then(|lease| promised(lease, known)) else { continue };
        tallies.compared(Guarantee::LeaseKept, 1);
        if known < until {
            tallies.broke(Guarantee::LeaseKept, || {
                let words = Words(record);
                let sent = record.op(kept).invoked;
                let sentence = format!(
                    "{} was told that lease {id:x} is not there, {} after {} had been sent, which promised it {} from then",
                    words.what(by),
                    span(known.since(sent)),
                    words.what(kept),
                    span(until.since(sent)),
                );
                words.violation("lease-ended-early", sentence, None, vec![kept, by])
            });
        }
    }
}

fn early(record: &Record<'_>, gone: &Gone<'_, '_>, until: Nanos, by: usize) -> Violation {
    let words = Words(record);
    let sent = record.op(by).invoked;
    let sentence = format!(
        "{}, with lease {:x}, was gone at revision {}, as {} was told, {} after {} had been sent, which promised the \
         lease {} from then",
        words.change(gone.put),
        gone.lease,
        gone.revision,
        words.what(gone.by),
        span(gone.known.since(sent)),
        words.what(by),
        span(until.since(sent)),
    );
    let operations = super::super::words::teller(gone.put).into_iter().chain([by, gone.by]).collect();
    words.violation("lease-ended-early", sentence, Some(record.keys.name(gone.put.key)), operations)
}

//! After a lease's time: its keys must have gone, some time; after its revoke, nothing brings it back.

use std::time::Duration;

use history::{Call, Cluster, Nanos, Operation, Outcome, Reply};
use rustc_hash::FxHashSet;

use super::super::Guarantee;
use super::super::changes::What;
use super::super::keys::Key;
use super::super::record::{Record, answer, failed, linearizable};
use super::super::tally::Tallies;
use super::super::views::View;
use super::super::words::{Words, span};
use super::{Leases, puts_to};

/// A lease that is over may go on for so long, with nothing disturbed: members look twice a second and revoke a thousand
/// leases a second; the rest is for a machine that is busy.
const GRACE: Duration = Duration::from_secs(30);

/// No key of a lease is left, and nobody says that it lives, long after its time.
pub(super) fn ends(record: &Record<'_>, leases: &Leases, views: &[View<'_>], tallies: &mut Tallies) {
    let Some(calm) = record.options.calm_from else { return };
    let upset = upset(record);
    let due = |lease: i64, asked: Nanos| -> Option<Nanos> {
        let over = leases.get(&lease).filter(|lease| lease.single())?.over()?;
        let last = upset[..upset.partition_point(|t| *t <= asked)].last().copied().unwrap_or_default();
        Some(over.max(calm).max(last).plus(GRACE))
    };
    let mut looked = FxHashSet::default();
    let mut broken = FxHashSet::default();
    for view in views {
        let operation = record.op(view.op as usize);
        if !linearizable(&operation.call) || view.revision < answer(operation).map_or(0, Reply::revision) {
            continue;
        }
        for kv in view.kvs.iter().filter(|kv| kv.lease != 0) {
            if due(kv.lease, operation.invoked).is_some_and(|due| operation.invoked > due)
                && broken.insert(kv.lease)
            {
                let what = format!("found key {} with it", kv.key);
                lives_on(record, leases, kv.lease, view.op as usize, &what, tallies);
            }
        }
    }
    for (op, operation) in record.history.operations.iter().enumerate() {
        let (Call::TimeToLive { lease, .. }, Some(Reply::TimeToLive { ttl, .. })) =
            (&operation.call, answer(operation))
        else {
            continue;
        };
        if due(*lease, operation.invoked).is_none_or(|due| operation.invoked <= due) {
            continue;
        }
        if *ttl > 0 && broken.insert(*lease) {
            lives_on(record, leases, *lease, op, &format!("was told that it lives for {ttl} s"), tallies);
        } else if *ttl <= 0 && looked.insert(*lease) {
            tallies.compared(Guarantee::LeaseEnds, 1);
        }
    }
    for view in views.iter().filter(|view| view.whole) {
        let asked = record.op(view.op as usize).invoked;
        if asked <= calm.plus(GRACE) {
            continue;
        }
        let shown: FxHashSet<Key> =
            view.kvs.iter().filter_map(|kv| record.keys.rank(kv.key.bytes())).collect();
        for key in view.keys.clone().filter(|key| !shown.contains(key)) {
            // Of a key that was put with the lease, and is not there now, the lease has let go.
            let last = record.changes.of_key_within(key, 0, view.revision);
            let lease = last.rev().find_map(|change| match change.what {
                What::Put(put) => Some(put.lease.filter(|lease| *lease != 0)),
                What::Delete => None,
            });
            if let Some(lease) = lease.flatten()
                && due(lease, asked).is_some_and(|due| asked > due)
                && looked.insert(lease)
            {
                tallies.compared(Guarantee::LeaseEnds, 1);
            }
        }
    }
}

/// When a leader may have gone: one that comes gives every lease its whole time once more. Clients notice by requests that
/// come to nothing.
fn upset(record: &Record<'_>) -> Vec<Nanos> {
    let upsets = |operation: &Operation<'_>| {
        let moved = matches!(operation.call, Call::Cluster(Cluster::MoveLeader { .. }));
        moved || matches!(operation.outcome, Outcome::Unknown(_))
    };
    let upsetting = record.history.operations.iter().filter(|operation| upsets(operation));
    let mut times: Vec<Nanos> =
        upsetting.map(|operation| operation.returned.unwrap_or(operation.invoked)).collect();
    times.sort_unstable();
    times
}

fn lives_on(record: &Record<'_>, leases: &Leases, lease: i64, op: usize, what: &str, tallies: &mut Tallies) {
    tallies.compared(Guarantee::LeaseEnds, 1);
    tallies.broke(Guarantee::LeaseEnds, || {
        let words = Words(record);
        let over = leases.get(&lease).and_then(super::Lease::over).unwrap_or_default();
        let late = span(record.op(op).invoked.since(over));
        let sentence = format!(
            "lease {lease:x} was not refreshed any more, and yet {} {what}, {late} after its time was over, with nothing \
             disturbed for at least {}",
            words.what(op),
            span(GRACE)
        );
        let last = leases.get(&lease).and_then(|lease| lease.kept.iter().map(|(_, _, op)| *op).max());
        words.violation("lease-lives-on", sentence, None, last.into_iter().chain([op]).collect())
    });
}

/// A keep-alive or a put that succeeds for a lease, asked for after its revoke was acknowledged.
pub(super) fn revoked(record: &Record<'_>, leases: &Leases, tallies: &mut Tallies) {
    for (op, operation) in record.history.operations.iter().enumerate() {
        let reply = answer(operation);
        let mut judge = |id: i64, succeeded: bool| {
            let Some(lease) = leases.get(&id).filter(|lease| lease.single()) else { return };
            let Some((gone, revoke)) = lease.revoked.filter(|(gone, _)| *gone < operation.invoked) else {
                return;
            };
            tallies.compared(Guarantee::LeaseRevoked, 1);
            if succeeded {
                tallies.broke(Guarantee::LeaseRevoked, || {
                    let words = Words(record);
                    let sentence = format!(
                        "{} succeeded for lease {id:x}, although {} had been acknowledged {} before it was asked",
                        words.what(op),
                        words.what(revoke),
                        span(operation.invoked.since(gone))
                    );
                    words.violation("revoked-lease-used", sentence, None, vec![revoke, op])
                });
            }
        };
        match (&operation.call, reply) {
            (Call::KeepAlive { lease }, Some(Reply::KeepAlive { ttl, .. })) => judge(*lease, *ttl > 0),
            (Call::Put(_) | Call::Txn(_), Some(_)) => {
                puts_to(&operation.call, reply, &mut |lease| judge(lease, true));
            }
            (Call::Put(_), None) if failed(operation) => {
                puts_to(&operation.call, None, &mut |lease| judge(lease, false));
            }
            _ => {}
        }
    }
}

//! Leases: their keys stay for the promised time, go some time after it, and nothing revives a revoked one.
//!
//! A lease lives its time from any request that it answered, counted from when that was sent: whenever the store got the
//! request, it was not before. So what goes earlier goes too early, by any clock that runs at one second a second. Late is
//! normal: members look twice a second, and every new leader gives all leases their full time again.

mod after;
mod early;

use std::time::Duration;

use history::{Call, Nanos, Reply};
use rustc_hash::FxHashMap;

use super::record::{Record, answer, done, failed};
use super::tally::Tallies;
use super::views::views;

/// A lease as the history knows it.
#[derive(Debug, Default)]
struct Lease {
    /// Answered requests that gave it its time: when they were sent, the time given, and which.
    kept: Vec<(Nanos, Duration, usize)>,
    /// When the last request that may have given it time, answered or not, was over.
    refreshed: Nanos,
    /// When somebody first asked for its end.
    revoke_asked: Option<Nanos>,
    /// When its end was first acknowledged, and to which operation.
    revoked: Option<(Nanos, usize)>,
    /// More than one grant may have made it, so that there were several of that id.
    grants: u32,
    /// It stands for a wish of the store's own recipes, which delete keys by themselves.
    recipe: bool,
}

impl Lease {
    /// The answered request that promises the longest life, and until when.
    fn promise(&self) -> Option<(Nanos, usize)> {
        self.kept.iter().map(|(sent, ttl, op)| (sent.plus(*ttl), *op)).max()
    }

    /// When it must be over at the latest, had nothing delayed its end.
    fn over(&self) -> Option<Nanos> {
        let longest = self.kept.iter().map(|(_, ttl, _)| *ttl).max()?;
        Some(self.refreshed.plus(longest))
    }

    /// Whether there was one of that id only.
    fn single(&self) -> bool {
        self.grants == 1
    }
}

type Leases = FxHashMap<i64, Lease>;

pub(super) fn check(record: &Record<'_>, tallies: &mut Tallies) {
    let leases = leases(record);
    if leases.is_empty() {
        return;
    }
    let views = views(record);
    early::check(record, &leases, &views, tallies);
    after::ends(record, &leases, &views, tallies);
    after::revoked(record, &leases, tallies);
}

fn leases(record: &Record<'_>) -> Leases {
    let mut leases = Leases::default();
    for (op, operation) in record.history.operations.iter().enumerate() {
        if failed(operation) {
            continue;
        }
        let (sent, reply) = (operation.invoked, answer(operation));
        // A killed client's request was answered by nobody: it may refresh the lease any time.
        let over = operation.returned.unwrap_or(Nanos::MAX);
        match (&operation.call, reply) {
            (Call::Grant { lease: asked, .. }, reply) => {
                let (id, ttl) = match reply {
                    Some(Reply::Grant { lease, ttl, .. }) => (*lease, Some(*ttl)),
                    _ => (*asked, None),
                };
                let lease = leases.entry(id).or_default();
                lease.grants += 1;
                lease.refreshed = lease.refreshed.max(over);
                lease.kept.extend(ttl.map(|ttl| (sent, seconds(ttl), op)));
            }
            (Call::KeepAlive { lease }, reply) => {
                let lease = leases.entry(*lease).or_default();
                match reply {
                    Some(Reply::KeepAlive { ttl, .. }) if *ttl > 0 => {
                        lease.refreshed = lease.refreshed.max(over);
                        lease.kept.push((sent, seconds(*ttl), op));
                    }
                    Some(_) => {}
                    None => lease.refreshed = lease.refreshed.max(over),
                }
            }
            (Call::Revoke { lease }, reply) => {
                let lease = leases.entry(*lease).or_default();
                lease.revoke_asked = Some(lease.revoke_asked.map_or(sent, |first| first.min(sent)));
                if reply.is_some() && lease.revoked.is_none_or(|(first, _)| over < first) {
                    lease.revoked = Some((over, op));
                }
            }
            (Call::Lock { lease, .. } | Call::Campaign { lease, .. }, _) => {
                leases.entry(*lease).or_default().recipe = true;
            }
            _ => {}
        }
    }
    leases
}

fn seconds(ttl: i64) -> Duration {
    Duration::from_secs(u64::try_from(ttl).unwrap_or(0))
}

/// The leases that an operation puts keys to, where it did or would have.
fn puts_to(call: &Call<'_>, reply: Option<&Reply<'_>>, see: &mut impl FnMut(i64)) {
    let mut put = |call: &Call<'_>| {
        if let Call::Put(put) = call
            && put.lease != 0
        {
            see(put.lease);
        }
    };
    match reply {
        Some(reply) => done(call, reply, &mut |call, _| put(call)),
        None => super::record::may_do(call, &mut |call| put(call)),
    }
}

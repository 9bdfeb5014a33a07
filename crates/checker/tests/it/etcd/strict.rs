//! Brute force that believes refusals too: a lease is there or not, a revision is there, or not yet, or not any more.
//!
//! Tries every order, like the other oracle, with keep-alives and compactions at places of their own, and with what the
//! store refused for a reason that tells something.

use std::collections::BTreeMap;

use history::{Call, Nanos, Operation, Outcome, Reply};

use super::model::Etcd;
use super::oracle::serializable;

/// Rules of the engine that the order of writes has no part in.
pub(crate) const RULES: [&str; 7] = [
    "lease-never-granted",
    "living-lease-missed",
    "living-lease-granted",
    "dead-lease-used",
    "compacted-revision-read",
    "revision-lost",
    "revision-missed",
];

/// Reasons that tell what the store held.
const TELLING: [&str; 3] = ["lease-not-found", "compacted", "future-revision"];

struct State {
    etcd: Etcd,
    /// When each lease's time is over, if nobody refreshes it.
    ends: BTreeMap<i64, u64>,
}

fn telling(operation: &Operation<'_>) -> Option<String> {
    match &operation.outcome {
        Outcome::Failed(failure) => {
            TELLING.contains(&&*failure.class).then(|| failure.class.clone().into_owned())
        }
        _ => None,
    }
}

fn must(operation: &Operation<'_>) -> bool {
    matches!(operation.outcome, Outcome::Ok(_)) || telling(operation).is_some()
}

/// Whether some order explains every answer and every refusal.
pub(crate) fn valid(operations: &[Operation<'static>]) -> bool {
    let pieces: Vec<&Operation<'static>> = operations
        .iter()
        .filter(|operation| must(operation) || matches!(operation.outcome, Outcome::Unknown(_)))
        .collect();
    explore(&State { etcd: Etcd::new(), ends: BTreeMap::new() }, &pieces)
}

fn from(operation: &Operation<'_>) -> Nanos {
    let stale = must(operation) && serializable(operation);
    if stale { Nanos(0) } else { operation.invoked }
}

fn explore(state: &State, left: &[&Operation<'static>]) -> bool {
    if !left.iter().any(|operation| must(operation)) {
        return true;
    }
    let ended = left.iter().map(|operation| operation.deadline()).min().unwrap_or(Nanos::MAX);
    let lease_ends = state.ends.iter().any(|(lease, end)| {
        Nanos(*end) <= ended && {
            let mut next = State { etcd: state.etcd.clone(), ends: state.ends.clone() };
            next.etcd.expire(*lease);
            next.ends.remove(lease);
            explore(&next, left)
        }
    });
    lease_ends
        || left.iter().enumerate().any(|(at, operation)| {
            let mut rest = left.to_vec();
            rest.remove(at);
            from(operation) <= ended && step(state, operation).is_some_and(|next| explore(&next, &rest))
        })
}

/// The store after an operation; `None` if it cannot have been answered like that.
fn step(state: &State, operation: &Operation<'static>) -> Option<State> {
    let mut next = State { etcd: state.etcd.clone(), ends: state.ends.clone() };
    let reply = next.etcd.apply(&operation.call);
    if let Some(class) = telling(operation) {
        return (reply.is_none() && next.etcd.refusal == class).then_some(next);
    }
    let reply = reply?;
    let life = |ttl: i64| operation.invoked.0 + ttl as u64 * 1_000_000_000;
    match (&operation.call, &reply) {
        (Call::Grant { lease, ttl }, _) => {
            next.ends.insert(*lease, life(*ttl));
        }
        (Call::KeepAlive { lease }, Reply::KeepAlive { ttl, .. }) if *ttl > 0 => {
            let end = next.ends.entry(*lease).or_default();
            *end = (*end).max(life(*ttl));
        }
        (Call::Revoke { lease }, _) => {
            next.ends.remove(lease);
        }
        _ => {}
    }
    let fits = match (&operation.outcome, &reply) {
        (Outcome::Ok(Reply::Grant { revision, .. }), Reply::Grant { revision: at, .. }) => revision == at,
        // Their headers are filled in after the fact.
        (Outcome::Ok(Reply::KeepAlive { ttl, .. }), Reply::KeepAlive { ttl: left, .. }) => {
            (*ttl > 0) == (*left > 0)
        }
        (Outcome::Ok(Reply::Compact { .. }), Reply::Compact { .. }) => true,
        (Outcome::Ok(answer), reply) => next.etcd.right(&operation.call, answer, reply),
        _ => true,
    };
    fits.then_some(next)
}

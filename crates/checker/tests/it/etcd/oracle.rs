//! Brute force: tries every order of a tiny history against the model, one operation at a time.
//!
//! An answered operation must be done in every order and answer what it answered; one with an unknown outcome may be
//! done or not; a lease may end at any moment after its time. Leases are judged by their ends alone: which requests
//! found a lease alive is not.

use history::{Call, Nanos, Operation, Outcome, Range, Reply};

use super::model::Etcd;

/// Something that may come next in an order.
#[derive(Clone)]
enum Piece<'o> {
    Operation { operation: &'o Operation<'static>, invoked: Nanos, deadline: Nanos, must: bool },
    End { lease: i64, from: Nanos },
}

impl Piece<'_> {
    fn invoked(&self) -> Nanos {
        match self {
            Self::Operation { invoked, .. } => *invoked,
            Self::End { from, .. } => *from,
        }
    }

    fn deadline(&self) -> Nanos {
        match self {
            Self::Operation { deadline, .. } => *deadline,
            Self::End { .. } => Nanos::MAX,
        }
    }
}

pub(crate) fn serializable(operation: &Operation<'_>) -> bool {
    let stale = |call: &Call<'_>| matches!(call, Call::Range(Range { serializable: true, .. }));
    match &operation.call {
        Call::Txn(txn) => txn.success.iter().chain(&txn.failure).all(stale),
        call => stale(call),
    }
}

/// Whether some order of `operations`, on a new store, explains every answer.
pub(crate) fn valid(operations: &[Operation<'static>]) -> bool {
    let mut pieces = Vec::new();
    for operation in operations {
        // The headers of these are filled in after the fact: they have no place in the order.
        let placed = !matches!(operation.call, Call::KeepAlive { .. } | Call::Compact { .. });
        let must = matches!(operation.outcome, Outcome::Ok(_));
        if !placed || matches!(operation.outcome, Outcome::Failed(_)) {
            continue;
        }
        let invoked = if must && serializable(operation) { Nanos(0) } else { operation.invoked };
        pieces.push(Piece::Operation { operation, invoked, deadline: operation.deadline(), must });
    }
    for lease in leases(operations) {
        pieces.push(Piece::End { lease, from: end_of(operations, lease) });
    }
    explore(&Etcd::lenient(), &pieces)
}

pub(crate) fn leases(operations: &[Operation<'_>]) -> Vec<i64> {
    let mut leases = Vec::new();
    operations.iter().for_each(|operation| leases_of(&operation.call, &mut leases));
    leases.sort_unstable();
    leases.dedup();
    leases
}

fn leases_of(call: &Call<'_>, leases: &mut Vec<i64>) {
    match call {
        Call::Put(put) if put.lease != 0 => leases.push(put.lease),
        Call::Txn(txn) => txn.success.iter().chain(&txn.failure).for_each(|call| leases_of(call, leases)),
        _ => {}
    }
}

/// The first moment at which a lease can have ended by itself.
pub(crate) fn end_of(operations: &[Operation<'_>], lease: i64) -> Nanos {
    let ends = operations.iter().filter_map(|operation| {
        let ttl = match (&operation.call, &operation.outcome) {
            (_, Outcome::Failed(_)) => return None,
            (Call::Grant { lease: l, .. }, Outcome::Ok(Reply::Grant { ttl, .. })) if *l == lease => *ttl,
            (Call::Grant { ttl, lease: l }, Outcome::Unknown(_)) if *l == lease => *ttl,
            (Call::KeepAlive { lease: l }, Outcome::Ok(Reply::KeepAlive { ttl, .. }))
                if *l == lease && *ttl > 0 =>
            {
                *ttl
            }
            _ => return None,
        };
        Some(operation.invoked.0 + ttl as u64 * 1_000_000_000)
    });
    Nanos(ends.max().unwrap_or(0))
}

fn explore(etcd: &Etcd, pieces: &[Piece<'_>]) -> bool {
    if !pieces.iter().any(|piece| matches!(piece, Piece::Operation { must: true, .. })) {
        return true;
    }
    // What comes next must have begun before anything that is left ended.
    let ended = pieces.iter().map(Piece::deadline).min().unwrap_or(Nanos::MAX);
    pieces.iter().enumerate().any(|(at, piece)| {
        if piece.invoked() > ended {
            return false;
        }
        let mut next = etcd.clone();
        let mut rest = pieces.to_vec();
        match piece {
            Piece::Operation { operation, must, .. } => {
                rest.remove(at);
                let reply = next.apply(&operation.call);
                let fits = match (&operation.outcome, reply) {
                    // A store may grant more time than was asked for.
                    (
                        Outcome::Ok(Reply::Grant { revision, lease, .. }),
                        Some(Reply::Grant { revision: at, lease: asked, .. }),
                    ) => *revision == at && (asked == 0 || *lease == asked),
                    (Outcome::Ok(answer), Some(reply)) => next.right(&operation.call, answer, &reply),
                    (_, reply) => !must && reply.is_some() && next.revision > etcd.revision,
                };
                fits && explore(&next, &rest)
            }
            Piece::End { lease, .. } => {
                next.expire(*lease);
                next.revision > etcd.revision && explore(&next, &rest)
            }
        }
    })
}

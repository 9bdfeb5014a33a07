//! Reads of old revisions and serializable reads: the linearizability engine replays both, and its word is taken here.
//!
//! This module only says which of them the engine's verdict was about, and how many there were.

use history::{Call, Operation, Reply};

use super::Guarantee;
use super::record::{Record, answer, done, linearizable};
use super::tally::Tallies;
use crate::{Report, Verdict};

pub(super) fn check(record: &Record<'_>, order: Option<&Report>, tallies: &mut Tallies) {
    for (guarantee, of) in [
        (Guarantee::OldReads, old as fn(&Operation<'_>) -> bool),
        (Guarantee::SerializableReads, serializable),
    ] {
        let count = record.history.operations.iter().filter(|operation| of(operation)).count() as u64;
        if count == 0 {
            continue;
        }
        match order.map(|order| &order.verdict) {
            Some(Verdict::Valid) => tallies.compared(guarantee, count),
            Some(Verdict::Vacuous { .. }) => {}
            Some(Verdict::Invalid(violation)) if violation.operations.iter().any(|op| of(record.op(*op))) => {
                tallies.compared(guarantee, count);
                tallies.broke(guarantee, || (**violation).clone());
            }
            Some(Verdict::Invalid(_)) => {
                tallies.undecided(guarantee, "the order of all operations is broken elsewhere");
            }
            Some(Verdict::Unknown { reason }) => tallies.undecided(guarantee, reason),
            None => tallies.undecided(guarantee, "the order of all operations was not checked"),
        }
    }
}

/// An answered read of an old revision, be it inside of a transaction.
fn old(operation: &Operation<'_>) -> bool {
    let Some(reply) = answer(operation) else { return false };
    let mut old = false;
    done(&operation.call, reply, &mut |call, _| {
        old |= matches!(call, Call::Range(range) if range.revision > 0);
    });
    old
}

fn serializable(operation: &Operation<'_>) -> bool {
    let reads = matches!(answer(operation), Some(Reply::Range { .. } | Reply::Txn { .. }));
    reads && !linearizable(&operation.call)
}

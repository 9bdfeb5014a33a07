//! How far a broken history goes well: the longest order found that explains everything in it.

use super::log::Log;
use super::order::{Order, Role};
use super::search::{Ended, Search};
use super::supply::{Pending, Supply};
use super::{Evidence, both, unclaimed, witness};

/// Each try is another replay; a second one is needed where more than one answer is wrong.
const TRIES: usize = 8;

/// The operations of an order that breaks off where the next one cannot come: what was `accused` is left out, nothing
/// that began after its end is in it, and what the order explains it explains whole.
pub(super) fn legal(log: &Log<'_>, evidence: &Evidence, empty: bool, foreign: bool) -> Vec<usize> {
    let placed = || Order::partial(log, empty, evidence.accused);
    let (pending, mut order) = both(log, || Pending::of(log), placed);
    let mut pending = Some(pending);
    if let Some(end) = evidence.end {
        order.end_at(log, end);
    }
    for _ in 0..TRIES {
        let Some(hidden) = affordable(log, &mut order) else { return Vec::new() };
        order.know(order.known(log, &hidden));
        let pending = pending.take().unwrap_or_else(|| Pending::of(log));
        let supply = Supply::new(log, &order, pending, hidden, foreign);
        let reach = match Search::new(log, &order, supply, empty, foreign).run() {
            Ended::Fits { hidden, .. } => return witness(log, &order, &hidden),
            Ended::Contradiction { reach, .. } | Ended::Undecided { reach, .. } => reach,
        };
        match order.entries.get(reach) {
            Some(entry) if entry.role() != Role::Write => order.leave_out(log, entry.op),
            _ => order.end_at(log, reach.min(order.entries.len().saturating_sub(1))),
        }
    }
    Vec::new()
}

/// The revisions that nobody was answered, as long as there are no more of them than operations.
fn affordable(log: &Log<'_>, order: &mut Order) -> Option<Vec<i64>> {
    let most = log.ops.len() as i64 + 1;
    let mut next = order.base + 1;
    let mut count = 0;
    let mut end = order.entries.len();
    for (at, entry) in order.entries.iter().enumerate() {
        count += (entry.revision - next).max(0);
        if count > most {
            end = at;
            break;
        }
        next = next.max(entry.revision + 1);
    }
    order.end_at(log, end);
    (order.head - order.base <= most.saturating_mul(3)).then(|| unclaimed(order))
}

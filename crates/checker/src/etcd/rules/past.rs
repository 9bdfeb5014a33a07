//! Whether a revision could be read: it was there, and was not forgotten yet.

use super::super::log::{Action, Ending, Log, Op, Refusal};
use super::Broken;

pub(super) fn broken(log: &Log<'_>, foreign: bool) -> Option<Broken> {
    let mut asked: Vec<(u64, i64, u32)> = Vec::new();
    let mut refused: Vec<(u64, i64, u32, Refusal)> = Vec::new();
    if log.odd_actions().is_empty() {
        return None;
    }
    for (index, op) in (0..).zip(&log.ops).filter(|(index, _)| !log.is_simple(*index)) {
        let action = log.action(index);
        match action {
            Action::Refused { why: Refusal::NoLease, .. } => {}
            Action::Refused { why, about } => refused.push((op.invoked, about, index, why)),
            _ if op.ending == Ending::Ok && !log.serializable(&action) => {
                reads(log, &action, &mut |revision| asked.push((op.invoked, revision, index)));
            }
            _ => {}
        }
    }
    if asked.is_empty() && refused.is_empty() {
        return None;
    }
    let forgotten = forgotten(log, &mut asked);
    forgotten.or_else(|| refused.iter().find_map(|refused| wrongly(log, refused, foreign)))
}

/// The old revisions that an answered action read.
fn reads(log: &Log<'_>, action: &Action<'_>, see: &mut impl FnMut(i64)) {
    match action {
        Action::Range { revision, .. } if *revision > 0 => see(*revision),
        Action::Txn(txn) => {
            log.taken(&log.txns[*txn as usize]).for_each(|action| reads(log, &action, &mut *see));
        }
        _ => {}
    }
}

/// A read that was answered although a compaction beyond it had been acknowledged before it was asked.
fn forgotten(log: &Log<'_>, asked: &mut [(u64, i64, u32)]) -> Option<Broken> {
    let mut compactions: Vec<(u64, i64, u32)> = Vec::new();
    for (index, op) in (0..).zip(&log.ops).filter(|(index, _)| !log.is_simple(*index)) {
        if let (Action::Compact { revision }, Ending::Ok) = (log.action(index), op.ending) {
            compactions.push((op.deadline, revision, index));
        }
    }
    compactions.sort_unstable();
    asked.sort_unstable();
    let mut compactions = compactions.into_iter().peekable();
    let mut furthest: Option<(i64, u32)> = None;
    for &(invoked, read, op) in asked.iter() {
        while let Some((_, revision, compaction)) = compactions.next_if(|(over, ..)| *over < invoked) {
            furthest = furthest.max(Some((revision, compaction)));
        }
        if let Some((revision, compaction)) = furthest
            && read < revision
        {
            return Some(Broken::Forgotten { op, read, compaction });
        }
    }
    None
}

/// A read that was refused although its revision was there, or nobody had asked to forget it.
fn wrongly(
    log: &Log<'_>,
    &(invoked, read, op, why): &(u64, i64, u32, Refusal),
    foreign: bool,
) -> Option<Broken> {
    let over = log.ops[op as usize].deadline;
    if why == Refusal::Future {
        // The headers of others are filled in after the fact.
        let placed = |index: u32, op: &Op| match log.action(index) {
            Action::KeepAlive { .. } | Action::Compact { .. } | Action::Other => false,
            _ => op.ending == Ending::Ok && op.revision >= read,
        };
        let mut told = (0..).zip(&log.ops).filter(|(index, op)| placed(*index, op));
        let seen = told.find(|(_, op)| op.deadline < invoked)?;
        return Some(Broken::There { op, read, seen: seen.0 });
    }
    let asks = |(index, other): (u32, &Op)| match log.action(index) {
        Action::Compact { revision } => revision > read && other.invoked <= over,
        _ => false,
    };
    (!foreign && !(0..).zip(&log.ops).any(asks)).then_some(Broken::Remembered { op, read })
}

//! Where revisions are as dense as in a real history and nobody reads the past: every entry is counted, and then put
//! straight to its place.

use super::super::log::{Ending, Log, NONE};
use super::{Disorder, Entry, Role, role};

/// The entries by revision, and in the order of operations within one; `None` where that takes more than counting.
pub(super) fn sorted(log: &Log<'_>) -> Result<Option<Vec<Entry>>, Disorder> {
    let (mut least, mut most, mut count, mut past) = (i64::MAX, 0, 0, false);
    let mut roles: Vec<Option<Role>> = vec![None; log.ops.len()];
    for (index, op) in (0..).zip(&log.ops).filter(|(_, op)| op.ending == Ending::Ok) {
        let role = role(log, index)?;
        if role.is_some() {
            (least, most, count) = (least.min(op.revision), most.max(op.revision), count + 1);
        }
        roles[index as usize] = role;
        past |= log.may_read_past(index);
    }
    let span = usize::try_from(most.saturating_sub(least)).unwrap_or(usize::MAX);
    if past || count == 0 || span > 4 * count {
        return Ok(None);
    }
    let placed = || (0..).zip(&roles).filter_map(|(index, role)| role.map(|role| (index, role)));
    let revision = |op: u32| log.ops[op as usize].revision;
    let mut next = vec![0_u32; span + 2];
    for (op, _) in placed() {
        next[(revision(op) - least) as usize + 1] += 1;
    }
    for at in 1..next.len() {
        next[at] += next[at - 1];
    }
    let none = Entry::new(0, NONE, Role::Read);
    let mut entries = vec![none; count];
    for (op, role) in placed() {
        let revision = revision(op);
        let at = &mut next[(revision - least) as usize];
        entries[*at as usize] = Entry::new(revision, op, role);
        *at += 1;
    }
    Ok(Some(entries))
}

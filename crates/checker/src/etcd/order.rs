//! The order that revisions give: every answered write at its revision, every answered read behind the write it saw.
//!
//! Finds what is wrong with that order alone: a revision given twice, an answer from the past or the future. Knows
//! nothing of what keys hold.

use super::log::{Action, Ending, Log, NONE};

/// Something answered, at its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) revision: i64,
    pub(super) op: u32,
    pub(super) role: Role,
    /// For [`Role::Old`] inside of a transaction, the action; otherwise [`NONE`].
    pub(super) action: u32,
}

/// What an entry does at its revision. The order is the order within a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// Took the revision.
    Write,
    /// A revoke: took the revision if its lease had keys, which the answer does not tell.
    Revoke,
    /// Read behind the revision's write.
    Read,
    /// Read the past: this is the revision it asked for, where it has no place in time.
    Old,
}

/// Answered operations in the order of their places.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) entries: Vec<Entry>,
    /// For each entry, the least deadline of it and all later ones: what comes before it was invoked by then.
    known_by: Vec<u64>,
    /// Revisions up to here were there before the history.
    pub(super) base: i64,
    /// The greatest revision that anybody saw.
    pub(super) head: i64,
}

/// What is wrong with the order alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Disorder {
    /// Two answered writes claim one revision.
    Twice { revision: i64, first: u32, second: u32 },
    /// `late` ended before `early` began, and yet comes behind it.
    Backwards { early: u32, late: u32 },
    /// An answer with a revision that etcd cannot give.
    Impossible { op: u32, revision: i64 },
    /// A lease was granted under another id than the one that was asked for.
    Renamed { op: u32, asked: i64, lease: i64 },
    /// An answered read of a revision that was not there yet.
    Future { op: u32, asked: i64, head: i64 },
}

impl Order {
    /// `empty`: the history begins with a new store, whose revision is 1.
    pub(super) fn new(log: &Log<'_>, empty: bool) -> Result<Self, Disorder> {
        let mut entries = Vec::with_capacity(log.ops.len());
        for (index, op) in (0..).zip(&log.ops) {
            if op.ending == Ending::Ok {
                place(log, index, &mut entries)?;
            }
        }
        entries.sort_unstable_by_key(|entry| (entry.revision, entry.role, entry.op));
        let timed = |entry: &&Entry| entry.role != Role::Old;
        let first = entries.iter().find(timed).map_or(1, |entry| match entry.role {
            Role::Write => entry.revision - 1,
            _ => entry.revision,
        });
        let base = if empty { 1 } else { first };
        let told = log.facts.iter().map(|(_, fact)| fact.revision()).max();
        let head = entries.iter().map(|entry| entry.revision).chain(told).max().unwrap_or(base).max(base);
        let mut order = Self { known_by: Vec::new(), entries, base, head };
        order.check_times(log)?;
        order.known_by = vec![u64::MAX; order.entries.len() + 1];
        for (at, entry) in order.entries.iter().enumerate().rev() {
            let own = if entry.role == Role::Old { u64::MAX } else { log.ops[entry.op as usize].deadline };
            order.known_by[at] = order.known_by[at + 1].min(own);
        }
        Ok(order)
    }

    /// In the order of places, nothing may end before something that comes earlier began.
    fn check_times(&self, log: &Log<'_>) -> Result<(), Disorder> {
        let mut latest = Latest::default();
        // Reads of one revision have no order among them: they are held against what was before them all.
        let mut among = Latest::default();
        let mut writer: Option<Entry> = None;
        for entry in &self.entries {
            let op = &log.ops[entry.op as usize];
            match entry.role {
                Role::Old => continue,
                Role::Write => {
                    if let Some(first) = writer.filter(|first| first.revision == entry.revision) {
                        let (revision, first, second) = (entry.revision, first.op, entry.op);
                        return Err(Disorder::Twice { revision, first, second });
                    }
                    writer = Some(*entry);
                    latest = latest.max(among);
                }
                Role::Revoke | Role::Read => {
                    if among.revision != entry.revision {
                        latest = latest.max(among);
                        among = Latest { revision: entry.revision, ..Latest::default() };
                    }
                }
            }
            if op.deadline < latest.invoked {
                return Err(Disorder::Backwards { early: latest.op, late: entry.op });
            }
            let stale = log.serializable(&op.action);
            let own = Latest { invoked: op.invoked, op: entry.op, revision: entry.revision };
            match entry.role {
                Role::Write => latest = latest.max(own),
                // What a member reads from its own state may be as old as it likes, but never from the future.
                _ if !stale => among = among.max(own),
                _ => {}
            }
        }
        Ok(())
    }

    /// By then, somebody knew of `revision`: what took it was invoked before.
    pub(super) fn known_by(&self, revision: i64) -> u64 {
        self.known_by[self.find(revision)]
    }

    /// The answered write that took `revision`.
    pub(super) fn write_at(&self, revision: i64) -> Option<u32> {
        let entry = self.entries.get(self.find(revision))?;
        (entry.revision == revision && entry.role == Role::Write).then_some(entry.op)
    }

    /// The first entry at `revision` or later.
    pub(super) fn find(&self, revision: i64) -> usize {
        self.entries.partition_point(|entry| entry.revision < revision)
    }
}

/// The latest invocation so far.
#[derive(Clone, Copy, Debug, Default)]
struct Latest {
    invoked: u64,
    op: u32,
    revision: i64,
}

impl Latest {
    fn max(self, other: Self) -> Self {
        if other.invoked > self.invoked { Self { revision: self.revision, ..other } } else { self }
    }
}

fn place(log: &Log<'_>, index: u32, entries: &mut Vec<Entry>) -> Result<(), Disorder> {
    let op = &log.ops[index as usize];
    let role = match op.action {
        // Their headers are filled in after the fact, so they order nothing.
        Action::KeepAlive { .. } | Action::Other => return Ok(()),
        Action::Revoke { .. } => Role::Revoke,
        _ if log.wrote(&op.action) => Role::Write,
        _ => Role::Read,
    };
    if let Action::Grant { asked, lease, .. } = op.action
        && asked != 0
        && asked != lease
    {
        return Err(Disorder::Renamed { op: index, asked, lease });
    }
    let least = if role == Role::Write { 2 } else { 1 };
    if op.revision < least {
        return Err(Disorder::Impossible { op: index, revision: op.revision });
    }
    entries.push(Entry { revision: op.revision, op: index, role, action: NONE });
    place_old(log, index, &op.action, NONE, entries)
}

/// Reads of the past are looked at where they read.
fn place_old(
    log: &Log<'_>,
    op: u32,
    action: &Action<'_>,
    at: u32,
    entries: &mut Vec<Entry>,
) -> Result<(), Disorder> {
    match action {
        Action::Range { revision, .. } if *revision > 0 => {
            let head = log.ops[op as usize].revision;
            if *revision > head {
                return Err(Disorder::Future { op, asked: *revision, head });
            }
            entries.push(Entry { revision: *revision, op, role: Role::Old, action: at });
        }
        Action::Txn(txn) => {
            let txn = &log.txns[*txn as usize];
            let branch = if txn.succeeded == Some(true) { txn.success } else { txn.failure };
            for at in branch.range() {
                place_old(log, op, &log.actions[at], at as u32, entries)?;
            }
        }
        _ => {}
    }
    Ok(())
}

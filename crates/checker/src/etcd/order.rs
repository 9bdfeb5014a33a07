//! The order that revisions give: every answered write at its revision, every answered read behind the write it saw.
//!
//! Finds what is wrong with that order alone: a revision given twice, an answer from the past or the future. Knows
//! nothing of what keys hold.

mod dense;
mod partial;

use super::log::{Action, Ending, Log, UNTOLD};

/// Something answered, at its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) revision: i64,
    pub(super) op: u32,
    /// The role, and of [`Role::Old`] inside of a transaction the action: there are as many entries as operations.
    place: u32,
}

impl Entry {
    const OLD: u32 = Role::Old as u32;

    pub(super) fn new(revision: i64, op: u32, role: Role) -> Self {
        Self { revision, op, place: role as u32 }
    }

    /// A read of the past, which is this action of a transaction, or the whole operation.
    fn old(revision: i64, op: u32, action: Option<u32>) -> Self {
        Self { revision, op, place: action.map_or(Self::OLD, |action| Self::OLD + 1 + action) }
    }

    pub(super) fn role(&self) -> Role {
        match self.place {
            0 => Role::Write,
            1 => Role::Silent,
            2 => Role::Read,
            _ => Role::Old,
        }
    }

    /// What was asked, as far as this entry is about it.
    pub(super) fn action<'a>(&self, log: &Log<'a>) -> Action<'a> {
        match self.place.checked_sub(Self::OLD + 1) {
            Some(action) => log.inner(action as usize),
            None => log.action(self.op),
        }
    }
}

/// What an entry does at its revision. The order is the order within a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// Took the revision.
    Write,
    /// Took the revision if there was anything to do, which the answer does not tell: a revoke if its lease had keys.
    Silent,
    /// Read behind the revision's write.
    Read,
    /// Read the past: this is the revision it asked for, where it has no place in time.
    Old,
}

/// Answered operations in the order of their places.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) entries: Vec<Entry>,
    /// For each hidden revision, the least deadline of all that comes later: what took it was invoked by then.
    known_by: Vec<(i64, u64)>,
    /// Revisions up to here were there before the history.
    pub(super) base: i64,
    /// The greatest revision that anybody saw.
    pub(super) head: i64,
    /// Something that is not in it was over by then.
    over: u64,
}

/// For each hidden revision, when it was known.
pub(super) struct Known(Vec<(i64, u64)>);

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

impl Disorder {
    /// The operation that would have to be otherwise.
    pub(super) fn accused(&self) -> u32 {
        match *self {
            Self::Twice { second, .. } => second,
            Self::Backwards { early, .. } => early,
            Self::Impossible { op, .. } | Self::Renamed { op, .. } | Self::Future { op, .. } => op,
        }
    }

    /// The one that it contradicts.
    fn other(&self) -> Option<u32> {
        match *self {
            Self::Twice { first, .. } => Some(first),
            Self::Backwards { late, .. } => Some(late),
            _ => None,
        }
    }
}

impl Order {
    /// `empty`: the history begins with a new store, whose revision is 1.
    pub(super) fn new(log: &Log<'_>, empty: bool) -> Result<Self, Disorder> {
        let order = Self::by_revision(log, empty)?;
        order.check_times(log)?;
        Ok(order)
    }

    /// The same, whatever the times are.
    pub(super) fn by_revision(log: &Log<'_>, empty: bool) -> Result<Self, Disorder> {
        let entries = match dense::sorted(log)? {
            Some(entries) => entries,
            None => placed(log)?,
        };
        Ok(Self::of(log, entries, empty))
    }

    /// Sorts what has a place.
    fn of(log: &Log<'_>, entries: Vec<Entry>, empty: bool) -> Self {
        let mut entries = by_revision(entries);
        for_each_revision(&mut entries, |entries| {
            entries.sort_unstable_by_key(|entry| (entry.role(), entry.op));
        });
        let timed = |entry: &&Entry| entry.role() != Role::Old;
        let first = entries.iter().find(timed).map_or(1, |entry| match entry.role() {
            Role::Write => entry.revision - 1,
            _ => entry.revision,
        });
        let base = if empty { 1 } else { first };
        let told = log.facts.iter().map(|(_, fact)| fact.revision()).max();
        let head = entries.iter().map(|entry| entry.revision).chain(told).max().unwrap_or(base).max(base);
        Self { known_by: Vec::new(), entries, base, head, over: u64::MAX }
    }

    /// In the order of places, nothing may end before something that comes earlier began.
    pub(super) fn check_times(&self, log: &Log<'_>) -> Result<(), Disorder> {
        let mut latest = Latest::default();
        // Reads of one revision have no order among them: they are held against what was before them all.
        let mut among = Latest::default();
        let mut writer: Option<Entry> = None;
        for entry in &self.entries {
            let op = &log.ops[entry.op as usize];
            match entry.role() {
                Role::Old => continue,
                Role::Write => {
                    if let Some(first) = writer.filter(|first| first.revision == entry.revision) {
                        let (revision, first, second) = (entry.revision, first.op, entry.op);
                        return Err(Disorder::Twice { revision, first, second });
                    }
                    writer = Some(*entry);
                    latest = latest.max(among);
                }
                Role::Silent | Role::Read => {
                    if among.revision != entry.revision {
                        latest = latest.max(among);
                        among = Latest { revision: entry.revision, ..Latest::default() };
                    }
                }
            }
            if op.deadline < latest.invoked {
                return Err(Disorder::Backwards { early: latest.op, late: entry.op });
            }
            let own = Latest { invoked: op.invoked, op: entry.op, revision: entry.revision };
            match entry.role() {
                Role::Write => latest = latest.max(own),
                // What a member reads from its own state may be as old as it likes, but never from the future.
                _ if !log.op_serializable(entry.op) => among = among.max(own),
                _ => {}
            }
        }
        Ok(())
    }

    /// When each of these revisions, which no answer claims, was known.
    pub(super) fn known(&self, log: &Log<'_>, hidden: &[i64]) -> Known {
        let mut known_by = Vec::with_capacity(hidden.len());
        let mut facts: Vec<(i64, u64)> = log.facts.iter().map(|(t, fact)| (fact.revision(), *t)).collect();
        facts.sort_unstable();
        let timed = self.entries.iter().filter(|entry| entry.role() != Role::Old);
        let mut later =
            timed.rev().map(|entry| (entry.revision, log.ops[entry.op as usize].deadline)).peekable();
        let mut told = facts.into_iter().rev().peekable();
        let mut least = self.over;
        for &revision in hidden.iter().rev() {
            while let Some((_, deadline)) = later.next_if(|(at, _)| *at >= revision) {
                least = least.min(deadline);
            }
            while let Some((_, t)) = told.next_if(|(at, _)| *at >= revision) {
                least = least.min(t);
            }
            known_by.push((revision, least));
        }
        known_by.reverse();
        Known(known_by)
    }

    /// Prepares to answer for revisions by when they were known.
    pub(super) fn know(&mut self, known: Known) {
        self.known_by = known.0;
    }

    /// By then, somebody knew of a hidden revision: what took it was invoked before.
    pub(super) fn known_by(&self, revision: i64) -> u64 {
        let at = self.known_by.partition_point(|(hidden, _)| *hidden < revision);
        self.known_by.get(at).map_or(u64::MAX, |(_, t)| *t)
    }

    /// The last hidden revision that somebody knew of before `t`.
    pub(super) fn known_since(&self, t: u64) -> i64 {
        let at = self.known_by.partition_point(|(_, known)| *known < t);
        at.checked_sub(1).map_or(self.base, |at| self.known_by[at].0)
    }

    /// The answered write that took `revision`.
    pub(super) fn write_at(&self, revision: i64) -> Option<u32> {
        let entry = self.entries.get(self.find(revision))?;
        (entry.revision == revision && entry.role() == Role::Write).then_some(entry.op)
    }

    /// The first entry at `revision` or later.
    pub(super) fn find(&self, revision: i64) -> usize {
        self.entries.partition_point(|entry| entry.revision < revision)
    }
}

/// Sorts by revision: by counting where revisions are as dense as in a real history.
fn by_revision(mut entries: Vec<Entry>) -> Vec<Entry> {
    if entries.is_sorted_by_key(|entry| entry.revision) {
        return entries;
    }
    let least = entries.iter().map(|entry| entry.revision).min().unwrap_or(0);
    let most = entries.iter().map(|entry| entry.revision).max().unwrap_or(0);
    let span = usize::try_from(most.saturating_sub(least)).unwrap_or(usize::MAX);
    if span > 4 * entries.len() {
        entries.sort_unstable_by_key(|entry| entry.revision);
        return entries;
    }
    let mut next = vec![0_u32; span + 2];
    for entry in &entries {
        next[(entry.revision - least) as usize + 1] += 1;
    }
    for at in 1..next.len() {
        next[at] += next[at - 1];
    }
    let Some(&any) = entries.first() else { return entries };
    let mut sorted = vec![any; entries.len()];
    for entry in entries {
        let at = &mut next[(entry.revision - least) as usize];
        sorted[*at as usize] = entry;
        *at += 1;
    }
    sorted
}

fn for_each_revision(entries: &mut [Entry], mut sort: impl FnMut(&mut [Entry])) {
    entries
        .chunk_by_mut(|a, b| a.revision == b.revision)
        .filter(|entries| entries.len() > 1)
        .for_each(&mut sort);
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

/// All entries, in the order of invocation, which is nearly that of revisions.
fn placed(log: &Log<'_>) -> Result<Vec<Entry>, Disorder> {
    let mut entries = Vec::with_capacity(log.ops.len());
    for (index, op) in (0..).zip(&log.ops) {
        if op.ending == Ending::Ok {
            place(log, index, &mut entries)?;
        }
    }
    Ok(entries)
}

fn place(log: &Log<'_>, index: u32, entries: &mut Vec<Entry>) -> Result<(), Disorder> {
    let revision = log.ops[index as usize].revision;
    let Some(role) = role(log, index)? else {
        return if revision == UNTOLD {
            place_old(log, index, &log.action(index), None, entries)
        } else {
            Ok(())
        };
    };
    entries.push(Entry::new(revision, index, role));
    place_old(log, index, &log.action(index), None, entries)
}

/// What an answered operation does at its revision, if it has a place at all.
fn role(log: &Log<'_>, index: u32) -> Result<Option<Role>, Disorder> {
    let op = &log.ops[index as usize];
    if log.is_common(index) && op.revision > 1 {
        return Ok(Some(if log.op_wrote(index) { Role::Write } else { Role::Read }));
    }
    let action = log.action(index);
    let role = match action {
        // Their headers are filled in after the fact, so they order nothing.
        Action::KeepAlive { .. } | Action::Compact { .. } | Action::Refused { .. } | Action::Other => {
            return Ok(None);
        }
        Action::Revoke { .. } => Role::Silent,
        Action::Txn(_) if log.is_silent(index) => Role::Silent,
        _ if log.op_wrote(index) => Role::Write,
        _ => Role::Read,
    };
    if let Action::Grant { asked, lease, .. } = action
        && asked != 0
        && asked != lease
    {
        return Err(Disorder::Renamed { op: index, asked, lease });
    }
    if role == Role::Read && op.revision == UNTOLD {
        // Whoever recorded it did not say where it belongs.
        return Ok(None);
    }
    let least = if role == Role::Write { 2 } else { 1 };
    if op.revision < least {
        return Err(Disorder::Impossible { op: index, revision: op.revision });
    }
    Ok(Some(role))
}

/// Reads of the past are looked at where they read.
fn place_old(
    log: &Log<'_>,
    op: u32,
    action: &Action<'_>,
    at: Option<u32>,
    entries: &mut Vec<Entry>,
) -> Result<(), Disorder> {
    match action {
        Action::Range { revision, .. } if *revision > 0 => {
            let head = log.ops[op as usize].revision;
            if *revision > head && head != UNTOLD {
                return Err(Disorder::Future { op, asked: *revision, head });
            }
            entries.push(Entry::old(*revision, op, at));
        }
        Action::Txn(txn) => {
            let txn = &log.txns[*txn as usize];
            let branch = if txn.succeeded == Some(true) { txn.success } else { txn.failure };
            for at in branch.range() {
                place_old(log, op, &log.inner(at), Some(at as u32), entries)?;
            }
        }
        _ => {}
    }
    Ok(())
}

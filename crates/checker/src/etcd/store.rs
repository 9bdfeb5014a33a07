//! The store as it must have been: one cell a key, changed by each write and held against each answer.
//!
//! Knows what etcd does with a request and nothing of clients, times or choices. Where the history does not say what
//! a key held in the beginning, its cell is uncertain until the first answer that tells.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use history::Comparison;
use rustc_hash::FxHashMap;

use super::bits::Bits;
use super::log::{Action, Compare, Fact, Key, Keys, Kv, Log, NONE, Operand, RangeFlags, Txn};

/// A lease that nobody knows.
const ANY_LEASE: i64 = i64::MIN;

/// What is wrong with an answer that was not asked for.
const UNASKED: &str = "tells what was not asked for";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    Absent,
    Present,
    /// As it was in the beginning, whatever that is.
    Unseen,
}

/// What a key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell<'a> {
    pub(super) presence: Presence,
    /// `None`: nobody knows.
    pub(super) value: Option<&'a [u8]>,
    /// `-f`: either created by the put at `f`, then `version` counts from it, or earlier, in the beginning.
    pub(super) create: i64,
    pub(super) modified: i64,
    /// `-n`: `n` more than it was in the beginning.
    pub(super) version: i64,
    pub(super) lease: i64,
}

impl<'a> Cell<'a> {
    const ABSENT: Self =
        Self { presence: Presence::Absent, value: None, create: 0, modified: 0, version: 0, lease: 0 };
    const UNSEEN: Self = Self { presence: Presence::Unseen, lease: ANY_LEASE, ..Self::ABSENT };

    /// What a put at `at` makes of it.
    pub(super) fn after_put(&self, action: &Action<'a>, at: i64) -> Self {
        let Action::Put { value, lease, keep_lease, .. } = *action else { return *self };
        let (create, version) = match self.presence {
            Presence::Absent => (at, 1),
            Presence::Unseen => (-at, -1),
            Presence::Present if self.version < 0 => (self.create, self.version - 1),
            Presence::Present => (self.create, self.version + 1),
        };
        let lease = if keep_lease { self.lease } else { lease };
        Self {
            presence: Presence::Present,
            value: value.or(self.value),
            create,
            modified: at,
            version,
            lease,
        }
    }

    fn certain(&self) -> bool {
        self.presence != Presence::Unseen && self.version >= 0
    }
}

/// An answer that does not fit the store.
#[derive(Clone, Debug)]
pub(super) struct Mismatch<'a> {
    pub(super) problem: Problem<'a>,
    /// What the key in question held.
    pub(super) cell: Cell<'a>,
    /// The keys on whose contents it depends.
    pub(super) keys: Vec<Keys>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Problem<'a> {
    /// A key was not shown.
    Missing(Key),
    /// A key was shown that did not exist.
    Appeared(Kv<'a>),
    /// A key was shown with something else.
    Differs(Kv<'a>),
    Count {
        keys: Keys,
        expected: u32,
        found: u32,
    },
    /// The answer cannot be right whatever the store held.
    Shape {
        key: Key,
        what: &'static str,
    },
    /// The comparisons of a transaction came out the other way.
    Branch {
        key: Key,
        succeeded: bool,
    },
    Deleted {
        keys: Keys,
        expected: u32,
        found: u32,
    },
    /// A put that keeps the old value or lease needs the key to exist.
    Kept(Key),
    /// A revoke that took no revision, of a lease that had a key.
    Unrevoked(Key),
}

impl Problem<'_> {
    pub(super) fn key(&self) -> Key {
        match self {
            Self::Missing(key) | Self::Kept(key) | Self::Unrevoked(key) => *key,
            Self::Shape { key, .. } | Self::Branch { key, .. } => *key,
            Self::Appeared(kv) | Self::Differs(kv) => kv.key,
            Self::Count { keys, .. } | Self::Deleted { keys, .. } => keys.from,
        }
    }
}

type Checked<'a> = Result<(), Box<Mismatch<'a>>>;

/// All keys.
#[derive(Debug)]
pub(super) struct Store<'a> {
    cells: Vec<Cell<'a>>,
    /// The keys that are not absent.
    live: Bits,
    attached: FxHashMap<i64, BTreeSet<Key>>,
    /// For each key, the last revision at which its contents are certain.
    certain_at: Vec<i64>,
    /// Revisions up to here were there before the history.
    base: i64,
    /// An answer rested on what nobody knows.
    pub(super) assumed: bool,
    trail: Vec<(Key, i64, Cell<'a>)>,
    recording: bool,
}

impl<'a> Store<'a> {
    pub(super) fn new(keys: usize, base: i64, empty: bool) -> Self {
        let cell = if empty { Cell::ABSENT } else { Cell::UNSEEN };
        Self {
            cells: vec![cell; keys],
            live: Bits::new(keys, !empty),
            attached: FxHashMap::default(),
            certain_at: vec![if empty { base } else { i64::MIN }; keys],
            base,
            assumed: false,
            trail: Vec::new(),
            recording: false,
        }
    }

    pub(super) fn cell(&self, key: Key) -> &Cell<'a> {
        &self.cells[key as usize]
    }

    /// The last revision at which the contents of all of these keys are certain.
    pub(super) fn certain_at(&self, keys: Keys) -> i64 {
        self.certain_at[keys.from as usize..keys.to as usize].iter().copied().min().unwrap_or(i64::MAX)
    }

    /// The keys attached to a lease.
    pub(super) fn attached(&self, lease: i64) -> impl Iterator<Item = Key> {
        self.attached.get(&lease).into_iter().flatten().copied()
    }

    /// Whether the store shows, behind a revision's write, what somebody saw of it.
    pub(super) fn shows(&self, fact: &Fact<'a>) -> bool {
        let cell = self.cell(fact.key());
        match fact {
            Fact::Put(kv) => fits(cell, kv, self.base),
            Fact::Written { revision, .. } => {
                cell.presence == Presence::Present && cell.modified == *revision
            }
            Fact::Born { revision, .. } => {
                cell.presence == Presence::Present && cell.create.abs() == *revision
            }
            Fact::Delete { .. } => cell.presence == Presence::Absent,
        }
    }

    /// The keys that changed since a mark.
    pub(super) fn changed_since(&self, mark: usize) -> impl Iterator<Item = Key> {
        self.trail[mark..].iter().map(|(key, ..)| *key)
    }

    /// Starts to remember changes; the mark is a moment to come back to.
    pub(super) fn mark(&mut self) -> usize {
        self.recording = true;
        self.trail.len()
    }

    pub(super) fn undo_to(&mut self, mark: usize) {
        while self.trail.len() > mark {
            let Some((key, certain_at, cell)) = self.trail.pop() else { break };
            self.recording = false;
            self.set(key, cell);
            self.certain_at[key as usize] = certain_at;
            self.recording = true;
        }
    }

    fn set(&mut self, key: Key, cell: Cell<'a>) {
        let old = std::mem::replace(&mut self.cells[key as usize], cell);
        if self.recording {
            self.trail.push((key, self.certain_at[key as usize], old));
        }
        if (old.presence == Presence::Absent) != (cell.presence == Presence::Absent) {
            if cell.presence == Presence::Absent { self.live.remove(key) } else { self.live.insert(key) }
        }
        if old.lease != cell.lease {
            if old.lease != 0 && old.lease != ANY_LEASE {
                self.attached.entry(old.lease).or_default().remove(&key);
            }
            if cell.lease != 0 && cell.lease != ANY_LEASE {
                self.attached.entry(cell.lease).or_default().insert(key);
            }
        }
    }

    fn pin(&mut self, key: Key, at: i64) {
        let certain_at = &mut self.certain_at[key as usize];
        if *certain_at < at {
            if self.recording {
                self.trail.push((key, *certain_at, self.cells[key as usize]));
            }
            *certain_at = at;
        }
    }

    fn mismatch(&self, problem: Problem<'a>) -> Checked<'a> {
        let keys = match problem {
            // Wrong whatever the store held.
            Problem::Shape { .. } => Vec::new(),
            _ => vec![Keys::one(problem.key())],
        };
        self.mismatch_of(problem, keys)
    }

    fn mismatch_of(&self, problem: Problem<'a>, keys: Vec<Keys>) -> Checked<'a> {
        let cell = self.cells.get(problem.key() as usize).copied().unwrap_or(Cell::ABSENT);
        Err(Box::new(Mismatch { problem, cell, keys }))
    }

    /// Holds an answered action against the store and changes the store as it says. `at` is the revision it took, or
    /// after whose write it read.
    pub(super) fn replay(&mut self, log: &Log<'a>, action: &Action<'a>, at: i64) -> Checked<'a> {
        match action {
            Action::Txn(txn) => {
                let txn = &log.txns[*txn as usize];
                let before = if log.wrote(action) { at - 1 } else { at };
                self.settle_by_reads(log, txn, before);
                self.check_branch(log, txn, before)?;
                log.taken(txn).iter().try_for_each(|action| self.replay_inner(log, action, at, before))
            }
            Action::Put { .. } | Action::Delete { .. } => self.replay_inner(log, action, at, at - 1),
            _ => self.replay_inner(log, action, at, at),
        }
    }

    fn replay_inner(&mut self, log: &Log<'a>, action: &Action<'a>, at: i64, before: i64) -> Checked<'a> {
        match *action {
            Action::Put { key, want_prev, prev, value, keep_lease, .. } => {
                if prev != NONE && (!want_prev || log.kvs[prev as usize].key != key) {
                    return self.mismatch(Problem::Shape { key, what: UNASKED });
                }
                if want_prev {
                    self.look(key, (prev != NONE).then(|| log.kvs[prev as usize]), before)?;
                }
                if (value.is_none() || keep_lease) && self.cell(key).presence == Presence::Absent {
                    return self.mismatch(Problem::Kept(key));
                }
                self.put(action, at);
                Ok(())
            }
            Action::Range { revision, .. } if revision != 0 => Ok(()),
            Action::Range { .. } => self.check_range(log, action, before),
            Action::Delete { keys, want_prev, deleted, prev } => {
                if !want_prev && prev.len > 0 {
                    return self.mismatch(Problem::Shape { key: keys.from, what: UNASKED });
                }
                self.check_delete(keys, want_prev.then(|| &log.kvs[prev.range()]), deleted, before)?;
                // Without an effect it took no revision: it is a look like any other.
                self.delete(keys);
                Ok(())
            }
            Action::Txn(txn) => {
                let taken = log.taken(&log.txns[txn as usize]);
                taken.iter().try_for_each(|action| self.replay_inner(log, action, at, before))
            }
            _ => Ok(()),
        }
    }

    /// Holds what was shown of one key against its cell, and settles what was uncertain.
    pub(super) fn look(&mut self, key: Key, shown: Option<Kv<'a>>, at: i64) -> Checked<'a> {
        let cell = self.cells[key as usize];
        match (shown, cell.presence) {
            (None, Presence::Absent) => {}
            (None, Presence::Unseen) => self.set(key, Cell::ABSENT),
            (None, Presence::Present) => return self.mismatch(Problem::Missing(key)),
            (Some(kv), Presence::Absent) => return self.mismatch(Problem::Appeared(kv)),
            (Some(kv), Presence::Unseen) if kv.modified > self.base => {
                return self.mismatch(Problem::Appeared(kv));
            }
            (Some(kv), _) => {
                if !fits(&cell, &kv, self.base) {
                    return self.mismatch(Problem::Differs(kv));
                }
                let value = kv.value.or(cell.value);
                let Kv { create, modified, version, lease, .. } = kv;
                let settled = Cell { presence: Presence::Present, value, create, modified, version, lease };
                if settled != cell {
                    self.set(key, settled);
                }
                if kv.value.is_none() {
                    // Which value it was remains open.
                    return Ok(());
                }
            }
        }
        self.pin(key, at);
        Ok(())
    }

    pub(super) fn check_range(&mut self, log: &Log<'a>, action: &Action<'a>, at: i64) -> Checked<'a> {
        let Action::Range { keys, limit, flags, kvs, count, .. } = *action else { return Ok(()) };
        let kvs = &log.kvs[kvs.range()];
        let told_values = flags.keys_only && kvs.iter().any(|kv| kv.value.is_some());
        if told_values || flags.count_only && !kvs.is_empty() {
            return self.mismatch(Problem::Shape { key: keys.from, what: UNASKED });
        }
        if flags.count_only {
            if flags.more {
                return self.mismatch(Problem::Shape { key: keys.from, what: "claims that there was more" });
            }
            return self.check_count(keys, count, at);
        }
        let sorted = kvs.windows(2).all(|pair| pair[0].key < pair[1].key);
        if let Some(kv) = kvs.iter().find(|kv| !sorted || !keys.contains(kv.key)) {
            return self.mismatch(Problem::Shape { key: kv.key, what: "lists keys out of order or range" });
        }
        let cut = limit > 0 && count > limit;
        // Behind the last key of a reply that was cut off, only the count tells anything.
        let told = if cut { kvs.last().map_or(keys.from, |kv| kv.key + 1) } else { keys.to };
        let mut shown = kvs.iter().peekable();
        let mut next = self.live.next(keys.from, told);
        loop {
            let kv = shown.peek().copied().copied();
            match (kv, next) {
                (Some(kv), Some(key)) if kv.key > key => self.look(key, None, at)?,
                (Some(kv), _) => {
                    self.look(kv.key, Some(kv), at)?;
                    shown.next();
                    if next != Some(kv.key) {
                        continue;
                    }
                }
                (None, Some(key)) => self.look(key, None, at)?,
                (None, None) => break,
            }
            next = next.and_then(|key| self.live.next(key + 1, told));
        }
        for key in keys.from..told {
            if !flags.keys_only || self.cell(key).presence == Presence::Absent {
                self.pin(key, at);
            }
        }
        self.check_cut(keys, kvs, limit, flags, count, at)
    }

    fn check_cut(
        &mut self,
        keys: Keys,
        kvs: &[Kv<'a>],
        limit: u32,
        flags: RangeFlags,
        count: u32,
        at: i64,
    ) -> Checked<'a> {
        let cut = limit > 0 && count > limit;
        if flags.more != cut {
            let what = if cut { "hides that there was more" } else { "claims that there was more" };
            return self.mismatch(Problem::Shape { key: keys.from, what });
        }
        if !cut && count as usize != kvs.len() || cut && kvs.len() != limit as usize {
            return self.mismatch(Problem::Shape { key: keys.from, what: "counts other keys than it lists" });
        }
        if cut { self.check_count(keys, count, at) } else { Ok(()) }
    }

    fn check_count(&mut self, keys: Keys, found: u32, at: i64) -> Checked<'a> {
        let (certain, unseen) = self.count(keys);
        if found < certain || found > certain + unseen {
            return self.mismatch_of(Problem::Count { keys, expected: certain, found }, vec![keys]);
        }
        if unseen > 0 {
            match found - certain {
                0 => self.settle_unseen(keys),
                _ => self.assumed = true,
            }
        }
        if let Some(key) = keys.single() {
            // Present or absent, but with which value was not told.
            if self.cell(key).presence == Presence::Absent {
                self.pin(key, at);
            }
        }
        Ok(())
    }

    /// Keys that exist, and keys that may.
    fn count(&self, keys: Keys) -> (u32, u32) {
        let (mut present, mut unseen) = (0, 0);
        let mut next = self.live.next(keys.from, keys.to);
        while let Some(key) = next {
            if self.cell(key).presence == Presence::Unseen {
                unseen += 1;
            } else {
                present += 1;
            }
            next = self.live.next(key + 1, keys.to);
        }
        (present, unseen)
    }

    fn settle_unseen(&mut self, keys: Keys) {
        let mut next = self.live.next(keys.from, keys.to);
        while let Some(key) = next {
            if self.cell(key).presence == Presence::Unseen {
                self.set(key, Cell::ABSENT);
            }
            next = self.live.next(key + 1, keys.to);
        }
    }

    fn check_delete(
        &mut self,
        keys: Keys,
        prev: Option<&[Kv<'a>]>,
        deleted: u32,
        before: i64,
    ) -> Checked<'a> {
        if let Some(prev) = prev {
            if prev.len() != deleted as usize {
                let what = "deleted another number of keys than it lists";
                return self.mismatch(Problem::Shape { key: keys.from, what });
            }
            let mut shown = prev.iter().copied().peekable();
            for key in keys.from..keys.to {
                let kv = shown.next_if(|kv| kv.key == key);
                if kv.is_some() || self.cell(key).presence != Presence::Absent {
                    self.look(key, kv, before)?;
                }
            }
            if let Some(kv) = shown.next() {
                let what = "lists keys out of order or range";
                return self.mismatch(Problem::Shape { key: kv.key, what });
            }
            return Ok(());
        }
        let (present, unseen) = self.count(keys);
        if deleted < present || deleted > present + unseen {
            return self
                .mismatch_of(Problem::Deleted { keys, expected: present, found: deleted }, vec![keys]);
        }
        if unseen > 0 && deleted > present && keys.single().is_none() {
            self.assumed |= deleted < present + unseen;
        }
        if deleted == 0 {
            for key in keys.from..keys.to {
                self.pin(key, before);
            }
        }
        Ok(())
    }

    fn put(&mut self, action: &Action<'a>, at: i64) {
        if let Action::Put { key, .. } = *action {
            self.set(key, self.cells[key as usize].after_put(action, at));
        }
    }

    /// Deletes what is there of a range.
    fn delete(&mut self, keys: Keys) -> bool {
        let mut any = false;
        let mut next = self.live.next(keys.from, keys.to);
        while let Some(key) = next {
            any = true;
            self.set(key, Cell::ABSENT);
            next = self.live.next(key + 1, keys.to);
        }
        any
    }

    /// Deletes the keys of a lease that ended, and says whether there were any.
    pub(super) fn end_lease(&mut self, lease: i64) -> bool {
        let keys: Vec<Key> = self.attached(lease).collect();
        keys.iter().for_each(|&key| self.set(key, Cell::ABSENT));
        !keys.is_empty()
    }

    /// Does an action that nobody knows the answer of, and says whether it changes anything. Where it does not, what
    /// it left behind must be undone.
    pub(super) fn perform(&mut self, log: &Log<'a>, action: &Action<'a>, at: i64) -> bool {
        let wrote = match action {
            Action::Txn(txn) => {
                let txn = &log.txns[*txn as usize];
                let mut path = Vec::new();
                self.decide(log, txn, &mut path);
                self.perform_txn(log, txn, at, &mut path.into_iter())
            }
            Action::Revoke { lease } => Some(self.end_lease(*lease)),
            _ => self.perform_inner(action, at),
        };
        wrote == Some(true)
    }

    /// `None`: etcd refuses the whole transaction.
    fn perform_txn(
        &mut self,
        log: &Log<'a>,
        txn: &Txn,
        at: i64,
        path: &mut impl Iterator<Item = bool>,
    ) -> Option<bool> {
        let branch = if path.next() == Some(true) { txn.success } else { txn.failure };
        let mut wrote = false;
        for action in &log.actions[branch.range()] {
            wrote |= match action {
                Action::Txn(inner) => self.perform_txn(log, &log.txns[*inner as usize], at, &mut *path)?,
                _ => self.perform_inner(action, at)?,
            };
        }
        Some(wrote)
    }

    fn perform_inner(&mut self, action: &Action<'a>, at: i64) -> Option<bool> {
        match *action {
            Action::Put { key, value, keep_lease, .. } => {
                let kept = value.is_none() || keep_lease;
                if kept && self.cell(key).presence == Presence::Absent {
                    return None;
                }
                self.put(action, at);
                Some(true)
            }
            Action::Delete { keys, .. } => Some(self.delete(keys)),
            _ => Some(false),
        }
    }

    /// The branches a transaction takes, outer ones first: all comparisons see the store as it was before it.
    fn decide(&mut self, log: &Log<'a>, txn: &Txn, path: &mut Vec<bool>) {
        let mut holds = true;
        for compare in &log.compares[txn.compares.range()] {
            match self.compare(compare) {
                Some(true) => {}
                Some(false) => holds = false,
                None => self.assumed = true,
            }
        }
        path.push(holds);
        let branch = if holds { txn.success } else { txn.failure };
        for action in &log.actions[branch.range()] {
            if let Action::Txn(inner) = action {
                self.decide(log, &log.txns[*inner as usize], path);
            }
        }
    }

    /// Uncertain cells are settled by what the transaction itself read before it wrote.
    fn settle_by_reads(&mut self, log: &Log<'a>, txn: &Txn, before: i64) {
        for action in log.taken(txn) {
            let Action::Range { keys, revision: 0, flags, kvs, .. } = action else { return };
            for kv in &log.kvs[kvs.range()] {
                if keys.contains(kv.key) && !self.cell(kv.key).certain() {
                    // A contradiction is found where the read is checked.
                    let _ = self.look(kv.key, Some(*kv), before);
                }
            }
            if let (Some(key), true) = (keys.single(), kvs.len == 0 && !flags.count_only) {
                let _ = self.look(key, None, before);
            }
        }
    }

    fn check_branch(&mut self, log: &Log<'a>, txn: &Txn, before: i64) -> Checked<'a> {
        let compares = &log.compares[txn.compares.range()];
        let succeeded = txn.succeeded == Some(true);
        let mut holds = true;
        let mut open = false;
        for compare in compares {
            match self.compare(compare) {
                Some(true) => {}
                Some(false) if succeeded => {
                    let problem = Problem::Branch { key: compare.keys.from, succeeded };
                    return self.mismatch_of(problem, vec![compare.keys]);
                }
                Some(false) => holds = false,
                None if succeeded => self.settle_by_compare(compare, before),
                None => open = true,
            }
        }
        if !succeeded && holds {
            if !open {
                let key = compares.first().map_or(0, |compare| compare.keys.from);
                let keys = compares.iter().map(|compare| compare.keys).collect();
                return self.mismatch_of(Problem::Branch { key, succeeded }, keys);
            }
            self.assumed = true;
        }
        for action in log.taken(txn) {
            if let Action::Txn(inner) = action {
                self.check_branch(log, &log.txns[*inner as usize], before)?;
            }
        }
        Ok(())
    }

    /// A comparison that held tells what was uncertain.
    fn settle_by_compare(&mut self, compare: &Compare<'a>, before: i64) {
        let absent = match compare.operand {
            Operand::Version(0) | Operand::Create(0) | Operand::Mod(0) => {
                compare.comparison == Comparison::Equal
            }
            Operand::Version(1) | Operand::Create(1) | Operand::Mod(1) => {
                compare.comparison == Comparison::Less
            }
            _ => false,
        };
        match compare.keys.single() {
            Some(key) if absent && self.cell(key).presence == Presence::Unseen => {
                self.set(key, Cell::ABSENT);
                self.pin(key, before);
            }
            _ => self.assumed = true,
        }
    }

    /// `None`: that depends on what nobody knows.
    fn compare(&self, compare: &Compare<'a>) -> Option<bool> {
        let Keys { from, to } = compare.keys;
        let mut next = self.live.next(from, to);
        if next.is_none() {
            // Without a key, its numbers are 0; a comparison of its value always fails.
            return Some(compare_cell(&Cell::ABSENT, compare, self.base).unwrap_or(false));
        }
        let mut all = Some(true);
        while let Some(key) = next {
            match compare_cell(self.cell(key), compare, self.base) {
                Some(true) => {}
                Some(false) => return Some(false),
                None => all = None,
            }
            next = self.live.next(key + 1, to);
        }
        all
    }
}

fn fits(cell: &Cell<'_>, kv: &Kv<'_>, base: i64) -> bool {
    let value = kv.value.is_none_or(|shown| cell.value.is_none_or(|value| value == shown));
    match cell.presence {
        Presence::Absent => false,
        Presence::Unseen => {
            kv.modified <= base && kv.create <= kv.modified && kv.version >= 1 && kv.create >= 1
        }
        Presence::Present => {
            let counts = if cell.version < 0 {
                let fresh = kv.create == -cell.create && kv.version == -cell.version;
                let older = kv.create <= base && kv.version > -cell.version;
                fresh || older
            } else {
                kv.create == cell.create && kv.version == cell.version
            };
            let lease = cell.lease == ANY_LEASE || cell.lease == kv.lease;
            value && counts && lease && kv.modified == cell.modified
        }
    }
}

pub(super) fn compare_cell(cell: &Cell<'_>, compare: &Compare<'_>, base: i64) -> Option<bool> {
    if cell.presence == Presence::Unseen {
        return None;
    }
    let ordering = match compare.operand {
        Operand::Value(_) if cell.presence == Presence::Absent => return Some(false),
        Operand::Value(value) => cell.value?.cmp(value),
        Operand::Mod(n) => cell.modified.cmp(&n),
        Operand::Lease(_) if cell.lease == ANY_LEASE => return None,
        Operand::Lease(n) => cell.lease.cmp(&n),
        Operand::Version(n) if cell.version >= 0 => cell.version.cmp(&n),
        // At least so many.
        Operand::Version(n) if -cell.version > n => Ordering::Greater,
        Operand::Create(n) if cell.version >= 0 => cell.create.cmp(&n),
        Operand::Create(n) if n > base && n < -cell.create => {
            return match compare.comparison {
                Comparison::Equal => Some(false),
                Comparison::NotEqual => Some(true),
                _ => None,
            };
        }
        Operand::Create(n) if n > -cell.create => Ordering::Less,
        Operand::Version(_) | Operand::Create(_) => return None,
    };
    Some(match compare.comparison {
        Comparison::Equal => ordering == Ordering::Equal,
        Comparison::NotEqual => ordering != Ordering::Equal,
        Comparison::Greater => ordering == Ordering::Greater,
        Comparison::Less => ordering == Ordering::Less,
    })
}

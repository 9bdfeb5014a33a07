//! The store as it must have been: one cell a key, changed by each write and held against each answer.
//!
//! Knows what etcd does with a request and nothing of clients, times or choices. Where the history does not say what
//! a key held in the beginning, its cell is uncertain until the first answer that tells.

mod answers;
mod cell;

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use self::cell::fits;
pub(super) use self::cell::{ANY_LEASE, Cell, Presence, comes_before, compare_cell};
use super::bits::Bits;
use super::log::{Action, Fact, Key, Keys, Kv, Log, NONE, Txn, UNTOLD_LEASE};

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
    /// A list that shows the first of an order leaves out this key, which comes before one that it shows.
    PassedOver(Key),
    /// A put that keeps the old value or lease needs the key to exist.
    Kept(Key),
    /// A request that took no revision, where this key was to be changed.
    Undone(Key),
    /// A lock was granted before its key can have been put.
    NeverPut(Key),
}

impl Problem<'_> {
    pub(super) fn key(&self) -> Key {
        match self {
            Self::Missing(key) | Self::Kept(key) | Self::PassedOver(key) => *key,
            Self::Undone(key) | Self::NeverPut(key) => *key,
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
    /// The last guess that changed each, by a number that no other has.
    guessed: Vec<u32>,
    guesses: u32,
    /// The keys that are not absent.
    live: Bits,
    attached: FxHashMap<i64, BTreeSet<Key>>,
    /// For each key, the last revision at which its contents are certain.
    certain_at: Vec<i64>,
    /// Revisions up to here were there before the history.
    base: i64,
    /// Keys may exist that the history never names: what ranges count and compare is theirs too.
    unnamed: bool,
    /// An answer rested on what nobody knows.
    pub(super) assumed: bool,
    /// What changes overwrote, with the guess that had made it.
    trail: Trail<(Key, u32, Cell<'a>)>,
    /// The same of `certain_at`.
    pins: Trail<(Key, i64)>,
    recording: bool,
}

/// What was overwritten, the first `forgotten` of it left out.
#[derive(Debug)]
struct Trail<T> {
    kept: Vec<T>,
    forgotten: usize,
}

impl<T> Trail<T> {
    const NEW: Self = Self { kept: Vec::new(), forgotten: 0 };

    fn len(&self) -> usize {
        self.forgotten + self.kept.len()
    }

    fn since(&self, mark: usize) -> &[T] {
        &self.kept[mark - self.forgotten..]
    }

    fn forget_before(&mut self, mark: usize) {
        self.kept.drain(..mark - self.forgotten);
        self.forgotten = mark;
    }

    fn pop_to(&mut self, mark: usize) -> Option<T> {
        if self.len() > mark { self.kept.pop() } else { None }
    }
}

/// A moment to come back to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    trail: usize,
    pins: usize,
}

impl<'a> Store<'a> {
    pub(super) fn new(keys: usize, base: i64, empty: bool, unnamed: bool) -> Self {
        let cell = if empty { Cell::ABSENT } else { Cell::UNSEEN };
        Self {
            cells: vec![cell; keys],
            guessed: vec![0; keys],
            guesses: 0,
            live: Bits::new(keys, !empty),
            attached: FxHashMap::default(),
            certain_at: vec![if empty { base } else { i64::MIN }; keys],
            base,
            unnamed,
            assumed: false,
            trail: Trail::NEW,
            pins: Trail::NEW,
            recording: false,
        }
    }

    /// Takes it that a key was in the beginning as it was shown then or later, or not there.
    pub(super) fn begin(&mut self, key: Key, shown: Option<&Kv<'a>>) {
        self.set(key, shown.map_or(Cell::ABSENT, |kv| Cell::UNSEEN.shown(kv)));
        self.certain_at[key as usize] = self.base;
    }

    pub(super) fn cell(&self, key: Key) -> &Cell<'a> {
        &self.cells[key as usize]
    }

    /// The last guess that changed a key, by a number that no other has.
    pub(super) fn guessed(&self, key: Key) -> u32 {
        self.guessed[key as usize]
    }

    /// The last revision at which the contents of a key are certain.
    pub(super) fn certain_at(&self, key: Key) -> i64 {
        self.certain_at[key as usize]
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
    pub(super) fn changed_since(&self, mark: Mark) -> impl Iterator<Item = Key> {
        self.trail.since(mark.trail).iter().map(|(key, ..)| *key)
    }

    /// What changed since a mark was guessed.
    pub(super) fn guessed_since(&mut self, mark: Mark) {
        self.guesses = self.guesses.wrapping_add(1);
        for (key, ..) in self.trail.since(mark.trail) {
            self.guessed[*key as usize] = self.guesses;
        }
    }

    /// Makes room for so many changes to be remembered: growing takes twice the memory.
    pub(super) fn reserve(&mut self, changes: usize) {
        self.trail.kept.reserve(changes);
    }

    /// Starts to remember changes; the mark is a moment to come back to.
    pub(super) fn mark(&mut self) -> Mark {
        self.recording = true;
        Mark { trail: self.trail.len(), pins: self.pins.len() }
    }

    /// Gives up the moments before a mark.
    pub(super) fn forget_before(&mut self, mark: Mark) {
        self.trail.forget_before(mark.trail);
        self.pins.forget_before(mark.pins);
    }

    pub(super) fn undo_to(&mut self, mark: Mark) {
        self.recording = false;
        while let Some((key, guess, cell)) = self.trail.pop_to(mark.trail) {
            self.set(key, cell);
            self.guessed[key as usize] = guess;
        }
        while let Some((key, certain_at)) = self.pins.pop_to(mark.pins) {
            self.certain_at[key as usize] = certain_at;
        }
        self.recording = true;
    }

    fn set(&mut self, key: Key, cell: Cell<'a>) {
        let old = std::mem::replace(&mut self.cells[key as usize], cell);
        if self.recording {
            self.trail.kept.push((key, self.guessed[key as usize], old));
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
                self.pins.kept.push((key, *certain_at));
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

    /// Puts a value to a key for somebody who is not in the history; `None` where nobody knows which.
    pub(super) fn put_by_stranger(&mut self, key: Key, shown: Option<&Kv<'a>>, at: i64) {
        let lease = shown.map(|kv| kv.lease).filter(|lease| *lease != UNTOLD_LEASE).unwrap_or(ANY_LEASE);
        let value = Some(shown.and_then(|kv| kv.value).unwrap_or_default());
        let action = Action::Put { key, value, lease, keep_lease: false, want_prev: false, prev: NONE };
        let cell = self.cells[key as usize].after_put(&action, at);
        self.set(key, Cell { value: shown.and_then(|kv| kv.value), ..cell });
    }

    /// Deletes a key for somebody who is not in the history, and says whether it was there.
    pub(super) fn delete_by_stranger(&mut self, key: Key) -> bool {
        self.delete(Keys::one(key))
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

    /// The key that a request would change as things are; `None` as well where nobody knows.
    pub(super) fn to_change(&self, log: &Log<'a>, action: &Action<'a>) -> Option<Key> {
        match *action {
            Action::Revoke { lease } => self.attached(lease).next(),
            Action::Txn(txn) => {
                let txn = &log.txns[txn as usize];
                let mut compares = log.compares[txn.compares.range()].iter();
                let holds = compares.all(|compare| self.compare(compare) == Some(true));
                let branch = if holds { txn.success } else { txn.failure };
                log.inners(branch).find_map(|action| self.to_change(log, &action))
            }
            Action::Put { key, .. } => Some(key),
            Action::Delete { keys, .. } => self.live.next(keys.from, keys.to),
            _ => None,
        }
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
        for action in log.inners(branch) {
            wrote |= match action {
                Action::Txn(inner) => self.perform_txn(log, &log.txns[inner as usize], at, &mut *path)?,
                _ => self.perform_inner(&action, at)?,
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
        for action in log.inners(branch) {
            if let Action::Txn(inner) = action {
                self.decide(log, &log.txns[inner as usize], path);
            }
        }
    }
}

//! Operations that change several keys at once: one revision may be all that two windows need.

use rustc_hash::{FxHashMap, FxHashSet};

use super::super::super::log::{Key, Log};
use super::super::super::supply::Supply;
use super::super::Window;
use super::Matching;

/// What one operation puts and deletes if it goes one way.
type Way = Vec<(Key, bool)>;

/// An unknown operation that may change several keys.
#[derive(Debug)]
struct Wide {
    invoked: u64,
    ways: Vec<Way>,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Joint {
    ops: FxHashMap<u32, Wide>,
    /// Those of the above that may change a key so, in order.
    of: FxHashMap<(Key, bool), Vec<u32>>,
    /// The slots that some of them take, and the other way round.
    slots: FxHashMap<u32, usize>,
    at: FxHashMap<usize, u32>,
}

impl Joint {
    pub(super) fn new(log: &Log<'_>, supply: &Supply<'_>) -> Self {
        let mut ops: FxHashMap<u32, Wide> = FxHashMap::default();
        for key in supply.offered() {
            supply.each_odd(log, key, |op, _| {
                ops.entry(op).or_insert_with(|| Wide {
                    invoked: log.ops[op as usize].invoked,
                    ways: supply.ways(log, op),
                });
            });
        }
        ops.retain(|_, op| {
            let mut keys = op.ways.iter().flatten().map(|(key, _)| *key);
            keys.next().is_some_and(|first| keys.any(|key| key != first))
        });
        Self { ops, ..Self::default() }
    }

    pub(super) fn has(&self, op: u32) -> bool {
        self.ops.contains_key(&op)
    }

    /// Leaves out those that are `used`.
    pub(super) fn without(mut self, used: &FxHashSet<u32>) -> Self {
        self.ops.retain(|op, _| !used.contains(op));
        for (op, wide) in &self.ops {
            let changes = wide.ways.iter().flatten();
            changes.for_each(|change| self.of.entry(*change).or_default().push(*op));
        }
        for ops in self.of.values_mut() {
            ops.sort_unstable();
            ops.dedup();
        }
        self
    }

    /// What took slots, with these.
    pub(super) fn taken(&self) -> impl Iterator<Item = (u32, usize)> {
        self.slots.iter().map(|(op, slot)| (*op, *slot))
    }

    fn take(&mut self, op: u32, slot: usize) {
        self.slots.insert(op, slot);
        self.at.insert(slot, op);
    }

    pub(super) fn swap(&mut self, a: usize, b: usize) {
        let (of_a, of_b) = (self.at.remove(&a), self.at.remove(&b));
        of_a.into_iter().for_each(|op| self.take(op, b));
        of_b.into_iter().for_each(|op| self.take(op, a));
    }

    /// Says whether one of them had the slot.
    pub(super) fn give_back(&mut self, slot: usize) -> bool {
        self.at.remove(&slot).is_some_and(|op| self.slots.remove(&op).is_some())
    }
}

impl Matching<'_> {
    /// Lets an operation that may do more take a slot for a window.
    pub(super) fn take_joint(&mut self, slot: usize, window: u32) -> bool {
        let Window { key, delete, .. } = self.windows[window as usize];
        let ops = self.joint.of.get(&(key, delete)).into_iter().flatten();
        let mut free =
            ops.filter(|op| !self.joint.slots.contains_key(op) && self.may_do(**op, &[(key, delete)], slot));
        let Some(&op) = free.next() else { return false };
        self.joint.take(op, slot);
        true
    }

    /// Whether an operation that goes some way does all of this there, and nothing that cannot have been.
    fn may_do(&self, op: u32, changes: &[(Key, bool)], slot: usize) -> bool {
        let Wide { invoked, ways } = &self.joint.ops[&op];
        let forbidden = |change: &(Key, bool)| self.all.forbids(*change, self.slots[slot]);
        let does =
            |way: &Way| changes.iter().all(|change| way.contains(change)) && !way.iter().any(forbidden);
        *invoked <= self.known_by[slot] && ways.iter().any(does)
    }

    /// Fills a window for which no revision is left: one that some other window has serves it, too, or frees one of its own.
    pub(super) fn share(&mut self, window: u32) -> bool {
        if self.joins(window) {
            self.open[window as usize] -= 1;
            return true;
        }
        let end = self.first + self.visited.len();
        for slot in self.first..end {
            let Some(before) = self.taken[slot].filter(|before| *before != window) else { continue };
            if !self.fits(&self.windows[window as usize], self.slots[slot]) {
                continue;
            }
            let open = self.open[before as usize];
            self.remove(slot);
            if self.add(slot, window) && self.joins(before) {
                self.open[before as usize] = open;
                return true;
            }
            self.remove(slot);
            self.add(slot, before);
        }
        false
    }

    /// Finds a revision that changes something else, and an operation that does both.
    fn joins(&mut self, window: u32) -> bool {
        let own = self.windows[window as usize];
        let Some(ops) = self.joint.of.get(&(own.key, own.delete)).filter(|_| own.needs > 0) else {
            return false;
        };
        let end = self.first + self.visited.len();
        for op in ops {
            let taken = self.joint.slots.get(op).copied();
            let serves = |slot: &usize| {
                let other = self.taken[*slot].map(|other| &self.windows[other as usize]);
                taken.is_none_or(|taken| taken == *slot)
                    && self.fits(&own, self.slots[*slot])
                    && other.is_some_and(|other| {
                        let both = [(own.key, own.delete), (other.key, other.delete)];
                        other.key != own.key && self.may_do(*op, &both, *slot)
                    })
            };
            if let Some(slot) = (self.first..end).find(serves) {
                let op = *op;
                if taken.is_none() {
                    if !self.joint.give_back(slot) {
                        self.leave(slot);
                    }
                    self.joint.take(op, slot);
                }
                return true;
            }
        }
        false
    }
}

//! Operations that change several keys at once: one revision may be all that two windows need.

use rustc_hash::{FxHashMap, FxHashSet};

use super::super::super::log::{Key, Log};
use super::super::super::supply::Supply;
use super::Matching;

/// What one operation may put and delete.
type Changes = Vec<(Key, bool)>;

/// The unknown operations that may change several keys.
#[derive(Debug, Default)]
pub(super) struct Joint {
    /// Each, when it was invoked, and what it may change.
    ops: Vec<(u32, u64, Changes)>,
    /// Those of the above that may change a key so.
    of: FxHashMap<(Key, bool), Vec<u32>>,
    /// Where some of them are to take effect.
    pub(super) at: FxHashMap<u32, i64>,
}

impl Joint {
    /// Those that are not `out` of question.
    pub(super) fn new(log: &Log<'_>, supply: &Supply<'_>, out: impl Fn(u32) -> bool) -> Self {
        let mut changes: FxHashMap<u32, Changes> = FxHashMap::default();
        for key in supply.offered() {
            supply.each_odd(log, key, |op, delete| {
                if !out(op) {
                    changes.entry(op).or_default().push((key, delete));
                }
            });
        }
        changes.retain(|_, changes| changes.iter().any(|(key, _)| *key != changes[0].0));
        let mut joint = Self::default();
        for (op, changes) in changes {
            joint.ops.push((op, log.ops[op as usize].invoked, changes));
        }
        // In no order that hangs on hashes.
        joint.ops.sort_unstable_by_key(|(op, _, _)| *op);
        for (at, (_, _, changes)) in (0..).zip(&joint.ops) {
            let each: FxHashSet<_> = changes.iter().copied().collect();
            each.into_iter().for_each(|change| joint.of.entry(change).or_default().push(at));
        }
        joint
    }
}

impl Matching<'_> {
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
        if own.needs == 0 || own.lease != 0 {
            return false;
        }
        let Some(ops) = self.joint.of.get(&(own.key, own.delete)) else { return false };
        let end = self.first + self.visited.len();
        for &at in ops {
            let (op, invoked, changes) = &self.joint.ops[at as usize];
            if self.joint.at.contains_key(op) {
                continue;
            }
            let serves = |slot: &usize| {
                let other = self.taken[*slot].map(|other| &self.windows[other as usize]);
                *invoked <= self.known_by[*slot]
                    && self.fits(&own, self.slots[*slot])
                    && other.is_some_and(|other| {
                        other.key != own.key && other.lease == 0 && changes.contains(&(other.key, other.delete))
                    })
            };
            if let Some(slot) = (self.first..end).find(serves) {
                self.joint.at.insert(*op, self.slots[slot]);
                return true;
            }
        }
        false
    }
}

//! Gives revisions to windows, and every window as many as it needs: by augmenting paths, some revisions at a time.

mod joint;

use rustc_hash::{FxHashMap, FxHashSet};

use self::joint::Joint;
use super::super::log::{Key, Log};
use super::super::order::Order;
use super::super::supply::{Candidate, Supply, silent};
use super::{Window, Windows};

/// Revisions that are matched together. What is further apart has little to do with each other.
const TOGETHER: usize = 512;

/// Windows that one revision may lie in; the others are not looked at.
const WINDOWS_LOOKED_AT: usize = 512;

/// Unknown operations that may change a key.
#[derive(Debug, Default)]
struct Source {
    /// When each was invoked, in order.
    invoked: Vec<u64>,
    /// Such that fit only between two revisions: these, and when it was invoked.
    between: Vec<(i64, i64, u64)>,
    /// Such that fit only where the key is created.
    creating: Vec<u64>,
    /// So many have a revision already, of earlier ones.
    used: usize,
}

/// A key that is put or deleted, or a lease that ends.
type Change = (Key, bool, i64);

pub(super) struct Matching<'w> {
    slots: &'w [i64],
    known_by: Vec<u64>,
    windows: &'w [Window],
    all: &'w Windows,
    /// For each window, how many of its needs are open still.
    open: Vec<u32>,
    sources: FxHashMap<Change, Source>,
    /// For each slot, its window, and whose operations it takes.
    taken: Vec<Option<u32>>,
    taken_from: Vec<Change>,
    /// For each slot of the present ones, the windows that it lies in, those that end first before the others.
    around: Vec<Vec<u32>>,
    first: usize,
    /// The slots that change a key.
    of_key: FxHashMap<Change, Vec<usize>>,
    of_window: FxHashMap<u32, Vec<usize>>,
    visited: Vec<bool>,
    joint: Joint,
    /// What slots can change that something was answered with: most likely that took them.
    only: FxHashMap<i64, FxHashSet<(Key, bool)>>,
    /// What can hardly have been does not count.
    forgiving: bool,
}

/// What comes of it.
pub(super) struct Matched {
    /// What each revision is to put or to delete.
    pub(super) wanted: FxHashMap<i64, (Key, bool)>,
    /// The leases that are to end, each with where.
    pub(super) ends: FxHashMap<i64, i64>,
    /// Where operations are to take effect that change several keys.
    pub(super) joint: FxHashMap<u32, i64>,
    /// Windows that need more than was found for them.
    pub(super) open: Vec<usize>,
}

impl<'w> Matching<'w> {
    pub(super) fn new(
        log: &Log<'_>,
        order: &Order,
        supply: &Supply<'_>,
        slots: &'w [i64],
        all: &'w Windows,
    ) -> Self {
        let windows = &all.list[..];
        let joint = Joint::new(log, supply);
        let mut sources: FxHashMap<Change, Source> = FxHashMap::default();
        // Those whose values were seen are needed there.
        let used: FxHashSet<u32> = supply.written_by_one().map(|(op, _)| op).collect();
        for key in supply.offered() {
            let empty = Vec::new();
            let writes = all.writes.get(&key).unwrap_or(&empty);
            supply.each_offer(log, key, |op, delete, guard| {
                if used.contains(&op) || joint.has(op) {
                    return;
                }
                let invoked = log.ops[op as usize].invoked;
                let source = sources.entry((key, delete, 0)).or_default();
                match guard {
                    None => source.invoked.push(invoked),
                    Some(0) => source.creating.push(invoked),
                    Some(guard) => {
                        let next = writes.partition_point(|write| *write <= guard);
                        let end = writes.get(next).copied().unwrap_or(i64::MAX);
                        source.between.push((guard, end, invoked));
                    }
                }
            });
        }
        for lease in windows.iter().map(|window| window.lease).filter(|lease| *lease != 0) {
            // Each of its ends is the only one.
            let ends = supply.ends_of(log, order, lease);
            let between = ends.into_iter().map(|(revision, invoked)| match revision {
                Some(revision) => (revision - 1, revision, invoked),
                None => (0, i64::MAX, invoked),
            });
            sources.insert((0, true, lease), Source { between: between.collect(), ..Source::default() });
        }
        sources.values_mut().for_each(|source| source.invoked.sort_unstable());
        let mut only: FxHashMap<i64, FxHashSet<(Key, bool)>> = FxHashMap::default();
        for &slot in slots {
            for candidate in silent(log, order, slot) {
                if let Candidate::Op(op) = candidate {
                    only.entry(slot).or_default().extend(supply.ways(log, op).into_iter().flatten());
                }
            }
        }
        // Where none of that can have been, nothing is left for it to have done.
        only.retain(|slot, changes| {
            let done = |window: &Window| {
                changes.contains(&(window.key, window.delete)) && window.holds(&all.holes, *slot)
            };
            windows.iter().any(done)
        });
        Self {
            slots,
            known_by: slots.iter().map(|slot| order.known_by(*slot)).collect(),
            open: windows.iter().map(|window| window.needs).collect(),
            windows,
            all,
            sources,
            taken: vec![None; slots.len()],
            taken_from: vec![(0, false, 0); slots.len()],
            around: Vec::new(),
            first: 0,
            of_key: FxHashMap::default(),
            of_window: FxHashMap::default(),
            visited: Vec::new(),
            forgiving: false,
            only,
            joint: joint.without(&used),
        }
    }

    pub(super) fn plan(mut self) -> Matched {
        let mut by_start: Vec<u32> = (0..self.windows.len() as u32).collect();
        by_start.sort_unstable_by_key(|&at| self.windows[at as usize].from);
        let mut waiting = by_start.into_iter().peekable();
        let mut active: Vec<u32> = Vec::new();
        while self.first < self.slots.len() {
            let end = (self.first + TOGETHER).min(self.slots.len());
            let (from, to) = (self.slots[self.first], self.slots[end - 1]);
            active.retain(|&at| self.windows[at as usize].to > from);
            while let Some(at) = waiting.next_if(|&at| self.windows[at as usize].from <= to) {
                active.push(at);
            }
            // Those that end first come first.
            active.sort_unstable_by_key(|&at| (self.windows[at as usize].to, at));
            self.together(&active, end);
            self.first = end;
        }
        let (mut wanted, mut ends) = (FxHashMap::default(), FxHashMap::default());
        for (at, slot) in self.slots.iter().enumerate() {
            let Some(window) = self.taken[at].map(|at| &self.windows[at as usize]) else { continue };
            wanted.insert(*slot, (window.key, window.delete));
            let (.., lease) = self.taken_from[at];
            if window.lease != 0 && lease == window.lease {
                ends.insert(*slot, lease);
            }
        }
        let joint = self.joint.taken().map(|(op, slot)| (op, self.slots[slot])).collect();
        let open = (0..self.open.len()).filter(|at| self.open[*at] > 0).collect();
        Matched { wanted, ends, joint, open }
    }

    /// Matches the slots up to `end`. A window that goes on behind them takes what it needs here or there.
    fn together(&mut self, active: &[u32], end: usize) {
        self.around = vec![Vec::new(); end - self.first];
        self.visited = vec![false; end - self.first];
        for &at in active {
            let window = &self.windows[at as usize];
            let from = self.slots[self.first..end].partition_point(|slot| *slot < window.from);
            let to = self.slots[self.first..end].partition_point(|slot| *slot < window.to);
            for slot in from..to {
                let fits = self.fits(window, self.slots[self.first + slot]);
                if fits && self.around[slot].len() < WINDOWS_LOOKED_AT {
                    self.around[slot].push(at);
                }
            }
        }
        for &at in active {
            let window = self.windows[at as usize];
            let ends_here = end == self.slots.len() || window.to <= self.slots[end];
            while ends_here && self.open[at as usize] > 0 {
                self.visited.fill(false);
                if self.fill(at) || self.share(at) {
                    continue;
                }
                // What went wrong there may have had another reason.
                self.visited.fill(false);
                self.forgiving = true;
                let filled = self.fill(at);
                self.forgiving = false;
                if !filled {
                    break;
                }
            }
        }
        for slot in self.first..end {
            if self.taken[slot].is_none() {
                self.visited.fill(false);
                self.place(slot);
            }
        }
        self.deletions_last(end);
        for (key, slots) in std::mem::take(&mut self.of_key) {
            let plain = self.plain_uses(key, &slots).unwrap_or(0);
            if let Some(source) = self.sources.get_mut(&key) {
                source.used += plain;
            }
        }
        self.of_window.clear();
    }

    /// A deletion comes behind the other changes of its window.
    fn deletions_last(&mut self, end: usize) {
        let group = |at: u32, windows: &[Window]| windows[at as usize].group;
        for slot in self.first..end {
            let Some(window) = self.taken[slot].filter(|&at| self.windows[at as usize].delete) else {
                continue;
            };
            let own = group(window, self.windows);
            let same = |other: &usize| {
                self.taken[*other].is_some_and(|at| own > 0 && group(at, self.windows) == own)
            };
            let holds = |other: &usize| self.fits(&self.windows[window as usize], self.slots[*other]);
            if let Some(last) = (slot + 1..end).rev().filter(holds).find(same) {
                self.taken.swap(slot, last);
                self.joint.swap(slot, last);
            }
        }
    }

    fn fits(&self, window: &Window, slot: i64) -> bool {
        let (change, only) = ((window.key, window.delete), self.only.get(&slot));
        window.holds(&self.all.holes, slot)
            && only.is_none_or(|only| only.contains(&change))
            && (self.forgiving || !self.all.forbids(change, slot))
    }

    fn source_of(&self, window: u32) -> Change {
        match self.windows[window as usize] {
            Window { lease: 0, key, delete, .. } => (key, delete, 0),
            Window { lease, .. } => (0, true, lease),
        }
    }

    /// A key that had a lease may have been deleted without its end.
    fn other_source_of(&self, window: u32) -> Option<Change> {
        let Window { key, lease, shared, .. } = self.windows[window as usize];
        (lease != 0 && !shared).then_some((key, true, 0))
    }

    /// How many of the operations that fit anywhere these slots take; `None`: there are not enough.
    fn plain_uses(&self, key: Change, slots: &[usize]) -> Option<usize> {
        let source = self.sources.get(&key)?;
        let mut between = vec![false; source.between.len()];
        let mut creating = vec![false; source.creating.len()];
        let mut plain = 0;
        for &slot in slots {
            let (revision, known_by) = (self.slots[slot], self.known_by[slot]);
            let fits = |&(at, (from, to, invoked)): &(usize, &(i64, i64, u64))| {
                let written = || match self.slots.binary_search(from) {
                    Ok(slot) => slots.contains(&slot),
                    Err(_) => true,
                };
                !between[at] && *from < revision && revision <= *to && *invoked <= known_by && written()
            };
            if let Some((at, _)) = source.between.iter().enumerate().find(fits) {
                between[at] = true;
                continue;
            }
            let born = self.taken[slot].is_some_and(|at| self.windows[at as usize].born);
            let fits = |&(at, invoked): &(usize, &u64)| born && !creating[at] && *invoked <= known_by;
            if let Some((at, _)) = source.creating.iter().enumerate().find(fits) {
                creating[at] = true;
                continue;
            }
            plain += 1;
            if source.used + plain > source.invoked.partition_point(|invoked| *invoked <= known_by) {
                return None;
            }
        }
        Some(plain)
    }

    fn add(&mut self, slot: usize, window: u32) -> bool {
        self.taken[slot] = Some(window);
        self.of_window.entry(window).or_default().push(slot);
        let open = &mut self.open[window as usize];
        *open = open.saturating_sub(1);
        if self.take_from(self.source_of(window), slot) {
            return true;
        }
        if let Some(other) = self.other_source_of(window) {
            self.leave(slot);
            if self.take_from(other, slot) {
                return true;
            }
        }
        if !self.take_joint(slot, window) {
            return false;
        }
        self.leave(slot);
        true
    }

    fn take_from(&mut self, key: Change, slot: usize) -> bool {
        self.taken_from[slot] = key;
        let slots = self.of_key.entry(key).or_default();
        let at = slots.partition_point(|other| *other < slot);
        slots.insert(at, slot);
        self.of_key.get(&key).is_some_and(|slots| self.plain_uses(key, slots).is_some())
    }

    fn leave(&mut self, slot: usize) {
        self.of_key.entry(self.taken_from[slot]).or_default().retain(|other| *other != slot);
    }

    fn remove(&mut self, slot: usize) {
        let Some(window) = self.taken[slot].take() else { return };
        if !self.joint.give_back(slot) {
            self.leave(slot);
        }
        self.of_window.entry(window).or_default().retain(|other| *other != slot);
        if self.windows[window as usize].needs > 0 {
            self.open[window as usize] += 1;
        }
    }

    /// Finds a slot for a window, by moving others if need be.
    fn fill(&mut self, window: u32) -> bool {
        let Window { from, to, .. } = self.windows[window as usize];
        let end = self.first + self.visited.len();
        let start = self.first + self.slots[self.first..end].partition_point(|slot| *slot < from);
        for slot in (start..end).take_while(|&slot| self.slots[slot] < to).collect::<Vec<_>>() {
            let before = self.taken[slot];
            if before == Some(window) || !self.fits(&self.windows[window as usize], self.slots[slot]) {
                continue;
            }
            if std::mem::replace(&mut self.visited[slot - self.first], true) {
                continue;
            }
            self.remove(slot);
            if (self.add(slot, window) || self.spare(slot))
                && before.is_none_or(|before| self.windows[before as usize].needs == 0 || self.fill(before))
            {
                return true;
            }
            self.remove(slot);
            if let Some(before) = before {
                self.add(slot, before);
            }
        }
        false
    }

    /// Makes one of the other slots that change this window's key do without that, as there are not enough operations.
    fn spare(&mut self, slot: usize) -> bool {
        let key = self.taken_from[slot];
        for rival in self.of_key.get(&key).cloned().unwrap_or_default() {
            let Some(before) = self.taken[rival].filter(|_| rival != slot) else { continue };
            if std::mem::replace(&mut self.visited[rival - self.first], true) {
                continue;
            }
            self.remove(rival);
            let enough = self.of_key.get(&key).is_some_and(|slots| self.plain_uses(key, slots).is_some());
            if enough && (self.windows[before as usize].needs == 0 || self.fill(before)) {
                return true;
            }
            self.add(rival, before);
        }
        false
    }

    /// Finds a window for a slot, by moving others if need be.
    fn place(&mut self, slot: usize) -> bool {
        if std::mem::replace(&mut self.visited[slot - self.first], true) {
            return false;
        }
        let around = self.around[slot - self.first].clone();
        // What needs a change comes before what takes one.
        let needy = around.iter().filter(|&&window| self.open[window as usize] > 0);
        let free = around.iter().filter(|&&window| self.windows[window as usize].needs == 0);
        for window in needy.chain(free).copied().collect::<Vec<u32>>() {
            if self.add(slot, window) {
                return true;
            }
            self.remove(slot);
        }
        for window in around {
            let full = self.windows[window as usize].needs > 0 && self.open[window as usize] == 0;
            let key = self.source_of(window);
            // Of a full window one of its own has to go; of a source that is used up, any of the key's.
            let rivals = if full { self.of_window.get(&window) } else { self.of_key.get(&key) };
            for rival in rivals.cloned().unwrap_or_default() {
                if self.visited[rival - self.first] {
                    continue;
                }
                // What is needed stays so.
                let spared = |before: &u32| *before == window || self.windows[*before as usize].needs == 0;
                let Some(before) = self.taken[rival].filter(spared) else { continue };
                self.remove(rival);
                if self.add(slot, window) && self.place(rival) {
                    return true;
                }
                self.remove(slot);
                self.add(rival, before);
            }
        }
        false
    }
}

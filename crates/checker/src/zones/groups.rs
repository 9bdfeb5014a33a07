//! Values, who wrote and read them, and the blocks that compare-and-sets join them to.

use rustc_hash::FxHashMap;

use super::RegisterEntry;
use crate::entry::{OPEN, Outcome};
use crate::model::{RegisterOp, RegisterReply, Value};

/// No operation, no group.
pub(super) const NONE: u32 = u32::MAX;

/// The group of the value that is held at first.
pub(super) const FIRST: u32 = 0;

/// A value: its write and its reads. Kept small, as there are as many as writes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    /// Entry that wrote it; [`NONE`] for the first value, or if nobody did.
    pub(super) writer: u32,
    /// It was held for certain.
    held: bool,
    /// First return of its reads; [`OPEN`] without any.
    pub(super) read_by: u64,
    /// Last call of its reads; 0 without any.
    pub(super) read_from: u64,
}

const EMPTY: Group = Group { writer: NONE, held: false, read_by: OPEN, read_from: 0 };

/// Groups joined by compare-and-sets, by the first of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) root: u32,
    /// First return in it.
    pub(super) f: u64,
    /// Last call in it.
    pub(super) s: u64,
}

impl Block {
    pub(super) fn is_forward(&self) -> bool {
        self.f < self.s
    }
}

/// A failed compare-and-set of a value that was held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Refused {
    pub(super) group: u32,
    pub(super) call: u64,
    pub(super) returned: u64,
    pub(super) entry: u32,
}

/// When a value is held, and how many are before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) rank: u64,
    pub(super) begin: u64,
    pub(super) end: u64,
}

/// All values of a history.
#[derive(Debug)]
pub(super) struct Groups<'a> {
    pub(super) entries: &'a [RegisterEntry],
    pub(super) groups: Vec<Group>,
    pub(super) refused: Vec<Refused>,
    ids: Ids,
    /// Some value may have been made from another.
    swaps: bool,
}

/// Numbers for values.
#[derive(Debug)]
enum Ids {
    /// The value + 1, where values are small.
    Dense(Value),
    Sparse(FxHashMap<Value, u32>),
}

impl Ids {
    /// The value's number, given so many that are known. `None`: too large for a table.
    fn number(&mut self, value: Value, known: usize, most: usize) -> Option<u32> {
        match self {
            Self::Dense(init) if value == *init => Some(FIRST),
            Self::Dense(_) => (value.0 as usize + 1 < most).then(|| value.0 + 1),
            Self::Sparse(ids) => {
                let next = u32::try_from(known).expect("fewer than 2^32 values");
                Some(*ids.entry(value).or_insert(next))
            }
        }
    }

    fn of(&self, value: Value) -> u32 {
        match self {
            Self::Dense(init) if value == *init => FIRST,
            Self::Dense(_) => value.0 + 1,
            Self::Sparse(ids) => ids[&value],
        }
    }
}

/// Why values do not fit.
enum Unfit {
    /// They are not unique.
    Twice,
    /// One is too large for a table.
    Large,
}

impl<'a> Groups<'a> {
    /// `None` if a value was written twice.
    pub(super) fn new(init: Value, entries: &'a [RegisterEntry]) -> Option<Self> {
        let with = |ids: Ids| {
            let mut groups = Vec::with_capacity(entries.len() / 2 + 1);
            groups.push(Group { held: true, ..EMPTY });
            Self { entries, groups, refused: Vec::new(), ids, swaps: false }
        };
        let mut dense = with(Ids::Dense(init));
        match dense.fill() {
            Ok(()) => return Some(dense),
            Err(Unfit::Twice) => return None,
            Err(Unfit::Large) => {}
        }
        let mut sparse = with(Ids::Sparse(FxHashMap::from_iter([(init, FIRST)])));
        sparse.fill().is_ok().then_some(sparse)
    }

    /// The value's group, made if it is new.
    fn group(&mut self, value: Value) -> Result<u32, Unfit> {
        // A table with room for four times as many values as there are operations is still smaller than they are.
        let most = self.entries.len() * 4 + 1024;
        let number = self.ids.number(value, self.groups.len(), most).ok_or(Unfit::Large)?;
        if number as usize >= self.groups.len() {
            self.groups.resize(number as usize + 1, EMPTY);
        }
        Ok(number)
    }

    /// Goes through the entries.
    fn fill(&mut self) -> Result<(), Unfit> {
        for (index, entry) in (0..).zip(self.entries) {
            match (entry.op, &entry.outcome) {
                (_, Outcome::Failed) | (RegisterOp::Read, Outcome::Unknown) => {}
                (RegisterOp::Read, Outcome::Ok(RegisterReply::Value(value))) => {
                    let number = self.group(*value)? as usize;
                    let group = &mut self.groups[number];
                    group.held = true;
                    group.read_by = group.read_by.min(entry.returned);
                    group.read_from = group.read_from.max(entry.call);
                }
                (RegisterOp::Cas { from, .. }, Outcome::Ok(RegisterReply::Swapped(false))) => {
                    let (group, call, returned) = (self.group(from)?, entry.call, entry.returned);
                    self.refused.push(Refused { group, call, returned, entry: index });
                }
                (RegisterOp::Write(value), Outcome::Unknown | Outcome::Ok(RegisterReply::Written)) => {
                    self.wrote(index, value)?;
                }
                (
                    RegisterOp::Cas { from, to },
                    Outcome::Unknown | Outcome::Ok(RegisterReply::Swapped(true)),
                ) => {
                    self.group(from)?;
                    self.swaps = true;
                    self.wrote(index, to)?;
                }
                // A reply that does not belong to the operation: no value to go by.
                _ => return Err(Unfit::Twice),
            }
        }
        Ok(())
    }

    fn wrote(&mut self, index: u32, value: Value) -> Result<(), Unfit> {
        let number = self.group(value)?;
        let group = &mut self.groups[number as usize];
        if number == FIRST || group.writer != NONE {
            return Err(Unfit::Twice);
        }
        group.writer = index;
        group.held |= self.entries[index as usize].outcome != Outcome::Unknown;
        Ok(())
    }

    /// The group that the compare-and-set of this entry was made from; [`NONE`] for a write.
    fn source(&self, entry: u32) -> u32 {
        // Entries lie far apart, and each look at one is waited for.
        if !self.swaps {
            return NONE;
        }
        match self.entries[entry as usize].op {
            RegisterOp::Cas { from, .. } => self.ids.of(from),
            _ => NONE,
        }
    }

    /// Whether the value was not made from another.
    fn is_root(&self, group: u32) -> bool {
        let writer = self.groups[group as usize].writer;
        group == FIRST || (writer != NONE && self.source(writer) == NONE)
    }

    /// When the value was written at the latest, and at the earliest.
    pub(super) fn written(&self, group: u32) -> (u64, u64) {
        match self.groups[group as usize].writer {
            NONE => (0, 0),
            writer => (self.entries[writer as usize].call, self.entries[writer as usize].deadline()),
        }
    }

    /// Whether the entry is a plain write.
    pub(super) fn is_write(&self, entry: u32) -> bool {
        matches!(self.entries[entry as usize].op, RegisterOp::Write(_))
    }

    /// All operations of values that are held, by instants within those.
    ///
    /// At one instant: what a value's failed compare-and-sets come before, its write, its reads, the next value's write.
    pub(super) fn sorted(&self, held: &[Option<Held>]) -> Vec<u32> {
        let mut order: Vec<(u64, u64, u32)> = Vec::new();
        for (index, entry) in (0..).zip(self.entries) {
            let value = match (entry.op, &entry.outcome) {
                (_, Outcome::Failed) | (RegisterOp::Read, Outcome::Unknown) => continue,
                (RegisterOp::Read, Outcome::Ok(RegisterReply::Value(value))) => *value,
                (RegisterOp::Cas { from, .. }, Outcome::Ok(RegisterReply::Swapped(false))) => from,
                (RegisterOp::Write(value) | RegisterOp::Cas { to: value, .. }, _) => value,
                _ => continue,
            };
            let refused = matches!(entry.outcome, Outcome::Ok(RegisterReply::Swapped(false)));
            let at = match held[self.ids.of(value) as usize] {
                None if refused => (entry.call, 0),
                None => continue,
                Some(Held { rank, begin, .. }) if refused && rank > 0 && entry.call <= begin => {
                    (entry.call, 2 * rank - 1)
                }
                Some(Held { rank, end, .. }) if refused => (entry.call.max(end), 2 * rank + 3),
                Some(Held { rank, begin, .. }) if entry.op == RegisterOp::Read => {
                    (begin.max(entry.call), 2 * rank + 1)
                }
                Some(Held { rank, begin, .. }) => (begin, 2 * rank),
            };
            order.push((at.0, at.1, index));
        }
        order.sort_unstable();
        order.into_iter().map(|(.., index)| index).collect()
    }

    /// Joins the groups to blocks, in no order, or gives operations that cannot be explained.
    pub(super) fn blocks(&self) -> Result<Blocks, Vec<u32>> {
        let mut this = Joined { groups: self, next: Vec::new(), held: Vec::new() };
        this.join()?;
        let Joined { next, held, .. } = this;
        let (mut forward, mut backward) = (Vec::new(), Vec::new());
        let mut walked = 0;
        for root in 0..u32::try_from(self.groups.len()).expect("fewer than 2^32 values") {
            if held[root as usize] && self.is_root(root) {
                let (block, length) = self.walk(root, &next)?;
                walked += length;
                let to = if block.is_forward() || root == FIRST { &mut forward } else { &mut backward };
                to.push(block);
            }
        }
        if walked != held.iter().filter(|&&held| held).count() {
            return Err(self.circle(&held, &next));
        }
        // Values come nearly in the order of time, which this sort makes use of.
        forward.sort_by_key(|block: &Block| (block.root != FIRST, block.f, block.s));
        let blocks = Blocks { forward, backward, next, held };
        self.spans(&blocks)?;
        Ok(blocks)
    }

    /// Walks a block from its first group. Nothing may return before what comes earlier is called.
    fn walk(&self, root: u32, next: &[u32]) -> Result<(Block, usize), Vec<u32>> {
        let mut block = Block { root, f: if root == FIRST { 0 } else { OPEN }, s: 0 };
        let (mut group, mut length) = (root, 0);
        while group != NONE {
            let Group { read_by, read_from, .. } = self.groups[group as usize];
            let (call, deadline) = if group == FIRST { (0, OPEN) } else { self.written(group) };
            let called = block.s.max(call);
            if deadline < block.s || read_by < called {
                return Err(self.core(&[root], next, &[]));
            }
            block.f = block.f.min(deadline).min(read_by);
            block.s = called.max(read_from);
            length += 1;
            group = next[group as usize];
        }
        Ok((block, length))
    }

    /// No forward spans overlap, and no backward span lies strictly inside of a forward one.
    fn spans(&self, blocks: &Blocks) -> Result<(), Vec<u32>> {
        let forward = &blocks.forward;
        for pair in forward.windows(2) {
            if pair[1].f < pair[0].s {
                return Err(self.core(&[pair[0].root, pair[1].root], &blocks.next, &[]));
            }
        }
        let mut near = 0;
        for block in &blocks.backward {
            if let Some(around) = around(forward, block.s, &mut near)
                && block.f < around.s
            {
                return Err(self.core(&[block.root, around.root], &blocks.next, &[]));
            }
        }
        Ok(())
    }

    /// The operations of these blocks that bound them, with all writes that join them; and these entries.
    pub(super) fn core(&self, roots: &[u32], next: &[u32], entries: &[u32]) -> Vec<u32> {
        let mut groups = Vec::new();
        for &root in roots {
            let mut group = root;
            // A block has a root, so it is no circle, and a walk from there ends.
            while group != NONE {
                groups.push(group);
                group = next[group as usize];
            }
        }
        self.bounds(&groups, entries)
    }

    /// The writes of these groups, their first and last reads, and these entries.
    fn bounds(&self, groups: &[u32], entries: &[u32]) -> Vec<u32> {
        let mut core = entries.to_vec();
        core.extend(groups.iter().map(|&group| self.groups[group as usize].writer));
        let mut reads: FxHashMap<u32, (u32, u32)> =
            groups.iter().map(|&group| (group, (NONE, NONE))).collect();
        for (index, entry) in (0..).zip(self.entries) {
            let (RegisterOp::Read, Outcome::Ok(RegisterReply::Value(value))) = (entry.op, &entry.outcome)
            else {
                continue;
            };
            let group = self.ids.of(*value);
            let Some((first, last)) = reads.get_mut(&group) else { continue };
            let bounds = self.groups[group as usize];
            if *first == NONE && entry.returned == bounds.read_by {
                *first = index;
            }
            if *last == NONE && entry.call == bounds.read_from {
                *last = index;
            }
        }
        core.extend(reads.values().flat_map(|&(first, last)| [first, last]));
        tidy(core)
    }

    /// Compare-and-sets that only lead to each other.
    fn circle(&self, held: &[bool], next: &[u32]) -> Vec<u32> {
        let mut reached = vec![false; held.len()];
        let groups = (0u32..).zip(held).filter(|&(group, &held)| held && self.is_root(group));
        for (mut group, _) in groups {
            while group != NONE {
                reached[group as usize] = true;
                group = next[group as usize];
            }
        }
        // What no root leads to is held because of what is built on it: a circle, with at most one way out of it.
        let left = (0u32..).zip(held.iter().zip(&reached));
        let groups: Vec<u32> =
            left.filter_map(|(group, (&held, &reached))| (held && !reached).then_some(group)).collect();
        self.bounds(&groups, &[])
    }
}

fn tidy(mut core: Vec<u32>) -> Vec<u32> {
    core.retain(|&entry| entry != NONE);
    core.sort_unstable();
    core.dedup();
    core
}

/// Works out which values were held, and what follows what.
struct Joined<'g, 'a> {
    groups: &'g Groups<'a>,
    next: Vec<u32>,
    held: Vec<bool>,
}

impl Joined<'_, '_> {
    fn join(&mut self) -> Result<(), Vec<u32>> {
        let groups = self.groups;
        self.next = vec![NONE; groups.groups.len()];
        self.held = groups.groups.iter().map(|group| group.held).collect();
        let certain = (0..).zip(&groups.groups).filter(|(_, group)| group.held);
        for (mut group, _) in certain.filter(|(group, _)| *group != FIRST) {
            // Back through what is held only because of what is built on it.
            loop {
                let writer = groups.groups[group as usize].writer;
                if writer == NONE {
                    // Nobody wrote it: the read, or the compare-and-set that built on it, explains nothing.
                    return Err(self.seen_through(group, &[]));
                }
                let source = groups.source(writer);
                if source == NONE {
                    break;
                }
                let other = self.next[source as usize];
                if other != NONE {
                    let mut core = self.seen_through(group, &[writer, groups.groups[other as usize].writer]);
                    core.extend(self.seen_through(other, &[]));
                    // Without its write, the value they start from would explain neither.
                    core.push(groups.groups[source as usize].writer);
                    return Err(tidy(core));
                }
                self.next[source as usize] = group;
                if std::mem::replace(&mut self.held[source as usize], true) {
                    break;
                }
                group = source;
            }
        }
        Ok(())
    }

    /// What shows that the group was held: its read, its write if that is known, or what was built on it.
    fn seen_through(&self, mut group: u32, entries: &[u32]) -> Vec<u32> {
        let mut groups = Vec::new();
        while group != NONE {
            groups.push(group);
            if self.groups.groups[group as usize].held {
                break;
            }
            group = self.next[group as usize];
        }
        self.groups.bounds(&groups, entries)
    }
}

/// All blocks of a history.
#[derive(Debug)]
pub(super) struct Blocks {
    /// Forward blocks by time. The first value counts as one: nothing comes before it.
    pub(super) forward: Vec<Block>,
    /// The others.
    pub(super) backward: Vec<Block>,
    /// By group: the one that a compare-and-set made from it.
    pub(super) next: Vec<u32>,
    /// By group: it was held.
    pub(super) held: Vec<bool>,
}

impl Blocks {
    /// All of them, in no order.
    pub(super) fn all(&self) -> impl Iterator<Item = &Block> {
        self.forward.iter().chain(&self.backward)
    }
}

/// The forward block whose span this instant lies strictly inside of. The first value's span began before all time. `near`:
/// where it may be, as far as is known, and then where it is.
pub(super) fn around(forward: &[Block], instant: u64, near: &mut usize) -> Option<Block> {
    let before = partition_near(forward, *near, |block| block.root == FIRST || block.f < instant);
    *near = before;
    let block = *forward.get(before.checked_sub(1)?)?;
    (instant < block.s).then_some(block)
}

/// As [`slice::partition_point`], in a time that grows with how far from `near` it is.
fn partition_near<T>(list: &[T], near: usize, holds: impl Fn(&T) -> bool) -> usize {
    let (mut low, mut high) = (near.min(list.len()), near.min(list.len()));
    let mut step = 1;
    while high < list.len() && holds(&list[high]) {
        low = high + 1;
        high = (high + step).min(list.len());
        step *= 2;
    }
    while low > 0 && !holds(&list[low - 1]) {
        high = low - 1;
        low = low.saturating_sub(step);
        step *= 2;
    }
    low + list[low..high].partition_point(holds)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_point_is_found_from_anywhere() {
        let list: Vec<usize> = (0..40).collect();
        for (near, point) in (0..45).flat_map(|near| (0..=40).map(move |point| (near, point))) {
            assert_eq!(super::partition_near(&list, near, |&at| at < point), point, "from {near}");
        }
    }
}

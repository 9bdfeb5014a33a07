//! Failed compare-and-sets: an order of the blocks, and instants in it, such that each of them meets another value.
//!
//! # With a fixed order of blocks: exact
//!
//! Let the values be held in the order g1, g2, ..., and let T(j) be the instant at which g(j) is written. All that intervals say is
//! that T rises; that T(j) lies in the interval of the write of g(j) and not after the first return of its reads; and that
//! T(j+1) is not before the last call of these. A failed compare-and-set of g(j)'s value with the interval `[c, e]` says:
//! `T(j) >= c` or `T(j+1) <= e`. Of all T(j), a later one never allows less: it satisfies more of the first kind. So going
//! from value to value, the set of instants at which a value can end is a union of few intervals, worked out from the same
//! set of the value before: [`Placer::pass`]. The order can be had exactly if the last set is not empty.
//!
//! # Finding an order
//!
//! Forward blocks have one order. Backward ones are put at their first instant, and where that fails, blocks near the failure are
//! moved, unknown writes that nobody saw are put in (a write between two values ends the first and leaves the second
//! free to begin later), and at last a small search proposes an order. Whatever was tried, the exact pass judges it. If
//! nothing does, the question stays open: it is for the search to decide, and none of this calls a history invalid, except
//! where one failed compare-and-set by itself shows that its value was held throughout.

use rustc_hash::FxHashMap;

use super::groups::{Block, Blocks, FIRST, Group, Groups, Held, NONE, Refused};
use crate::entry::OPEN;

/// Why there is no order.
pub(super) enum Failed {
    /// A failed compare-and-set lies inside of what must be held; with the operations that show it.
    Refused(Vec<u32>),
    /// None was found.
    Open,
}

/// So many blocks before and after a failure are tried elsewhere.
const NEAR: usize = 24;

/// So many blocks after a change must be passed before it is kept.
const BEYOND: usize = 12;

/// A set of instants: intervals, in order. Nearly always one.
#[derive(Clone, Debug, Default)]
struct Instants {
    first: Option<(u64, u64)>,
    more: Vec<(u64, u64)>,
}

impl Instants {
    fn one(begin: u64, end: u64) -> Self {
        Self { first: (begin <= end).then_some((begin, end)), more: Vec::new() }
    }

    fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.first.into_iter().chain(self.more.iter().copied())
    }

    fn end(&self) -> u64 {
        self.more.last().copied().or(self.first).map_or(0, |last| last.1)
    }

    /// Adds an interval that begins and ends no earlier than the last.
    fn add(&mut self, begin: u64, end: u64) {
        if begin > end {
            return;
        }
        match self.more.last_mut().or(self.first.as_mut()) {
            None => self.first = Some((begin, end)),
            Some(last) if begin <= last.1 => last.1 = last.1.max(end),
            Some(_) => self.more.push((begin, end)),
        }
    }
}

/// An order in which everything has a place.
#[derive(Debug)]
pub(super) struct Placed<'g, 'a> {
    placer: Placer<'g, 'a>,
}

/// Finds an order.
pub(super) fn place<'g, 'a>(groups: &'g Groups<'a>, blocks: Blocks) -> Result<Placed<'g, 'a>, Failed> {
    let mut placer = Placer::new(groups, blocks);
    placer.held_throughout()?;
    let mut from = 0;
    while let Some(failed) = placer.run(from, usize::MAX) {
        from = placer.repair(failed).ok_or(Failed::Open)?;
    }
    Ok(Placed { placer })
}

#[derive(Debug)]
struct Placer<'g, 'a> {
    groups: &'g Groups<'a>,
    blocks: Blocks,
    /// Failed compare-and-sets of values that were held, by group and then call.
    refused: Vec<Refused>,
    /// Where those of each group begin.
    starts: Vec<u32>,
    /// First groups of the blocks, in the order tried.
    order: Vec<u32>,
    /// Before each block of the order: the instants at which the value before can end.
    ends: Vec<Instants>,
    /// Unknown writes of values that nobody saw or expected: call and group, by call. They are taken out as they are used.
    spare: Vec<(u64, u32)>,
}

impl<'g, 'a> Placer<'g, 'a> {
    fn new(groups: &'g Groups<'a>, blocks: Blocks) -> Self {
        let mut refused: Vec<Refused> =
            groups.refused.iter().copied().filter(|refused| blocks.held[refused.group as usize]).collect();
        refused.sort_unstable();
        let mut starts = vec![0; groups.groups.len() + 1];
        for refused in &refused {
            starts[refused.group as usize + 1] += 1;
        }
        for group in 1..starts.len() {
            starts[group] += starts[group - 1];
        }
        let forward = &blocks.forward;
        let mut near = 0;
        let place = |block: &Block| {
            if block.is_forward() || block.root == FIRST {
                return (block.root != FIRST, block.f, true, block.root);
            }
            let instant =
                super::groups::around(forward, block.s, &mut near).map_or(block.s, |around| around.s);
            (true, instant, false, block.root)
        };
        let mut order: Vec<_> = blocks.all().map(place).collect();
        // Values come nearly in the order of time, which this sort makes use of.
        order.sort();
        let order = order.into_iter().map(|(.., root)| root).collect();
        let mut spare: Vec<(u64, u32)> = Vec::new();
        if !refused.is_empty() {
            // Held, such a value must not be one that a failed compare-and-set expects: those were left out above.
            let mut expected = vec![false; groups.groups.len()];
            for refused in &groups.refused {
                expected[refused.group as usize] = true;
            }
            let unseen = (0u32..).zip(&groups.groups).filter(|&(group, found)| {
                let group = group as usize;
                found.writer != NONE
                    && !blocks.held[group]
                    && !expected[group]
                    && groups.is_write(found.writer)
            });
            spare.extend(unseen.map(|(group, _)| (groups.written(group).0, group)));
            spare.sort_unstable();
        }
        Self { groups, blocks, refused, starts, order, ends: vec![Instants::one(0, OPEN)], spare }
    }

    fn refused(&self, group: u32) -> &[Refused] {
        &self.refused[self.starts[group as usize] as usize..self.starts[group as usize + 1] as usize]
    }

    /// Whether some failed compare-and-set lies where its value must be held, in whatever order.
    fn held_throughout(&self) -> Result<(), Failed> {
        for block in self.blocks.all() {
            // Along the chain: the last instants at which values can begin, from the back.
            let chain = self.chain(block.root);
            let mut latest = vec![OPEN; chain.len()];
            let mut last = OPEN;
            for (at, &group) in chain.iter().enumerate().rev() {
                last = last.min(self.groups.written(group).1).min(self.groups.groups[group as usize].read_by);
                latest[at] = last;
            }
            let mut called = 0;
            for (at, &group) in chain.iter().enumerate() {
                called = called
                    .max(self.groups.written(group).0)
                    .max(self.groups.groups[group as usize].read_from);
                let ends = chain.get(at + 1).map_or(called, |&next| called.max(self.groups.written(next).0));
                let begins_before = |refused: &&Refused| group == FIRST || refused.call > latest[at];
                let inside = self
                    .refused(group)
                    .iter()
                    .find(|refused| begins_before(refused) && ends > refused.returned);
                if let Some(refused) = inside {
                    return Err(Failed::Refused(self.groups.core(
                        &[block.root],
                        &self.blocks.next,
                        &[refused.entry],
                    )));
                }
            }
        }
        Ok(())
    }

    /// The groups of a block.
    fn chain(&self, root: u32) -> Vec<u32> {
        let next = |&group: &u32| Some(self.blocks.next[group as usize]).filter(|&next| next != NONE);
        std::iter::successors(Some(root), next).collect()
    }

    /// Passes the blocks from this one on, up to `until`. Gives the block that fails.
    fn run(&mut self, from: usize, until: usize) -> Option<usize> {
        self.ends.truncate(from + 1);
        for at in from..self.order.len().min(until) {
            let after = self.pass(self.order[at], &self.ends[at]);
            // The last value of all is held forever.
            let stays = at + 1 < self.order.len() || after.end() == OPEN;
            if after.is_empty() || !stays {
                return Some(at);
            }
            self.ends.push(after);
        }
        None
    }

    /// The instants at which the last value of a block can end, if the value before it ends at one of these.
    fn pass(&self, root: u32, before: &Instants) -> Instants {
        let mut ends = self.step(root, before);
        let mut group = self.blocks.next[root as usize];
        while group != NONE && !ends.is_empty() {
            ends = self.step(group, &ends);
            group = self.blocks.next[group as usize];
        }
        ends
    }

    /// The same for one value.
    fn step(&self, group: u32, before: &Instants) -> Instants {
        let Group { read_by, read_from, .. } = self.groups.groups[group as usize];
        if group != FIRST && self.refused(group).is_empty() {
            // The first instant allows all that later ones do.
            let (call, deadline) = self.groups.written(group);
            let fits = |&(begin, end): &(u64, u64)| begin.max(call) <= end.min(deadline).min(read_by);
            let first = before.iter().find(fits);
            return first.map_or_else(Instants::default, |(begin, _)| {
                Instants::one(begin.max(call).max(read_from), OPEN)
            });
        }
        let mut after = Instants::default();
        for (begin, end) in self.pieces(group, before) {
            after.add(begin.max(read_from), end);
        }
        after
    }

    /// When the value can begin, as far as that matters, and for each by when it must end.
    ///
    /// Between two calls of failed compare-and-sets, a later beginning satisfies no more of them: the first instant of each
    /// such stretch stands for it.
    fn pieces(&self, group: u32, before: &Instants) -> Vec<(u64, u64)> {
        let refused = self.refused(group);
        if group == FIRST {
            let by = refused.iter().map(|refused| refused.returned).min().unwrap_or(OPEN);
            return vec![(0, by)];
        }
        let (call, deadline) = self.groups.written(group);
        let last = deadline.min(self.groups.groups[group as usize].read_by);
        let fits = |(begin, end): (u64, u64)| {
            let (begin, end) = (begin.max(call), end.min(last));
            (begin <= end).then_some((begin, end))
        };
        // By when the value must end if the failed ones from here on (by call) began after it.
        let mut by = vec![OPEN; refused.len() + 1];
        for at in (0..refused.len()).rev() {
            by[at] = by[at + 1].min(refused[at].returned);
        }
        let mut pieces = Vec::new();
        for (begin, end) in before.iter().filter_map(fits) {
            let met = refused.partition_point(|refused| refused.call <= begin);
            pieces.push((begin, by[met]));
            for at in met..refused.partition_point(|refused| refused.call <= end) {
                pieces.push((refused[at].call, by[at + 1]));
            }
        }
        pieces
    }

    /// Changes the order near a failure so that it is passed. Gives the first block that has to be passed again.
    fn repair(&mut self, failed: usize) -> Option<usize> {
        self.put_in(failed).or_else(|| self.move_near(failed)).or_else(|| self.search_near(failed))
    }

    /// Puts an unknown write that nobody saw between two values.
    fn put_in(&mut self, failed: usize) -> Option<usize> {
        for at in [failed, failed.saturating_sub(1), failed + 1] {
            let Some(ends) = self.ends.get(at.min(failed)) else { continue };
            let by = ends.end();
            let spare = self.spare.partition_point(|spare| spare.0 <= by).checked_sub(1);
            let Some(spare) = spare.filter(|_| at > 0) else { continue };
            self.order.insert(at, self.spare[spare].1);
            if self.run(at.min(failed), failed + BEYOND).is_none_or(|next| next > failed + 1) {
                self.spare.remove(spare);
                return Some(self.ends.len() - 1);
            }
            self.order.remove(at);
            self.run(at.min(failed), failed);
        }
        None
    }

    /// Moves one backward block from near the failure to right there.
    fn move_near(&mut self, failed: usize) -> Option<usize> {
        let near = failed.saturating_sub(NEAR).max(1)..(failed + NEAR).min(self.order.len());
        for distance in 1..=NEAR {
            for from in [failed + distance, failed.wrapping_sub(distance)] {
                if !near.contains(&from) {
                    continue;
                }
                for to in [failed, failed.saturating_sub(1).max(1), failed + 1] {
                    if to == from || to >= self.order.len() {
                        continue;
                    }
                    let root = self.order.remove(from);
                    self.order.insert(to, root);
                    let first = from.min(to).min(failed);
                    let reach = from.max(to).max(failed) + BEYOND;
                    if self.run(first, reach).is_none_or(|next| next > from.max(to).max(failed) + 1) {
                        return Some(self.ends.len() - 1);
                    }
                    let root = self.order.remove(to);
                    self.order.insert(from, root);
                    self.run(first, failed);
                }
            }
        }
        None
    }

    /// Lets a search propose the order of the blocks around the failure.
    fn search_near(&mut self, failed: usize) -> Option<usize> {
        for reach in [16, 64, 256] {
            let first = failed.saturating_sub(reach).max(1);
            let last = (failed + reach).min(self.order.len());
            if first >= last {
                return None;
            }
            let before = self.order[first..last].to_vec();
            if let Some(proposed) = self.propose(first, last) {
                self.order[first..last].copy_from_slice(&proposed);
                if self.run(first, last + BEYOND).is_none_or(|next| next > last.max(failed + 1)) {
                    return Some(self.ends.len() - 1);
                }
                self.order[first..last].copy_from_slice(&before);
                self.run(first, failed);
            }
        }
        None
    }

    /// An order of these blocks that explains them and the failed compare-and-sets of their values.
    fn propose(&self, first: usize, last: usize) -> Option<Vec<u32>> {
        let all = self.groups.entries;
        let mut picked: Vec<u32> = Vec::new();
        let mut member: FxHashMap<u32, u32> = FxHashMap::default();
        for &root in &self.order[first..last] {
            picked.extend(self.groups.core(&[root], &self.blocks.next, &[]));
            for group in self.chain(root) {
                member.insert(self.groups.groups[group as usize].writer, root);
                picked.extend(self.refused(group).iter().map(|refused| refused.entry));
            }
        }
        picked.sort_unstable();
        picked.dedup();
        let entries: Vec<_> = picked.iter().map(|&entry| all[entry as usize].clone()).collect();
        let order = super::propose(&entries)?;
        let mut proposed = Vec::new();
        for index in order {
            if let Some(&root) = member.get(&picked[index as usize])
                && !proposed.contains(&root)
            {
                proposed.push(root);
            }
        }
        (proposed.len() == last - first).then_some(proposed)
    }
}

impl Placed<'_, '_> {
    /// An order of the operations, from instants for all values.
    pub(super) fn witness(self) -> Vec<u32> {
        let placer = &self.placer;
        let Placer { groups, order, ends, .. } = placer;
        // From the back: when each value begins, given when it ends.
        let mut sequence: Vec<(u32, u64)> = Vec::new();
        let mut end = OPEN;
        for (&root, before) in order.iter().zip(ends).rev() {
            let chain = placer.chain(root);
            let mut befores = vec![Instants::clone(before)];
            for &group in &chain[..chain.len() - 1] {
                let after = placer.step(group, &befores[befores.len() - 1]);
                befores.push(after);
            }
            for (&group, before) in chain.iter().zip(&befores).rev() {
                let begin = placer
                    .pieces(group, before)
                    .into_iter()
                    .rfind(|&(begin, by)| begin <= end && end <= by)
                    .map_or(end, |(begin, _)| begin);
                sequence.push((group, begin));
                end = begin;
            }
        }
        sequence.reverse();
        let mut held = vec![None; groups.groups.len()];
        for (rank, &(group, begin)) in sequence.iter().enumerate() {
            let end = sequence.get(rank + 1).map_or(OPEN, |next| next.1);
            held[group as usize] = Some(Held { rank: rank as u64, begin, end });
        }
        groups.sorted(&held)
    }
}

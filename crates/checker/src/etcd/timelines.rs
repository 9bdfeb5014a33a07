//! For each key, the entries that say something about it.
//!
//! A range concerns all of its keys, and lists of thousands of ranges for each of thousands of keys would be too much. So
//! the keys are the leaves of a segment tree: a range is noted at the few nodes that make it up, and what concerns a key
//! is noted on its way to the root.

use std::cell::Cell as Place;

use super::log::{Action, Key, Keys, Log};
use super::order::{Entry, Order, Role};
use super::outlook::Told;

/// Entries that are passed one by one on the way forward, before they are searched.
const STEPS: usize = 16;
/// Nodes on the way from a leaf to the root, where the number of a node has 32 bits.
const LEVELS: usize = 33;

/// The entries that concern each key.
#[derive(Debug)]
pub(super) struct Timelines {
    /// The node of the first key; node `n` is below node `n / 2`, and 1 is the root.
    leaves: usize,
    /// Where the entries of each node begin.
    start: Vec<u32>,
    entries: Vec<u32>,
    /// A bit for each level that has entries, the leaves' level first.
    levels: u64,
    /// Where each node was last looked at from: the next time it is from near there.
    last: Vec<Place<u32>>,
    /// What was told of each key.
    pub(super) told: Vec<Place<Told>>,
}

/// Entries of several lists, in order.
pub(super) struct Merged<'e> {
    lists: [&'e [u32]; LEVELS],
    len: usize,
}

impl Timelines {
    pub(super) fn new(log: &Log<'_>, order: &Order) -> Self {
        let leaves = log.keys.len().max(1);
        let (mut start, mut levels) = (vec![0_u32; 2 * leaves + 1], 0);
        each_node(log, order, leaves, |_, node, level| {
            start[node] += 1;
            levels |= 1 << level;
        });
        let mut sum = 0;
        for slot in &mut start {
            sum += std::mem::replace(slot, sum);
        }
        let mut entries = vec![0; sum as usize];
        let mut next = start.clone();
        each_node(log, order, leaves, |entry, node, _| {
            entries[next[node] as usize] = entry;
            next[node] += 1;
        });
        let last = vec![Place::new(0); 2 * leaves];
        let told = vec![Place::new(Told::NOTHING); leaves];
        Self { leaves, start, entries, levels, last, told }
    }

    /// The entries that concern a key, from the entry `from` on.
    pub(super) fn since(&self, key: Key, from: u32) -> Merged<'_> {
        let mut merged = Merged { lists: [&[]; LEVELS], len: 0 };
        for node in self.nodes(key) {
            let list = near(self.of(node), from, &self.last[node]);
            merged.add(list);
        }
        merged
    }

    /// All of them.
    pub(super) fn each(&self, key: Key) -> Merged<'_> {
        let mut merged = Merged { lists: [&[]; LEVELS], len: 0 };
        self.nodes(key).for_each(|node| merged.add(self.of(node)));
        merged
    }

    fn nodes(&self, key: Key) -> impl Iterator<Item = usize> {
        let (leaf, levels) = (self.leaves + key as usize, self.levels);
        let all = 0..usize::BITS - leaf.leading_zeros();
        all.filter(move |level| levels >> level & 1 == 1).map(move |level| leaf >> level)
    }

    fn of(&self, node: usize) -> &[u32] {
        &self.entries[self.start[node] as usize..self.start[node + 1] as usize]
    }
}

impl<'e> Merged<'e> {
    fn add(&mut self, list: &'e [u32]) {
        if !list.is_empty() {
            self.lists[self.len] = list;
            self.len += 1;
        }
    }
}

impl Iterator for Merged<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let lists = &mut self.lists[..self.len];
        let (at, first) = lists.iter().map(|list| list[0]).enumerate().min_by_key(|(_, first)| *first)?;
        lists[at] = &lists[at][1..];
        if lists[at].is_empty() {
            self.len -= 1;
            lists.swap(at, self.len);
        }
        Some(first)
    }
}

/// What is left of a list from `from` on.
fn near<'e>(entries: &'e [u32], from: u32, last: &Place<u32>) -> &'e [u32] {
    let mut at = (last.get() as usize).min(entries.len());
    if at > 0 && entries[at - 1] >= from {
        at = entries[..at].partition_point(|&entry| entry < from);
    } else {
        let near = entries[at..].iter().take(STEPS).take_while(|&&entry| entry < from).count();
        at += near;
        if near == STEPS {
            at += entries[at..].partition_point(|&entry| entry < from);
        }
    }
    last.set(at as u32);
    &entries[at..]
}

/// Each entry with each node where it is noted, and how far above the leaves that is.
fn each_node(log: &Log<'_>, order: &Order, leaves: usize, mut see: impl FnMut(u32, usize, u32)) {
    let mut touched = Vec::new();
    for (index, entry) in (0..).zip(&order.entries) {
        if let Some(key) = log.only_key(entry.op) {
            see(index, leaves + key as usize, 0);
            continue;
        }
        touched.clear();
        touch(log, entry, &mut touched);
        for keys in &touched {
            let (mut from, mut to, mut level) = (leaves + keys.from as usize, leaves + keys.to as usize, 0);
            while from < to {
                if from & 1 == 1 {
                    see(index, from, level);
                    from += 1;
                }
                if to & 1 == 1 {
                    to -= 1;
                    see(index, to, level);
                }
                (from, to, level) = (from >> 1, to >> 1, level + 1);
            }
        }
    }
}

/// The keys that an entry says something about.
fn touch(log: &Log<'_>, entry: &Entry, touched: &mut Vec<Keys>) {
    let action = entry.action(log);
    match &action {
        Action::Put { key, .. } => return touched.push(Keys::one(*key)),
        Action::Range { keys, revision: 0, .. } | Action::Delete { keys, .. } => return touched.push(*keys),
        Action::Range { keys, .. } if entry.role() == Role::Old => return touched.push(*keys),
        _ => {}
    }
    touch_action(log, &action, touched);
    // A key that a transaction names twice is concerned once.
    touched.sort_unstable_by_key(|keys| (keys.from, keys.to));
    touched.dedup();
    let mut reach = 0;
    for keys in touched.iter_mut() {
        keys.from = keys.from.max(reach).min(keys.to);
        reach = reach.max(keys.to);
    }
    touched.retain(|keys| keys.from < keys.to);
}

fn touch_action(log: &Log<'_>, action: &Action<'_>, touched: &mut Vec<Keys>) {
    match action {
        Action::Put { key, .. } => touched.push(Keys::one(*key)),
        Action::Range { revision, .. } if *revision != 0 => {}
        Action::Range { keys, .. } | Action::Delete { keys, .. } => touched.push(*keys),
        Action::Txn(txn) => {
            let txn = &log.txns[*txn as usize];
            // That something does not hold of all keys of a range says nothing about one of them.
            let compares = log.compares[txn.compares.range()].iter().map(|compare| compare.keys);
            touched.extend(compares.filter(|keys| txn.succeeded == Some(true) || keys.single().is_some()));
            log.taken(txn).for_each(|action| touch_action(log, &action, touched));
        }
        _ => {}
    }
}

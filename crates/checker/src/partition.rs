//! A history in its independent parts.
//!
//! By the locality of linearizability (Herlihy and Wing), a history is linearizable exactly if each of its parts is.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::model::{EntryOf, Model};

/// The operations on one part of the object.
#[derive(Clone, Debug)]
pub(crate) struct Part<'a, M: Model> {
    pub(crate) key: Option<M::Key>,
    pub(crate) entries: Cow<'a, [EntryOf<M>]>,
    /// Index of each in the whole list; empty: the same.
    pub(crate) indices: Vec<usize>,
}

/// Splits by key, in the order of keys. Operations without a key make the whole one part.
pub(crate) fn split<'a, M: Model>(model: &M, entries: &'a [EntryOf<M>]) -> Vec<Part<'a, M>> {
    let mut by_key: BTreeMap<M::Key, Vec<usize>> = BTreeMap::new();
    for (index, entry) in entries.iter().enumerate() {
        let Some(key) = model.partition(&entry.op) else { return vec![Part::whole(entries)] };
        by_key.entry(key).or_default().push(index);
    }
    let part = |(key, indices): (M::Key, Vec<usize>)| Part {
        key: Some(key),
        entries: indices.iter().map(|&index| entries[index].clone()).collect(),
        indices,
    };
    by_key.into_iter().map(part).collect()
}

impl<'a, M: Model> Part<'a, M> {
    /// All of it.
    pub(crate) fn whole(entries: &'a [EntryOf<M>]) -> Self {
        Self { key: None, entries: Cow::Borrowed(entries), indices: Vec::new() }
    }

    /// Some of its operations.
    pub(crate) fn subset(&self, local: &[u32]) -> Part<'a, M> {
        Part {
            key: self.key.clone(),
            entries: local.iter().map(|&index| self.entries[index as usize].clone()).collect(),
            indices: self.global(local.to_vec()),
        }
    }

    /// Indices into the whole list.
    pub(crate) fn global(&self, local: Vec<u32>) -> Vec<usize> {
        let global = |index: u32| self.indices.get(index as usize).copied().unwrap_or(index as usize);
        local.into_iter().map(global).collect()
    }
}

/// One order of the whole from orders of the parts.
///
/// Each operation gets the earliest instant that its part's order allows: its call, or the instant of the one before it if
/// that is later. That instant is not after its return, as the part's order respects the intervals: the one before it was
/// called before this one returned. Sorted by instants (and stably, so that each part keeps its order), the whole respects
/// all intervals.
pub(crate) fn interleave<O, R>(entries: &[crate::entry::Entry<O, R>], orders: &[Vec<usize>]) -> Vec<usize> {
    let mut at = Vec::new();
    for order in orders {
        let mut instant = 0;
        for &index in order {
            instant = instant.max(entries[index].call);
            at.push((instant, index));
        }
    }
    at.sort_by_key(|&(instant, _)| instant);
    at.into_iter().map(|(_, index)| index).collect()
}

//! Keys as numbers in key order, so that a range of keys is a range of numbers.

use std::ops::Range;

use history::Blob;
use rustc_hash::FxHashMap;

/// A key's rank among all keys that the history names.
pub(super) type Key = u32;

/// Keys while they are collected.
#[derive(Debug, Default)]
pub(super) struct Collected<'h> {
    ids: FxHashMap<&'h [u8], u32>,
    keys: Vec<&'h [u8]>,
}

/// All keys, in order.
#[derive(Debug)]
pub(super) struct Keys<'h> {
    sorted: Vec<&'h [u8]>,
    ranks: FxHashMap<&'h [u8], Key>,
}

impl<'h> Collected<'h> {
    /// The number of a key for as long as keys are collected.
    pub(super) fn id(&mut self, key: &'h [u8]) -> u32 {
        let next = u32::try_from(self.keys.len()).expect("fewer than 2^32 keys fit into memory");
        *self.ids.entry(key).or_insert_with(|| {
            self.keys.push(key);
            next
        })
    }

    /// The keys in order, and the rank of each number.
    pub(super) fn rank(self) -> (Keys<'h>, Vec<Key>) {
        let Self { mut ids, keys } = self;
        let mut sorted = keys.clone();
        sorted.sort_unstable();
        let mut ranks = vec![0; keys.len()];
        for (rank, key) in (0..).zip(&sorted) {
            if let Some(id) = ids.get_mut(key) {
                ranks[*id as usize] = rank;
                *id = rank;
            }
        }
        (Keys { sorted, ranks: ids }, ranks)
    }
}

impl<'h> Keys<'h> {
    pub(super) fn len(&self) -> usize {
        self.sorted.len()
    }

    /// The rank of a key that the history names somewhere.
    pub(super) fn rank(&self, key: &[u8]) -> Option<Key> {
        self.ranks.get(key).copied()
    }

    /// The known keys of a request's range; no end is one key, and a zero byte is no bound.
    pub(super) fn range(&self, key: &Blob<'_>, end: Option<&Blob<'_>>) -> Range<Key> {
        let at = |bytes: &[u8]| self.sorted.partition_point(|known| *known < bytes) as Key;
        let from = at(key.bytes());
        let to = match end.map(Blob::bytes) {
            None => from + Key::from(self.sorted.get(from as usize) == Some(&key.bytes())),
            Some(b"\0") => self.sorted.len() as Key,
            Some(end) => at(end).max(from),
        };
        from..to
    }

    /// For people.
    pub(super) fn name(&self, key: Key) -> String {
        Blob::from(self.sorted[key as usize]).to_string()
    }
}

/// Whether a request's range covers a key.
pub(super) fn covers(from: &Blob<'_>, end: Option<&Blob<'_>>, key: &[u8]) -> bool {
    match end.map(Blob::bytes) {
        None => key == from.bytes(),
        Some(b"\0") => key >= from.bytes(),
        Some(end) => key >= from.bytes() && key < end,
    }
}

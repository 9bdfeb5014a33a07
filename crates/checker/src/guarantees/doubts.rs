//! Operations that nobody heard of again: what they may have done to a key, at any time after they were asked for.

use std::ops::Range;

use history::{Call, Delete, Nanos};
use rustc_hash::FxHashMap;

use super::keys::Key;
use super::record::{Record, answer, failed, may_do};

/// Keys that may have been changed by an operation with an unknown outcome, or by one whose answer does not tell.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    /// Single keys: when the first such operation was asked for.
    removals: FxHashMap<Key, Nanos>,
    puts: FxHashMap<Key, Nanos>,
    ranges: Vec<(Nanos, Range<Key>)>,
    /// Acknowledged deletes that did not tell which keys they found.
    swept: Vec<(Nanos, Range<Key>)>,
}

impl Doubts {
    pub(super) fn new(record: &Record<'_>) -> Self {
        let mut doubts = Self::default();
        for operation in &record.history.operations {
            let asked = operation.invoked;
            match &operation.call {
                // The store's own recipes end with a delete, and are not taken apart.
                Call::Unlock { key } | Call::Resign { key, .. } => {
                    record
                        .keys
                        .rank(key.bytes())
                        .into_iter()
                        .for_each(|key| note(&mut doubts.removals, key, asked));
                }
                Call::Proclaim { key, .. } => {
                    record
                        .keys
                        .rank(key.bytes())
                        .into_iter()
                        .for_each(|key| note(&mut doubts.puts, key, asked));
                }
                _ if failed(operation) => {}
                call if answer(operation).is_some() => {
                    may_do(call, &mut |call| doubts.answered(record, call, asked));
                }
                call => may_do(call, &mut |call| doubts.call(record, call, asked)),
            }
        }
        doubts.ranges.sort_by_key(|(asked, _)| *asked);
        doubts
    }

    fn call(&mut self, record: &Record<'_>, call: &Call<'_>, asked: Nanos) {
        match call {
            Call::Delete(delete) => {
                let keys = record.keys.range(&delete.key, delete.end.as_ref());
                match keys.len() {
                    0 => {}
                    1 => note(&mut self.removals, keys.start, asked),
                    _ => self.ranges.push((asked, keys)),
                }
            }
            Call::Put(put) => {
                let Some(key) = record.keys.rank(put.key.bytes()) else { return };
                note(&mut self.puts, key, asked);
                if put.lease != 0 {
                    // The lease that it may have attached ends some time.
                    note(&mut self.removals, key, asked);
                }
            }
            _ => {}
        }
    }

    fn answered(&mut self, record: &Record<'_>, call: &Call<'_>, asked: Nanos) {
        if let Call::Delete(Delete { key, end: Some(end), prev_kv: false }) = call {
            self.swept.push((asked, record.keys.range(key, Some(end))));
        }
    }

    /// Whether an acknowledged delete that did not tell its keys, asked for by then, may have removed the key.
    pub(super) fn may_have_swept(&self, key: Key, by: Nanos) -> bool {
        self.swept.iter().any(|(asked, keys)| *asked <= by && keys.contains(&key))
    }

    /// Whether such an operation, asked for by then, may have removed the key.
    pub(super) fn may_remove(&self, key: Key, by: Nanos) -> bool {
        self.removals.get(&key).is_some_and(|asked| *asked <= by)
            || self.ranges.iter().take_while(|(asked, _)| *asked <= by).any(|(_, keys)| keys.contains(&key))
    }

    /// Whether such an operation, asked for by then, may have put the key.
    pub(super) fn may_put(&self, key: Key, by: Nanos) -> bool {
        self.puts.get(&key).is_some_and(|asked| *asked <= by)
    }
}

fn note(of: &mut FxHashMap<Key, Nanos>, key: Key, asked: Nanos) {
    let first = of.entry(key).or_insert(asked);
    *first = (*first).min(asked);
}

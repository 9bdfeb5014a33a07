//! Parts of a history into one: their keys become ranks among all keys, and their indices move behind each other.

use std::thread;

use rustc_hash::FxHashMap;

use super::packed::{Kind, ONE, Packed};
use super::{Action, Key, Keys, Log, NONE, Txn, index};

/// Parts with fewer operations than this are not worth a thread.
const LARGE: usize = 50_000;

impl<'a> Log<'a> {
    /// `names`: what [`Log::names`] gives for these parts.
    pub(in crate::etcd) fn join(mut parts: Vec<Self>, names: &'a [Vec<u8>], complete: bool) -> Self {
        let mut names = names.iter();
        for part in &mut parts {
            for ((key, ..), name) in std::mem::take(&mut part.made).into_iter().zip(&mut names) {
                part.keys[key as usize] = name;
            }
        }
        let mut keys: Vec<&'a [u8]> = parts.iter().flat_map(|part| part.keys.iter().copied()).collect();
        keys.sort_unstable();
        keys.dedup();
        let room = |part: &Self| part.ranged.iter().map(|&from| part.keys[from as usize]).collect::<Vec<_>>();
        let mut rooms: Vec<&'a [u8]> = parts.iter().flat_map(room).collect();
        rooms.sort_unstable();
        rooms.dedup();
        keys.extend(rooms);
        keys.sort_unstable();
        let mut before = Before::default();
        let moved: Vec<Moved> = parts.iter().map(|part| Moved::new(part, &keys, &mut before)).collect();
        thread::scope(|scope| {
            for (part, moved) in parts.iter_mut().zip(&moved) {
                if part.ops.len() < LARGE {
                    moved.part(part);
                } else {
                    scope.spawn(|| moved.part(part));
                }
            }
        });
        // The first part takes the others in, so that no more than one of them is there twice.
        let mut parts = parts.into_iter();
        let mut log = Self { keys, complete, ..parts.next().unwrap_or_default() };
        log.reserve(&before);
        for part in parts {
            log.append(part);
        }
        log
    }

    /// Puts the operations of several files in the order of [`history::History::operations`].
    pub(in crate::etcd) fn in_order(mut self) -> Self {
        if !self.ops.is_sorted_by_key(|op| (op.invoked, op.file)) {
            self.ops.sort_by_key(|op| (op.invoked, op.file));
        }
        self
    }

    /// Lays the steps down behind the operations, whose order is final.
    pub(in crate::etcd) fn with_steps(mut self) -> Self {
        self.recorded = self.ops.len();
        self.tell_makers();
        self.ops.append(&mut self.steps);
        self
    }

    /// Makes room for everything at once: growing takes twice the memory for a moment.
    fn reserve(&mut self, all: &Before) {
        fn to<T>(column: &mut Vec<T>, len: u32) {
            column.reserve_exact((len as usize).saturating_sub(column.len()));
        }
        to(&mut self.ops, all.ops);
        to(&mut self.actions, all.actions);
        to(&mut self.values, all.values);
        to(&mut self.odd, all.odd);
        to(&mut self.txns, all.txns);
        to(&mut self.compares, all.compares);
        to(&mut self.kvs, all.kvs);
    }

    fn append(&mut self, mut part: Self) {
        // Each column goes when it was copied.
        fn take<T>(to: &mut Vec<T>, from: &mut Vec<T>) {
            to.append(&mut std::mem::take(from));
        }
        self.untold |= part.untold;
        let Self { ops, actions, values, odd, txns, compares, facts, steps, .. } = self;
        let mut rest = || {
            take(actions, &mut part.actions);
            take(values, &mut part.values);
            take(odd, &mut part.odd);
            take(txns, &mut part.txns);
            take(compares, &mut part.compares);
            take(facts, &mut part.facts);
            take(steps, &mut part.steps);
        };
        if part.ops.len() < LARGE {
            rest();
            take(ops, &mut part.ops);
        } else {
            thread::scope(|scope| {
                scope.spawn(rest);
                take(ops, &mut part.ops);
            });
        }
        // The two largest would be too much to have twice at once.
        take(&mut self.kvs, &mut part.kvs);
    }
}

/// How many records other parts have before a part.
#[derive(Clone, Copy, Default)]
struct Before {
    ops: u32,
    actions: u32,
    values: u32,
    odd: u32,
    txns: u32,
    compares: u32,
    kvs: u32,
    steps: u32,
}

/// Where the records of a part go.
struct Moved {
    ranks: Vec<Key>,
    last: Key,
    before: Before,
}

impl Moved {
    /// `before` moves on behind the part.
    fn new(part: &Log<'_>, keys: &[&[u8]], before: &mut Before) -> Self {
        let rank = |key: &&[u8]| index(keys.partition_point(|known| known < key));
        let moved =
            Self { ranks: part.keys.iter().map(rank).collect(), last: index(keys.len()), before: *before };
        let to = |from: u32, len: usize| index(from as usize + len);
        *before = Before {
            ops: to(before.ops, part.ops.len()),
            actions: to(before.actions, part.actions.len()),
            values: to(before.values, part.values.len()),
            odd: to(before.odd, part.odd.len()),
            txns: to(before.txns, part.txns.len()),
            compares: to(before.compares, part.compares.len()),
            kvs: to(before.kvs, part.kvs.len()),
            steps: to(before.steps, part.steps.len()),
        };
        moved
    }

    fn part(&self, part: &mut Log<'_>) {
        part.ids = FxHashMap::default();
        part.ranged = Vec::new();
        part.ops.iter_mut().for_each(|op| self.packed(&mut op.action));
        part.steps.iter_mut().for_each(|op| self.packed(&mut op.action));
        part.actions.iter_mut().for_each(|packed| self.packed(packed));
        part.odd.iter_mut().for_each(|action| self.action(action));
        part.txns.iter_mut().for_each(|txn| self.txn(txn));
        part.compares.iter_mut().for_each(|compare| self.keys(&mut compare.keys));
        part.kvs.iter_mut().for_each(|kv| self.key(&mut kv.key));
        part.facts.iter_mut().for_each(|(_, fact)| self.key(fact.key_mut()));
    }

    fn key(&self, key: &mut Key) {
        *key = self.ranks[*key as usize];
    }

    fn keys(&self, keys: &mut Keys) {
        let from = self.ranks[keys.from as usize];
        let to = match keys.to {
            ONE => from + 1,
            NONE => self.last,
            end => self.ranks[end as usize].max(from),
        };
        *keys = Keys { from, to };
    }

    fn packed(&self, Packed { kind, a, b }: &mut Packed) {
        match kind {
            Kind::Put => {
                self.key(a);
                *b += self.before.values;
            }
            Kind::Get => {
                self.key(a);
                if *b != NONE {
                    *b += self.before.kvs;
                }
            }
            Kind::Delete => self.key(a),
            Kind::Txn | Kind::Silent => {
                *a += self.before.txns;
                if *b != NONE {
                    self.key(b);
                }
            }
            Kind::Held => {
                self.key(a);
                *b += self.before.steps;
            }
            Kind::Odd => *a += self.before.odd,
            Kind::Other => {}
        }
    }

    fn action(&self, action: &mut Action<'_>) {
        match action {
            Action::Put { key, prev, .. } => {
                self.key(key);
                if *prev != NONE {
                    *prev += self.before.kvs;
                }
            }
            Action::Range { keys, kvs, .. } => {
                self.keys(keys);
                kvs.start += self.before.kvs;
            }
            Action::Delete { keys, prev, .. } => {
                self.keys(keys);
                prev.start += self.before.kvs;
            }
            Action::Txn(txn) => *txn += self.before.txns,
            _ => {}
        }
    }

    fn txn(&self, txn: &mut Txn) {
        txn.compares.start += self.before.compares;
        txn.success.start += self.before.actions;
        txn.failure.start += self.before.actions;
    }
}

//! What can only have been done by one operation.

use std::ops::Range;

use rustc_hash::{FxHashMap, FxHashSet};

use super::super::log::{Action, Ending, Fact, Key, Kv, Log};
use super::super::order::{Entry, Order, Role};
use super::asked::puts;
use super::{Supply, collect};

/// Entries that are looked through for the last put of a key.
const LOOKED_BACK: usize = 10_000;

impl<'a> Supply<'a> {
    /// What was put by operations with an unknown outcome, where nothing else can have put it.
    pub(in crate::etcd) fn found(&self, log: &Log<'a>, order: &Order) -> Vec<(u32, Kv<'a>)> {
        let mut found: Vec<(u32, Kv<'a>)> = self.written_by_one().collect();
        found.retain(|(op, _)| {
            (*op as usize) < log.recorded && log.ops[*op as usize].ending == Ending::Unknown
        });
        let may_be_kept = |kv: &Kv<'a>| self.keeping.contains_key(&kv.key);
        let doubtful = found.iter().map(|(_, kv)| kv).filter(|kv| may_be_kept(kv));
        let answered = put_by_answer(log, &doubtful.map(|kv| (kv.key, kv.value)).collect());
        found.retain(|(op, kv)| {
            !may_be_kept(kv)
                || !answered.contains(&(kv.key, kv.value)) && !self.may_be_kept(log, order, *op, kv)
        });
        found.sort_unstable_by_key(|(op, kv)| (*op, kv.modified));
        found.dedup_by_key(|(op, kv)| (*op, kv.modified));
        // It took one revision, which nothing else did.
        let (mut ops, mut revisions) = (FxHashMap::default(), FxHashMap::default());
        for (op, kv) in &found {
            *ops.entry(*op).or_insert(0) += 1;
            *revisions.entry(kv.modified).or_insert(0) += 1;
        }
        found.retain(|(op, kv)| ops[op] == 1 && revisions[&kv.modified] == 1);
        found
    }

    /// What was seen of hidden revisions that, unless some put kept it, only one operation can have put.
    pub(in crate::etcd) fn written_by_one(&self) -> impl Iterator<Item = (u32, Kv<'a>)> {
        self.evidence.values().flatten().filter_map(|fact| {
            let Fact::Put(kv) = fact else { return None };
            match self.writers.get(&(kv.key, kv.value?)).map(Vec::as_slice) {
                Some(&[only]) => Some((only, *kv)),
                _ => None,
            }
        })
    }

    /// Whether a put that keeps the value may have shown a second time what `writer` had put at an earlier revision.
    fn may_be_kept(&self, log: &Log<'a>, order: &Order, writer: u32, kv: &Kv<'a>) -> bool {
        let known_by = order.known_by(kv.modified);
        // A value is kept until an answered write puts another one, and within one life of the key.
        let after = order.known_since(log.ops[writer as usize].invoked).max(kv.create - 1);
        let after = put_before(log, order, kv.key, after..kv.modified).unwrap_or(after);
        let first = self.hidden.get(self.hidden.partition_point(|slot| *slot <= after));
        let Some(first) = first.filter(|first| **first < kv.modified) else { return false };
        self.keeping.get(&kv.key).into_iter().flatten().any(|&op| {
            let guard = collect::guard_of(log, op);
            let fits = guard.is_none_or(|written| (*first..kv.modified).contains(&written));
            fits && log.ops[op as usize].invoked <= known_by
        })
    }
}

/// The last of these revisions at which an answered write put a value to a key.
fn put_before(log: &Log<'_>, order: &Order, key: Key, within: Range<i64>) -> Option<i64> {
    let before = order.entries[..order.find(within.end)].iter().rev().take(LOOKED_BACK);
    let puts = |entry: &&Entry| {
        entry.role() == Role::Write
            && matches!(log.put_of(&log.action(entry.op), key), Some(Action::Put { value: Some(_), .. }))
    };
    before.take_while(|entry| entry.revision > within.start).find(puts).map(|entry| entry.revision)
}

/// Those of these values that answered operations put.
fn put_by_answer<'a>(
    log: &Log<'a>,
    values: &FxHashSet<(Key, Option<&'a [u8]>)>,
) -> FxHashSet<(Key, Option<&'a [u8]>)> {
    let mut put = FxHashSet::default();
    if values.is_empty() {
        return put;
    }
    for (op, _) in (0..).zip(&log.ops).filter(|(_, op)| op.ending == Ending::Ok) {
        puts(log, &log.action(op), &mut |action| {
            if let Action::Put { key, value, .. } = *action
                && values.contains(&(key, value))
            {
                put.insert((key, value));
            }
        });
    }
    put
}

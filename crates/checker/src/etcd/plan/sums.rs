//! Numbers of keys that were told without their names: where more keys were known than were counted, one had gone before,
//! and where fewer, one had come.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use super::super::log::{Key, Keys, Log};
use super::super::order::Order;
use super::super::supply::Supply;
use super::super::timelines::Timelines;
use super::key::{self, Calm};
use super::{Window, Windows};

/// Counts of more keys than so many are not looked at.
const KEYS_COUNTED: u32 = 256;

/// A key as far as it is known where it was counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counted {
    pub(super) key: Key,
    /// It is there, unless something happened to it since; `None`: nobody knows.
    pub(super) present: Option<bool>,
    /// The last revision at which that was certain.
    pub(super) since: i64,
    pub(super) lease: i64,
}

/// What was counted, and the keys that may have been.
#[derive(Debug, Default)]
struct Sum {
    count: i64,
    of: Vec<Counted>,
}

/// All counts, by the revision behind whose write they were made, and by the range of keys.
#[derive(Debug, Default)]
pub(super) struct Sums(BTreeMap<(i64, u32, u32), Sum>);

impl Sums {
    /// Notes that so many keys of a range were there behind the write of `at`, and what is known of one of them.
    pub(super) fn note(&mut self, keys: Keys, at: i64, count: i64, counted: Counted) {
        if keys.to - keys.from <= KEYS_COUNTED {
            let sum = self.0.entry((at, keys.from, keys.to)).or_default();
            sum.count = count;
            // Others may have counted the same.
            if sum.of.last().is_some_and(|last| last.key == counted.key) {
                sum.of.pop();
            }
            sum.of.push(counted);
        }
    }
}

impl Windows {
    /// Notes where the keys were counted that nothing unknown can have changed.
    pub(super) fn others(
        &mut self,
        log: &Log<'_>,
        order: &Order,
        supply: &Supply<'_>,
        timelines: &Timelines,
    ) {
        let offered: FxHashSet<Key> = supply.offered().collect();
        let mut counted: Vec<Key> = self.sums.0.keys().flat_map(|(_, from, to)| *from..*to).collect();
        counted.sort_unstable();
        counted.dedup();
        let (list, holes) = (self.list.len(), self.holes.len());
        for key in counted.into_iter().filter(|key| !offered.contains(key)) {
            key::windows(log, order, supply, timelines, key, &[], self);
            self.list.truncate(list);
            self.holes.truncate(holes);
        }
    }

    /// Notes what the counts tell, and what they ask for. Of several keys that it may be, the likeliest.
    pub(super) fn count(&mut self, log: &Log<'_>, order: &Order, supply: &Supply<'_>) {
        self.calm.values_mut().for_each(Calm::settle);
        // What was found to have changed since then.
        let mut changed: FxHashMap<Key, i64> = FxHashMap::default();
        for ((at, ..), Sum { count, of }) in std::mem::take(&mut self.sums).0 {
            let is = |counted: &Counted| {
                let since = changed.get(&counted.key) == Some(&counted.since);
                counted.present.map(|present| present != since)
            };
            let there = of.iter().filter(|counted| is(counted) == Some(true)).count() as i64;
            if of.iter().any(|counted| counted.present.is_none()) {
                continue;
            }
            if there == count {
                for counted in of.iter().filter(|counted| changed.get(&counted.key) != Some(&counted.since)) {
                    let calm = self.calm.entry(counted.key).or_default();
                    match counted.present {
                        Some(true) => calm.lives(counted.since, at),
                        _ => calm.rests(counted.since, at),
                    }
                }
                continue;
            }
            let delete = there > count;
            let end = supply.hidden.partition_point(|slot| *slot <= at);
            let Some(last) = supply.hidden[..end].last() else { continue };
            let known_by = order.known_by(*last);
            let mut may: Vec<(u8, i64, Counted)> = Vec::new();
            for counted in of.iter().filter(|counted| is(counted) == Some(delete)) {
                let Counted { key, since, lease, .. } = *counted;
                let first = supply.hidden[..end].partition_point(|slot| *slot <= since);
                let forbidden = |slot: &i64| self.forbids((key, delete), *slot);
                if changed.get(&key) == Some(&since) || supply.hidden[first..end].iter().all(forbidden) {
                    continue;
                }
                let mut offered = false;
                supply.each_offer(log, key, |op, deletes, _| {
                    offered |= deletes == delete && log.ops[op as usize].invoked <= known_by;
                });
                let ends = delete && lease != 0 && supply.may_end(lease, known_by);
                let rank = match self.needed(counted, at, delete) {
                    Some(_) => 0,
                    None if ends => 1,
                    None if offered => 2,
                    None => continue,
                };
                may.push((rank, since, *counted));
            }
            may.sort_unstable_by_key(|(rank, since, counted)| (*rank, *since, counted.key));
            for (.., counted) in may.into_iter().take((there - count).unsigned_abs() as usize) {
                changed.insert(counted.key, counted.since);
                self.ask(&counted, at, delete);
            }
        }
        self.calm.values_mut().for_each(Calm::settle);
    }

    /// The window that asks for that already, if only by a later revision.
    fn needed(&self, counted: &Counted, at: i64, delete: bool) -> Option<usize> {
        let asks = |window: &Window| {
            (window.key, window.delete) == (counted.key, delete)
                && window.needs > 0
                && (counted.since + 1..=at).contains(&window.from)
        };
        self.list.iter().position(asks)
    }

    /// Asks for a change of a key by the write of `at`.
    fn ask(&mut self, counted: &Counted, at: i64, delete: bool) {
        let Counted { key, since, lease, .. } = *counted;
        let lease = if delete { lease } else { 0 };
        let new = Window { lease, ..Window::new(key, since + 1..at + 1, 1, delete) };
        let known = self.needed(counted, at, delete);
        let window = known.map_or(new, |known| {
            self.list[known].needs -= 1;
            Window { needs: 1, to: self.list[known].to.min(at + 1), ..self.list[known] }
        });
        self.list.push(window);
    }
}

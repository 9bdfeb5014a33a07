//! What the rest of the history says about one key: whether a guess about it can still come true.
//!
//! Only prunes and sorts guesses; the replay judges. What is called broken here must be so whatever happens later.

use std::cell::Cell as Place;

use history::Comparison;

use super::log::{Action, Compare, Key, Keys, Kv, Log, NONE, Operand, Txn, UNTOLD};
use super::order::{Entry, Order, Role};
use super::store::{Cell, Presence, compare_cell};

/// Ranges of more keys than this are kept in one list for all keys.
const WIDE: u32 = 32;

/// For each key, the entries that concern it.
#[derive(Debug)]
pub(super) struct Timelines {
    start: Vec<u32>,
    entries: Vec<u32>,
    wide: Vec<u32>,
    /// For each key, and last for the wide ones, where it was last looked from: the next time it is from near there.
    last: Vec<Place<u32>>,
}

/// Entries that are passed one by one on the way forward, before they are searched.
const STEPS: usize = 16;

/// Whether a key's contents fit what is said of it later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outlook {
    /// They do, and are told exactly: nothing else may happen to the key until then.
    Settled,
    /// They do, and more may happen to it.
    Free,
    /// They do not, but hidden changes before this revision may help.
    Needs { before: i64, delete: bool },
    /// They do not, and nothing helps.
    Broken,
}

impl Timelines {
    pub(super) fn new(log: &Log<'_>, order: &Order) -> Self {
        let mut start = vec![0_u32; log.keys.len() + 1];
        let mut wide = Vec::new();
        let mut touched = Vec::new();
        for (index, entry) in (0..).zip(&order.entries) {
            if let Some(key) = log.only_key(entry.op) {
                start[key as usize] += 1;
                continue;
            }
            touched.clear();
            touch(log, entry, &mut touched);
            for keys in &touched {
                if keys.to - keys.from > WIDE { wide.push(index) } else { count(&mut start, *keys) }
            }
        }
        wide.dedup();
        let mut sum = 0;
        for slot in &mut start {
            sum += std::mem::replace(slot, sum);
        }
        let mut entries = vec![0; sum as usize];
        let mut next = start.clone();
        for (index, entry) in (0..).zip(&order.entries) {
            if let Some(key) = log.only_key(entry.op) {
                entries[next[key as usize] as usize] = index;
                next[key as usize] += 1;
                continue;
            }
            touched.clear();
            touch(log, entry, &mut touched);
            for keys in touched.iter().filter(|keys| keys.to - keys.from <= WIDE) {
                for key in keys.from..keys.to {
                    entries[next[key as usize] as usize] = index;
                    next[key as usize] += 1;
                }
            }
        }
        let last = vec![Place::new(0); log.keys.len() + 1];
        Self { start, entries, wide, last }
    }

    /// The entries from `from` on, of those of a key or of the wide ones.
    fn since<'e>(entries: &'e [u32], from: u32, last: &Place<u32>) -> &'e [u32] {
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

    fn of(&self, key: Key) -> &[u32] {
        &self.entries[self.start[key as usize] as usize..self.start[key as usize + 1] as usize]
    }

    /// The entries that concern a key, in order.
    pub(super) fn each(&self, key: Key, mut see: impl FnMut(u32)) {
        let (mut own, mut wide) = (self.of(key).iter().peekable(), self.wide.iter().peekable());
        loop {
            let next = match (own.peek(), wide.peek()) {
                (Some(a), Some(b)) if b < a => wide.next(),
                (None, _) => wide.next(),
                _ => own.next(),
            };
            match next {
                Some(entry) => see(*entry),
                None => return,
            }
        }
    }

    /// Follows `key`, holding `cell` behind the write of `revision`, through the entries from `from` on.
    pub(super) fn outlook(
        &self,
        log: &Log<'_>,
        order: &Order,
        key: Key,
        cell: &Cell<'_>,
        from: usize,
        revision: i64,
    ) -> Outlook {
        let from = from as u32;
        let wide = self.last.len() - 1;
        let mut own = Self::since(self.of(key), from, &self.last[key as usize]).iter().copied().peekable();
        let mut wide = Self::since(&self.wide, from, &self.last[wide]).iter().copied().peekable();
        let mut follow = Follow { log, key, cell: *cell, revision, base: order.base };
        let mut last = NONE;
        loop {
            let at = match (own.peek(), wide.peek()) {
                (Some(a), Some(b)) if b < a => wide.next(),
                (None, _) => wide.next(),
                _ => own.next(),
            };
            let Some(at) = at else { return Outlook::Free };
            if at == last {
                continue;
            }
            last = at;
            if let Some(outlook) = follow.entry(&order.entries[at as usize]) {
                return outlook;
            }
        }
    }
}

fn count(start: &mut [u32], keys: Keys) {
    for key in keys.from..keys.to {
        start[key as usize] += 1;
    }
}

/// The keys that an entry says something about.
fn touch(log: &Log<'_>, entry: &Entry, touched: &mut Vec<Keys>) {
    let action = log.action(entry.op);
    match &action {
        Action::Put { key, .. } => return touched.push(Keys::one(*key)),
        Action::Range { keys, revision: 0, .. } | Action::Delete { keys, .. } => return touched.push(*keys),
        _ => {}
    }
    if entry.role == Role::Old {
        let action = if entry.action == NONE { action } else { log.inner(entry.action as usize) };
        if let Action::Range { keys, .. } = action {
            touched.push(keys);
        }
        return;
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
            touched.extend(log.compares[txn.compares.range()].iter().map(|compare| compare.keys));
            log.taken(txn).for_each(|action| touch_action(log, &action, touched));
        }
        _ => {}
    }
}

/// One key on its way through the history.
struct Follow<'l, 'a> {
    log: &'l Log<'a>,
    key: Key,
    cell: Cell<'a>,
    /// Where the guess was made: what comes later may still change.
    revision: i64,
    base: i64,
}

impl<'a> Follow<'_, 'a> {
    /// What this entry decides, if anything.
    fn entry(&mut self, entry: &Entry) -> Option<Outlook> {
        let action = self.log.action(entry.op);
        match entry.role {
            Role::Old => {
                let inner = entry.action != NONE;
                let action = if inner { self.log.inner(entry.action as usize) } else { action };
                self.range(&action, entry.revision)
            }
            Role::Revoke => None,
            Role::Write | Role::Read => match &action {
                Action::Txn(txn) => {
                    let txn = &self.log.txns[*txn as usize];
                    self.compares(txn, entry.revision).or_else(|| self.branch(txn, entry.revision))
                }
                action => self.action(action, entry.revision),
            },
        }
    }

    fn branch(&mut self, txn: &Txn, at: i64) -> Option<Outlook> {
        let log = self.log;
        log.taken(txn).find_map(|action| match action {
            Action::Txn(inner) => self.branch(&log.txns[inner as usize], at),
            action => self.action(&action, at),
        })
    }

    fn compares(&mut self, txn: &Txn, at: i64) -> Option<Outlook> {
        let compares = &self.log.compares[txn.compares.range()];
        let succeeded = txn.succeeded == Some(true);
        if !succeeded && compares.len() > 1 {
            // Another comparison may be the one that failed.
            return None;
        }
        for compare in compares.iter().filter(|compare| compare.keys.single() == Some(self.key)) {
            match compare_cell(&self.cell, compare, self.base) {
                Some(holds) if holds != succeeded => {
                    let never = succeeded && compare.comparison == Comparison::Equal && self.is_past(compare);
                    let delete =
                        matches!(compare.operand, Operand::Mod(0) | Operand::Create(0) | Operand::Version(0));
                    let needs = Outlook::Needs { before: at, delete };
                    return Some(if never { Outlook::Broken } else { needs });
                }
                _ => {}
            }
        }
        None
    }

    /// Whether a comparison asks for a revision of the key that it can never have again.
    fn is_past(&self, compare: &Compare<'_>) -> bool {
        let (n, own) = match compare.operand {
            Operand::Mod(n) => (n, self.cell.modified),
            Operand::Create(n) => (n, self.cell.create),
            _ => return false,
        };
        // Only what is written later than here can still change it, and that has a later revision.
        n > 0 && n <= self.revision && n != own
    }

    fn action(&mut self, action: &Action<'a>, at: i64) -> Option<Outlook> {
        match *action {
            Action::Put { key, want_prev, prev, value, keep_lease, .. } if key == self.key => {
                if want_prev {
                    return Some(self.shown((prev != NONE).then(|| self.log.kvs[prev as usize]), at));
                }
                if (value.is_none() || keep_lease) && self.cell.presence == Presence::Absent {
                    return Some(Outlook::Needs { before: at, delete: false });
                }
                self.cell = self.cell.after_put(action, at);
                None
            }
            Action::Range { .. } => self.range(action, at),
            Action::Delete { keys, want_prev, deleted, prev } if keys.contains(self.key) => {
                if want_prev {
                    let kvs = &self.log.kvs[prev.range()];
                    let kv = kvs.iter().find(|kv| kv.key == self.key).copied();
                    return Some(self.shown(kv, at));
                }
                let absent = self.cell.presence == Presence::Absent;
                match (deleted, keys.single()) {
                    (0, _) if absent => Some(Outlook::Settled),
                    (0, _) => Some(self.gone(at)),
                    (_, Some(_)) if absent => Some(Outlook::Needs { before: at, delete: false }),
                    _ => Some(Outlook::Free),
                }
            }
            _ => None,
        }
    }

    fn range(&mut self, action: &Action<'a>, at: i64) -> Option<Outlook> {
        let Action::Range { keys, limit, flags, kvs, count, .. } = *action else { return None };
        if !keys.contains(self.key) {
            return None;
        }
        if flags.count_only {
            let exists = self.cell.presence == Presence::Present;
            return match keys.single() {
                Some(_) if exists != (count > 0) => Some(Outlook::Needs { before: at, delete: false }),
                _ => None,
            };
        }
        let kvs = &self.log.kvs[kvs.range()];
        if limit > 0 && kvs.len() == limit as usize && kvs.last().is_some_and(|kv| kv.key < self.key) {
            return None;
        }
        let kv = kvs.binary_search_by_key(&self.key, |kv| kv.key).ok().map(|at| kvs[at]);
        Some(self.shown(kv, at))
    }

    fn gone(&self, at: i64) -> Outlook {
        if self.cell.modified > at {
            Outlook::Broken
        } else {
            Outlook::Needs { before: at + 1, delete: true }
        }
    }

    /// The cell against an answer that tells all about the key.
    fn shown(&self, kv: Option<Kv<'a>>, at: i64) -> Outlook {
        let cell = &self.cell;
        let Some(kv) = kv else {
            return match cell.presence {
                Presence::Present => self.gone(at),
                _ => Outlook::Settled,
            };
        };
        match cell.presence {
            Presence::Unseen => Outlook::Free,
            Presence::Absent if kv.create <= self.revision && kv.create != UNTOLD => Outlook::Broken,
            Presence::Absent if kv.modified <= self.revision => Outlook::Broken,
            Presence::Absent => Outlook::Needs { before: kv.modified + 1, delete: false },
            Presence::Present if kv.modified < cell.modified => Outlook::Broken,
            Presence::Present if cell.version < 0 => Outlook::Free,
            Presence::Present if kv.create == UNTOLD || kv.version == UNTOLD || cell.create == UNTOLD => {
                Outlook::Free
            }
            Presence::Present if kv.create != cell.create => {
                // Another life of the key, which must begin later than here.
                if kv.create <= self.revision {
                    Outlook::Broken
                } else {
                    Outlook::Needs { before: kv.create, delete: true }
                }
            }
            Presence::Present if kv.version < cell.version => Outlook::Broken,
            Presence::Present if kv.version > cell.version => match kv.modified {
                modified if modified <= self.revision => Outlook::Broken,
                // The one change that is missing was seen: it is not to be guessed.
                modified if modified > cell.modified && kv.version == cell.version + 1 => Outlook::Settled,
                modified => Outlook::Needs { before: modified + 1, delete: false },
            },
            // As many writes as it has seen.
            Presence::Present if kv.modified > cell.modified => Outlook::Broken,
            Presence::Present => {
                let value = kv.value.is_none_or(|shown| cell.value.is_none_or(|value| value == shown));
                if value { Outlook::Settled } else { Outlook::Broken }
            }
        }
    }
}

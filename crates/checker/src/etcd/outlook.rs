//! What the rest of the history says about one key: whether a guess about it can still come true.
//!
//! Only prunes and sorts guesses; the replay judges. What is called broken here must be so whatever happens later.

use history::{Comparison, Sort, SortBy};

use super::log::{Action, Compare, Key, Kv, Log, NONE, Operand, Txn, UNTOLD, UNTOLD_LEASE};
use super::order::{Entry, Order, Role};
use super::store::{ANY_LEASE, Cell, Presence, Store, comes_before, compare_cell};
use super::timelines::Timelines;

/// Whether a key's contents fit what is said of it later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outlook {
    /// They do, and are told exactly: nothing else may happen to the key until then.
    Settled,
    /// They do, and more may happen to it.
    Free,
    /// They do not, but hidden changes before this revision may help, most likely one that deletes the key if `delete`.
    Needs { before: i64, delete: bool },
    /// They do not, whatever was there before, unless the key is deleted before this revision.
    Doomed { before: i64 },
    /// They do not, and nothing helps.
    Broken,
    /// Nor would anything have helped before.
    Never,
}

/// An outlook that was told, and as long as which entries come next it stays.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    guess: u32,
    from: u32,
    until: u32,
    outlook: Outlook,
}

impl Told {
    pub(super) const NOTHING: Self = Self { guess: 0, from: u32::MAX, until: 0, outlook: Outlook::Free };
}

/// Where a guess is made: behind the write of a revision, with what comes from an entry on ahead.
#[derive(Clone, Copy)]
pub(super) struct Moment<'m, 'a> {
    pub(super) log: &'m Log<'a>,
    pub(super) order: &'m Order,
    pub(super) entry: usize,
    pub(super) revision: i64,
}

impl Timelines {
    /// Follows `key`, which holds `cell`, from a moment on.
    pub(super) fn outlook(&self, now: Moment<'_, '_>, key: Key, cell: &Cell<'_>) -> Outlook {
        self.follow(now, key, cell, true).0
    }

    /// The same of a key as the store has it. What was told before is told again until a guess has changed the key, as
    /// answers change it as they say; where only the revision is another, a key that nothing helps any more may be told to
    /// need something.
    pub(super) fn outlook_of(&self, now: Moment<'_, '_>, store: &Store<'_>, key: Key) -> Outlook {
        let (told, guess) = (&self.told[key as usize], store.guessed(key));
        let last = told.get();
        let from = now.entry as u32;
        if last.guess == guess && (last.from..=last.until).contains(&from) {
            return last.outlook;
        }
        let (outlook, until) = self.follow(now, key, store.cell(key), false);
        told.set(Told { guess, from, until, outlook });
        outlook
    }

    /// The outlook, and the entry that decides it.
    fn follow(&self, now: Moment<'_, '_>, key: Key, cell: &Cell<'_>, values: bool) -> (Outlook, u32) {
        let Moment { log, order, entry, revision } = now;
        let mut follow = Follow { log, key, cell: *cell, revision, base: order.base, values, settled: false };
        let mut entries = self.since(key, entry as u32);
        let decided = entries.find_map(|at| Some((follow.entry(&order.entries[at as usize])?, at)));
        match decided.unwrap_or((Outlook::Free, u32::MAX)) {
            (Outlook::Free | Outlook::Needs { .. } | Outlook::Doomed { .. }, at) if follow.settled => {
                (Outlook::Settled, at)
            }
            decided => decided,
        }
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
    /// Another value than was shown tells that nothing helps; as if it were the same, nothing may happen to the key either.
    values: bool,
    /// A comparison tells that nothing else may happen to the key until then.
    settled: bool,
}

impl<'a> Follow<'_, 'a> {
    /// What this entry decides, if anything.
    fn entry(&mut self, entry: &Entry) -> Option<Outlook> {
        let action = entry.action(self.log);
        match entry.role() {
            Role::Old => self.range(&action, entry.revision),
            Role::Silent => self.silent(&action, entry.revision),
            Role::Write | Role::Read => match &action {
                Action::Txn(txn) => {
                    let txn = &self.log.txns[*txn as usize];
                    self.compares(txn, entry.revision).or_else(|| self.branch(txn, entry.revision))
                }
                action => self.action(action, entry.revision),
            },
        }
    }

    /// Behind it, nothing is left to do.
    fn silent(&self, action: &Action<'a>, at: i64) -> Option<Outlook> {
        let Action::Txn(txn) = *action else { return None };
        let txn = &self.log.txns[txn as usize];
        let mut compares = self.log.compares[txn.compares.range()].iter();
        if compares.any(|compare| compare_cell(&self.cell, compare, self.base) != Some(true)) {
            return None;
        }
        self.log.inners(txn.success).find_map(|action| match action {
            // Its comparisons may not have held, had another change come before.
            Action::Delete { .. } => Some(Outlook::Needs { before: at + 1, delete: true }),
            Action::Put { .. } => Some(Outlook::Needs { before: at + 1, delete: false }),
            _ => None,
        })
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
        for compare in compares.iter().filter(|compare| compare.keys.contains(self.key)) {
            // Of several keys it holds if it does of each that there is.
            let all = compare.keys.single().is_none();
            if all && (!succeeded || self.cell.presence != Presence::Present) {
                continue;
            }
            match compare_cell(&self.cell, compare, self.base) {
                Some(holds) if holds != succeeded => {
                    let equal = succeeded && compare.comparison == Comparison::Equal;
                    let present = self.cell.presence == Presence::Present;
                    let absent =
                        matches!(compare.operand, Operand::Mod(0) | Operand::Create(0) | Operand::Version(0));
                    // Fewer writes than there are need another life.
                    let fewer = matches!(compare.operand, Operand::Version(n) if n < self.cell.version);
                    return Some(match present {
                        true if equal && absent => Outlook::Doomed { before: at },
                        true if equal && !all && self.is_past(compare) => Outlook::Broken,
                        true => Outlook::Needs { before: at, delete: absent || equal && fewer },
                        false if equal && self.is_past(compare) => Outlook::Broken,
                        false => Outlook::Needs { before: at, delete: false },
                    });
                }
                // One more write of the key, and it would not have come out so.
                Some(_)
                    if succeeded == (compare.comparison == Comparison::Equal) && self.is_exact(compare) =>
                {
                    if !self.values {
                        return Some(Outlook::Settled);
                    }
                    // What comes later may tell that nothing helps.
                    self.settled = true;
                }
                _ => {}
            }
        }
        None
    }

    /// Whether what a comparison is about would be another after one more write here.
    fn is_exact(&self, compare: &Compare<'_>) -> bool {
        if !matches!(compare.comparison, Comparison::Equal | Comparison::NotEqual) {
            return false;
        }
        match compare.operand {
            Operand::Version(_) => true,
            Operand::Mod(_) | Operand::Value(_) => self.cell.modified <= self.revision,
            Operand::Create(_) | Operand::Lease(_) => false,
        }
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
            Action::Held { .. } if self.cell.presence == Presence::Absent => {
                Some(Outlook::Needs { before: at + 1, delete: false })
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
                _ if count == 0 => Some(self.shown(None, at)),
                Some(_) if exists != (count > 0) => Some(Outlook::Needs { before: at, delete: false }),
                _ => None,
            };
        }
        let kvs = &self.log.kvs[kvs.range()];
        if let Some(sort) = flags.cut_by {
            return match kvs.binary_search_by_key(&self.key, |kv| kv.key) {
                Ok(shown) => Some(self.shown(Some(kvs[shown]), at)),
                Err(_) => comes_before(self.key, &self.cell, kvs, sort).then(|| self.passed_over(sort, at)),
            };
        }
        if limit > 0 && kvs.len() == limit as usize && kvs.last().is_some_and(|kv| kv.key < self.key) {
            return None;
        }
        let kv = kvs.binary_search_by_key(&self.key, |kv| kv.key).ok().map(|at| kvs[at]);
        Some(self.shown(kv, at))
    }

    /// It would have to be in the list, had nothing happened to it.
    fn passed_over(&self, sort: Sort, at: i64) -> Outlook {
        match sort.by {
            SortBy::Key => self.gone(at),
            SortBy::Create => Outlook::Needs { before: at + 1, delete: true },
            SortBy::Value | SortBy::Version | SortBy::Mod => Outlook::Needs { before: at + 1, delete: false },
        }
    }

    fn gone(&self, at: i64) -> Outlook {
        if self.cell.modified > at { Outlook::Broken } else { Outlook::Doomed { before: at + 1 } }
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
            // It is gone behind here, and was not created again.
            Presence::Absent if kv.create <= self.revision && kv.create != UNTOLD => Outlook::Never,
            Presence::Absent if kv.modified <= self.revision => Outlook::Never,
            Presence::Absent => Outlook::Needs { before: kv.modified + 1, delete: false },
            Presence::Present if kv.modified < cell.modified => Outlook::Never,
            Presence::Present if cell.version < 0 => Outlook::Free,
            Presence::Present if kv.create == UNTOLD || kv.version == UNTOLD || cell.create == UNTOLD => {
                Outlook::Free
            }
            Presence::Present if kv.create != cell.create => {
                // Another life of the key, which must begin later than here.
                if kv.create <= self.revision {
                    Outlook::Broken
                } else {
                    Outlook::Doomed { before: kv.create }
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
                let same = || {
                    let value = kv.value.is_none_or(|shown| cell.value.is_none_or(|value| value == shown));
                    value && (cell.lease == ANY_LEASE || kv.lease == UNTOLD_LEASE || cell.lease == kv.lease)
                };
                if !self.values || same() { Outlook::Settled } else { Outlook::Broken }
            }
        }
    }
}

//! What comparisons tell of a key.

use history::Comparison;

use super::super::super::log::{Action, Operand, Txn};
use super::{Held, Walk};

impl<'a> Walk<'_, 'a, '_> {
    /// What comparisons tell: a key that was not there, or one that had changed.
    pub(super) fn compares(&mut self, txn: &Txn, before: i64) {
        let compares = &self.log.compares[txn.compares.range()];
        let held = txn.succeeded == Some(true);
        let key = self.key;
        for compare in compares.iter().filter(|compare| compare.keys.contains(key)) {
            if compare.keys.single().is_none() {
                if held && compare.comparison == Comparison::Equal {
                    self.each_equal(compare.operand, before);
                }
                continue;
            }
            let equal = match compare.comparison {
                Comparison::Equal => held,
                // Of several it is not known which failed.
                Comparison::NotEqual => !held && compares.len() == 1,
                _ => continue,
            };
            match (compare.operand, self.held) {
                (Operand::Mod(0) | Operand::Create(0) | Operand::Version(0), _) if equal => {
                    self.look(None, before, 0);
                }
                // As it was written last at this revision, nothing has happened since.
                (Operand::Mod(n), Held::Present { .. }) if equal && n > 0 => {
                    self.closed.push((n, before));
                }
                (Operand::Version(n), _) if equal => self.counted(n, before),
                // What is not there is not another value, either.
                (Operand::Value(_), _) if equal && !held && self.found_none(txn) => {
                    self.look(None, before, 0);
                }
                (Operand::Value(value), _) if equal => self.valued(value, before),
                (Operand::Mod(n), Held::Present { modified, .. })
                    if !held && compares.len() == 1 && n == modified && n > 0 =>
                {
                    let since = n.max(self.since);
                    if !self.missing.iter().any(|(from, _)| *from == since) {
                        self.missing.push((since, before + 1));
                    }
                }
                _ => {}
            }
        }
    }

    /// Whether the transaction that compared found that the key was not there.
    fn found_none(&self, txn: &Txn) -> bool {
        let none = |action| matches!(action, Action::Range { keys, count: 0, .. } if keys.contains(self.key));
        self.log.taken(txn).any(none)
    }

    /// This held of each key that there was behind the write of `at`.
    fn each_equal(&mut self, operand: Operand<'_>, at: i64) {
        let Held::Present { create, modified, .. } = self.held else { return };
        let (n, known) = match operand {
            Operand::Mod(n) => (n, modified),
            Operand::Create(n) => (n, create),
            _ => return,
        };
        // Nothing was done to this key where something is known to have been done to another.
        let elsewhere = self.order.write_at(n).is_some() && self.writes.binary_search(&n).is_err();
        if n != known && (n == 0 || elsewhere || n < known) {
            return self.look(None, at, 0);
        }
        if matches!(operand, Operand::Mod(_)) {
            if n > modified.max(self.since) {
                self.missing.push((n - 1, n + 1));
            }
            self.closed.push((n, at));
        }
    }

    /// So many writes had the key seen behind the write of `at`.
    fn counted(&mut self, version: i64, at: i64) {
        let (create, modified, needs) = match self.held {
            Held::Present { create, version: known, modified } if known <= version => {
                (create, modified, version - known)
            }
            Held::Absent => (0, self.since, version),
            Held::Present { modified, .. } => return self.reborn(version, modified, at),
            Held::Open => return,
        };
        self.needed(needs, at + 1);
        self.certain(Held::Present { create, version, modified }, at);
    }

    /// The key has seen fewer writes than are known: it was gone meanwhile, most likely just before the first of the last
    /// ones.
    fn reborn(&mut self, version: i64, modified: i64, at: i64) {
        let before = |back: i64| {
            let at = usize::try_from(back).ok().and_then(|back| self.writes.len().checked_sub(back));
            at.map_or(0, |at| self.writes[at])
        };
        let (last, first) = (before(version + 1), before(version));
        if first <= self.since.max(last) {
            return;
        }
        let lease = self.leases.iter().rev().find(|(put, _)| *put <= last).map_or(0, |(_, lease)| *lease);
        let present = std::mem::replace(&mut self.lease, lease);
        self.gone(last, first);
        self.lease = present;
        self.certain(Held::Present { create: first, version, modified }, at);
    }

    /// This value was the last that had been put by then.
    fn valued(&mut self, value: &'a [u8], at: i64) {
        match self.put {
            Some((revision, known)) if known == value => self.closed.push((revision, at)),
            Some((revision, _)) => {
                let writer = self.supply.only_writer(self.key, value);
                let asked = writer.map_or(0, |op| self.order.known_since(self.log.ops[op as usize].invoked));
                let since = revision.max(self.since).max(asked);
                self.asked.push((value, since, at));
                if !self.missing.iter().any(|(from, _)| *from == since) {
                    self.missing.push((since, at + 1));
                }
            }
            None => {}
        }
    }
}

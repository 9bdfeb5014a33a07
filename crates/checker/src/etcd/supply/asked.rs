//! What a plan and a search ask: who may change a key, and how a lease may have ended.

use super::super::log::{Action, Ending, Fact, Key, Keys, Log, Op};
use super::super::order::Order;
use super::{Candidate, Supply};

impl<'a> Supply<'a> {
    /// Those of these keys that a guess may change.
    pub(in crate::etcd) fn open(&self, keys: Keys) -> impl Iterator<Item = Key> {
        std::iter::successors(self.open.next(keys.from, keys.to), move |key| self.open.next(key + 1, keys.to))
    }

    /// Whether a guess may delete a key behind a revision and up to another one.
    pub(in crate::etcd) fn may_go(&self, order: &Order, key: Key, revision: i64, to: i64) -> bool {
        let last = self.hidden[..self.hidden.partition_point(|slot| *slot <= to)].last();
        let asked = self.deletable[key as usize];
        let deletable = |slot: &i64| {
            self.strangers
                || self.key_leases.contains_key(&key)
                || asked < u64::MAX && asked <= order.known_by(*slot)
        };
        last.is_some_and(|slot| *slot > revision && deletable(slot))
    }

    /// Whether a value was seen of a revision, which tells the operation.
    pub(in crate::etcd) fn is_found(&self, revision: i64) -> bool {
        let first = self.evidence.get(&revision).and_then(|facts| facts.first());
        matches!(first, Some(Fact::Put(kv)) if kv.value.is_some())
    }

    /// The only operation with an unknown outcome that may have put a value.
    pub(in crate::etcd) fn only_writer(&self, key: Key, value: &'a [u8]) -> Option<u32> {
        match self.writers.get(&(key, value))?[..] {
            [only] => Some(only),
            _ => None,
        }
    }

    /// Keys that unknown operations may change.
    pub(in crate::etcd) fn offered(&self) -> impl Iterator<Item = Key> {
        self.keys.iter().copied()
    }

    /// The unknown operations that may change a key: each, whether it deletes it, and the revision at which it must have
    /// been written last where it does nothing otherwise.
    pub(in crate::etcd) fn each_offer(
        &self,
        log: &Log<'a>,
        key: Key,
        mut see: impl FnMut(u32, bool, Option<i64>),
    ) {
        let Some(offers) = self.offers.get(&key) else { return };
        offers.plain.ops.iter().for_each(|&op| see(op, false, None));
        offers.deletes.ops.iter().for_each(|&op| see(op, true, None));
        offers.guarded.iter().for_each(|&(guard, op)| see(op, false, Some(guard)));
        self.each_odd(log, key, |op, delete| see(op, delete, None));
    }

    /// Those of them that may do more, or do it on conditions of their own.
    pub(in crate::etcd) fn each_odd(&self, log: &Log<'a>, key: Key, mut see: impl FnMut(u32, bool)) {
        for &op in self.offers.get(&key).into_iter().flat_map(|offers| &offers.other) {
            let action = &log.action(op);
            for delete in [false, true] {
                if may(log, action, key, delete) {
                    see(op, delete);
                }
            }
        }
    }

    /// What an operation may put, or delete, in each of the ways that it may go.
    pub(in crate::etcd) fn ways(&self, log: &Log<'a>, op: u32) -> Vec<Vec<(Key, bool)>> {
        let mut ways = match log.action(op) {
            Action::Txn(txn) => {
                let txn = &log.txns[txn as usize];
                let way = |branch| {
                    let mut changes = Vec::new();
                    log.inners(branch).for_each(|action| self.changes(log, &action, &mut changes));
                    changes
                };
                vec![way(txn.success), way(txn.failure)]
            }
            action => {
                let mut changes = Vec::new();
                self.changes(log, &action, &mut changes);
                vec![changes]
            }
        };
        ways.retain(|changes| !changes.is_empty());
        ways
    }

    fn changes(&self, log: &Log<'a>, action: &Action<'a>, to: &mut Vec<(Key, bool)>) {
        match action {
            Action::Put { key, .. } => to.push((*key, false)),
            Action::Delete { keys, .. } => to.extend(self.open(*keys).map(|key| (key, true))),
            Action::Revoke { lease } => {
                let keys = self.lease_keys.get(lease).into_iter().flatten();
                to.extend(keys.map(|keys| (keys.from, true)));
            }
            Action::Txn(txn) => {
                let txn = &log.txns[*txn as usize];
                let inners = log.inners(txn.success).chain(log.inners(txn.failure));
                inners.for_each(|action| self.changes(log, &action, &mut *to));
            }
            _ => {}
        }
    }

    /// The unknown operations that may give a key a lease, each with that, and with the revision at which the key must have
    /// been written last.
    pub(in crate::etcd) fn leasing(&self, log: &Log<'a>, key: Key) -> Vec<(u32, i64, Option<i64>)> {
        let mut leasing = Vec::new();
        let Some(offers) = self.offers.get(&key) else { return leasing };
        let guarded = offers.guarded.iter().map(|(guard, op)| (*op, Some(*guard)));
        for (op, guard) in offers.other.iter().map(|op| (*op, None)).chain(guarded) {
            puts(log, &log.action(op), &mut |put| match *put {
                Action::Put { key: own, lease, .. } if own == key && lease != 0 => {
                    leasing.push((op, lease, guard));
                }
                _ => {}
            });
        }
        leasing
    }

    /// Whether a candidate may put a key, or delete it.
    pub(in crate::etcd) fn may(&self, log: &Log<'a>, candidate: Candidate, key: Key, delete: bool) -> bool {
        match candidate {
            Candidate::Op(op) => {
                let action = &log.action(op);
                match action {
                    Action::Revoke { .. } => {
                        delete && self.keys(log, candidate).iter().any(|keys| keys.contains(key))
                    }
                    _ => may(log, action, key, delete),
                }
            }
            Candidate::Expiry(_) => delete && self.keys(log, candidate).iter().any(|keys| keys.contains(key)),
            _ => false,
        }
    }

    /// Whether a lease may have ended by then, by itself or not.
    pub(in crate::etcd) fn may_end(&self, lease: i64, known_by: u64) -> bool {
        self.revoked.contains_key(&lease) || self.ends.get(&lease).is_none_or(|end| *end <= known_by)
    }

    /// Where a revoke of the window's lease was answered within it.
    pub(in crate::etcd) fn revoked_at(
        &self,
        log: &Log<'a>,
        lease: i64,
        within: std::ops::Range<i64>,
    ) -> Option<i64> {
        let revokes = self.revoked.get(&lease)?.iter().map(|&op| &log.ops[op as usize]);
        let mut answered = revokes.filter(|op| op.ending == Ending::Ok && within.contains(&op.revision));
        answered.next().map(|op| op.revision)
    }

    /// How a lease may have ended: the revision, if only one is possible, and the time before which it cannot be.
    pub(in crate::etcd) fn ends_of(
        &self,
        log: &Log<'a>,
        order: &Order,
        lease: i64,
    ) -> Vec<(Option<i64>, u64)> {
        let mut ends = Vec::new();
        for &op in self.revoked.get(&lease).into_iter().flatten() {
            let Op { invoked, revision, ending, .. } = log.ops[op as usize];
            ends.push(((ending == Ending::Ok).then_some(revision), invoked));
        }
        ends.retain(|(revision, _)| revision.is_none_or(|revision| order.known_by(revision) < u64::MAX));
        ends.push((None, self.ends.get(&lease).copied().unwrap_or(0)));
        ends
    }
}

/// What an operation may put, or put.
pub(super) fn puts<'a>(log: &Log<'a>, action: &Action<'a>, see: &mut impl FnMut(&Action<'a>)) {
    match action {
        Action::Put { .. } => see(action),
        Action::Txn(txn) => {
            let txn = &log.txns[*txn as usize];
            let branches = log.inners(txn.success).chain(log.inners(txn.failure));
            branches.for_each(|action| puts(log, &action, see));
        }
        _ => {}
    }
}

/// Whether a candidate ends a lease, if it does anything.
pub(super) fn ends_lease(log: &Log<'_>, candidate: Candidate, lease: i64) -> bool {
    match candidate {
        Candidate::Expiry(ended) => ended == lease,
        Candidate::Op(op) => matches!(log.action(op), Action::Revoke { lease: ended } if ended == lease),
        _ => false,
    }
}

/// Whether an unknown operation may put a key, or delete it.
fn may(log: &Log<'_>, action: &Action<'_>, wanted: Key, delete: bool) -> bool {
    match action {
        Action::Put { key, .. } => !delete && *key == wanted,
        Action::Delete { keys, .. } => delete && keys.contains(wanted),
        Action::Txn(txn) => {
            let txn = &log.txns[*txn as usize];
            let mut actions = txn.success.range().chain(txn.failure.range());
            actions.any(|at| may(log, &log.inner(at), wanted, delete))
        }
        _ => false,
    }
}

//! What may take a revision without an answer that says so.
//!
//! It is known before there is an order, so that it can be gathered beside that.

use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};

use super::super::bits::Bits;
use super::super::log::{Action, Ending, Key, Keys, Log};
use super::collect::changes;

/// Operations and leases that may have done something nobody was told of.
pub(in crate::etcd) struct Pending<'a> {
    /// Operations with an unknown outcome, by invocation.
    pub(super) unknown: Vec<u32>,
    /// Operations that took the revision of their answer or none.
    pub(super) silent: Vec<(u32, i64)>,
    pub(super) writers: FxHashMap<(Key, &'a [u8]), Vec<u32>>,
    pub(super) keeping: FxHashMap<Key, Vec<u32>>,
    pub(super) leases: Leases,
    /// Keys that these may change.
    pub(super) changed: Bits,
    pub(super) deletable: Vec<u64>,
}

/// When leases may end, and what they may have had by then.
#[derive(Default)]
pub(super) struct Leases {
    pub(super) revoked: FxHashMap<i64, Vec<u32>>,
    pub(super) ends: FxHashMap<i64, u64>,
    pub(super) lease_keys: FxHashMap<i64, Vec<Keys>>,
    pub(super) key_leases: FxHashMap<Key, Vec<i64>>,
    pub(super) ending: Vec<(u64, Key)>,
}

impl<'a> Pending<'a> {
    pub(in crate::etcd) fn of(log: &Log<'a>) -> Self {
        let open = (0..).zip(&log.ops).filter(|(_, op)| op.ending == Ending::Unknown);
        let mut unknown: Vec<u32> = open.map(|(index, _)| index).collect();
        unknown.sort_by_key(|&op| log.ops[op as usize].invoked);
        let silent = (0..).zip(&log.ops).filter(|(index, _)| log.is_silent(*index));
        let silent: Vec<(u32, i64)> = silent.map(|(index, op)| (index, op.revision)).collect();
        // With room for all at once: growing takes twice the memory.
        let puts = unknown.iter().filter(|&&op| log.values_of(op).next().is_some()).count();
        let mut pending = Self {
            unknown,
            silent,
            writers: FxHashMap::with_capacity_and_hasher(puts, FxBuildHasher),
            keeping: FxHashMap::default(),
            leases: Leases::of(log),
            changed: Bits::new(log.keys.len(), false),
            deletable: vec![u64::MAX; log.keys.len()],
        };
        for op in pending.ops().collect::<Vec<_>>() {
            let (invoked, action) = (log.ops[op as usize].invoked, log.action(op));
            pending.writes(log, op, &action);
            let mut changed = Vec::new();
            changes(log, &action, &mut changed);
            changed.iter().flat_map(|keys| keys.from..keys.to).for_each(|key| pending.changed.insert(key));
            deletes(log, &action, &mut |keys| {
                for first in &mut pending.deletable[keys.from as usize..keys.to as usize] {
                    *first = invoked.min(*first);
                }
            });
        }
        pending
    }

    /// Operations with an unknown outcome.
    pub(in crate::etcd) fn unknown(&self) -> usize {
        self.unknown.len()
    }

    fn ops(&self) -> impl Iterator<Item = u32> {
        self.unknown.iter().copied().chain(self.silent.iter().map(|(op, _)| *op))
    }

    /// Notes the values that an operation may write.
    fn writes(&mut self, log: &Log<'a>, op: u32, action: &Action<'a>) {
        match *action {
            Action::Put { key, value: Some(value), .. } => {
                self.writers.entry((key, value)).or_default().push(op);
            }
            Action::Put { key, value: None, .. } => self.keeping.entry(key).or_default().push(op),
            Action::Txn(txn) => {
                let txn = &log.txns[txn as usize];
                for action in log.inners(txn.success).chain(log.inners(txn.failure)) {
                    self.writes(log, op, &action);
                }
            }
            _ => {}
        }
    }
}

impl Leases {
    /// A lease lives its time from the last request that refreshed it, counted from when that was sent. Of several
    /// leases of one id, the first to end may be any.
    fn of(log: &Log<'_>) -> Self {
        let mut this = Self::default();
        let mut grants: FxHashMap<i64, (u32, u64)> = FxHashMap::default();
        for (index, op) in (0..).zip(&log.ops).filter(|(index, _)| !log.is_common(*index)) {
            let action = log.action(index);
            if let Action::Revoke { lease } = action {
                this.revoked.entry(lease).or_default().push(index);
            }
            let (lease, ttl) = match action {
                Action::Grant { lease, ttl, .. } if op.ending != Ending::Failed => (lease, ttl),
                Action::KeepAlive { lease, ttl } if op.ending == Ending::Ok && ttl > 0 => (lease, ttl),
                _ => continue,
            };
            let life = u64::try_from(ttl).unwrap_or(0).saturating_mul(1_000_000_000);
            let over = op.invoked.saturating_add(life);
            if matches!(action, Action::Grant { .. }) {
                let (count, first) = grants.entry(lease).or_insert((0, u64::MAX));
                (*count, *first) = (*count + 1, over.min(*first));
            }
            let end = this.ends.entry(lease).or_default();
            *end = over.max(*end);
        }
        this.ends
            .extend(grants.into_iter().filter(|(_, (count, _))| *count > 1).map(|(id, (_, end))| (id, end)));
        let leased = log.kvs.iter().filter(|kv| kv.lease != 0);
        let mut keys: FxHashSet<(i64, Key)> = leased.map(|kv| (kv.lease, kv.key)).collect();
        for action in log.odd_actions() {
            if let Action::Put { key, lease, .. } = action
                && *lease != 0
            {
                keys.insert((*lease, *key));
            }
        }
        for (lease, key) in keys {
            this.lease_keys.entry(lease).or_default().push(Keys::one(key));
            this.key_leases.entry(key).or_default().push(lease);
            this.ending.push((this.ends.get(&lease).copied().unwrap_or(0), key));
        }
        this.ending.sort_unstable();
        this
    }
}

/// The keys that an action may delete.
fn deletes(log: &Log<'_>, action: &Action<'_>, see: &mut impl FnMut(Keys)) {
    match action {
        Action::Delete { keys, .. } => see(*keys),
        Action::Txn(txn) => {
            let txn = &log.txns[*txn as usize];
            for action in log.inners(txn.success).chain(log.inners(txn.failure)) {
                deletes(log, &action, &mut *see);
            }
        }
        _ => {}
    }
}

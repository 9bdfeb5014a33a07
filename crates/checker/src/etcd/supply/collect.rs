//! What a history offers for its hidden revisions: gathered once, before the first guess.

use std::thread;

use history::Comparison;
use rustc_hash::{FxHashMap, FxHashSet};

use super::super::bits::Bits;
use super::super::log::{Action, Ending, Fact, Key, Keys, Kv, Log, Operand, Txn};
use super::super::order::Order;
use super::super::timelines::Timelines;
use super::{Kind, Supply};

/// From so many operations on, a second thread pays.
const LARGE: usize = 20_000;

impl<'a> Supply<'a> {
    pub(in crate::etcd) fn new(log: &Log<'a>, order: &Order, hidden: Vec<i64>, strangers: bool) -> Self {
        if hidden.is_empty() || log.ops.len() < LARGE {
            let mut supply = Self::gathered(log, hidden, strangers);
            supply.timelines = supply.must_guess().then(|| Timelines::new(log, order));
            return supply;
        }
        // Both walk through the whole history.
        let (mut supply, timelines) = thread::scope(|scope| {
            let timelines = scope.spawn(|| Timelines::new(log, order));
            (Self::gathered(log, hidden, strangers), timelines.join().ok())
        });
        supply.timelines = timelines.filter(|_| supply.must_guess());
        supply
    }

    fn gathered(log: &Log<'a>, hidden: Vec<i64>, strangers: bool) -> Self {
        let mut supply = Self {
            hidden,
            evidence: FxHashMap::default(),
            writers: FxHashMap::default(),
            offers: FxHashMap::default(),
            stacked: FxHashMap::default(),
            recent: Vec::new(),
            ending: Vec::new(),
            keys: Vec::new(),
            revokes: Vec::new(),
            revoked: FxHashMap::default(),
            keeping: FxHashMap::default(),
            reserved: FxHashMap::default(),
            ends: FxHashMap::default(),
            lease_keys: FxHashMap::default(),
            key_leases: FxHashMap::default(),
            open: Bits::new(log.keys.len(), strangers),
            deletable: Vec::new(),
            used: FxHashMap::default(),
            timelines: None,
            strangers,
        };
        if supply.hidden.is_empty() {
            return supply;
        }
        supply.collect_evidence(log);
        let mut unknown: Vec<u32> = (0..)
            .zip(&log.ops)
            .filter(|(_, op)| op.ending == Ending::Unknown)
            .map(|(index, _)| index)
            .collect();
        unknown.sort_by_key(|&op| log.ops[op as usize].invoked);
        for &op in &unknown {
            supply.writes(log, op, &log.action(op));
        }
        // What was answered with a revision took that one or none.
        let silent = (0..).zip(&log.ops).filter(|(index, _)| log.is_silent(*index));
        let silent: Vec<(u32, i64)> = silent.map(|(index, op)| (index, op.revision)).collect();
        for &(op, _) in &silent {
            supply.writes(log, op, &log.action(op));
        }
        supply.reserve();
        supply.reserved.extend(silent.iter().copied());
        let apart = supply.told_apart(log);
        for &op in &unknown {
            supply.offer(log, op, &apart);
        }
        supply.lease_ends(log);
        supply.deletable = vec![u64::MAX; log.keys.len()];
        for &op in unknown.iter().chain(silent.iter().map(|(op, _)| op)) {
            let mut changed = Vec::new();
            changes(log, &log.action(op), &mut changed);
            changed.iter().flat_map(|keys| keys.from..keys.to).for_each(|key| supply.open.insert(key));
            let invoked = log.ops[op as usize].invoked;
            deletes(log, &log.action(op), &mut |keys| {
                for first in &mut supply.deletable[keys.from as usize..keys.to as usize] {
                    *first = invoked.min(*first);
                }
            });
        }
        for &key in supply.key_leases.keys() {
            supply.open.insert(key);
        }
        supply.keys = supply.offers.keys().copied().collect();
        supply.keys.sort_unstable();
        supply.offers.values_mut().for_each(|offers| offers.guarded.sort_by_key(|(guard, _)| *guard));
        supply
    }

    fn collect_evidence(&mut self, log: &Log<'a>) {
        let told = log.facts.iter().map(|(_, fact)| *fact);
        // Hidden revisions are few and asked for often: a bit each answers without a search.
        let (Some(&least), Some(&most)) = (self.hidden.first(), self.hidden.last()) else { return };
        let mut bits = vec![0_u64; usize::try_from((most - least) / 64 + 1).unwrap_or(0)];
        for revision in &self.hidden {
            bits[((revision - least) / 64) as usize] |= 1 << ((revision - least) % 64);
        }
        let is_hidden = |revision: i64| {
            let at = revision - least;
            (0..=most - least).contains(&at) && bits[(at / 64) as usize] & (1 << (at % 64)) != 0
        };
        let born = |kv: &Kv<'a>| Fact::Born { key: kv.key, revision: kv.create };
        let shown = log.kvs.iter().filter(|kv| is_hidden(kv.modified) || is_hidden(kv.create));
        let shown = shown.flat_map(|kv| [Fact::Put(*kv), born(kv)]);
        let mut compared = Vec::new();
        for txn in &log.txns {
            held(log, txn, &mut compared);
        }
        for fact in shown.chain(told).chain(compared) {
            if !is_hidden(fact.revision()) {
                continue;
            }
            let facts = self.evidence.entry(fact.revision()).or_default();
            if !facts.contains(&fact) {
                // A value says more than the bare fact that something was written.
                let at = if matches!(fact, Fact::Put(kv) if kv.value.is_some()) { 0 } else { facts.len() };
                facts.insert(at, fact);
            }
        }
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

    /// An operation that alone can have written what was seen at a revision took that revision.
    fn reserve(&mut self) {
        // A put that keeps the value may have shown it a second time.
        let found = self.written_by_one().filter(|(_, kv)| !self.keeping.contains_key(&kv.key));
        let reserved: Vec<(u32, i64)> = found.map(|(op, kv)| (op, kv.modified)).collect();
        self.reserved.extend(reserved);
    }

    /// Puts that are not as good as others of their key, as somebody can tell their values apart: single ones, and
    /// all of a key.
    fn told_apart(&self, log: &Log<'a>) -> (FxHashSet<u32>, Vec<Keys>) {
        let mut single = FxHashSet::default();
        for fact in self.evidence.values().flatten() {
            if let Fact::Put(Kv { key, value: Some(value), .. }) = fact {
                single.extend(self.writers.get(&(*key, *value)).into_iter().flatten().copied());
            }
        }
        let asked = log.compares.iter().filter(|compare| matches!(compare.operand, Operand::Value(_)));
        let mut keys: Vec<Keys> = asked.map(|compare| compare.keys).collect();
        keys.extend(log.odd_actions().iter().filter_map(|action| match action {
            Action::Put { key, value: None, .. } => Some(Keys::one(*key)),
            _ => None,
        }));
        keys.sort_unstable_by_key(|keys| (keys.from, keys.to));
        keys.dedup();
        (single, keys)
    }

    /// Lists an operation with the keys that it may change.
    fn offer(&mut self, log: &Log<'a>, op: u32, apart: &(FxHashSet<u32>, Vec<Keys>)) {
        if self.reserved.contains_key(&op) {
            // Found by what it wrote, where that was seen.
            return;
        }
        let (invoked, action) = (log.ops[op as usize].invoked, log.action(op));
        let mut changed = Vec::new();
        changes(log, &action, &mut changed);
        let told = |key| apart.0.contains(&op) || apart.1.iter().any(|keys| keys.contains(key));
        let kind = match action {
            Action::Put { key, value: Some(_), lease: 0, keep_lease: false, .. } if !told(key) => Kind::Plain,
            Action::Delete { keys, .. } if keys.single().is_some() => Kind::Delete,
            Action::Txn(txn) => {
                let txn = &log.txns[txn as usize];
                match guard(log, txn, &changed) {
                    Some(0) if puts_once(log, txn) && !told(changed[0].from) => Kind::Fresh,
                    // Any other may do more than to create the key.
                    Some(0) | None => Kind::Other,
                    Some(guard) => Kind::Guarded(guard),
                }
            }
            Action::Revoke { .. } => {
                self.revokes.push(op);
                return;
            }
            _ => Kind::Other,
        };
        for key in changed.iter().flat_map(|keys| keys.from..keys.to) {
            let offers = self.offers.entry(key).or_default();
            match kind {
                Kind::Guarded(guard) => offers.guarded.push((guard, op)),
                _ => match offers.stack(kind) {
                    Some(stack) => {
                        stack.ops.push(op);
                        self.stacked.insert(op, (key, kind));
                    }
                    None => offers.other.push(op),
                },
            }
            self.recent.push((invoked, key));
        }
    }

    /// A lease lives its time from the last request that refreshed it, counted from when that was sent. Of several
    /// leases of one id, the first to end may be any.
    fn lease_ends(&mut self, log: &Log<'_>) {
        let mut grants: FxHashMap<i64, (u32, u64)> = FxHashMap::default();
        for (index, op) in (0..).zip(&log.ops) {
            let action = log.action(index);
            if let Action::Revoke { lease } = action {
                self.revoked.entry(lease).or_default().push(index);
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
            let end = self.ends.entry(lease).or_default();
            *end = over.max(*end);
        }
        self.ends
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
            self.lease_keys.entry(lease).or_default().push(Keys::one(key));
            self.key_leases.entry(key).or_default().push(lease);
            self.offers.entry(key).or_default();
            self.ending.push((self.ends.get(&lease).copied().unwrap_or(0), key));
        }
        self.ending.sort_unstable();
    }
}

/// The keys that an action may change, each once.
fn changes(log: &Log<'_>, action: &Action<'_>, keys: &mut Vec<Keys>) {
    match action {
        Action::Put { key, .. } => keys.push(Keys::one(*key)),
        Action::Delete { keys: range, .. } => keys.push(*range),
        Action::Txn(txn) => {
            let txn = &log.txns[*txn as usize];
            for action in log.inners(txn.success).chain(log.inners(txn.failure)) {
                changes(log, &action, keys);
            }
            keys.sort_unstable_by_key(|keys| (keys.from, keys.to));
            let mut reach = 0;
            for keys in keys.iter_mut() {
                keys.from = keys.from.max(reach).min(keys.to);
                reach = reach.max(keys.to);
            }
            keys.retain(|keys| keys.from < keys.to);
        }
        _ => {}
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

/// Whether a transaction compares once, and if that holds puts one value that is not kept, without a lease.
fn puts_once(log: &Log<'_>, txn: &Txn) -> bool {
    let mut writes = log.inners(txn.success).filter(|action| !matches!(action, Action::Range { .. }));
    let put = writes.next();
    let plain = matches!(put, Some(Action::Put { value: Some(_), lease: 0, keep_lease: false, .. }));
    plain && writes.next().is_none() && txn.compares.len == 1
}

/// The revision that a transaction's key must have been written at for it to do anything, where it is about one key;
/// 0 where the key must not exist.
fn guard(log: &Log<'_>, txn: &Txn, changed: &[Keys]) -> Option<i64> {
    let [keys] = changed else { return None };
    let writes = |action| !matches!(action, Action::Range { .. });
    if keys.single().is_none() || log.inners(txn.failure).any(writes) {
        return None;
    }
    let compares = &log.compares[txn.compares.range()];
    compares.iter().find_map(|compare| match compare.operand {
        _ if compare.comparison != Comparison::Equal || compare.keys != *keys => None,
        Operand::Mod(n) => Some(n),
        Operand::Create(0) | Operand::Version(0) => Some(0),
        _ => None,
    })
}

/// The same of any operation.
pub(super) fn guard_of(log: &Log<'_>, op: u32) -> Option<i64> {
    let action = log.action(op);
    let Action::Txn(txn) = action else { return None };
    let mut changed = Vec::new();
    changes(log, &action, &mut changed);
    guard(log, &log.txns[txn as usize], &changed)
}

/// What comparisons that held tell about revisions.
fn held<'a>(log: &Log<'a>, txn: &Txn, facts: &mut Vec<Fact<'a>>) {
    for compare in &log.compares[txn.compares.range()] {
        let exact = txn.succeeded == Some(true) && compare.comparison == Comparison::Equal;
        match (compare.keys.single(), compare.operand) {
            (Some(key), Operand::Mod(revision)) if exact => facts.push(Fact::Written { key, revision }),
            (Some(key), Operand::Create(revision)) if exact => facts.push(Fact::Born { key, revision }),
            _ => {}
        }
    }
}

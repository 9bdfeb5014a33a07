//! What a history offers for its hidden revisions: gathered once, before the first guess.

use history::Comparison;
use rustc_hash::{FxHashMap, FxHashSet};

use super::super::bits::Bits;
use super::super::both;
use super::super::log::{Action, Fact, Keys, Kv, Log, Operand, Txn};
use super::super::order::Order;
use super::super::timelines::Timelines;
use super::pending::{Leases, Pending};
use super::{Kind, Supply};

impl<'a> Supply<'a> {
    pub(in crate::etcd) fn new(
        log: &Log<'a>,
        order: &Order,
        pending: Pending<'a>,
        hidden: Vec<i64>,
        strangers: bool,
    ) -> Self {
        let guesses = !hidden.is_empty();
        let timelines = || guesses.then(|| Timelines::new(log, order));
        let (timelines, mut supply) =
            both(log, timelines, || Self::gathered(log, pending, hidden, strangers));
        supply.timelines = timelines.filter(|_| supply.must_guess());
        supply
    }

    fn gathered(log: &Log<'a>, pending: Pending<'a>, hidden: Vec<i64>, strangers: bool) -> Self {
        let Pending { unknown, silent, writers, keeping, leases, changed, deletable } = pending;
        let Leases { revoked, ends, lease_keys, key_leases, ending } = leases;
        let mut supply = Self {
            hidden,
            evidence: FxHashMap::default(),
            writers,
            offers: FxHashMap::default(),
            stacked: Vec::new(),
            recent: Vec::new(),
            ending,
            keys: Vec::new(),
            revokes: Vec::new(),
            revoked,
            keeping,
            reserved: FxHashMap::default(),
            ends,
            lease_keys,
            key_leases,
            open: if strangers { Bits::new(log.keys.len(), true) } else { changed },
            deletable,
            used: FxHashMap::default(),
            timelines: None,
            strangers,
        };
        if supply.hidden.is_empty() {
            return supply;
        }
        supply.collect_evidence(log);
        supply.reserve();
        // What was answered with a revision took that one or none.
        supply.reserved.extend(silent);
        let apart = supply.told_apart(log);
        for op in unknown {
            supply.offer(log, op, &apart);
        }
        supply.stacked.sort_unstable_by_key(|(op, ..)| *op);
        for &key in supply.key_leases.keys() {
            supply.open.insert(key);
            supply.offers.entry(key).or_default();
        }
        supply.keys = supply.offers.keys().copied().collect();
        supply.keys.sort_unstable();
        supply.offers.values_mut().for_each(|offers| offers.guarded.sort_by_key(|(guard, _)| *guard));
        supply
    }

    fn collect_evidence(&mut self, log: &Log<'a>) {
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
        let mut note = |fact: Fact<'a>| {
            if !is_hidden(fact.revision()) {
                return;
            }
            let facts = self.evidence.entry(fact.revision()).or_insert_with(|| Vec::with_capacity(1));
            if !facts.contains(&fact) {
                // A value says more than the bare fact that something was written.
                let at = if matches!(fact, Fact::Put(kv) if kv.value.is_some()) { 0 } else { facts.len() };
                facts.insert(at, fact);
            }
        };
        for kv in log.kvs.iter().filter(|kv| is_hidden(kv.modified) || is_hidden(kv.create)) {
            note(Fact::Put(*kv));
            note(Fact::Born { key: kv.key, revision: kv.create });
        }
        log.facts.iter().for_each(|(_, fact)| note(*fact));
        log.txns.iter().for_each(|txn| held(log, txn, &mut note));
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
                        self.stacked.push((op, key, kind));
                    }
                    None => offers.other.push(op),
                },
            }
            self.recent.push((invoked, key));
        }
    }
}

/// The keys that an action may change, each once.
pub(super) fn changes(log: &Log<'_>, action: &Action<'_>, keys: &mut Vec<Keys>) {
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
fn held<'a>(log: &Log<'a>, txn: &Txn, tell: &mut impl FnMut(Fact<'a>)) {
    for compare in &log.compares[txn.compares.range()] {
        let exact = txn.succeeded == Some(true) && compare.comparison == Comparison::Equal;
        match (compare.keys.single(), compare.operand) {
            (Some(key), Operand::Mod(revision)) if exact => tell(Fact::Written { key, revision }),
            (Some(key), Operand::Create(revision)) if exact => tell(Fact::Born { key, revision }),
            _ => {}
        }
    }
}

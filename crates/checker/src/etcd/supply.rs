//! What may have taken the revisions that no answer claims.
//!
//! Lists candidates, the likely ones first; it decides nothing. Every operation that could have taken a revision is
//! in the full list, or one that is as good.

use history::Comparison;
use rustc_hash::{FxHashMap, FxHashSet};

use super::log::{Action, Ending, Fact, Key, Keys, Kv, Log, Operand, Txn};
use super::order::{Order, Role};
use super::outlook::{Outlook, Timelines};
use super::store::Store;

/// Keys looked at for a likely candidate; the full list has the others.
const LIKELY_KEYS: usize = 64;

/// Something that may have taken a hidden revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Candidate {
    /// An operation with an unknown outcome, or a revoke that does not tell whether it had keys.
    Op(u32),
    /// The end of a lease.
    Expiry(i64),
    /// Nothing was chosen yet.
    Nothing,
}

/// What does not change while guessing.
pub(super) struct Scene<'s, 'a> {
    pub(super) log: &'s Log<'a>,
    pub(super) order: &'s Order,
    pub(super) timelines: Option<&'s Timelines>,
}

/// An operation that may change a key.
#[derive(Clone, Copy, Debug)]
struct Offer {
    invoked: u64,
    op: u32,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A put of a value that nobody ever saw or asked for: as good as any other of its key.
    Plain,
    Put,
    Delete,
    Txn,
}

pub(super) struct Supply<'a> {
    /// Revisions that no answer claims.
    pub(super) hidden: Vec<i64>,
    /// What was seen of them.
    pub(super) evidence: FxHashMap<i64, Vec<Fact<'a>>>,
    /// Operations that may write this value to this key.
    writers: FxHashMap<(Key, &'a [u8]), Vec<u32>>,
    /// Operations that may change a key, by time of invocation.
    offers: FxHashMap<Key, Vec<Offer>>,
    /// All of them, by time of invocation, with one of their keys.
    recent: Vec<(u64, u32, Key)>,
    /// Operations whose value was seen at one revision, which they must have taken.
    reserved: FxHashMap<u32, i64>,
    /// Times before which a lease cannot have ended.
    ends: FxHashMap<i64, u64>,
    /// All keys that a lease may ever have had.
    lease_keys: FxHashMap<i64, Vec<Keys>>,
    used: FxHashMap<u32, i64>,
}

impl<'a> Supply<'a> {
    pub(super) fn new(log: &Log<'a>, hidden: Vec<i64>) -> Self {
        let mut supply = Self {
            hidden,
            evidence: FxHashMap::default(),
            writers: FxHashMap::default(),
            offers: FxHashMap::default(),
            recent: Vec::new(),
            reserved: FxHashMap::default(),
            ends: FxHashMap::default(),
            lease_keys: FxHashMap::default(),
            used: FxHashMap::default(),
        };
        if supply.hidden.is_empty() {
            return supply;
        }
        supply.collect_evidence(log);
        for (index, op) in (0..).zip(&log.ops) {
            if op.ending == Ending::Unknown {
                let mut keys = Vec::new();
                supply.offer(log, index, &op.action, &mut keys);
                if let Some(keys) = keys.first() {
                    supply.recent.push((op.invoked, index, keys.from));
                }
            }
        }
        supply.recent.sort_unstable();
        supply.offers.values_mut().for_each(|offers| offers.sort_by_key(|offer| (offer.invoked, offer.op)));
        supply.reserve(log);
        supply.tell_apart(log);
        supply.lease_ends(log);
        supply
    }

    /// Whether some hidden revision was not seen by anybody.
    pub(super) fn must_guess(&self) -> bool {
        self.hidden.len() > self.evidence.len()
    }

    fn collect_evidence(&mut self, log: &Log<'a>) {
        let born = |kv: &super::log::Kv<'a>| Fact::Born { key: kv.key, revision: kv.create };
        let shown = log.kvs.iter().flat_map(|kv| [Fact::Put(*kv), born(kv)]);
        let told = log.facts.iter().map(|(_, fact)| *fact);
        let mut compared = Vec::new();
        for op in log.ops.iter().filter(|op| op.ending == Ending::Ok) {
            held(log, &op.action, &mut compared);
        }
        for fact in shown.chain(told).chain(compared) {
            if self.hidden.binary_search(&fact.revision()).is_err() {
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

    fn offer(&mut self, log: &Log<'a>, op: u32, action: &Action<'a>, keys: &mut Vec<Keys>) {
        let invoked = log.ops[op as usize].invoked;
        match *action {
            Action::Put { key, value, lease, keep_lease, .. } => {
                keys.push(Keys::one(key));
                if let Some(value) = value {
                    self.writers.entry((key, value)).or_default().push(op);
                }
                let plain = value.is_some() && lease == 0 && !keep_lease;
                let kind = if plain { Kind::Plain } else { Kind::Put };
                self.offers.entry(key).or_default().push(Offer { invoked, op, kind });
            }
            Action::Delete { keys: range, .. } => {
                keys.push(range);
                for key in range.from..range.to {
                    self.offers.entry(key).or_default().push(Offer { invoked, op, kind: Kind::Delete });
                }
            }
            Action::Txn(txn) => {
                let txn = &log.txns[txn as usize];
                let first = keys.len();
                self.offer_branches(log, op, txn, keys);
                let mut mine: Vec<Keys> = keys[first..].to_vec();
                mine.sort_unstable_by_key(|keys| (keys.from, keys.to));
                mine.dedup();
                for range in mine {
                    for key in range.from..range.to {
                        let offers = self.offers.entry(key).or_default();
                        offers.retain(|offer| offer.op != op);
                        offers.push(Offer { invoked, op, kind: Kind::Txn });
                    }
                }
            }
            Action::Revoke { .. } => keys.push(Keys { from: 0, to: 0 }),
            _ => {}
        }
    }

    fn offer_branches(&mut self, log: &Log<'a>, op: u32, txn: &Txn, keys: &mut Vec<Keys>) {
        for at in txn.success.range().chain(txn.failure.range()) {
            match &log.actions[at] {
                Action::Txn(inner) => self.offer_branches(log, op, &log.txns[*inner as usize], keys),
                action => self.offer(log, op, action, keys),
            }
        }
    }

    /// An operation that alone can have written what was seen at a revision took that revision.
    fn reserve(&mut self, log: &Log<'a>) {
        for (&revision, facts) in &self.evidence {
            for fact in facts {
                let Fact::Put(kv) = fact else { continue };
                let Some(value) = kv.value else { continue };
                let offers = self.offers.get(&kv.key).into_iter().flatten();
                // A put that keeps the value may have shown it a second time.
                if offers.clone().any(|offer| keeps_value(log, &log.ops[offer.op as usize].action)) {
                    continue;
                }
                if let Some([only]) = self.writers.get(&(kv.key, value)).map(Vec::as_slice) {
                    self.reserved.insert(*only, revision);
                }
            }
        }
    }

    /// A put is as good as another one of its key only if nobody can tell their values apart.
    fn tell_apart(&mut self, log: &Log<'a>) {
        let mut apart: FxHashSet<u32> = FxHashSet::default();
        for fact in self.evidence.values().flatten() {
            if let Fact::Put(Kv { key, value: Some(value), .. }) = fact {
                apart.extend(self.writers.get(&(*key, value)).into_iter().flatten());
            }
        }
        let asked = log.compares.iter().filter(|compare| matches!(compare.operand, Operand::Value(_)));
        let asked: Vec<Keys> = asked.map(|compare| compare.keys).collect();
        let actions = log.ops.iter().map(|op| &op.action).chain(&log.actions);
        let kept: FxHashSet<Key> = actions
            .filter_map(|action| match action {
                Action::Put { key, value: None, .. } => Some(*key),
                _ => None,
            })
            .collect();
        for (key, offers) in &mut self.offers {
            let asked = kept.contains(key) || asked.iter().any(|keys| keys.contains(*key));
            for offer in offers.iter_mut().filter(|offer| asked || apart.contains(&offer.op)) {
                if offer.kind == Kind::Plain {
                    offer.kind = Kind::Put;
                }
            }
        }
    }

    /// A lease lives its time from the last request that refreshed it, counted from when that was sent.
    fn lease_ends(&mut self, log: &Log<'_>) {
        for op in &log.ops {
            let (lease, ttl) = match op.action {
                Action::Grant { lease, ttl, .. } if op.ending != Ending::Failed => (lease, ttl),
                Action::KeepAlive { lease, ttl } if op.ending == Ending::Ok && ttl > 0 => (lease, ttl),
                _ => continue,
            };
            let life = u64::try_from(ttl).unwrap_or(0).saturating_mul(1_000_000_000);
            let end = self.ends.entry(lease).or_default();
            *end = (*end).max(op.invoked.saturating_add(life));
        }
        let mut keys: FxHashSet<(i64, Key)> = log.kvs.iter().map(|kv| (kv.lease, kv.key)).collect();
        for action in log.ops.iter().map(|op| &op.action).chain(&log.actions) {
            if let Action::Put { key, lease, .. } = action {
                keys.insert((*lease, *key));
            }
        }
        for (lease, key) in keys.into_iter().filter(|(lease, _)| *lease != 0) {
            self.lease_keys.entry(lease).or_default().push(Keys::one(key));
        }
    }

    pub(super) fn take(&mut self, candidate: Candidate, revision: i64) {
        if let Candidate::Op(op) = candidate {
            self.used.insert(op, revision);
        }
    }

    pub(super) fn give_back(&mut self, candidate: Candidate) {
        if let Candidate::Op(op) = candidate {
            self.used.remove(&op);
        }
    }

    /// The revision that a candidate took already.
    pub(super) fn used(&self, candidate: Candidate) -> Option<i64> {
        match candidate {
            Candidate::Op(op) => self.used_by(op),
            _ => None,
        }
    }

    pub(super) fn used_by(&self, op: u32) -> Option<i64> {
        self.used.get(&op).copied()
    }

    /// The keys on whose contents the effect of a candidate depends.
    pub(super) fn keys(&self, log: &Log<'a>, candidate: Candidate) -> Vec<Keys> {
        match candidate {
            Candidate::Op(op) => {
                let mut keys = Vec::new();
                self.depends(log, &log.ops[op as usize].action, &mut keys);
                keys
            }
            Candidate::Expiry(lease) => self.lease_keys.get(&lease).cloned().unwrap_or_default(),
            Candidate::Nothing => Vec::new(),
        }
    }

    /// Candidates for a revision, the likely ones.
    pub(super) fn likely(
        &self,
        scene: &Scene<'_, 'a>,
        store: &Store<'a>,
        revision: i64,
        entry: usize,
    ) -> Vec<Candidate> {
        let Some(timelines) = scene.timelines.filter(|_| !self.evidence.contains_key(&revision)) else {
            return self.all(scene.log, scene.order, revision);
        };
        let mut candidates = revokes(scene.log, scene.order, revision);
        let known_by = scene.order.known_by(revision);
        let until = self.recent.partition_point(|(invoked, ..)| *invoked <= known_by);
        let mut keys: Vec<Key> = Vec::new();
        for &(_, op, key) in self.recent[..until].iter().rev().take(8 * LIKELY_KEYS) {
            if keys.len() == LIKELY_KEYS {
                break;
            }
            if !self.used.contains_key(&op) && !keys.contains(&key) && (key as usize) < scene.log.keys.len() {
                keys.push(key);
            }
        }
        let mut ranked: Vec<(i64, usize, Key, bool)> = Vec::new();
        for (recency, &key) in keys.iter().enumerate() {
            let cell = store.cell(key);
            let ranks = match timelines.outlook(scene.log, scene.order, key, cell, entry, revision) {
                Outlook::Needs { before, delete } => Some((before, delete)),
                Outlook::Free => Some((i64::MAX, false)),
                Outlook::Settled | Outlook::Broken => None,
            };
            if let Some((rank, delete)) = ranks {
                ranked.push((rank, recency, key, delete));
            }
        }
        ranked.sort_unstable();
        for (_, _, key, delete) in ranked {
            self.of_key(key, known_by, revision, delete, &mut candidates);
            if delete && store.cell(key).lease != 0 {
                self.expiry(store.cell(key).lease, known_by, &mut candidates);
            }
        }
        candidates
    }

    /// The unused operations on a key, one for all that are as good as each other.
    fn of_key(&self, key: Key, known_by: u64, revision: i64, delete: bool, to: &mut Vec<Candidate>) {
        let Some(offers) = self.offers.get(&key) else { return };
        let first = to.len();
        let mut plain = false;
        for offer in offers.iter().take_while(|offer| offer.invoked <= known_by) {
            let taken = self.used.contains_key(&offer.op);
            let elsewhere = self.reserved.get(&offer.op).is_some_and(|at| *at != revision);
            if taken || elsewhere || (offer.kind == Kind::Plain && plain) {
                continue;
            }
            plain |= offer.kind == Kind::Plain;
            let candidate = Candidate::Op(offer.op);
            if !to.contains(&candidate) {
                let front = (offer.kind == Kind::Txn) || (delete == (offer.kind == Kind::Delete));
                if front { to.insert(first, candidate) } else { to.push(candidate) }
            }
        }
    }

    fn expiry(&self, lease: i64, known_by: u64, to: &mut Vec<Candidate>) {
        let candidate = Candidate::Expiry(lease);
        let early = self.ends.get(&lease).is_some_and(|end| *end > known_by);
        if !early && !to.contains(&candidate) {
            to.push(candidate);
        }
    }

    /// The keys that decide what an action does.
    fn depends(&self, log: &Log<'_>, action: &Action<'_>, keys: &mut Vec<Keys>) {
        match action {
            Action::Put { key, .. } => keys.push(Keys::one(*key)),
            Action::Delete { keys: range, .. } => keys.push(*range),
            Action::Txn(txn) => {
                let txn = &log.txns[*txn as usize];
                keys.extend(log.compares[txn.compares.range()].iter().map(|compare| compare.keys));
                for at in txn.success.range().chain(txn.failure.range()) {
                    self.depends(log, &log.actions[at], keys);
                }
            }
            Action::Revoke { lease } => keys.extend(self.lease_keys.get(lease).into_iter().flatten()),
            _ => {}
        }
    }

    /// All candidates for a revision, including the ones that took another already.
    pub(super) fn all(&self, log: &Log<'a>, order: &Order, revision: i64) -> Vec<Candidate> {
        let known_by = order.known_by(revision);
        let fact = self.evidence.get(&revision).and_then(|facts| facts.first());
        let mut candidates = revokes(log, order, revision);
        match fact {
            Some(Fact::Put(Kv { key, value: Some(value), .. })) => {
                let written = self.writers.get(&(*key, *value)).into_iter().flatten().copied();
                let kept = self.offers.get(key).into_iter().flatten().map(|offer| offer.op);
                let kept = kept.filter(|&op| keeps_value(log, &log.ops[op as usize].action));
                let ops: Vec<u32> = written.chain(kept).collect();
                self.among(log, &ops, revision, known_by, &mut candidates);
            }
            Some(fact @ (Fact::Put(_) | Fact::Written { .. } | Fact::Born { .. })) => {
                self.of_key_used(log, fact.key(), revision, known_by, &mut candidates);
            }
            Some(fact @ Fact::Delete { .. }) => {
                self.of_key_used(log, fact.key(), revision, known_by, &mut candidates);
                self.lease_endings(log, known_by, &mut candidates);
            }
            None => {
                let mut keys: Vec<Key> = self.offers.keys().copied().collect();
                keys.sort_unstable();
                for key in keys {
                    self.of_key_used(log, key, revision, known_by, &mut candidates);
                }
                self.lease_endings(log, known_by, &mut candidates);
            }
        }
        let mut listed = FxHashSet::default();
        candidates.retain(|candidate| listed.insert(*candidate));
        candidates
    }

    fn of_key_used(&self, log: &Log<'a>, key: Key, revision: i64, known_by: u64, to: &mut Vec<Candidate>) {
        self.of_key(key, known_by, revision, false, to);
        let ops: Vec<u32> = self.offers.get(&key).into_iter().flatten().map(|offer| offer.op).collect();
        let used: Vec<u32> = ops.into_iter().filter(|op| self.used.contains_key(op)).collect();
        self.among(log, &used, revision, known_by, to);
    }

    fn among(&self, log: &Log<'a>, ops: &[u32], revision: i64, known_by: u64, to: &mut Vec<Candidate>) {
        for &op in ops {
            let elsewhere = self.reserved.get(&op).is_some_and(|at| *at != revision);
            if !elsewhere && log.ops[op as usize].invoked <= known_by {
                to.push(Candidate::Op(op));
            }
        }
    }

    /// Leases that may have ended by `known_by`, by themselves or by a revoke that nobody knows the outcome of.
    fn lease_endings(&self, log: &Log<'a>, known_by: u64, to: &mut Vec<Candidate>) {
        let mut leases: Vec<i64> = self.lease_keys.keys().copied().collect();
        leases.sort_unstable();
        leases.into_iter().for_each(|lease| self.expiry(lease, known_by, to));
        for &(invoked, op, _) in &self.recent {
            if invoked <= known_by && matches!(log.ops[op as usize].action, Action::Revoke { .. }) {
                to.push(Candidate::Op(op));
            }
        }
    }
}

/// What comparisons that held tell about revisions.
fn held<'a>(log: &Log<'a>, action: &Action<'a>, facts: &mut Vec<Fact<'a>>) {
    let Action::Txn(txn) = action else { return };
    let txn = &log.txns[*txn as usize];
    for compare in &log.compares[txn.compares.range()] {
        let exact = txn.succeeded == Some(true) && compare.comparison == Comparison::Equal;
        match (compare.keys.single(), compare.operand) {
            (Some(key), Operand::Mod(revision)) if exact => facts.push(Fact::Written { key, revision }),
            (Some(key), Operand::Create(revision)) if exact => facts.push(Fact::Born { key, revision }),
            _ => {}
        }
    }
    log.taken(txn).iter().for_each(|action| held(log, action, facts));
}

fn keeps_value(log: &Log<'_>, action: &Action<'_>) -> bool {
    match action {
        Action::Put { value, .. } => value.is_none(),
        Action::Txn(txn) => {
            let txn = &log.txns[*txn as usize];
            txn.success.range().chain(txn.failure.range()).any(|at| keeps_value(log, &log.actions[at]))
        }
        _ => false,
    }
}

/// Answered revokes that may have taken this revision.
fn revokes(log: &Log<'_>, order: &Order, revision: i64) -> Vec<Candidate> {
    let entries = &order.entries[order.find(revision)..];
    let known_by = order.known_by(revision);
    entries
        .iter()
        .take_while(|entry| entry.revision == revision)
        .filter(|entry| entry.role == Role::Revoke && log.ops[entry.op as usize].invoked <= known_by)
        .map(|entry| Candidate::Op(entry.op))
        .collect()
}

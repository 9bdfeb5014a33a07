//! What may have taken the revisions that no answer claims.
//!
//! Lists candidates, the likely ones first; it decides nothing. Every operation that could have taken a revision is
//! in the full list, or one that is as good.

mod asked;
mod collect;
mod found;
mod offers;
mod pending;

use std::borrow::Cow;
use std::cmp::Reverse;

use rustc_hash::{FxHashMap, FxHashSet};

use self::asked::ends_lease;
use self::offers::{Kind, Offers, Stack};
pub(super) use self::pending::Pending;
use super::bits::Bits;
use super::log::{Action, Ending, Fact, Key, Keys, Kv, Log, Op};
use super::order::{Order, Role};
use super::outlook::{Moment, Outlook};
use super::plan::Plan;
use super::store::Store;
use super::timelines::Timelines;

/// Keys looked at for a likely candidate; the full list has the others.
const LIKELY_KEYS: usize = 128;

/// Operations of a key's odd ones looked at for a likely candidate, the latest; the full list has the others. They
/// pile up, as most of what is unknown never happened.
const LIKELY_ODD: usize = 64;

/// Something that may have taken a hidden revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Candidate {
    /// An operation with an unknown outcome, or a revoke that does not tell whether it had keys.
    Op(u32),
    /// The end of a lease.
    Expiry(i64),
    /// Somebody whose operations are not in the history: did what was seen, or something that nobody saw.
    Stranger,
    /// Somebody else's put of this key, with a value that nobody saw.
    StrangerPut(Key),
    /// Somebody else's deletion of this key.
    StrangerDelete(Key),
    /// Nothing was chosen yet.
    Nothing,
}

/// What does not change while guessing.
pub(super) struct Scene<'s, 'a> {
    pub(super) plan: Option<&'s Plan>,
    pub(super) log: &'s Log<'a>,
    pub(super) order: &'s Order,
    pub(super) timelines: Option<&'s Timelines>,
}

pub(super) struct Supply<'a> {
    /// Revisions that no answer claims.
    pub(super) hidden: Vec<i64>,
    /// What was seen of them.
    pub(super) evidence: FxHashMap<i64, Vec<Fact<'a>>>,
    /// Operations that may write this value to this key.
    writers: FxHashMap<(Key, &'a [u8]), Vec<u32>>,
    offers: FxHashMap<Key, Offers>,
    /// The stack that an operation is in, by operation.
    stacked: Vec<(u32, Key, Kind)>,
    /// Keys that have offers, by the invocation of each.
    recent: Vec<(u64, Key)>,
    /// Keys that had a lease, by the time before which it cannot have ended.
    ending: Vec<(u64, Key)>,
    keys: Vec<Key>,
    revokes: Vec<u32>,
    /// All revokes of a lease that did not fail.
    revoked: FxHashMap<i64, Vec<u32>>,
    /// Puts that keep the value that is there, by key.
    keeping: FxHashMap<Key, Vec<u32>>,
    /// Operations whose value was seen at one revision, which they must have taken, and those that took theirs or none.
    reserved: FxHashMap<u32, i64>,
    /// Times before which a lease cannot have ended.
    ends: FxHashMap<i64, u64>,
    /// All keys that a lease may ever have had, and the other way round.
    lease_keys: FxHashMap<i64, Vec<Keys>>,
    key_leases: FxHashMap<Key, Vec<i64>>,
    /// Keys that a guess may change.
    open: Bits,
    /// For each key, when the first operation was invoked that may delete it.
    deletable: Vec<u64>,
    used: FxHashMap<u32, i64>,
    /// What the rest of the history says about each key.
    pub(super) timelines: Option<Timelines>,
    /// There may be writers whose operations are not in the history.
    strangers: bool,
}

impl<'a> Supply<'a> {
    /// Whether some hidden revision was not seen by anybody.
    pub(super) fn must_guess(&self) -> bool {
        self.hidden.len() > self.evidence.len()
    }

    pub(super) fn take(&mut self, candidate: Candidate, revision: i64) {
        if let Candidate::Op(op) = candidate {
            self.used.insert(op, revision);
            if let Some(stack) = self.stack(op) {
                stack.used += 1;
            }
        }
    }

    /// Takes back what was taken, the last first.
    pub(super) fn give_back(&mut self, candidate: Candidate) {
        if let Candidate::Op(op) = candidate
            && self.used.remove(&op).is_some()
            && let Some(stack) = self.stack(op)
        {
            stack.used -= 1;
        }
    }

    fn stack(&mut self, op: u32) -> Option<&mut Stack> {
        let at = self.stacked.binary_search_by_key(&op, |(op, ..)| *op).ok()?;
        let (_, key, kind) = self.stacked[at];
        self.offers.get_mut(&key)?.stack(kind)
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
                self.depends(log, &log.action(op), &mut keys);
                keys
            }
            Candidate::Expiry(lease) => self.lease_keys.get(&lease).cloned().unwrap_or_default(),
            Candidate::StrangerPut(key) | Candidate::StrangerDelete(key) => vec![Keys::one(key)],
            Candidate::Stranger | Candidate::Nothing => Vec::new(),
        }
    }

    /// Candidates for a revision, the likely ones: first those for keys that need a change, and when these were of no
    /// use, the `rest`.
    pub(super) fn likely(
        &self,
        scene: &Scene<'_, 'a>,
        store: &Store<'a>,
        revision: i64,
        entry: usize,
        rest: bool,
    ) -> Vec<Candidate> {
        let Some(timelines) = scene.timelines.filter(|_| !self.evidence.contains_key(&revision)) else {
            return if rest { Vec::new() } else { self.all(scene.log, scene.order, store, revision, None).0 };
        };
        let now = Moment { log: scene.log, order: scene.order, entry, revision };
        let known_by = scene.order.known_by(revision);
        let wanted = scene.plan.and_then(|plan| plan.wants(revision));
        let (mut needy, mut overdue, mut free) = (Vec::new(), Vec::new(), Vec::new());
        for key in self.likely_keys(store, known_by).iter().copied() {
            match timelines.outlook_of(now, store, key) {
                Outlook::Needs { before, delete } => needy.push((before, needy.len(), key, delete)),
                Outlook::Doomed { before } => needy.push((before, needy.len(), key, true)),
                Outlook::Free if self.may_expire(store.cell(key).lease, known_by) => {
                    overdue.push((key, true));
                }
                Outlook::Free => free.push((key, false)),
                Outlook::Settled | Outlook::Broken | Outlook::Never => {}
            }
        }
        needy.sort_unstable();
        if rest && let Some(plan) = scene.plan {
            // What there is most of will be missed least.
            free.sort_by_cached_key(|(key, _)| Reverse(self.left(scene, plan, *key, revision)));
        }
        let needy: Vec<(Key, bool)> = needy.into_iter().map(|(_, _, key, delete)| (key, delete)).collect();
        // A lease that may be over mostly is: etcd ends most of them soon.
        let others = overdue.into_iter().chain(free);
        let mut candidates = Vec::new();
        if rest {
            for (key, delete) in others {
                self.of_key_or_lease(scene.log, store, (key, delete, known_by), wanted, &mut candidates);
            }
            candidates.extend(self.strangers.then_some(Candidate::Stranger));
            if let Some(plan) = scene.plan {
                candidates.sort_by_cached_key(|candidate| self.harms(scene.log, plan, *candidate, revision));
            }
            return candidates;
        }
        let planned = others.filter(|(key, _)| wanted.is_some_and(|(wanted, _)| wanted == *key));
        for (key, delete) in needy.iter().copied().chain(planned) {
            self.of_key_or_lease(scene.log, store, (key, delete, known_by), wanted, &mut candidates);
        }
        let as_planned = |candidate: &Candidate| {
            wanted.is_some_and(|(key, delete)| self.may(scene.log, *candidate, key, delete))
        };
        if needy.len() > 1 || wanted.is_some() {
            let ends = scene.plan.and_then(|plan| plan.ends(revision));
            // What serves several needs at once comes first.
            candidates.sort_by_cached_key(|candidate| {
                let keys = self.keys(scene.log, *candidate);
                let serves = |(key, _): &&(Key, bool)| keys.iter().any(|keys| keys.contains(*key));
                let served = needy.iter().filter(serves).count();
                let otherwise = ends.is_some_and(|lease| !ends_lease(scene.log, *candidate, lease));
                (!as_planned(candidate), otherwise, Reverse(served.max(1)))
            });
        }
        if let Some(plan) = scene.plan {
            let asked = |candidate: &Candidate| match candidate {
                Candidate::Op(op) => plan.asks(*op, revision),
                _ => None,
            };
            candidates.retain(|candidate| asked(candidate) != Some(false));
            let harms = |candidate| self.harms(scene.log, plan, candidate, revision);
            candidates.sort_by_cached_key(|candidate| {
                (harms(*candidate), !as_planned(candidate), asked(candidate).is_none())
            });
        }
        // What was answered with the revision most likely took it.
        candidates.splice(0..0, silent(scene.log, scene.order, revision));
        candidates
    }

    /// Whether an operation would do to some key what can hardly have happened to it there, whichever way it goes.
    fn harms(&self, log: &Log<'a>, plan: &Plan, candidate: Candidate, revision: i64) -> bool {
        let Candidate::Op(op) = candidate else { return false };
        let ways = self.ways(log, op);
        let forbidden = |way: &Vec<_>| way.iter().any(|change| plan.forbids(*change, revision));
        !ways.is_empty() && ways.iter().all(forbidden)
    }

    /// How many operations are left that may put a key, those left out that the plan needs soon.
    fn left(&self, scene: &Scene<'_, 'a>, plan: &Plan, key: Key, revision: i64) -> i64 {
        let known_by = scene.order.known_by(revision);
        let mut left = 0;
        self.each_offer(scene.log, key, |op, delete, guard| {
            let asked = scene.log.ops[op as usize].invoked <= known_by;
            left += i64::from(!delete && guard.is_none() && asked && !self.used.contains_key(&op));
        });
        left - plan.puts_soon(key, revision) as i64
    }

    /// What may change a key, the end of its lease included where it may be deleted.
    fn of_key_or_lease(
        &self,
        log: &Log<'a>,
        store: &Store<'a>,
        (key, delete, known_by): (Key, bool, u64),
        wanted: Option<(Key, bool)>,
        to: &mut Vec<Candidate>,
    ) {
        self.of_key((log, store, known_by), key, delete, to);
        let lease = store.cell(key).lease;
        if lease == 0 || !(delete || wanted == Some((key, true))) {
            return;
        }
        to.extend(self.may_expire(lease, known_by).then_some(Candidate::Expiry(lease)));
        let revokes = self.revoked.get(&lease).into_iter().flatten();
        let open = revokes.filter(|&&op| {
            let Op { invoked, ending, .. } = log.ops[op as usize];
            ending == Ending::Unknown && invoked <= known_by && !self.used.contains_key(&op)
        });
        to.extend(open.map(|&op| Candidate::Op(op)));
    }

    /// The keys to look at: all, or those that were offered something or may have lost their lease lately.
    fn likely_keys(&self, store: &Store<'a>, known_by: u64) -> Cow<'_, [Key]> {
        if self.keys.len() <= LIKELY_KEYS {
            return Cow::Borrowed(&self.keys);
        }
        let lately = |list: &[(u64, Key)], keep: &dyn Fn(Key) -> bool, keys: &mut Vec<Key>| {
            let until = list.partition_point(|(time, _)| *time <= known_by);
            let most = keys.len() + LIKELY_KEYS;
            for &(_, key) in list[..until].iter().rev().take(4 * LIKELY_KEYS) {
                if keys.len() < most && keep(key) && !keys.contains(&key) {
                    keys.push(key);
                }
            }
        };
        let mut keys = Vec::with_capacity(2 * LIKELY_KEYS);
        lately(&self.recent, &|_| true, &mut keys);
        lately(&self.ending, &|key| store.cell(key).lease != 0, &mut keys);
        Cow::Owned(keys)
    }

    /// What is unused and may change a key as it is; deletes first if that is needed.
    fn of_key(
        &self,
        (log, store, known_by): (&Log<'a>, &Store<'a>, u64),
        key: Key,
        delete: bool,
        to: &mut Vec<Candidate>,
    ) {
        let Some(offers) = self.offers.get(&key) else { return };
        let modified = store.cell(key).modified;
        let from = offers.guarded.partition_point(|(guard, _)| *guard < modified);
        let guarded = offers.guarded[from..].iter().take_while(|(guard, _)| *guard == modified);
        let open = |op: &u32| {
            let reserved = self.reserved.contains_key(op);
            !reserved && log.ops[*op as usize].invoked <= known_by && !self.used.contains_key(op)
        };
        to.extend(guarded.map(|(_, op)| *op).filter(open).map(Candidate::Op));
        if modified == 0 {
            to.extend(offers.fresh.next(log, known_by).map(Candidate::Op));
        }
        let put = offers.plain.next(log, known_by);
        let gone = offers.deletes.next(log, known_by);
        let (first, second) = if delete { (gone, put) } else { (put, gone) };
        to.extend(first.map(Candidate::Op));
        let until = offers.other.partition_point(|op| log.ops[*op as usize].invoked <= known_by);
        let odd = &offers.other[until.saturating_sub(LIKELY_ODD)..until];
        to.extend(odd.iter().copied().filter(open).map(Candidate::Op));
        to.extend(second.map(Candidate::Op));
    }

    fn may_expire(&self, lease: i64, known_by: u64) -> bool {
        lease != 0 && self.ends.get(&lease).is_none_or(|end| *end <= known_by)
    }

    /// The keys that decide what an action does.
    fn depends(&self, log: &Log<'_>, action: &Action<'_>, keys: &mut Vec<Keys>) {
        match action {
            Action::Put { key, .. } => keys.push(Keys::one(*key)),
            Action::Delete { keys: range, .. } => keys.push(*range),
            Action::Txn(txn) => {
                let txn = &log.txns[*txn as usize];
                keys.extend(log.compares[txn.compares.range()].iter().map(|compare| compare.keys));
                for action in log.inners(txn.success).chain(log.inners(txn.failure)) {
                    self.depends(log, &action, keys);
                }
            }
            Action::Revoke { lease } => keys.extend(self.lease_keys.get(lease).into_iter().flatten()),
            _ => {}
        }
    }

    /// All candidates for a revision that concern `only` these keys, or any, including the ones that took another
    /// revision already; with the keys whose contents are the reason that something is not listed.
    pub(super) fn all(
        &self,
        log: &Log<'a>,
        order: &Order,
        store: &Store<'a>,
        revision: i64,
        only: Option<&[Keys]>,
    ) -> (Vec<Candidate>, Vec<Keys>) {
        let known_by = order.known_by(revision);
        let scene = (log, store, known_by);
        let mut candidates = silent(log, order, revision);
        let mut looked = Vec::new();
        match self.evidence.get(&revision).and_then(|facts| facts.first()) {
            Some(Fact::Put(Kv { key, value: Some(value), .. })) => {
                let written = self.writers.get(&(*key, *value)).into_iter().flatten();
                let kept = self.keeping.get(key).into_iter().flatten();
                self.among(log, written.chain(kept), revision, known_by, &mut candidates);
            }
            Some(fact @ Fact::Delete { .. }) => {
                looked.push(Keys::one(fact.key()));
                self.of_keys(scene, &looked, revision, &mut candidates);
                self.lease_endings(log, known_by, &looked, &mut candidates);
            }
            Some(fact) => {
                looked.push(Keys::one(fact.key()));
                self.of_keys(scene, &looked, revision, &mut candidates);
            }
            None => {
                let every = [Keys { from: 0, to: log.keys.len() as u32 }];
                let keys = only.unwrap_or(&every);
                self.of_keys(scene, keys, revision, &mut candidates);
                self.lease_endings(log, known_by, keys, &mut candidates);
                match only {
                    Some(only) => looked.extend_from_slice(only),
                    None => looked.extend(self.hinges(scene)),
                }
            }
        }
        if self.strangers {
            candidates.push(Candidate::Stranger);
            let keys = only.into_iter().flatten().filter_map(|keys| keys.single());
            let seen = self.evidence.contains_key(&revision);
            for key in keys.filter(|_| !seen) {
                candidates.extend([Candidate::StrangerPut(key), Candidate::StrangerDelete(key)]);
            }
        }
        let mut listed = FxHashSet::default();
        candidates.retain(|candidate| listed.insert(*candidate));
        (candidates, looked)
    }

    fn of_keys(
        &self,
        scene: (&Log<'a>, &Store<'a>, u64),
        keys: &[Keys],
        revision: i64,
        to: &mut Vec<Candidate>,
    ) {
        for keys in keys {
            let from = self.keys.partition_point(|&key| key < keys.from);
            for &key in self.keys[from..].iter().take_while(|&&key| key < keys.to) {
                self.of_key(scene, key, false, to);
                let Some(offers) = self.offers.get(&key) else { continue };
                let modified = scene.1.cell(key).modified;
                let guarded = offers.guarded.iter().filter(|(guard, _)| *guard == modified).map(|(_, op)| op);
                let ops = guarded.chain(&offers.other);
                self.among(scene.0, ops, revision, scene.2, to);
                // Of the stacks, only what is used is missing yet, and only if nothing unused is left.
                for stack in [&offers.plain, &offers.deletes, &offers.fresh] {
                    if stack.next(scene.0, scene.2).is_none() {
                        self.among(scene.0, &stack.ops[..stack.used], revision, scene.2, to);
                    }
                }
            }
        }
    }

    /// Keys with operations that do nothing to them as they are, and would if they were otherwise.
    fn hinges(&self, (log, store, known_by): (&Log<'a>, &Store<'a>, u64)) -> impl Iterator<Item = Keys> {
        let asked = move |op: u32| log.ops[op as usize].invoked <= known_by;
        let hinges = move |(key, offers): &(&Key, &Offers)| {
            let modified = store.cell(**key).modified;
            let fresh = modified != 0 && offers.fresh.ops.iter().any(|&op| asked(op));
            fresh || offers.guarded.iter().any(|&(guard, op)| guard != modified && asked(op))
        };
        self.offers.iter().filter(hinges).map(|(key, _)| Keys::one(*key))
    }

    fn among<'o>(
        &self,
        log: &Log<'a>,
        ops: impl IntoIterator<Item = &'o u32>,
        revision: i64,
        known_by: u64,
        to: &mut Vec<Candidate>,
    ) {
        for &op in ops {
            let elsewhere = self.reserved.get(&op).is_some_and(|at| *at != revision);
            if !elsewhere && log.ops[op as usize].invoked <= known_by {
                to.push(Candidate::Op(op));
            }
        }
    }

    /// Leases that may have had one of these keys and ended by `known_by`, by themselves or by a revoke that nobody
    /// knows the outcome of.
    fn lease_endings(&self, log: &Log<'a>, known_by: u64, keys: &[Keys], to: &mut Vec<Candidate>) {
        let concerned = |key: &Key| keys.iter().any(|keys| keys.contains(*key));
        let mut leases: Vec<i64> = match keys {
            [one] if one.single().is_some() => self.key_leases.get(&one.from).cloned().unwrap_or_default(),
            _ => {
                let all = self.key_leases.iter().filter(|(key, _)| concerned(key));
                all.flat_map(|(_, leases)| leases).copied().collect()
            }
        };
        leases.sort_unstable();
        leases.dedup();
        let over = leases.iter().filter(|lease| self.may_expire(**lease, known_by));
        to.extend(over.map(|lease| Candidate::Expiry(*lease)));
        for &op in &self.revokes {
            if let Action::Revoke { lease } = log.action(op)
                && log.ops[op as usize].invoked <= known_by
                && leases.binary_search(&lease).is_ok()
            {
                to.push(Candidate::Op(op));
            }
        }
    }
}

/// What was answered with this revision and may have taken it.
pub(super) fn silent(log: &Log<'_>, order: &Order, revision: i64) -> Vec<Candidate> {
    let entries = &order.entries[order.find(revision)..];
    let known_by = order.known_by(revision);
    entries
        .iter()
        .take_while(|entry| entry.revision == revision)
        .filter(|entry| entry.role() == Role::Silent && log.ops[entry.op as usize].invoked <= known_by)
        .map(|entry| Candidate::Op(entry.op))
        .collect()
}

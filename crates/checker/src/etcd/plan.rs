//! A plan for the hidden revisions that nobody saw: which key each of them may have changed, so that all of them change
//! some key and every key changes as often as its versions tell.
//!
//! Versions count: between two looks at a key, they tell how many hidden writes it had, and until when. Each such write is
//! a job with a window of revisions, each revision takes one job, and a matching gives every revision a job and every job a
//! revision, as long as unknown operations last. The plan only says what is tried first; the replay judges.

mod key;
mod matching;
mod sums;

use std::ops::Range;

use rustc_hash::FxHashMap;

use self::key::Calm;
use self::matching::{Matched, Matching};
use self::sums::Sums;
use super::log::{Action, Fact, Key, Kv, Log, Span};
use super::order::{Entry, Order, Role};
use super::supply::{Candidate, Supply};
use super::timelines::Timelines;

/// What is planned for later than so many revisions has other operations by then.
const SOON: i64 = 1_000;

/// Changes that a key needs, or may have, at some of the revisions `from..to`.
#[derive(Clone, Copy, Debug)]
struct Window {
    key: Key,
    from: i64,
    to: i64,
    /// So many changes it needs, each at a revision of its own. Without any, it takes what comes.
    needs: u32,
    /// It is a deletion that is needed.
    delete: bool,
    /// Of a deletion and the changes that come before it.
    group: u32,
    /// The lease that the key had, if it is a deletion.
    lease: i64,
    /// Other keys of the lease go with it.
    shared: bool,
    /// Where nothing can have happened to the key: these of [`Windows::holes`].
    holes: (u32, u32),
    /// The key may be created by it.
    born: bool,
}

/// All windows.
#[derive(Debug, Default)]
struct Windows {
    list: Vec<Window>,
    /// Revisions behind the first up to the second, which are no part of a window.
    holes: Vec<(i64, i64)>,
    /// Revisions that are known to have changed each key, and such at which nothing can have happened to it.
    writes: FxHashMap<Key, Vec<i64>>,
    calm: FxHashMap<Key, Calm>,
    sums: Sums,
}

impl Window {
    fn new(key: Key, within: Range<i64>, needs: u32, delete: bool) -> Self {
        let (from, to) = (within.start, within.end);
        Self { key, from, to, needs, delete, group: 0, lease: 0, shared: false, holes: (0, 0), born: !delete }
    }

    /// `holes`: all there are.
    fn holds(&self, holes: &[(i64, i64)], slot: i64) -> bool {
        let holes = &holes[self.holes.0 as usize..self.holes.1 as usize];
        (self.from..self.to).contains(&slot) && !holes.iter().any(|(from, to)| *from < slot && slot <= *to)
    }
}

impl Windows {
    /// Whether a key can hardly have been put, or deleted, at a revision.
    fn forbids(&self, change: (Key, bool), revision: i64) -> bool {
        forbids(&self.calm, change, revision)
    }
}

/// What each hidden revision is to change first.
#[derive(Debug, Default)]
pub(super) struct Plan {
    wanted: FxHashMap<i64, (Key, bool)>,
    /// The lease that is to end there, for that.
    ends: FxHashMap<i64, i64>,
    /// Operations whose values were asked for, or seen, with the revisions of which each must have taken one.
    asked: FxHashMap<u32, Range<i64>>,
    /// The revisions that are to put each key.
    puts: FxHashMap<Key, Vec<i64>>,
    /// Where hardly anything can have happened to each key.
    calm: FxHashMap<Key, Calm>,
}

impl Plan {
    pub(super) fn new(log: &Log<'_>, order: &Order, timelines: &Timelines, supply: &Supply<'_>) -> Self {
        // What is found by the value that was seen needs no plan.
        let slots: Vec<i64> = supply.hidden.iter().copied().filter(|slot| !supply.is_found(*slot)).collect();
        let mut facts: FxHashMap<Key, Vec<usize>> = FxHashMap::default();
        let mut seen: Vec<_> = order.entries.iter().filter_map(|entry| likely(log, supply, entry)).collect();
        besides(log, supply, &mut seen);
        read_before(log, supply, &mut seen);
        seen.extend(supply.evidence.values().flatten().copied());
        for (at, fact) in seen.iter().enumerate() {
            facts.entry(fact.key()).or_default().push(at);
        }
        let (mut windows, mut asked) = (Windows::default(), FxHashMap::default());
        for key in supply.offered() {
            let mut told: Vec<_> =
                facts.get(&key).into_iter().flatten().map(|&at| (seen[at].revision(), seen[at])).collect();
            told.sort_by_key(|(revision, fact)| (*revision, key::rank(fact)));
            told.dedup_by_key(|(revision, _)| *revision);
            for (revision, fact) in told.iter().filter(|(revision, _)| !supply.is_found(*revision)) {
                let delete = matches!(fact, Fact::Delete { .. });
                windows.list.push(Window::new(key, *revision..revision + 1, 1, delete));
            }
            let seen = key::windows(log, order, supply, timelines, key, &told, &mut windows);
            windows.writes.insert(key, seen.writes);
            windows.calm.insert(key, seen.calm);
            for (value, behind, to) in seen.asked {
                if let Some(op) = supply.only_writer(key, value) {
                    asked.insert(op, behind + 1..to + 1);
                }
            }
        }
        windows.others(log, order, supply, timelines);
        windows.count(log, order, supply);
        let matched = |windows: &Windows| Matching::new(log, order, supply, &slots, windows).plan();
        let leased = |windows: &mut Windows, asked: &mut _, open: Option<&[usize]>| {
            lease_first(log, order, supply, windows, asked, open);
            windows.list = leases_once(log, order, supply, std::mem::take(&mut windows.list));
        };
        leased(&mut windows, &mut asked, None);
        let mut plan = matched(&windows);
        if !plan.open.is_empty() {
            let mut others = asked.clone();
            leased(&mut windows, &mut others, Some(&plan.open));
            let other = matched(&windows);
            if other.open.len() < plan.open.len() {
                (plan, asked) = (other, others);
            }
        }
        let Matched { wanted, ends, joint, .. } = plan;
        // What was seen of an operation elsewhere is not to be used up here.
        for (op, kv) in supply.written_by_one() {
            asked.entry(op).or_insert(kv.modified..kv.modified + 1);
        }
        asked.extend(joint.into_iter().map(|(op, slot)| (op, slot..slot + 1)));
        let mut puts: FxHashMap<Key, Vec<i64>> = FxHashMap::default();
        for (slot, (key, delete)) in &wanted {
            if !delete {
                puts.entry(*key).or_default().push(*slot);
            }
        }
        puts.values_mut().for_each(|slots| slots.sort_unstable());
        Self { wanted, ends, asked, puts, calm: windows.calm }
    }

    /// Whether a key can hardly have been put, or deleted, at a revision.
    pub(super) fn forbids(&self, change: (Key, bool), revision: i64) -> bool {
        forbids(&self.calm, change, revision)
    }

    /// Whether an operation took some revision near this one for certain; `None` if nobody knows.
    pub(super) fn asks(&self, op: u32, revision: i64) -> Option<bool> {
        self.asked.get(&op).map(|within| within.contains(&revision))
    }

    /// How often a key is to be put soon after a revision.
    pub(super) fn puts_soon(&self, key: Key, revision: i64) -> usize {
        let Some(slots) = self.puts.get(&key) else { return 0 };
        slots.partition_point(|slot| *slot <= revision + SOON)
            - slots.partition_point(|slot| *slot <= revision)
    }

    /// The lease that a revision is to end.
    pub(super) fn ends(&self, revision: i64) -> Option<i64> {
        self.ends.get(&revision).copied()
    }

    /// The key that a revision is to change, and whether it is to be deleted.
    pub(super) fn wants(&self, revision: i64) -> Option<(Key, bool)> {
        self.wanted.get(&revision).copied()
    }
}

fn forbids(calm: &FxHashMap<Key, Calm>, (key, delete): (Key, bool), revision: i64) -> bool {
    calm.get(&key).is_some_and(|calm| calm.forbids(delete, revision))
}

/// What those operations did to other keys whose values were seen of one.
fn besides<'a>(log: &Log<'a>, supply: &Supply<'a>, facts: &mut Vec<Fact<'a>>) {
    for (op, kv) in supply.written_by_one() {
        if let Action::Txn(txn) = log.action(op) {
            beside(log, supply, txn, &kv, facts);
        }
    }
}

/// The same of one transaction.
fn beside<'a>(log: &Log<'a>, supply: &Supply<'a>, txn: u32, kv: &Kv<'a>, facts: &mut Vec<Fact<'a>>) {
    let txn = &log.txns[txn as usize];
    let Some(branch) = [txn.success, txn.failure].into_iter().find(|branch| puts(log, *branch, kv)) else {
        return;
    };
    for action in log.inners(branch) {
        let revision = kv.modified;
        match action {
            Action::Put { key, .. } if key != kv.key => facts.push(Fact::Written { key, revision }),
            Action::Delete { keys, .. } => {
                facts.extend(supply.open(keys).map(|key| Fact::Delete { key, revision }));
            }
            Action::Txn(inner) => beside(log, supply, inner, kv, facts),
            _ => {}
        }
    }
}

/// Whether this was put by a branch, or may have been by a transaction in it.
fn puts<'a>(log: &Log<'a>, branch: Span, kv: &Kv<'a>) -> bool {
    log.inners(branch).any(|action| match action {
        Action::Put { key, value, .. } => key == kv.key && value == kv.value,
        Action::Txn(inner) => {
            let txn = &log.txns[inner as usize];
            puts(log, txn.success, kv) || puts(log, txn.failure, kv)
        }
        _ => false,
    })
}

/// Where a key was written that somebody compared with: most likely that had been read there.
fn read_before<'a>(log: &Log<'a>, supply: &Supply<'a>, facts: &mut Vec<Fact<'a>>) {
    let open = |at: &i64| supply.hidden.binary_search(at).is_ok() && !supply.evidence.contains_key(at);
    for key in supply.offered() {
        supply.each_offer(log, key, |_, _, guard| {
            facts.extend(guard.filter(open).map(|revision| Fact::Written { key, revision }));
        });
    }
}

/// What is answered without a word on what it did has most likely done it.
fn likely<'a>(log: &Log<'a>, supply: &Supply<'a>, entry: &Entry) -> Option<Fact<'a>> {
    let (op, revision) = (entry.op, entry.revision);
    if entry.role() != Role::Silent || supply.hidden.binary_search(&revision).is_err() {
        return None;
    }
    let key = log.only_key(op)?;
    let delete = supply.may(log, Candidate::Op(op), key, true);
    Some(if delete { Fact::Delete { key, revision } } else { Fact::Born { key, revision } })
}

/// A key that nothing can have deleted but the end of a lease was put with one before. No deletion was found for the windows
/// that are `open`.
fn lease_first(
    log: &Log<'_>,
    order: &Order,
    supply: &Supply<'_>,
    all: &mut Windows,
    asked: &mut FxHashMap<u32, Range<i64>>,
    open: Option<&[usize]>,
) {
    let windows = &mut all.list;
    for at in 0..windows.len() {
        let Window { key, from, to, needs, delete, lease, .. } = windows[at];
        if !delete || needs == 0 || lease != 0 || open.is_some_and(|open| !open.contains(&at)) {
            continue;
        }
        let Some(last) = supply.hidden.partition_point(|slot| *slot < to).checked_sub(1) else { continue };
        let known_by = order.known_by(supply.hidden[last]);
        let mut deletable = false;
        supply.each_offer(log, key, |op, delete, _| {
            deletable |= delete && log.ops[op as usize].invoked <= known_by;
        });
        if deletable && open.is_none() {
            continue;
        }
        // The latest of them has had the least other chances.
        let mut leasing = supply.leasing(log, key).into_iter().rev();
        let written = all.writes.get(&key).and_then(|writes| {
            let before = writes.partition_point(|write| *write < from);
            before.checked_sub(1).map(|last| writes[last])
        });
        let fits = |(op, lease, guard): &(u32, i64, Option<i64>)| {
            log.ops[*op as usize].invoked <= known_by
                && guard.is_none_or(|guard| written == Some(guard))
                && supply.may_end(*lease, known_by)
                && !asked.contains_key(op)
        };
        if let Some((op, lease, _)) = leasing.find(fits) {
            windows[at].lease = lease;
            // Where its revoke was answered it had ended by then.
            let to = supply.revoked_at(log, lease, from..to).unwrap_or(to);
            let from = from.max(order.known_since(log.ops[op as usize].invoked) + 1);
            asked.insert(op, from..to);
            windows.push(Window { delete: false, lease: 0, born: false, from, to, ..windows[at] });
        }
    }
}

/// A lease ends once, for all of its keys: their deletions are one.
fn leases_once(log: &Log<'_>, order: &Order, supply: &Supply<'_>, windows: Vec<Window>) -> Vec<Window> {
    let (mut leased, mut all): (Vec<Window>, Vec<Window>) =
        windows.into_iter().partition(|window| window.delete && window.lease != 0);
    leased.sort_unstable_by_key(|window| (window.lease, window.from));
    for window in &mut leased {
        // A revoke that was answered ends the lease here, or found that no key had it any more.
        let Some(revoked) = supply.revoked_at(log, window.lease, window.from..window.to) else { continue };
        if supply.hidden.binary_search(&revoked).is_ok() {
            (window.from, window.to, window.needs) = (revoked, revoked + 1, 1);
        } else {
            (window.to, window.lease) = (revoked + 1, 0);
        }
    }
    all.extend(leased.extract_if(.., |window| window.lease == 0).filter(|window| window.needs > 0));
    for windows in leased.chunk_by(|a, b| a.lease == b.lease) {
        let mut whole: Option<Window> = None;
        for window in windows {
            let last = supply.hidden.partition_point(|slot| *slot < window.to).checked_sub(1);
            let known_by = last.map_or(0, |at| order.known_by(supply.hidden[at]));
            let ends = supply.may_end(window.lease, known_by);
            match &mut whole {
                _ if !ends && window.needs == 0 => {}
                _ if !ends => all.push(Window { lease: 0, ..*window }),
                None => whole = Some(*window),
                // What a key is known to have lost by it says when it was.
                Some(whole) if whole.needs == 0 && window.needs > 0 => *whole = *window,
                Some(whole) if window.from < whole.to && (window.needs > 0 || whole.needs == 0) => {
                    (whole.from, whole.to) = (window.from, whole.to.min(window.to));
                    whole.shared |= whole.needs > 0 && window.needs > 0;
                    whole.needs = whole.needs.max(window.needs);
                }
                Some(_) if window.needs == 0 => {}
                Some(_) => all.push(Window { lease: 0, ..*window }),
            }
        }
        all.extend(whole);
    }
    all
}

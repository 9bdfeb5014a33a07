//! A plan for the hidden revisions that nobody saw: which key each of them may have changed, so that all of them change
//! some key and every key changes as often as its versions tell.
//!
//! Versions count: between two looks at a key, they tell how many hidden writes it had, and until when. Each such write is
//! a job with a window of revisions, each revision takes one job, and a matching gives every revision a job and every job a
//! revision, as long as unknown operations last. The plan only says what is tried first; the replay judges.

mod key;
mod matching;

use rustc_hash::FxHashMap;

use self::matching::Matching;
use super::log::{Fact, Key, Log};
use super::order::{Entry, Order, Role};
use super::supply::{Candidate, Supply};
use super::timelines::Timelines;

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
}

impl Windows {
    fn holds(&self, window: &Window, slot: i64) -> bool {
        let holes = &self.holes[window.holes.0 as usize..window.holes.1 as usize];
        (window.from..window.to).contains(&slot)
            && !holes.iter().any(|(from, to)| *from < slot && slot <= *to)
    }
}

/// What each hidden revision is to change first.
#[derive(Debug, Default)]
pub(super) struct Plan {
    wanted: FxHashMap<i64, (Key, bool)>,
}

impl Plan {
    pub(super) fn new(log: &Log<'_>, order: &Order, timelines: &Timelines, supply: &Supply<'_>) -> Self {
        // What is found by the value that was seen needs no plan.
        let slots: Vec<i64> = supply.hidden.iter().copied().filter(|slot| !supply.is_found(*slot)).collect();
        let mut facts: FxHashMap<Key, Vec<usize>> = FxHashMap::default();
        let told = order.entries.iter().filter_map(|entry| likely(log, supply, entry));
        let seen: Vec<_> = supply.evidence.values().flatten().copied().chain(told).collect();
        for (at, fact) in seen.iter().enumerate() {
            facts.entry(fact.key()).or_default().push(at);
        }
        let (mut windows, mut writes) = (Windows::default(), FxHashMap::default());
        for key in supply.offered() {
            let mut told: Vec<_> =
                facts.get(&key).into_iter().flatten().map(|&at| (seen[at].revision(), seen[at])).collect();
            told.sort_by_key(|(revision, fact)| (*revision, key::rank(fact)));
            told.dedup_by_key(|(revision, _)| *revision);
            for (revision, fact) in told.iter().filter(|(revision, _)| !supply.is_found(*revision)) {
                let delete = matches!(fact, Fact::Delete { .. });
                let (from, to) = (*revision, revision + 1);
                windows.list.push(Window {
                    key,
                    from,
                    to,
                    needs: 1,
                    delete,
                    group: 0,
                    lease: 0,
                    holes: (0, 0),
                    born: true,
                });
            }
            writes.insert(key, key::windows(log, order, timelines, key, &told, &mut windows));
        }
        windows.list = leases_once(log, order, supply, windows.list);
        Matching::new(log, order, supply, &slots, &windows, &writes).plan()
    }

    /// The key that a revision is to change, and whether it is to be deleted.
    pub(super) fn wants(&self, revision: i64) -> Option<(Key, bool)> {
        self.wanted.get(&revision).copied()
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
                Some(whole) if window.from < whole.to && (window.needs > 0 || whole.needs == 0) => {
                    (whole.from, whole.to) = (window.from, whole.to.min(window.to));
                    whole.needs = whole.needs.max(window.needs);
                }
                Some(_) if window.needs == 0 => {}
                Some(whole) if whole.needs == 0 => *whole = *window,
                Some(_) => all.push(Window { lease: 0, ..*window }),
            }
        }
        all.extend(whole);
    }
    all
}

//! Whether a lease was there when somebody asked for it.

use rustc_hash::FxHashMap;

use super::super::log::{Action, Ending, Log, Op, Refusal};
use super::Broken;

/// What the history has about a lease; each by the index of its operation.
#[derive(Debug, Default)]
struct Lease {
    /// That did not fail.
    grants: Vec<u32>,
    revokes: Vec<u32>,
    /// Answered requests that give it time, and how much.
    refreshes: Vec<(u32, u64)>,
    /// Answered requests that found it there.
    uses: Vec<u32>,
    /// Requests that were told that it is not there.
    missed: Vec<u32>,
}

pub(super) fn broken(log: &Log<'_>, foreign: bool) -> Option<Broken> {
    // Leases are in actions of other kinds than the common ones.
    if foreign || log.odd_actions().is_empty() {
        return None;
    }
    let mut leases: FxHashMap<i64, Lease> = FxHashMap::default();
    for (index, op) in (0..).zip(&log.ops).filter(|(index, _)| !log.is_simple(*index)) {
        note(log, index, op, &mut leases);
    }
    // A grant that nobody knows the outcome of may have made a lease of any id.
    let any = leases.remove(&0).is_some_and(|lease| !lease.grants.is_empty());
    let mut broken: Vec<Broken> =
        leases.iter().filter_map(|(id, lease)| lease.broken(log, *id, any)).collect();
    broken.sort_unstable_by_key(Broken::accused);
    broken.first().copied()
}

fn note(log: &Log<'_>, index: u32, op: &Op, leases: &mut FxHashMap<i64, Lease>) {
    let ok = op.ending == Ending::Ok;
    let life = |ttl: i64| u64::try_from(ttl).unwrap_or(0).saturating_mul(1_000_000_000);
    match log.action(index) {
        Action::Grant { lease, ttl, .. } => {
            let lease = leases.entry(lease).or_default();
            lease.grants.push(index);
            if ok {
                lease.refreshes.push((index, life(ttl)));
            }
        }
        Action::Revoke { lease } => {
            let lease = leases.entry(lease).or_default();
            lease.revokes.push(index);
            if ok {
                lease.uses.push(index);
            }
        }
        Action::KeepAlive { lease, ttl } if ok => {
            let lease = leases.entry(lease).or_default();
            if ttl > 0 {
                lease.refreshes.push((index, life(ttl)));
                lease.uses.push(index);
            } else {
                lease.missed.push(index);
            }
        }
        Action::Refused { why: Refusal::NoLease, about } => {
            leases.entry(about).or_default().missed.push(index);
        }
        ref action if ok => puts(log, action, &mut |lease| leases.entry(lease).or_default().uses.push(index)),
        _ => {}
    }
}

/// The leases that an answered action put keys to.
fn puts(log: &Log<'_>, action: &Action<'_>, see: &mut impl FnMut(i64)) {
    match action {
        Action::Put { lease, keep_lease: false, .. } if *lease != 0 => see(*lease),
        Action::Txn(txn) => {
            log.taken(&log.txns[*txn as usize]).for_each(|action| puts(log, &action, &mut *see));
        }
        _ => {}
    }
}

impl Lease {
    fn broken(&self, log: &Log<'_>, lease: i64, any: bool) -> Option<Broken> {
        self.never_granted(log, lease, any)
            .or_else(|| self.alive(log, lease))
            .or_else(|| self.dead(log, lease))
    }

    /// Something succeeded that was over before any grant of the lease had begun.
    fn never_granted(&self, log: &Log<'_>, lease: i64, any: bool) -> Option<Broken> {
        let first = self.grants.iter().map(|&op| log.ops[op as usize].invoked).min();
        let early = |op: &&u32| first.is_none_or(|first| log.ops[**op as usize].deadline < first);
        let op = self.uses.iter().find(early).filter(|_| !any)?;
        Some(Broken::NeverGranted { op: *op, lease })
    }

    /// The lease was missed or made anew while an answered request had promised it more time. It was not there before
    /// the request was sent, so its time cannot have been over earlier.
    fn alive(&self, log: &Log<'_>, lease: i64) -> Option<Broken> {
        let promised = |asked: u32| {
            let asked = &log.ops[asked as usize];
            let revoked = |&op: &u32| log.ops[op as usize].invoked <= asked.deadline;
            let before = |&&(op, life): &&(u32, u64)| {
                let refresh = &log.ops[op as usize];
                refresh.deadline < asked.invoked && asked.deadline < refresh.invoked.saturating_add(life)
            };
            let refresh = self.refreshes.iter().find(before)?;
            (!self.revokes.iter().any(revoked)).then_some(refresh.0)
        };
        let missed = self.missed.iter().find_map(|&op| {
            let refresh = promised(op)?;
            Some(Broken::Alive { op, lease, refresh })
        });
        missed.or_else(|| {
            let mut again = self.grants.iter().filter(|&&op| log.ops[op as usize].ending == Ending::Ok);
            again.find_map(|&op| Some(Broken::GrantedAlive { op, lease, refresh: promised(op)? }))
        })
    }

    /// The lease was used after it was gone, and there was one of that id only. What a keep-alive misses is no proof that
    /// it is gone: only the leader's word counts for those that come later, and it may not be the leader any more.
    fn dead(&self, log: &Log<'_>, lease: i64) -> Option<Broken> {
        let [grant] = self.grants[..] else { return None };
        let grant = &log.ops[grant as usize];
        let told = self.missed.iter().filter(|&&op| {
            let missed = &log.ops[op as usize];
            let applied = matches!(log.action(op), Action::Refused { .. });
            applied && grant.ending == Ending::Ok && grant.deadline < missed.invoked
        });
        let revoked = self.revokes.iter().filter(|&&op| log.ops[op as usize].ending == Ending::Ok);
        let gone = told.chain(revoked).min_by_key(|&&op| log.ops[op as usize].deadline)?;
        let over = log.ops[*gone as usize].deadline;
        let used = self.uses.iter().find(|&&op| log.ops[op as usize].invoked > over)?;
        Some(Broken::Dead { op: *used, lease, gone: *gone })
    }
}

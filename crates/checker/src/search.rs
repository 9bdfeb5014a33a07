//! The generic engine: decides any [`Model`] by search, within a budget.
//!
//! It must not know any model. Where a history offers unique values or revisions, other engines decide it without a
//! search.

mod antichain;
mod bits;
mod depth;
mod foresight;
mod frontier;
mod hasty;
mod race;
pub(crate) mod rules;
mod space;
mod step;
mod timeline;
mod trace;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

pub(crate) use race::{Decided, decide, decide_inline};

use crate::entry::Outcome;
use crate::evidence;
use crate::model::{EntryOf, Model};
use crate::options::Options;
use crate::partition::{self, Part};
use crate::verdict::{Counts, Engine, Report, Verdict, Violation};

/// Decides whether some order of the operations explains every reply.
pub fn check<M: Model>(model: &M, entries: &[EntryOf<M>], options: &Options<'_>) -> Report {
    let mut counts = count(model, entries);
    let report = |verdict, counts, witness| Report { verdict, engine: Engine::Search, counts, witness };
    if let Some(verdict) = obvious(model, entries) {
        return report(verdict, counts, None);
    }
    let parts = if options.whole { vec![Part::whole(entries)] } else { partition::split(model, entries) };
    counts.partitions = parts.len();
    let results = in_parallel(&parts, entries.len(), options, |part, options| part_verdict(model, part, options));
    let mut verdict = Verdict::Valid;
    let mut orders = Vec::new();
    for (part_verdict, order) in results {
        verdict = verdict.and(part_verdict);
        orders.push(order);
    }
    let witness = (options.witness && verdict == Verdict::Valid).then(|| partition::interleave(entries, &orders));
    report(verdict, counts, witness)
}

/// What needs no search: nothing was observed, or a reply that nothing explains.
pub(crate) fn obvious<M: Model>(model: &M, entries: &[EntryOf<M>]) -> Option<Verdict> {
    let mut observed = false;
    for (index, entry) in entries.iter().enumerate() {
        let Outcome::Ok(reply) = &entry.outcome else { continue };
        observed |= model.observes(&entry.op, reply);
        if let Some(why) = model.absurd(&entry.op, reply) {
            let what = model.describe(&entry.op, &entry.outcome);
            return Some(Verdict::Invalid(Box::new(Violation {
                rule: "impossible-reply",
                sentence: format!("client {} {what}: {why}", entry.client),
                key: model.partition(&entry.op).map(|key| model.key_name(&key)),
                operations: vec![index],
                legal_prefix: Vec::new(),
            })));
        }
    }
    if observed {
        return None;
    }
    let reason = if entries.is_empty() { "no operations" } else { "no reply of an operation shows any state" };
    Some(Verdict::Vacuous { reason: reason.to_owned() })
}

/// What there is to check; one partition.
pub(crate) fn count<M: Model>(model: &M, entries: &[EntryOf<M>]) -> Counts {
    let mut counts = Counts { operations: entries.len(), partitions: 1, ..Counts::default() };
    for entry in entries {
        match &entry.outcome {
            Outcome::Failed => counts.failed += 1,
            Outcome::Unknown => counts.unknown += 1,
            Outcome::Ok(reply) => {
                counts.ok += 1;
                if model.is_read_only(&entry.op, reply) {
                    counts.reads += 1;
                } else {
                    counts.writes += 1;
                }
            }
        }
    }
    counts
}

/// The verdict of one part, and the order that explains it, as indices into the whole list.
pub(crate) fn part_verdict<M: Model>(
    model: &M,
    part: &Part<'_, M>,
    options: &Options<'_>,
) -> (Verdict, Vec<usize>) {
    let decided = decide(model, &part.entries, options, options.witness);
    match decided {
        Decided::Valid { order } => (Verdict::Valid, part.global(order)),
        Decided::Invalid => {
            (Verdict::Invalid(Box::new(evidence::violation(model, part, options))), Vec::new())
        }
        Decided::Unknown { why, reached } => {
            let place = part.key.as_ref().map_or_else(String::new, |key| format!("key {}: ", model.key_name(key)));
            let reason = format!(
                "{place}{why}; {reached} of {} operations had returned by then",
                part.entries.len()
            );
            (Verdict::Unknown { reason }, Vec::new())
        }
    }
}

/// Fewer operations than this are checked on one thread.
const FEW: usize = 10_000;

/// Runs `check` on every part, on as many threads as there are cores. Parts after an invalid one are given up: the first
/// invalid part decides, whichever thread is faster.
pub(crate) fn in_parallel<P: Sync, T: Send>(
    parts: &[P],
    operations: usize,
    options: &Options<'_>,
    check: impl Fn(&P, &Options<'_>) -> (Verdict, T) + Sync,
) -> Vec<(Verdict, T)> {
    if let [part] = parts {
        return vec![check(part, options)];
    }
    // Starting threads costs more than checking a short history.
    if operations < FEW {
        return parts.iter().map(|part| check(part, options)).collect();
    }
    let (next, invalid) = (AtomicUsize::new(0), AtomicUsize::new(usize::MAX));
    let worker = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= parts.len() || index > invalid.load(Ordering::Relaxed) {
                return done;
            }
            let cancelled = || (options.cancelled)() || index > invalid.load(Ordering::Relaxed);
            let result = check(&parts[index], &Options { cancelled: &cancelled, ..*options });
            if matches!(result.0, Verdict::Invalid(_)) {
                invalid.fetch_min(index, Ordering::Relaxed);
            }
            done.push((index, result));
        }
    };
    let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get).min(parts.len());
    let mut results: Vec<(usize, (Verdict, T))> = thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(worker)).collect();
        let mut results = worker();
        for other in others {
            results.extend(other.join().expect("a check does not panic"));
        }
        results
    });
    results.sort_by_key(|&(index, _)| index);
    results.into_iter().map(|(_, result)| result).collect()
}

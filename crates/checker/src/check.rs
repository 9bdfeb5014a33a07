//! The front: picks the engine by what a history offers, part by part, and puts the verdicts together.

use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use crate::entry::Outcome;
use crate::evidence;
use crate::model::{EntryOf, Model};
use crate::options::Options;
use crate::partition::{self, Part};
use crate::search;
use crate::verdict::{Counts, Engine, Report, Verdict, Violation};
use crate::zones;

/// Fewer operations than this are checked on one thread: starting others costs more.
const FEW: usize = 10_000;

/// Decides whether some order of the operations explains every reply: by zones where written values are unique, else by
/// search.
pub fn check<M: Model>(model: &M, entries: &[EntryOf<M>], options: &Options<'_>) -> Report {
    whole(model, entries, options, true)
}

/// The same by search only.
pub fn check_by_search<M: Model>(model: &M, entries: &[EntryOf<M>], options: &Options<'_>) -> Report {
    whole(model, entries, options, false)
}

/// What one part came to.
struct Checked {
    verdict: Verdict,
    engine: Engine,
    order: Vec<usize>,
}

fn whole<M: Model>(model: &M, entries: &[EntryOf<M>], options: &Options<'_>, zones: bool) -> Report {
    let needless = AtomicBool::new(false);
    let cancelled = || needless.load(Ordering::Relaxed) || (options.cancelled)();
    let engines = || by_parts(model, entries, &Options { cancelled: &cancelled, ..*options }, zones);
    let ((counts, obvious), decided) = if entries.len() < FEW {
        (survey(model, entries), None)
    } else {
        thread::scope(|scope| {
            let surveyed = scope.spawn(|| {
                let surveyed = survey(model, entries);
                needless.store(surveyed.1.is_some(), Ordering::Relaxed);
                surveyed
            });
            let decided = engines();
            (surveyed.join().expect("a survey does not panic"), Some(decided))
        })
    };
    if let Some(verdict) = obvious {
        return Report { verdict, engine: Engine::Search, counts, witness: None };
    }
    let decided = decided.unwrap_or_else(engines);
    Report { counts: Counts { partitions: decided.counts.partitions, ..counts }, ..decided }
}

/// What the engines come to, without the counts of operations.
fn by_parts<M: Model>(model: &M, entries: &[EntryOf<M>], options: &Options<'_>, zones: bool) -> Report {
    let parts = if options.whole { vec![Part::whole(entries)] } else { partition::split(model, entries) };
    let counts = Counts { partitions: parts.len(), ..Counts::default() };
    let (mut verdict, mut engine, mut orders) = (Verdict::Valid, Engine::Zones, Vec::new());
    for checked in all(&parts, entries.len(), options, |part, options| one(model, part, options, zones)) {
        // The engine that decided: of the invalid part, or the last resort among the others.
        engine = match (&verdict, &checked.verdict) {
            (Verdict::Invalid(_), _) => engine,
            (_, Verdict::Invalid(_)) => checked.engine,
            _ if engine == Engine::Search => engine,
            _ => checked.engine,
        };
        verdict = verdict.and(checked.verdict);
        orders.push(checked.order);
    }
    let witness =
        (options.witness && verdict == Verdict::Valid).then(|| partition::interleave(entries, &orders));
    Report { verdict, engine, counts, witness }
}

/// One part, by the cheapest engine that can.
fn one<M: Model>(model: &M, part: &Part<'_, M>, options: &Options<'_>, zones: bool) -> Checked {
    if zones && let Some((init, entries)) = model.as_register(&part.entries) {
        let checked = |verdict, order| Checked { verdict, engine: Engine::Zones, order };
        match zones::decide(init, &entries, options.witness) {
            zones::Decided::Valid { order } => return checked(Verdict::Valid, part.global(order)),
            zones::Decided::Invalid { core } => {
                let violation = evidence::violation(model, &part.subset(&core), options);
                return checked(Verdict::Invalid(Box::new(violation)), Vec::new());
            }
            zones::Decided::Open => {}
        }
    }
    let checked = |verdict, order| Checked { verdict, engine: Engine::Search, order };
    match search::decide(model, &part.entries, options, options.witness) {
        search::Decided::Valid { order } => checked(Verdict::Valid, part.global(order)),
        search::Decided::Invalid => {
            checked(Verdict::Invalid(Box::new(evidence::violation(model, part, options))), Vec::new())
        }
        search::Decided::Unknown { why, reached } => {
            let place =
                part.key.as_ref().map_or_else(String::new, |key| format!("key {}: ", model.key_name(key)));
            let all = part.entries.len();
            let reason = format!("{place}{why}; {reached} of {all} operations had returned by then");
            checked(Verdict::Unknown { reason }, Vec::new())
        }
    }
}

/// What there is to check, in one partition; and the verdict, if it needs no engine: nothing was observed, or there is a
/// reply that nothing explains.
fn survey<M: Model>(model: &M, entries: &[EntryOf<M>]) -> (Counts, Option<Verdict>) {
    let mut counts = Counts { operations: entries.len(), partitions: 1, ..Counts::default() };
    let (mut observed, mut absurd) = (false, None);
    for (index, entry) in entries.iter().enumerate() {
        let reply = match &entry.outcome {
            Outcome::Failed => {
                counts.failed += 1;
                continue;
            }
            Outcome::Unknown => {
                counts.unknown += 1;
                continue;
            }
            Outcome::Ok(reply) => reply,
        };
        counts.ok += 1;
        let reads = model.is_read_only(&entry.op, reply);
        counts.reads += usize::from(reads);
        observed |= model.observes(&entry.op, reply);
        if absurd.is_none() {
            absurd = model.absurd(&entry.op, reply).map(|why| (index, why));
        }
    }
    counts.writes = counts.ok - counts.reads;
    if let Some((index, why)) = absurd {
        let entry = &entries[index];
        let what = model.describe(&entry.op, &entry.outcome);
        let violation = Violation {
            rule: "impossible-reply",
            sentence: format!("client {} {what}: {why}", entry.client),
            key: model.partition(&entry.op).map(|key| model.key_name(&key)),
            operations: vec![index],
            legal_prefix: Vec::new(),
        };
        return (counts, Some(Verdict::Invalid(Box::new(violation))));
    }
    if observed {
        return (counts, None);
    }
    let reason =
        if entries.is_empty() { "no operations" } else { "no reply of an operation shows any state" };
    (counts, Some(Verdict::Vacuous { reason: reason.to_owned() }))
}

/// Checks every part, on as many threads as there are cores. Parts after an invalid one are given up: the first invalid
/// part decides, whichever thread is faster.
fn all<P: Sync>(
    parts: &[P],
    operations: usize,
    options: &Options<'_>,
    check: impl Fn(&P, &Options<'_>) -> Checked + Sync,
) -> Vec<Checked> {
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
            if matches!(result.verdict, Verdict::Invalid(_)) {
                invalid.fetch_min(index, Ordering::Relaxed);
            }
            done.push((index, result));
        }
    };
    let cores = if operations < FEW { 1 } else { thread::available_parallelism().map_or(1, NonZero::get) };
    let mut results: Vec<(usize, Checked)> = thread::scope(|scope| {
        let others: Vec<_> = (1..cores.min(parts.len())).map(|_| scope.spawn(worker)).collect();
        let mut results = worker();
        for other in others {
            results.extend(other.join().expect("a check does not panic"));
        }
        results
    });
    results.sort_by_key(|&(index, _)| index);
    results.into_iter().map(|(_, result)| result).collect()
}

//! Checks etcd histories by the order that etcd itself gives: every answer carries the store's revision.
//!
//! Writes are sorted by revision and replayed once; reads are held against the replay. Only revisions that no answer
//! claims need a guess, and only guesses that can matter are revisited, so that the work grows with the history and
//! not with its concurrency. Nothing here trusts a revision: an order that contradicts real time is a violation.

mod bits;
mod case;
mod explain;
mod log;
mod order;
mod outlook;
mod plan;
mod prefix;
mod rules;
mod search;
mod store;
mod supply;
mod timelines;

use std::thread;

use history::{FileReport, History, ReadError, Scan, Sources};

use self::case::{Case, Wrong};
use self::explain::Explain;
use self::log::{Ending, Log};
use self::order::{Entry, Order, Role};
use self::rules::Broken;
use self::search::{Contradiction, Ended};
use self::supply::{Candidate, Pending};
use crate::{Counts, Engine, Report, Verdict};

/// From so many operations on, a second thread pays.
const LARGE: usize = 20_000;

/// Revisions of other writers are listed one by one; with more than this many there is little to say of the rest.
const HIDDEN_MOST: i64 = 1_000_000;

/// What is known of a history's surroundings. The default assumes nothing, so that it never accuses a store of what
/// somebody else did.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the store held when the history began.
    pub initial: Initial,
    /// Somebody whose operations are not in the history may have written too. Then a revision that nothing in the
    /// history explains is theirs, whatever was done there; without them it is a violation.
    pub foreign_writers: bool,
    /// Ask for an order of the operations that explains every answer.
    pub witness: bool,
    /// Search for up to a minute longer before giving up, where the last word is asked for.
    pub patient: bool,
}

/// What the store held when the history began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Initial {
    /// Nothing: it was new, at revision 1.
    Empty,
    /// Any keys at all, written at revisions below the first one that the history claims.
    Unknown,
}

impl Default for Options {
    fn default() -> Self {
        Self { initial: Initial::Unknown, foreign_writers: true, witness: false, patient: false }
    }
}

impl Options {
    /// A store that was started new for the history alone, as a run does it. Nobody else wrote to it, made leases or
    /// ended them, or compacted it: neither other clients nor the store by itself.
    #[must_use]
    pub fn own_store() -> Self {
        Self { initial: Initial::Empty, foreign_writers: false, witness: false, patient: false }
    }

    /// What is not told may have written anything.
    fn foreign_writers(&self, log: &Log<'_>) -> bool {
        self.foreign_writers || log.untold
    }

    /// Lost lines may have been writes, and leases from before the history may end in it.
    fn foreign(&self, log: &Log<'_>) -> bool {
        self.foreign_writers(log) || !log.complete || self.initial != Initial::Empty
    }
}

/// Checks a history of an etcd.
///
/// Invalid is proved, valid has a witness, and the rest says why it is neither. The indices in the report are those
/// of [`History::operations`].
#[must_use]
pub fn check(history: &History<'_>, options: &Options) -> Report {
    let parts = Log::of_history(history);
    let names = Log::names(&parts);
    judge(&Log::join(parts, &names, history.is_complete()).with_steps(), &history.files, options)
}

/// Reads and checks the history of a run in one go, which takes a fraction of the time and memory of reading it into
/// a [`History`] first.
///
/// # Errors
/// When the files cannot be read as one history; damage is no error, it is in the reports of the files.
pub fn check_files(sources: &Sources, options: &Options) -> Result<(Report, Vec<FileReport>), ReadError> {
    let Scan { parts, others, files } = sources.scan(Log::with_room)?;
    let complete = files.iter().all(FileReport::is_complete);
    let parts = Log::of_scan(parts, &others);
    let names = Log::names(&parts);
    let log = Log::join(parts, &names, complete).in_order().with_steps();
    let report = judge(&log, &files, options);
    Ok((report, files))
}

fn judge(log: &Log<'_>, files: &[FileReport], options: &Options) -> Report {
    let explain = Explain::new(files, log);
    let empty = options.initial == Initial::Empty;
    let foreign = options.foreign(log);
    let (pending, order) = both(log, || Pending::of(log), || Order::by_revision(log, empty));
    let case = Case::new(log, order, pending, empty, foreign);
    let ordered = case.is_ok();
    let beside = || (counts(log), ordered.then(|| rules::broken(log, foreign)).flatten());
    let replayed = || {
        let mut case = case?;
        let ended = case.replay(options.patient);
        Ok((case, ended))
    };
    let ((counts, broken), replayed) = both(log, beside, replayed);
    let (verdict, witness) = decide(log, replayed, broken, options, &explain);
    let verdict = match verdict {
        Verdict::Valid => vacuous(&counts).unwrap_or(Verdict::Valid),
        // Then there are no other writers but these.
        Verdict::Unknown { reason } if log.untold && !options.foreign_writers => Verdict::Unknown {
            reason: format!(
                "{reason}; a lock or an election of the store wrote a key that its call does not tell"
            ),
        },
        other => other,
    };
    Report { verdict, engine: Engine::Revisions, counts, witness }
}

/// Does both, in two threads where the history is long enough for that to pay.
fn both<A: Send, B>(log: &Log<'_>, beside: impl FnOnce() -> A + Send, here: impl FnOnce() -> B) -> (A, B) {
    if log.ops.len() < LARGE {
        let here = here();
        return (beside(), here);
    }
    thread::scope(|scope| {
        let beside = scope.spawn(beside);
        let here = here();
        (beside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), here)
    })
}

fn decide<'a>(
    log: &Log<'a>,
    replayed: Result<(Case<'_, 'a>, Ended<'a>), Wrong>,
    broken: Option<Broken>,
    options: &Options,
    explain: &Explain<'_>,
) -> (Verdict, Option<Vec<usize>>) {
    let empty = options.initial == Initial::Empty;
    let (foreign_writers, foreign) = (options.foreign_writers(log), options.foreign(log));
    // What is proved already, with how far everything else goes.
    let invalid = |log: &Log<'_>, verdict: Verdict, evidence: &Evidence| {
        let legal_prefix = match verdict {
            Verdict::Invalid(_) => prefix::legal(log, evidence, empty, foreign),
            _ => Vec::new(),
        };
        (verdict.with_legal_prefix(legal_prefix), None)
    };
    let (case, ended) = match replayed {
        Ok(replayed) => replayed,
        Err(Wrong::Order(disorder)) => {
            let evidence = Evidence { accused: Some(disorder.accused()), end: None };
            return invalid(log, explain.disorder(disorder), &evidence);
        }
        Err(Wrong::Hidden(verdict)) => return invalid(log, verdict, &Evidence::default()),
    };
    // That an answer does not fit says more than a rule; that a revision has no taker says less.
    let answered = |noted: &[Contradiction<'_>]| {
        noted.iter().all(|contradiction| matches!(contradiction, Contradiction::Answer { .. }))
    };
    if !matches!(&ended, Ended::Contradiction { noted, .. } if answered(noted))
        && let Some(broken) = broken
    {
        let evidence = Evidence { accused: Some(broken.accused()), end: None };
        return invalid(log, explain.rule(&broken), &evidence);
    }
    match ended {
        Ended::Fits { hidden, .. } if !foreign_writers && hidden.iter().any(stranger) => {
            let reason = match log.complete {
                false => "only operations that the damaged files lost explain it",
                true => "only leases or writers from before the history explain it",
            };
            (Verdict::Unknown { reason: reason.to_owned() }, None)
        }
        Ended::Fits { hidden, assumed: false } => {
            let witness = options.witness.then(|| witness(&case.log, &case.order, &hidden));
            (Verdict::Valid, witness)
        }
        Ended::Fits { .. } => {
            let reason = "an answer depends on what the store held before the history, or on other writers";
            (Verdict::Unknown { reason: reason.to_owned() }, None)
        }
        Ended::Undecided { revision, reason, .. } => (
            Verdict::Unknown { reason: format!("{reason}, at revision {revision} of {}", case.order.head) },
            None,
        ),
        Ended::Contradiction { noted, reach } => {
            let culprit = case.culprit(noted);
            let evidence = match &culprit {
                Contradiction::Answer { entry, .. } if entry.role() != Role::Write => {
                    Evidence { accused: Some(entry.op), end: None }
                }
                _ => Evidence { accused: None, end: Some(reach) },
            };
            invalid(&case.log, explain.contradiction(&case.order, culprit), &evidence)
        }
    }
}

/// Where a broken history breaks.
#[derive(Debug, Default)]
struct Evidence {
    /// This operation has no place.
    accused: Option<u32>,
    /// Nothing from this entry on has one.
    end: Option<usize>,
}

fn stranger(taken: &(i64, Candidate)) -> bool {
    matches!(taken.1, Candidate::Stranger | Candidate::StrangerPut(_) | Candidate::StrangerDelete(_))
}

/// The revisions that no answer claims.
fn hidden(log: &Log<'_>, order: &Order, unknown: usize, foreign: bool) -> Result<Vec<i64>, Verdict> {
    let (mut written, mut silent) = (0, 0);
    for entry in &order.entries {
        written += usize::from(entry.role() == Role::Write && entry.revision > order.base);
        silent += usize::from(entry.role() == Role::Silent);
    }
    let span = order.head - order.base;
    let count = span - written as i64;
    // Every hidden revision is one unknown operation, one that does not tell or one lease that ended.
    let leases = log.odd_actions().iter();
    let leases =
        leases.filter(|action| matches!(action, log::Action::Put { lease, .. } if *lease != 0)).count();
    let possible = (unknown + leases + silent) as i64;
    if count > possible && !foreign {
        return Err(explain::too_many_hidden(count, possible, order));
    }
    if count > HIDDEN_MOST.max(4 * log.ops.len() as i64) {
        return Err(Verdict::Unknown {
            reason: format!("{count} revisions were taken by writers that the history does not have"),
        });
    }
    Ok(unclaimed(order))
}

/// The same, without a question.
fn unclaimed(order: &Order) -> Vec<i64> {
    let mut hidden = Vec::new();
    let mut next = order.base + 1;
    for entry in order.entries.iter().filter(|entry| entry.role() == Role::Write) {
        hidden.extend(next..entry.revision);
        next = next.max(entry.revision + 1);
    }
    hidden.extend(next..=order.head);
    hidden
}

/// All operations that took effect, in the order of their places; what one revision answered, in that of invocations.
fn witness(log: &Log<'_>, order: &Order, hidden: &[(i64, Candidate)]) -> Vec<usize> {
    // Steps are no operations.
    let recorded = |candidate: &Candidate| match *candidate {
        Candidate::Op(op) if (op as usize) < log.recorded => Some(op),
        _ => None,
    };
    let mut hidden = hidden.iter().peekable();
    let mut witness: Vec<usize> = Vec::new();
    let mut taken = std::collections::BTreeSet::new();
    let placed: Vec<&Entry> = order.entries.iter().filter(|entry| entry.role() != Role::Old).collect();
    for entries in placed.chunk_by(|a, b| a.revision == b.revision) {
        while let Some((_, candidate)) = hidden.next_if(|(revision, _)| *revision <= entries[0].revision) {
            if let Some(op) = recorded(candidate) {
                taken.insert(op);
                witness.push(op as usize);
            }
        }
        let (writes, rest) = entries.split_at(entries.partition_point(|entry| entry.role() == Role::Write));
        let mut rest: Vec<u32> = rest.iter().map(|entry| entry.op).collect();
        rest.sort_unstable();
        let all = writes.iter().map(|entry| entry.op).chain(rest);
        witness.extend(all.filter(|op| !taken.contains(op)).map(|op| op as usize));
    }
    witness.extend(hidden.filter_map(|(_, candidate)| recorded(candidate)).map(|op| op as usize));
    witness
}

fn counts(log: &Log<'_>) -> Counts {
    let mut counts = Counts { operations: log.recorded, partitions: 1, ..Counts::default() };
    for (index, op) in (0..).zip(&log.ops[..log.recorded]) {
        match op.ending {
            Ending::Ok if log.op_wrote(index) => {
                (counts.ok, counts.writes) = (counts.ok + 1, counts.writes + 1);
            }
            Ending::Ok => {
                counts.ok += 1;
                counts.reads += usize::from(!log.is_silent(index) && log.read(&log.action(index)));
            }
            Ending::Failed => counts.failed += 1,
            Ending::Unknown => counts.unknown += 1,
        }
    }
    counts
}

fn vacuous(counts: &Counts) -> Option<Verdict> {
    let reason = match counts {
        Counts { operations: 0, .. } => "the history has no operations",
        Counts { writes: 0, .. } => "no write was acknowledged, so that no read could be wrong about one",
        Counts { reads: 0, .. } => "no read was answered, so that no write could be seen to be lost",
        _ => return None,
    };
    Some(Verdict::Vacuous { reason: reason.to_owned() })
}

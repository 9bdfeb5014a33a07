//! Faults as rows: what was done to whom, whether it really happened, and how the system answered meanwhile and after.

use history::Nanos;
use serde::Serialize;

use super::numbers;
use super::timeline::Clock;
use crate::material::{FaultRun, LinkUse, Material, Refused};
use crate::observe::Outcomes;

/// Rows that are shown; the rest is counted, and kept in `faults.jsonl`.
const ROWS_MAX: usize = 200;
/// How long after a fault it is looked at whether operations succeed.
pub(crate) const AFTER_NS: u64 = 2_000_000_000;

/// All faults.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Faults {
    /// By label: how many were applied, and of how many an effect was seen.
    pub kinds: Vec<(String, usize, usize)>,
    /// The first of them.
    pub rows: Vec<FaultRow>,
    /// Those that are not in `rows`.
    pub left_out: usize,
    /// What could not be applied, and why.
    pub refused: Vec<(String, String)>,
    /// The share of operations that were answered while some fault was in effect, and while none was.
    pub availability: Option<(String, String)>,
}

/// One fault.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FaultRow {
    /// Its number.
    pub id: u64,
    /// Its kind in a word or two.
    pub label: String,
    /// With its parameters.
    pub what: String,
    /// To whom.
    pub members: String,
    /// When it began.
    pub at: String,
    /// How long it was in effect.
    pub lasted: String,
    /// Whether an effect was seen.
    pub effect: bool,
    /// What shows it.
    pub evidence: String,
    /// Whether a majority was untouched.
    pub majority: bool,
    /// Answered operations of all, meanwhile.
    pub during: Share,
    /// The same in the two seconds after it.
    pub after: Share,
    /// How long until all members answered.
    pub recovered: String,
    /// For faults on links: senders and what they sent to each receiver.
    pub matrix: Vec<MatrixRow>,
    /// The receivers, in the order of the matrix's cells.
    pub receivers: Vec<String>,
}

/// Answered operations of all.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Share {
    /// Such as `98.1 %`, or `none` where there were no operations.
    pub text: String,
    /// From 0 to 1.
    pub share: Option<f64>,
    /// In numbers.
    pub about: String,
}

/// What one sender sent.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MatrixRow {
    /// The sender.
    pub from: String,
    /// By receiver: whether the link was disturbed, bytes before and meanwhile; `None` where there is no link.
    pub cells: Vec<Option<(bool, String, String)>>,
}

/// The moments between which outcomes are counted: each fault's beginning, end, and a while after.
pub(crate) fn marks(faults: &[FaultRun]) -> Vec<Nanos> {
    let mut marks: Vec<Nanos> = Vec::new();
    for fault in faults {
        marks.push(fault.from);
        if let Some(until) = fault.until {
            marks.extend([until, after(until)]);
        }
    }
    marks.sort_unstable();
    marks.dedup();
    marks
}

fn after(until: Nanos) -> Nanos {
    Nanos(until.0.saturating_add(AFTER_NS))
}

pub(super) fn faults(material: &Material, clock: &Clock) -> Faults {
    let marks = marks(&material.faults);
    let mut kinds: Vec<(String, usize, usize)> = Vec::new();
    for fault in &material.faults {
        let at = kinds.iter().position(|kind| kind.0 == fault.label).unwrap_or_else(|| {
            kinds.push((fault.label.clone(), 0, 0));
            kinds.len() - 1
        });
        kinds[at].1 += 1;
        kinds[at].2 += usize::from(fault.effect);
    }
    kinds.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    let rows =
        material.faults.iter().take(ROWS_MAX).map(|fault| row(fault, material, &marks, clock)).collect();
    let refused = |refused: &Refused| (refused.what.clone(), refused.reason.clone());
    Faults {
        kinds,
        rows,
        left_out: material.faults.len().saturating_sub(ROWS_MAX),
        refused: material.refused.iter().take(ROWS_MAX).map(refused).collect(),
        availability: availability(material, &marks),
    }
}

fn row(fault: &FaultRun, material: &Material, marks: &[Nanos], clock: &Clock) -> FaultRow {
    let between = |from, until| share(&material.observed.between, marks, from, until);
    let lasted = fault.until.map(|until| until.since(fault.from).as_secs_f64());
    let until = fault.until.unwrap_or(Nanos::MAX);
    let (receivers, matrix) = matrix(&fault.links);
    let evidence = fault.evidence.iter().map(|(name, value)| format!("{name} {value}"));
    FaultRow {
        id: fault.id,
        label: fault.label.clone(),
        what: fault.what.clone(),
        members: fault.members.join(", "),
        at: numbers::moment_s(clock.s(fault.from)),
        lasted: lasted.map_or("until the end".to_owned(), numbers::duration_s),
        effect: fault.effect,
        evidence: evidence.collect::<Vec<_>>().join("; "),
        majority: fault.majority_untouched,
        during: between(fault.from, until),
        after: fault.until.map_or_else(|| told(Outcomes::default()), |until| between(until, after(until))),
        recovered: fault.recovered_ms.map_or("–".to_owned(), |ms| numbers::duration_s(ms as f64 / 1e3)),
        matrix,
        receivers,
    }
}

fn share(between: &[Outcomes], marks: &[Nanos], from: Nanos, until: Nanos) -> Share {
    if between.len() != marks.len() + 1 {
        // While a run goes on nobody knows yet where its faults end.
        return told(Outcomes::default());
    }
    let first = marks.partition_point(|mark| *mark <= from);
    let last = marks.partition_point(|mark| *mark < until);
    let mut outcomes = Outcomes::default();
    between.iter().take(last + 1).skip(first).for_each(|some| outcomes.add(*some));
    told(outcomes)
}

fn told(outcomes: Outcomes) -> Share {
    let share = (outcomes.total() > 0).then(|| outcomes.ok as f64 / outcomes.total() as f64);
    let [ok, failed, unknown] = [outcomes.ok, outcomes.failed, outcomes.unknown].map(numbers::count);
    Share {
        text: share.map_or("none".to_owned(), numbers::percent),
        share,
        about: format!("{ok} answered, {failed} failed, {unknown} unknown"),
    }
}

fn availability(material: &Material, marks: &[Nanos]) -> Option<(String, String)> {
    let counted = material.observed.between.len() == marks.len() + 1;
    if material.faults.is_empty() || !counted || material.observed.outcomes.total() == 0 {
        return None;
    }
    let (mut under, mut free) = (Outcomes::default(), Outcomes::default());
    for (n, outcomes) in material.observed.between.iter().enumerate() {
        let from = n.checked_sub(1).and_then(|before| marks.get(before)).copied().unwrap_or_default();
        let faulted = n > 0
            && (material.faults.iter())
                .any(|fault| fault.from <= from && fault.until.is_none_or(|until| from < until));
        if faulted { under.add(*outcomes) } else { free.add(*outcomes) }
    }
    Some((told(under).text, told(free).text))
}

fn matrix(links: &[LinkUse]) -> (Vec<String>, Vec<MatrixRow>) {
    let names = |of: fn(&LinkUse) -> &String| {
        let mut names: Vec<String> = links.iter().map(of).cloned().collect();
        names.sort();
        names.dedup();
        names
    };
    let receivers = names(|link| &link.to);
    let rows = names(|link| &link.from).into_iter().map(|from| MatrixRow {
        cells: (receivers.iter())
            .map(|to| links.iter().find(|link| link.from == from && link.to == *to))
            .map(|link| {
                let bytes = |n: u64| numbers::bytes(n as f64);
                link.map(|link| (link.disturbed, bytes(link.before_bytes), bytes(link.during_bytes)))
            })
            .collect(),
        from,
    });
    (receivers.clone(), rows.collect())
}

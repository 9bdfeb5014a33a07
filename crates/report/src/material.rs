//! All that is known of a run, gathered from its files by whoever can read them: what the view is made of.
//!
//! These are plain values in the report's own words, so that the report knows neither who runs commands nor who applies
//! faults. Times are those of the run's one clock.

use history::Nanos;
use serde::{Deserialize, Serialize};

use crate::{Observed, Summary, Witness};

/// A run, whole or in parts: whatever could not be read is empty, and `summary.notes` say so.
#[derive(Clone, Debug, Default)]
pub struct Material {
    /// The judgement; a run that goes on has none.
    pub summary: Option<Summary>,
    /// From `run.json`.
    pub run: Option<RunFacts>,
    /// The history from afar.
    pub observed: Observed,
    /// Each execution of a command, in the order of starts.
    pub commands: Vec<CommandRun>,
    /// Each fault that was applied, in the order of its number.
    pub faults: Vec<FaultRun>,
    /// Faults that could not be applied.
    pub refused: Vec<Refused>,
    /// From `metrics.jsonl`.
    pub metrics: Vec<Metric>,
    /// What the history is invalid by.
    pub violation: Option<Violation>,
    /// Lines that members logged around the violation, sorted by time.
    pub logs: Vec<LogLine>,
    /// Until when the run was watched; for a run that goes on, now.
    pub until: Option<Nanos>,
}

/// What was decided and found before anything was tested.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the names of `run.json`")]
pub struct RunFacts {
    pub run: String,
    pub suite: String,
    pub subject: String,
    pub command_line: String,
    /// What to type to judge it again.
    pub judge_line: String,
    pub program: String,
    /// By member.
    pub versions: Vec<(String, String)>,
    pub seed: u64,
    pub template: String,
    pub profile: String,
    /// How long drivers are started.
    pub seconds: u64,
    /// On the run's clock.
    pub began: Nanos,
    /// The same moment as `began`, as a person reads it.
    pub began_text: String,
}

/// One execution of a command.
#[derive(Clone, Debug)]
pub struct CommandRun {
    /// Counts from 1 in the order of starts.
    pub n: u64,
    /// `template/file`.
    pub command: String,
    /// Such as `parallel_driver`.
    pub kind: String,
    /// When it was started.
    pub started: Nanos,
    /// When it ended, if that was seen.
    pub ended: Option<Nanos>,
    /// How it ended, in words.
    pub ending: String,
    /// How it ended, by class.
    pub class: Ending,
    /// The seed it was given.
    pub seed: u64,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Exit code 0.
    Zero,
    /// Another exit code, a crash, or it could not be started.
    Wrong,
    /// Somebody else ended it.
    Killed,
    /// It runs, or nobody saw its end.
    Open,
}

/// One fault that was applied.
#[derive(Clone, Debug)]
pub struct FaultRun {
    /// Its number.
    pub id: u64,
    /// Its kind in a word or two: coverage is counted by these.
    pub label: String,
    /// With its parameters.
    pub what: String,
    /// To whom.
    pub members: Vec<String>,
    /// When applying it began.
    pub from: Nanos,
    /// When it was healed; `None` when nobody saw that.
    pub until: Option<Nanos>,
    /// Whether an effect was seen.
    pub effect: bool,
    /// What shows it.
    pub evidence: Vec<(String, String)>,
    /// How long until all members answered again, in milliseconds.
    pub recovered_ms: Option<u64>,
    /// Whether a majority was untouched.
    pub majority_untouched: bool,
    /// For faults on links: what each carried.
    pub links: Vec<LinkUse>,
}

/// What a link carried before and while a fault lasted.
#[derive(Clone, Debug, Serialize)]
pub struct LinkUse {
    /// Who sends.
    pub from: String,
    /// Who receives.
    pub to: String,
    /// Whether the fault was on it.
    pub disturbed: bool,
    /// Bytes in the second before.
    pub before_bytes: u64,
    /// Bytes while it lasted.
    pub during_bytes: u64,
}

/// A fault that could not be applied.
#[derive(Clone, Debug, Serialize)]
pub struct Refused {
    /// Which.
    pub what: String,
    /// Why.
    pub reason: String,
}

/// A number that members tell of themselves, over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// What it is, for people.
    pub title: String,
    /// Its name in the members' own words.
    pub name: String,
    /// What it is measured in.
    pub unit: Unit,
    /// By member, sorted.
    pub members: Vec<(String, Vec<(Nanos, f64)>)>,
}

/// What a metric is measured in; decides how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Things.
    Count,
    /// Things per second.
    PerSecond,
    /// Bytes.
    Bytes,
    /// Seconds.
    Seconds,
    /// Percent of one processor.
    Percent,
    /// 1 or 0.
    Flag,
}

/// Why the history is invalid.
#[derive(Clone, Debug, Default)]
pub struct Violation {
    /// The rule's stable name.
    pub rule: String,
    /// One sentence.
    pub sentence: String,
    /// The key it is about.
    pub key: Option<String>,
    /// The operations.
    pub witness: Witness,
}

/// A line of a member's log.
#[derive(Clone, Debug)]
pub struct LogLine {
    /// Whose.
    pub member: String,
    /// When, on the run's clock as well as the wall clock of the line tells it.
    pub t: Nanos,
    /// `info`, `warn`, ...
    pub level: String,
    /// What it says.
    pub text: String,
}

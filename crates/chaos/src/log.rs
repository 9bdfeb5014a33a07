//! The log of a run's faults, `faults.jsonl` in its directory: one JSON line for each thing that happened, in the shape
//! of the platform's log, with fields of our own beside it. [`read`] puts the lines of each fault together again.

mod read;

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use history::{Nanos, clock};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::fault::{Direction, Disruption, Fault, Kind};
use crate::links::LinkRow;
pub use read::{FaultLog, LoggedFault, LoggedRecovery, read};

/// The log's name in a run's directory.
pub const FILE: &str = "faults.jsonl";

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Who writes: always the fault injector.
    pub source: Source,
    /// When, in the platform's terms.
    pub moment: Moment,
    /// What, in the platform's terms: a fault with its bounds, or `restore` at its end. Absent for quiet and recovery.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Value>,
    /// When, on the clock of the history.
    pub t: Nanos,
    /// What happened, in our terms.
    #[serde(flatten)]
    pub event: Event,
}

/// Who writes a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Its name.
    pub name: String,
}

/// When something happened, in the platform's terms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    /// There, a point in the tree of inputs; here, the seed.
    pub input_hash: String,
    /// Seconds since the run began.
    pub vtime: f64,
    /// The run's name.
    pub session_id: String,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A fault is in effect.
    Applied {
        /// The fault.
        applied: Fault,
        /// What it is called.
        label: String,
        /// When applying began: it may have been in effect since.
        began: Nanos,
        /// Whether a majority is touched by neither this nor any other fault now.
        majority_untouched: bool,
        /// Which members answered just before.
        healthy_before: BTreeMap<String, bool>,
        /// What is known about its effect so far.
        details: Map<String, Value>,
    },
    /// A fault could not be applied, and has no effect.
    NotApplied {
        /// The fault.
        refused: Fault,
        /// What it is called.
        label: String,
        /// Why.
        reason: String,
    },
    /// A fault is no longer in effect.
    Healed {
        /// The fault's number.
        id: u64,
        /// When healing began: it may have lost its effect since.
        began: Nanos,
        /// Whether it had an effect, as counters and process states show.
        really_applied: bool,
        /// What shows it.
        details: Map<String, Value>,
        /// For faults on links: every link, before and while it lasted.
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        links: Vec<LinkUse>,
    },
    /// After a fault, all members answer, or did not in time.
    Settled {
        /// The fault's number.
        id: u64,
        /// From the end of healing until all members answered; `None` when they did not in time.
        recovered_ms: Option<u64>,
        /// Why not, or what was not waited for.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// For faults on links: every link since it was healed.
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        links_after: Vec<LinkRow>,
    },
    /// Commands, or the end of the timeline, want no faults.
    Quiet {
        /// For so long; `None` for good.
        lasts_ms: Option<u64>,
    },
    /// Everything is healed, and the members were waited for.
    Recovered {
        /// How long until all were ready; `None` when they were not in time.
        took_ms: Option<u64>,
        /// Who was not, and what it said last.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// No more faults are applied.
    GaveUp {
        /// Why.
        reason: String,
    },
}

/// A link before and while a fault lasted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkUse {
    /// Who sends.
    pub from: String,
    /// Who receives.
    pub to: String,
    /// Whether the fault is on it.
    pub disturbed: bool,
    /// In the last second or less before.
    pub before: crate::Counts,
    /// While it lasted.
    pub during: crate::Counts,
}

/// The log, open for writing.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    file: File,
    run: String,
    seed: u64,
    began: Nanos,
}

/// The log could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {source}", path.display())]
pub struct LogError {
    path: PathBuf,
    source: io::Error,
}

impl Log {
    pub(crate) fn create(run_dir: &Path, run: &str, seed: u64) -> Result<Self, LogError> {
        let path = run_dir.join(FILE);
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = file.map_err(|source| LogError { path: path.clone(), source })?;
        Ok(Self { path, file, run: run.to_owned(), seed, began: clock::now() })
    }

    /// Writes what has just happened; `fault` is the one that it is about.
    pub(crate) fn write(&mut self, event: Event, fault: Option<&Fault>) -> Result<Line, LogError> {
        let t = clock::now();
        let line = Line {
            source: Source { name: "fault_injector".to_owned() },
            moment: Moment {
                input_hash: self.seed.to_string(),
                vtime: t.since(self.began).as_secs_f64(),
                session_id: self.run.clone(),
            },
            fault: fault.and_then(|fault| of_the_platform(&event, fault)),
            t,
            event,
        };
        let failed = |source| LogError { path: self.path.clone(), source };
        let mut text = serde_json::to_vec(&line).map_err(|error| failed(error.into()))?;
        text.push(b'\n');
        self.file.write_all(&text).map_err(failed)?;
        Ok(line)
    }
}

/// A fault as the platform's log has it; `None` where it has nothing.
fn of_the_platform(event: &Event, fault: &Fault) -> Option<Value> {
    let kind = class(&fault.kind);
    match event {
        Event::Applied { .. } => Some(json!({
            "name": name(&fault.kind),
            "type": kind,
            "affected_nodes": fault.members,
            "max_duration": fault.lasts().as_secs_f64(),
            "details": details(fault),
        })),
        // What happens at once is not restored.
        Event::Healed { .. } if !fault.kind.is_instant() => {
            Some(json!({"name": "restore", "type": kind, "affected_nodes": fault.members}))
        }
        _ => None,
    }
}

fn class(kind: &Kind) -> &'static str {
    match kind {
        Kind::Links(_) => "network",
        kind if kind.is_on_process() => "node",
        _ => "custom",
    }
}

fn name(kind: &Kind) -> String {
    match kind {
        Kind::Links(link) => match link.disruption {
            Disruption::Cut | Disruption::Hold => "partition".to_owned(),
            Disruption::Reset
            | Disruption::Loss { .. }
            | Disruption::Delay { .. }
            | Disruption::Bandwidth { .. } => "clog".to_owned(),
        },
        kind => kind.label().replace(' ', "_"),
    }
}

fn details(fault: &Fault) -> Value {
    let Kind::Links(link) = &fault.kind else { return json!({}) };
    let (disruption, latency) = match link.disruption {
        Disruption::Cut | Disruption::Reset => ("Stopped", None),
        Disruption::Hold => ("Jammed", None),
        Disruption::Delay { mean_ms, jitter_ms } => {
            ("Slowed", Some(json!({"mean": mean_ms, "deviation": jitter_ms})))
        }
        Disruption::Loss { .. } | Disruption::Bandwidth { .. } => ("Slowed", None),
    };
    let mut details = json!({
        "disruption_type": disruption,
        "asymmetric": link.direction != Direction::Both,
        "partitions": link.shape.groups(&fault.members),
    });
    if let Some(latency) = latency {
        details["latency"] = latency;
    }
    if let Disruption::Loss { percent } = link.disruption {
        details["drop_rate"] = (f64::from(percent) / 100.0).into();
    }
    details
}

#[cfg(test)]
mod tests;

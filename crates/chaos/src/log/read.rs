//! Reads a fault log back: each fault with its beginning, its end and its effect.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use history::Nanos;
use serde_json::{Map, Value};

use super::{Event, FILE, Line, LinkUse};
use crate::fault::Fault;
use crate::shape::majority_untouched;

/// All faults of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FaultLog {
    /// Those that were applied, in the order of their numbers.
    pub applied: Vec<LoggedFault>,
    /// Those that could not be applied, with the reason.
    pub not_applied: Vec<(Fault, String)>,
    /// Each time everything was healed and the members were waited for.
    pub recoveries: Vec<LoggedRecovery>,
    /// Why no more faults were applied from some moment on.
    pub gave_up: Option<String>,
    /// Lines that could not be read.
    pub broken: usize,
}

/// One fault that was applied.
#[derive(Debug, Clone, PartialEq)]
pub struct LoggedFault {
    /// The fault.
    pub fault: Fault,
    /// What it is called: coverage is counted by these words.
    pub label: String,
    /// It had no effect before.
    pub from: Nanos,
    /// It had no effect after; `None` when the run broke off before.
    pub until: Option<Nanos>,
    /// Whether it had an effect; `false` when the run broke off before that was known.
    pub really_applied: bool,
    /// Whether a majority was untouched when it was applied.
    pub majority_untouched: bool,
    /// What shows its effect.
    pub details: Map<String, Value>,
    /// For faults on links: every link, before and while it lasted.
    pub links: Vec<LinkUse>,
    /// How long until all members answered again, where that was waited for and came.
    pub recovered_ms: Option<u64>,
}

/// One wait for the members after everything was healed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedRecovery {
    /// When it ended.
    pub t: Nanos,
    /// How long it took; `None` when it did not end in time.
    pub took_ms: Option<u64>,
    /// Who was not ready, and what it said last.
    pub reason: Option<String>,
}

impl FaultLog {
    /// Whether some majority of `members` was untouched by every fault at that moment: only then may anyone demand that
    /// the system answered. A fault that broke off counts as going on.
    #[must_use]
    pub fn majority_untouched(&self, members: &[String], at: Nanos) -> bool {
        let touches = |fault: &&LoggedFault| fault.from <= at && fault.until.is_none_or(|until| at <= until);
        majority_untouched(members, self.applied.iter().filter(touches).map(|logged| &logged.fault))
    }
}

/// Reads the log of a run; without one there were no faults.
///
/// # Errors
/// When the file is there and cannot be read. Lines that make no sense are counted.
pub fn read(run_dir: &Path) -> io::Result<FaultLog> {
    match fs::read(run_dir.join(FILE)) {
        Ok(bytes) => Ok(parse(&bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(FaultLog::default()),
        Err(error) => Err(error),
    }
}

pub(super) fn parse(bytes: &[u8]) -> FaultLog {
    let mut log = FaultLog::default();
    let mut applied: BTreeMap<u64, LoggedFault> = BTreeMap::new();
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let Ok(Line { t, event, .. }) = serde_json::from_slice(line) else {
            log.broken += 1;
            continue;
        };
        match event {
            Event::Applied { applied: fault, label, began, majority_untouched, details, .. } => {
                let id = fault.id;
                let logged = LoggedFault {
                    fault,
                    label,
                    from: began,
                    until: None,
                    really_applied: false,
                    majority_untouched,
                    details,
                    links: Vec::new(),
                    recovered_ms: None,
                };
                applied.insert(id, logged);
            }
            Event::NotApplied { refused, reason, .. } => log.not_applied.push((refused, reason)),
            Event::Healed { id, really_applied, details, links, .. } => {
                if let Some(fault) = applied.get_mut(&id) {
                    fault.until = Some(t);
                    fault.really_applied = really_applied;
                    fault.details.extend(details);
                    fault.links = links;
                }
            }
            Event::Settled { id, recovered_ms, .. } => {
                if let Some(fault) = applied.get_mut(&id) {
                    fault.recovered_ms = recovered_ms;
                }
            }
            Event::Recovered { took_ms, reason } => {
                log.recoveries.push(LoggedRecovery { t, took_ms, reason });
            }
            Event::GaveUp { reason } => log.gave_up = Some(reason),
            Event::Quiet { .. } => {}
        }
    }
    log.applied = applied.into_values().collect();
    log
}

//! The runs there are, as their directories tell. A damaged directory is listed with what can be read of it.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chaos::Journal;
use report::{Outcome, Status, Summary};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::material;
use crate::record::{self, Event, RunRecord};

/// The newest that are listed; older ones can still be opened by name.
const LISTED_MAX: usize = 500;

/// A run in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct RunEntry {
    /// Its name, which is its directory's.
    pub(crate) name: String,
    /// Whether it goes on.
    pub(crate) state: State,
    /// The suite; empty where run.json cannot be read.
    pub(crate) suite: String,
    /// What was tested.
    pub(crate) subject: String,
    /// The profile of faults.
    pub(crate) profile: String,
    /// What its draws come from.
    pub(crate) seed: Option<u64>,
    /// When it began, UTC.
    pub(crate) began: String,
    /// The verdict, once there is one.
    pub(crate) verdict: Option<Outcome>,
    /// The verdict and its reason in one sentence.
    pub(crate) sentence: String,
    /// Operations in its history, once it is judged.
    pub(crate) operations: usize,
    /// Names of failing properties.
    pub(crate) failing: Vec<String>,
}

impl RunEntry {
    /// Whether its process lives.
    pub(crate) fn is_running(&self) -> bool {
        self.state == State::Running
    }

    /// Whether it came to its end in order.
    pub(crate) fn has_ended(&self) -> bool {
        self.state == State::Ended
    }
}

/// Whether a run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// Its process lives.
    Running,
    /// It came to an end, and was judged.
    Ended,
    /// It was interrupted, or its process was killed.
    Interrupted,
}

/// Runs that have ended do not change: they are read once.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    known: HashMap<String, (Option<SystemTime>, RunEntry)>,
}

impl Catalog {
    /// All runs, the newest first.
    pub(super) fn list(&mut self, runs: &Path) -> Vec<RunEntry> {
        let names = names(runs);
        self.known.retain(|name, _| names.contains(name));
        names.into_iter().map(|name| self.entry(runs, name)).collect()
    }

    fn entry(&mut self, runs: &Path, name: String) -> RunEntry {
        let dir = runs.join(&name);
        let judged = fs::metadata(dir.join("verdict.json")).and_then(|metadata| metadata.modified()).ok();
        if let Some((known, entry)) = self.known.get(&name)
            && *known == judged
            && judged.is_some()
        {
            return entry.clone();
        }
        let entry = entry(&dir, &name);
        self.known.insert(name, (judged, entry.clone()));
        entry
    }
}

/// Names of runs, the newest first: they begin with the time.
pub(super) fn names(runs: &Path) -> Vec<String> {
    let entries = fs::read_dir(runs).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| path(runs, name).is_some()).collect();
    names.sort_unstable_by(|a, b| b.cmp(a));
    names.truncate(LISTED_MAX);
    names
}

/// The directory of the run of that name; `None` for a name that is none. No name leads out of `runs`.
pub(super) fn path(runs: &Path, name: &str) -> Option<PathBuf> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
        return None;
    }
    let path = runs.join(name);
    let real = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_dir());
    (real && path.join("history").is_dir()).then_some(path)
}

/// The process that carries out the run.
pub(super) fn holder(dir: &Path) -> Option<u32> {
    Journal::holder(dir).ok().flatten()
}

pub(super) fn entry(dir: &Path, name: &str) -> RunEntry {
    let record = RunRecord::read(dir).ok().flatten();
    let facts = record.as_ref().map(|record| material::facts(dir, record)).unwrap_or_default();
    let summary = summary(dir);
    let state = match (holder(dir), &summary) {
        (Some(_), _) => State::Running,
        (None, Some(_)) if came_to_its_end(dir) => State::Ended,
        _ => State::Interrupted,
    };
    let failing = summary.iter().flat_map(|summary| &summary.properties);
    let failing =
        failing.filter(|property| property.status == Status::Failing).map(|property| property.name.clone());
    RunEntry {
        name: name.to_owned(),
        state,
        seed: record.as_ref().map(|record| record.plan.seed),
        suite: facts.suite,
        subject: facts.subject,
        profile: facts.profile,
        began: facts.began_text,
        verdict: summary.as_ref().map(|summary| summary.verdict),
        operations: summary.as_ref().map_or(0, |summary| summary.operations),
        failing: failing.collect(),
        sentence: summary.map_or_else(String::new, |summary| summary.sentence),
    }
}

pub(super) fn summary(dir: &Path) -> Option<Summary> {
    serde_json::from_slice(&fs::read(dir.join("verdict.json")).ok()?).ok()
}

fn came_to_its_end(dir: &Path) -> bool {
    let events = record::read_events(dir).map(|(events, _)| events).unwrap_or_default();
    events.iter().any(|event| matches!(event, Event::Ended))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_the_runs() {
        let runs = tempfile::tempdir().unwrap();
        fs::create_dir_all(runs.path().join("a/history")).unwrap();
        fs::create_dir_all(runs.path().join(".b/history")).unwrap();
        std::os::unix::fs::symlink("/", runs.path().join("c")).unwrap();
        assert!(path(runs.path(), "a").is_some());
        for name in ["", ".", "..", "../a", "a/..", ".b", "c", "a/history", "/etc", "a\0", "%2e%2e"] {
            assert_eq!(path(runs.path(), name), None, "{name:?}");
        }
    }

    #[test]
    fn a_damaged_directory_is_listed() {
        let runs = tempfile::tempdir().unwrap();
        fs::create_dir_all(runs.path().join("a/history")).unwrap();
        fs::write(runs.path().join("a/run.json"), "{").unwrap();
        fs::write(runs.path().join("a/verdict.json"), "torn").unwrap();
        let listed = Catalog::default().list(runs.path());
        assert_eq!((listed[0].name.as_str(), listed[0].state), ("a", State::Interrupted));
    }
}

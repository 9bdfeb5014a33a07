//! The run's own record, `run.json` and `events.jsonl`: what was asked for, what was started, and what `dt` saw.
//!
//! With the other files of the directory it is all that `dt check` needs.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use composer::{Listed, Plan};
use history::{Nanos, clock};
use serde::{Deserialize, Serialize};

use crate::suite::Check;

/// The version of `run.json`.
const FORMAT_VERSION: u32 = 1;

/// `run.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RunRecord {
    /// The version of this file's format.
    pub(crate) format: u32,
    /// The run's name, which is its directory's.
    pub(crate) run: String,
    /// What to type to repeat it.
    pub(crate) command_line: String,
    /// The suite's name.
    pub(crate) suite: String,
    /// The chart's name, such as `etcd`; empty in records of before it was written.
    #[serde(default)]
    pub(crate) system: String,
    /// What was tested, such as `etcd 3.5.30 (3 members)`.
    pub(crate) subject: String,
    /// True when the system was running before and was left running.
    pub(crate) attached: bool,
    /// True when the commands were not the suite's own: they need not record what they do.
    #[serde(default)]
    pub(crate) foreign: bool,
    /// Where the system's program was found or got from; empty when attached.
    pub(crate) program: String,
    /// How commands reached the members, for each client.
    pub(crate) endpoints: Vec<String>,
    /// Version by member, as each told.
    pub(crate) versions: Vec<(String, String)>,
    /// What histories are judged by.
    pub(crate) check: Check,
    /// Whether what was not exercised fails.
    pub(crate) strict: bool,
    /// When it began, on the clock of the history and on the wall.
    pub(crate) began: Nanos,
    /// Nanoseconds since 1970 UTC.
    pub(crate) wall: Nanos,
    /// All commands of the template.
    pub(crate) commands: Vec<Listed>,
    /// What was decided before it began: commands.
    pub(crate) plan: Plan,
    /// And faults.
    pub(crate) faults: chaos::Plan,
}

/// One line of `events.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(crate) enum Event {
    /// The timeline entered a phase.
    Phase {
        /// Its name.
        phase: String,
    },
    /// A command has seen a promise broken, the first of the run.
    Violated {
        /// The sentence that did not hold.
        property: String,
        /// Who saw it.
        command: String,
        /// Its number in the run.
        number: u64,
        /// When it ended, since drivers began.
        after_ms: u64,
    },
    /// The history until then contradicts a promise, and nobody had seen one broken before.
    Disproved {
        /// The sentence that did not hold.
        property: String,
        /// What contradicts it.
        sentence: String,
        /// How many operations were looked at.
        operations: usize,
        /// When that was found, since drivers began.
        after_ms: u64,
    },
    /// A member ended although nobody asked it to.
    MemberCrashed {
        /// Which.
        member: String,
        /// How.
        status: String,
        /// The last lines it logged.
        last_lines: Vec<String>,
    },
    /// No command runs any more; from here on nothing of the history may be gone.
    Recorded {
        /// The lines of each history file, by its name.
        histories: BTreeMap<String, u64>,
    },
    /// The run was stopped and judged; its members go on until it is stopped once more.
    Kept {
        /// Where they listen.
        members: Vec<String>,
    },
    /// The person at the keyboard ended the run.
    Interrupted,
    /// `dt` itself could not go on.
    ToolFailed {
        /// Why.
        reason: String,
    },
    /// The run came to its end in order.
    Ended,
}

#[derive(Serialize, Deserialize)]
struct Line {
    t: Nanos,
    #[serde(flatten)]
    event: Event,
}

impl RunRecord {
    /// The version of the format that is written now.
    pub(crate) const FORMAT: u32 = FORMAT_VERSION;

    pub(crate) fn write(&self, dir: &Path) -> anyhow::Result<()> {
        let path = dir.join("run.json");
        let text = serde_json::to_string_pretty(self).context("cannot write run.json")?;
        fs::write(&path, text + "\n").with_context(|| format!("cannot write {}", path.display()))
    }

    /// The record of a run's directory; `None` where there is none.
    pub(crate) fn read(dir: &Path) -> anyhow::Result<Option<Self>> {
        let path = dir.join("run.json");
        if !path.exists() {
            return Ok(None);
        }
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let record: Self = serde_json::from_str(&text)
            .with_context(|| format!("{} is not a run's record", path.display()))?;
        if record.format != FORMAT_VERSION {
            let (found, path) = (record.format, path.display());
            anyhow::bail!("{path}: format version {found}, this program reads version {FORMAT_VERSION}");
        }
        Ok(Some(record))
    }
}

/// Writes `events.jsonl`, a line for each event.
#[derive(Debug)]
pub(crate) struct EventLog {
    path: PathBuf,
    file: File,
}

impl EventLog {
    pub(crate) fn create(dir: &Path) -> anyhow::Result<Self> {
        let path = dir.join("events.jsonl");
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = file.with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { path, file })
    }

    pub(crate) fn write(&mut self, event: Event) -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(&Line { t: clock::now(), event })?;
        line.push(b'\n');
        self.file.write_all(&line).with_context(|| format!("cannot write {}", self.path.display()))
    }
}

impl Event {
    /// [`Event::Recorded`] of what is in the run's directory now.
    pub(crate) fn recorded(dir: &Path) -> anyhow::Result<Self> {
        let dir = dir.join("history");
        let mut histories = BTreeMap::new();
        for entry in fs::read_dir(&dir).with_context(|| format!("cannot read {}", dir.display()))? {
            let entry = entry?;
            if entry.path().extension().is_some_and(|extension| extension == "jsonl") {
                let lines = lines(&entry.path())
                    .with_context(|| format!("cannot read {}", entry.path().display()))?;
                histories.insert(entry.file_name().to_string_lossy().into_owned(), lines);
            }
        }
        Ok(Self::Recorded { histories })
    }
}

/// How many lines a file has, however large it is; a last one that is cut off counts.
fn lines(path: &Path) -> std::io::Result<u64> {
    let mut file = BufReader::new(File::open(path)?);
    let mut lines = 0;
    while file.skip_until(b'\n')? > 0 {
        lines += 1;
    }
    Ok(lines)
}

/// The events of a run's directory, and how many lines could not be read.
pub(crate) fn read_events(dir: &Path) -> anyhow::Result<(Vec<Event>, usize)> {
    let path = dir.join("events.jsonl");
    if !path.exists() {
        return Ok((Vec::new(), 0));
    }
    let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let (mut events, mut broken) = (Vec::new(), 0);
    for line in lines {
        match serde_json::from_slice::<Line>(line) {
            Ok(line) => events.push(line.event),
            Err(_) => broken += 1,
        }
    }
    Ok((events, broken))
}

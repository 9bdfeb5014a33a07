//! The journal of faults, `chaos.journal.jsonl` in the run's directory: each fault and how it is undone is written
//! before it is applied, and marked when it is undone. It is for the sweep after a crash; what people read is
//! [`crate::log`].
//!
//! The open journal is also the claim on the run's directory: it is locked as long as this process lives, so that no
//! sweep takes a running run for a crashed one.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use cluster::Wiring;
use cluster::journal::Leftover;
use history::{Nanos, clock};
use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};

use crate::fault::Fault;

/// The journal's name in a run's directory.
pub(crate) const FILE: &str = "chaos.journal.jsonl";
/// In the environment of every process that a run starts, with the run's directory: so a sweep finds also those that
/// died too early, or were started too late, to be written down.
const MARK: &str = "DT_RUN_DIRECTORY";

/// How a fault is undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Undo {
    /// These are told to go on.
    Resume(Vec<String>),
    /// These are started again.
    Start(Vec<String>),
    /// It joins the others again.
    Rejoin(String),
    /// The proxies let everything through; they end with the process that runs them.
    ReleaseLinks,
    /// Containers are brought back to how they were, whatever was done to them.
    Reset {
        /// The engine's program.
        engine: PathBuf,
        /// Id or name, by the member's name.
        containers: BTreeMap<String, String>,
    },
    /// The program that was started is ended.
    EndProgram,
    /// It leaves nothing behind.
    Nothing,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "e")]
pub(crate) enum Line {
    /// The run has begun.
    Open { t: Nanos, pid: u32 },
    /// A fault is about to be applied.
    Fault { t: Nanos, fault: Fault, undo: Undo },
    /// A program was started for a fault.
    Program { t: Nanos, id: u64, process: Leftover, boot: String },
    /// Containers of the run may be there from now on.
    Containers { t: Nanos, engine: PathBuf },
    /// A fault is undone.
    Undone { t: Nanos, id: u64 },
    /// Nothing is left of the run.
    Closed { t: Nanos },
}

/// The open journal of a run. While it is there, the run's directory is this process's own.
#[derive(Debug)]
pub struct Journal {
    directory: PathBuf,
    file: Mutex<File>,
    boot: String,
}

/// Why a run's directory could not be claimed or written to.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another process has it.
    #[error("{path} belongs to a run that is still going on: end that first")]
    Claimed {
        /// The run's directory.
        path: PathBuf,
    },
    /// The system refused.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The journal.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Journal {
    /// Claims the run's directory, which exists.
    ///
    /// # Errors
    /// When another process has it, or nothing can be written there.
    pub fn open(run_dir: &Path) -> Result<Self, JournalError> {
        let path = run_dir.join(FILE);
        let failed = |source| JournalError::Write { path: path.clone(), source };
        let directory = fs::canonicalize(run_dir).map_err(failed)?;
        // A new journal appears locked, so that no sweep can come between.
        let new = !path.exists();
        let made = if new { run_dir.join(format!("{FILE}.{}", std::process::id())) } else { path.clone() };
        let file = OpenOptions::new().create(new).append(true).open(&made).map_err(failed)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(JournalError::Claimed { path: directory }),
            other => other.map_err(|error| failed(error.into()))?,
        }
        if new {
            fs::rename(&made, &path).map_err(failed)?;
        }
        let journal = Self { directory, file: Mutex::new(file), boot: clock::boot_id() };
        journal.write(&Line::Open { t: clock::now(), pid: std::process::id() })?;
        Ok(journal)
    }

    /// The process that has claimed the run's directory and lives; `None` when the run is over, or was never begun.
    ///
    /// # Errors
    /// When the journal is there and cannot be read.
    pub fn holder(run_dir: &Path) -> io::Result<Option<u32>> {
        let file = match File::open(run_dir.join(FILE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared) {
            Err(rustix::io::Errno::WOULDBLOCK) => {}
            other => return other.map(|()| None).map_err(Into::into),
        }
        let opened = read(run_dir)?.into_iter().rev().find_map(|line| match line {
            Line::Open { pid, .. } => Some(pid),
            _ => None,
        });
        Ok(opened)
    }

    /// The run's directory, as all links resolve.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The variable that every process started for this run must have in its environment, to be found by a sweep.
    #[must_use]
    pub fn mark(&self) -> (String, String) {
        mark(&self.directory)
    }

    /// Puts [`Self::mark`] into the environment of all members.
    pub fn mark_members(&self, wiring: &mut Wiring) {
        for member in &mut wiring.members {
            member.environment.extend([self.mark()]);
        }
    }

    /// Notes that nothing is left of the run: sweeps will pass it over.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn close(&self) -> Result<(), JournalError> {
        self.write(&Line::Closed { t: clock::now() })
    }

    /// Notes, before they are made, that the run has containers: they bear its directory as a label.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn containers(&self, engine: &Path) -> Result<(), JournalError> {
        self.write(&Line::Containers { t: clock::now(), engine: engine.to_owned() })
    }

    pub(crate) fn begins(&self, fault: &Fault, undo: Undo) -> Result<(), JournalError> {
        self.write(&Line::Fault { t: clock::now(), fault: fault.clone(), undo })
    }

    pub(crate) fn started(&self, id: u64, process: Leftover) -> Result<(), JournalError> {
        self.write(&Line::Program { t: clock::now(), id, process, boot: self.boot.clone() })
    }

    pub(crate) fn undone(&self, id: u64) -> Result<(), JournalError> {
        self.write(&Line::Undone { t: clock::now(), id })
    }

    fn write(&self, line: &Line) -> Result<(), JournalError> {
        let failed = |source| JournalError::Write { path: self.directory.join(FILE), source };
        let mut text = serde_json::to_vec(line).map_err(|error| failed(error.into()))?;
        text.push(b'\n');
        self.file.lock().unwrap_or_else(PoisonError::into_inner).write_all(&text).map_err(failed)
    }
}

pub(crate) fn mark(directory: &Path) -> (String, String) {
    (MARK.to_owned(), directory.to_string_lossy().into_owned())
}

/// The lines of a journal; one that a crash has torn is passed over.
pub(crate) fn read(run_dir: &Path) -> io::Result<Vec<Line>> {
    let bytes = match fs::read(run_dir.join(FILE)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    Ok(bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect())
}

/// Whether the last line says that nothing is left; only the file's end is read, as there may be many runs.
pub(crate) fn is_closed(run_dir: &Path) -> io::Result<bool> {
    const END_BYTES: u64 = 512;
    let mut file = File::open(run_dir.join(FILE))?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(END_BYTES)))?;
    let mut end = Vec::new();
    file.take(END_BYTES).read_to_end(&mut end)?;
    let last = end.strip_suffix(b"\n").and_then(|end| end.rsplit(|byte| *byte == b'\n').next());
    Ok(last.is_some_and(|line| matches!(serde_json::from_slice(line), Ok(Line::Closed { .. }))))
}

impl fmt::Display for Undo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resume(members) => write!(f, "resume {}", members.join(", ")),
            Self::Start(members) => write!(f, "start {}", members.join(", ")),
            Self::Rejoin(member) => write!(f, "let {member} join again"),
            Self::ReleaseLinks => f.write_str("release the links"),
            Self::Reset { containers, .. } => {
                let members: Vec<&str> = containers.keys().map(String::as_str).collect();
                write!(f, "reset the containers of {}", members.join(", "))
            }
            Self::EndProgram => f.write_str("end the program"),
            Self::Nothing => f.write_str("nothing"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Kind;

    #[test]
    fn a_directory_belongs_to_one_run_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(dir.path()).unwrap();
        let error = Journal::open(dir.path()).unwrap_err();
        assert!(error.to_string().contains("still going on"), "{error}");
        assert_eq!(Journal::holder(dir.path()).unwrap(), Some(std::process::id()));
        drop(journal);
        assert_eq!(Journal::holder(dir.path()).unwrap(), None);
        Journal::open(dir.path()).unwrap();
    }

    #[test]
    fn what_is_written_is_read_and_a_torn_line_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(dir.path()).unwrap();
        let members = vec!["a".to_owned()];
        let (kind, monkey) = (Kind::Pause, "m".to_owned());
        let fault = Fault { id: 1, monkey, kind, members: members.clone(), lasts_ms: 5, seed: 6 };
        journal.begins(&fault, Undo::Resume(members)).unwrap();
        journal.undone(1).unwrap();
        journal.file.lock().unwrap().write_all(b"{\"e\":\"fau").unwrap();
        let lines = read(dir.path()).unwrap();
        assert_eq!(lines.len(), 3);
        assert!(
            matches!(&lines[1], Line::Fault { fault: read, undo: Undo::Resume(_), .. } if *read == fault)
        );
        assert!(matches!(lines[2], Line::Undone { id: 1, .. }));
        assert_eq!(read(&dir.path().join("nowhere")).unwrap(), Vec::new());
    }
}

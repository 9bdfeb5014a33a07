//! The recorder: every invocation is on disk before its request may leave.
//!
//! "On disk" means handed to the kernel, one `write` a line: it survives the death of the process, which is what gets
//! killed here. It does not survive the death of the machine, and must not pay for that.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use thiserror::Error;

use crate::line::{FooterLine, InvokeLine, ReturnLine, WatchLine};
use crate::{Call, Event, FORMAT_VERSION, Header, Nanos, Outcome, clock};

/// A history file could not be made or written. Nothing may be sent after it: it would go unrecorded.
#[derive(Debug, Error)]
#[error("history file {path}: {source}")]
pub struct WriteError {
    /// The file in question.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

/// The number of an operation in its file; made by [`Writer::invoke`], spent by [`Writer::finish`].
#[derive(Debug, PartialEq, Eq, Hash)]
#[must_use = "an operation that is not finished stays open: its outcome is unknown"]
pub struct OperationId(u64);

impl OperationId {
    /// The number as it is in the file.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.0
    }
}

/// Writes one history file. Shared by the clients of a process; each line is one `write` to an append-only file.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    file: File,
    next: u64,
    line: Vec<u8>,
}

impl Writer {
    /// Makes a new file in `dir` (made if missing) for `command`, the `number`th of `run` (0 and "" outside of one).
    ///
    /// # Errors
    /// When the directory or the file cannot be made or written.
    pub fn create(dir: &Path, run: &str, command: &str, number: u64) -> Result<Self, WriteError> {
        let header = Header {
            history: FORMAT_VERSION,
            boot: clock::boot_id(),
            run: run.to_owned(),
            command: command.to_owned(),
            number,
            pid: std::process::id(),
            t: clock::now(),
            wall: clock::wall(),
        };
        let stem: String =
            command.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect();
        // Containers share process ids and, with a volume, this directory; the stamp tells them apart.
        let path = dir.join(format!("{number:06}-{stem}-{}-{:x}.jsonl", header.pid, header.t.0));
        let error = |source| WriteError { path: path.clone(), source };
        fs::create_dir_all(dir).map_err(error)?;
        let file = OpenOptions::new().append(true).create_new(true).open(&path).map_err(error)?;
        let writer = Self { path, state: Mutex::new(State { file, next: 0, line: Vec::with_capacity(256) }) };
        writer.locked(|state| state.write(&header))?;
        Ok(writer)
    }

    /// The file being written.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Records that `client` is about to ask `member` for `call`. Send the request only after this returned.
    ///
    /// # Errors
    /// When the line could not be written; the request must not be sent then.
    pub fn invoke(&self, client: u32, member: &str, call: &Call<'_>) -> Result<OperationId, WriteError> {
        self.locked(|state| {
            let id = state.next;
            state.write(&InvokeLine::new(id, clock::now(), client, member, call))?;
            state.next += 1;
            Ok(OperationId(id))
        })
    }

    /// Records how an operation ended.
    ///
    /// # Errors
    /// When the line could not be written; the operation stays open then.
    #[expect(clippy::needless_pass_by_value, reason = "an operation ends once: the id is spent")]
    pub fn finish(&self, id: OperationId, outcome: &Outcome<'_>) -> Result<Nanos, WriteError> {
        // Taken before the lock: the reply had arrived by now, whoever else is writing.
        let returned = clock::now();
        self.locked(|state| state.write(&ReturnLine::new(id.0, returned, outcome)))?;
        Ok(returned)
    }

    /// Records what a watch delivered at `revision`; no events is a progress notification.
    ///
    /// # Errors
    /// When the line could not be written.
    pub fn watched(&self, id: &OperationId, revision: i64, events: &[Event<'_>]) -> Result<(), WriteError> {
        let ev = events.iter().map(crate::line::EventFields::new).collect();
        let line = WatchLine { w: id.0, t: clock::now(), rev: revision, ev };
        self.locked(|state| state.write(&line))
    }

    /// Ends the file with its footer. A file without one was cut short, or its process was.
    ///
    /// # Errors
    /// When the line could not be written.
    pub fn close(self) -> Result<(), WriteError> {
        self.locked(|state| {
            let footer = FooterLine { z: state.next, t: clock::now() };
            state.write(&footer)
        })
    }

    fn locked<T>(&self, work: impl FnOnce(&mut State) -> io::Result<T>) -> Result<T, WriteError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut state).map_err(|source| WriteError { path: self.path.clone(), source })
    }
}

impl State {
    fn write(&mut self, line: &impl Serialize) -> io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, line)?;
        self.line.push(b'\n');
        self.file.write_all(&self.line)
    }
}

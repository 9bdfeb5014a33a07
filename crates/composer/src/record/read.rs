//! Reads the record back. It never fails on content: what it cannot read is counted, and the rest is kept.

use super::{Ending, Line, TaskStatus};
use crate::kind::Kind;
use history::Nanos;
use std::collections::BTreeMap;
use std::path::Path;

/// One execution of one command.
#[derive(Debug, Clone, PartialEq)]
pub struct CommandRecord {
    /// Counts from 1 in the order of starts; also the name of its output files.
    pub n: u32,
    /// `template/file`.
    pub command: String,
    /// Its kind.
    pub kind: Kind,
    /// The seed it was given.
    pub seed: u64,
    /// `None` where no process came to life.
    pub pid: Option<u32>,
    /// On the run's clock.
    pub started: Nanos,
    /// `None` if nobody saw its end.
    pub finished: Option<Finish>,
}

/// The end of one execution.
#[derive(Debug, Clone, PartialEq)]
pub struct Finish {
    /// On the run's clock.
    pub t: Nanos,
    /// How it ended.
    pub ending: Ending,
    /// From start to end.
    pub runtime_seconds: f64,
    /// Bytes it wrote; the kept file is shorter where this is above the limit.
    pub stdout_bytes: u64,
    /// Bytes it wrote; the kept file is shorter where this is above the limit.
    pub stderr_bytes: u64,
}

/// The record of a run as far as it can be read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CommandLog {
    /// In the order of starts.
    pub commands: Vec<CommandRecord>,
    /// Whole lines that are no records, and ends without a start.
    pub broken_lines: u64,
    /// Whether the last line was cut.
    pub torn: bool,
}

impl CommandLog {
    /// Reads `commands.jsonl`. Fails only if the file cannot be read.
    pub fn read(path: &Path) -> std::io::Result<CommandLog> {
        std::fs::read(path).map(|bytes| CommandLog::parse(&bytes))
    }

    /// Reads the file's content.
    pub fn parse(bytes: &[u8]) -> CommandLog {
        let mut log = CommandLog::default();
        let mut commands = BTreeMap::new();
        for text in bytes.split_inclusive(|byte| *byte == b'\n') {
            let taken = serde_json::from_slice(text).is_ok_and(|line| take(line, &mut commands));
            match (taken, text.ends_with(b"\n")) {
                (true, _) => {}
                (false, true) => log.broken_lines += 1,
                (false, false) => log.torn = true,
            }
        }
        log.commands = commands.into_values().collect();
        log
    }
}

/// Adds one line to the records; `false` if it contradicts them.
fn take(line: Line, commands: &mut BTreeMap<u32, CommandRecord>) -> bool {
    match line.task_status {
        TaskStatus::Started if commands.contains_key(&line.n) => false,
        TaskStatus::Started => {
            let Line { n, command, kind, seed, pid, t: started, .. } = line;
            commands.insert(n, CommandRecord { n, command, kind, seed, pid, started, finished: None });
            true
        }
        TaskStatus::Finished => {
            let Some(record) = commands.get_mut(&line.n) else { return false };
            let (Some(ending), None) = (line.ending, &record.finished) else { return false };
            record.finished = Some(Finish {
                t: line.t,
                ending,
                runtime_seconds: line.command_runtime.unwrap_or_default(),
                stdout_bytes: line.stdout_bytes.unwrap_or_default(),
                stderr_bytes: line.stderr_bytes.unwrap_or_default(),
            });
            true
        }
    }
}

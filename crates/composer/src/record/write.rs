//! Appends to the record. One write per line, so that whatever cuts the file cuts at most its last line.

use super::{Finish, Line, RECORD_FILE, SOURCE, Source, TaskStatus};
use crate::schedule::Launch;
use history::Nanos;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

#[derive(Debug)]
pub(crate) struct RecordWriter {
    file: File,
}

impl RecordWriter {
    /// Fails if the directory has a record already: two runs in one directory could not be told apart.
    pub(crate) fn create(run_directory: &Path) -> io::Result<RecordWriter> {
        Ok(RecordWriter { file: File::create_new(run_directory.join(RECORD_FILE))? })
    }

    pub(crate) fn started(&mut self, launch: &Launch, pid: Option<u32>, t: Nanos) -> io::Result<()> {
        self.write(&line(launch, TaskStatus::Started, pid, t))
    }

    pub(crate) fn finished(&mut self, launch: &Launch, pid: Option<u32>, finish: &Finish) -> io::Result<()> {
        self.write(&Line {
            command_return_code: finish.ending.return_code(),
            command_runtime: Some(finish.runtime_seconds),
            ending: Some(finish.ending.clone()),
            stdout_bytes: Some(finish.stdout_bytes),
            stderr_bytes: Some(finish.stderr_bytes),
            ..line(launch, TaskStatus::Finished, pid, finish.t)
        })
    }

    fn write(&mut self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.file.write_all(&text)
    }
}

fn line(launch: &Launch, task_status: TaskStatus, pid: Option<u32>, t: Nanos) -> Line {
    Line {
        source: Source { name: SOURCE.to_owned() },
        command: launch.command.clone(),
        task_status,
        n: launch.n,
        kind: launch.kind,
        seed: launch.seed,
        t,
        pid,
        command_return_code: None,
        command_runtime: None,
        ending: None,
        stdout_bytes: None,
        stderr_bytes: None,
    }
}

//! Which processes a run started and which of them it saw end: one JSON line each, written as it happens, so
//! that after a crash somebody else can end what is left. A process is known by its pid, the time it was born
//! and the boot it was born in, so that no later process with the same pid is taken for it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use history::clock::{self, Nanos};
use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};

/// One line of `members.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "e")]
enum Line {
    Start { t: Nanos, member: String, pid: u32, born: u64, boot: String },
    Stop { t: Nanos, member: String, pid: u32, status: String, asked: bool },
}

/// The file, open for appending.
#[derive(Debug)]
pub(crate) struct Journal {
    file: Mutex<File>,
    boot: String,
}

/// The journal of a run, below the run's directory.
#[must_use]
pub fn path(run_dir: &Path) -> PathBuf {
    run_dir.join("members.jsonl")
}

impl Journal {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self { file: Mutex::new(file), boot: clock::boot_id() })
    }

    pub(crate) fn started(&self, member: &str, pid: u32) -> io::Result<()> {
        let (member, boot) = (member.to_owned(), self.boot.clone());
        self.write(&Line::Start { t: clock::now(), member, pid, born: born(pid)?, boot })
    }

    /// `asked` says whether somebody told the member to end.
    pub(crate) fn stopped(&self, member: &str, pid: u32, status: &str, asked: bool) -> io::Result<()> {
        let (member, status) = (member.to_owned(), status.to_owned());
        self.write(&Line::Stop { t: clock::now(), member, pid, status, asked })
    }

    fn write(&self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_string(line)?;
        text.push('\n');
        self.file.lock().unwrap_or_else(PoisonError::into_inner).write_all(text.as_bytes())
    }
}

/// A process that a run started, that it did not see end, and that is still there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leftover {
    /// The member's name, or what else it is called.
    pub member: String,
    /// Its pid.
    pub pid: u32,
    born: u64,
}

/// What is left of the processes in a journal. Lines that cannot be read are passed over: a crash may have
/// torn one.
///
/// # Errors
/// When the file cannot be read.
pub fn leftovers(journal: &Path) -> io::Result<Vec<Leftover>> {
    let here = clock::boot_id();
    let mut left: Vec<Leftover> = Vec::new();
    for line in BufReader::new(File::open(journal)?).split(b'\n') {
        match serde_json::from_slice(&line?) {
            Ok(Line::Start { member, pid, born, boot, .. }) if boot == here => {
                left.push(Leftover { member, pid, born });
            }
            Ok(Line::Stop { pid, .. }) => left.retain(|leftover| leftover.pid != pid),
            Ok(Line::Start { .. }) | Err(_) => {}
        }
    }
    left.retain(Leftover::is_there);
    Ok(left)
}

impl Leftover {
    /// The process with that pid as it is now, to be found and ended later by someone who wrote down both numbers.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn of(member: &str, pid: u32) -> io::Result<Self> {
        Ok(Self { member: member.to_owned(), pid, born: born(pid)? })
    }

    /// Whether that very process is still there.
    #[must_use]
    pub fn is_there(&self) -> bool {
        // A process that has ended may stay listed until its status is taken.
        state_and_birth(self.pid).is_ok_and(|(state, born)| born == self.born && state != "Z" && state != "X")
    }

    /// Ends the process and its group at once. Nothing happens where it is gone already.
    ///
    /// # Errors
    /// When the system refuses, as for a process of another user.
    pub fn end(&self) -> io::Result<()> {
        let Some(pid) = Pid::from_raw(self.pid.cast_signed()).filter(|_| self.is_there()) else {
            return Ok(());
        };
        match rustix::process::kill_process_group(pid, Signal::KILL) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// When a process was born, in the kernel's ticks since boot (field 22 of proc_pid_stat(5)).
fn born(pid: u32) -> io::Result<u64> {
    let (_, born) = state_and_birth(pid)?;
    Ok(born)
}

fn state_and_birth(pid: u32) -> io::Result<(String, u64)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field is the program's name in parentheses, and may itself hold spaces and parentheses.
    let mut fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    let state = fields.next().unwrap_or_default().to_owned();
    let born = fields.nth(18).and_then(|born| born.parse().ok());
    Ok((state, born.ok_or(io::ErrorKind::InvalidData)?))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::process::CommandExt as _;
    use std::process::{Command, Stdio};

    use history::clock::{self, Nanos};

    use super::{Journal, Line, leftovers};

    fn sleeper() -> std::process::Child {
        Command::new("sleep").arg("60").process_group(0).stdin(Stdio::null()).spawn().unwrap()
    }

    #[test]
    fn what_was_not_seen_to_end_is_found_and_ended() {
        let dir = tempfile::tempdir().unwrap();
        let path = super::path(dir.path());
        let journal = Journal::open(&path).unwrap();
        let (mut left, mut stopped) = (sleeper(), sleeper());
        journal.started("a", left.id()).unwrap();
        journal.started("b", stopped.id()).unwrap();
        journal.stopped("b", stopped.id(), "signal: 9", true).unwrap();
        journal.file.lock().unwrap().write_all(b"{\"e\":\"sta").unwrap();

        let found = leftovers(&path).unwrap();
        assert_eq!(found.iter().map(|one| one.pid).collect::<Vec<_>>(), [left.id()]);
        found[0].end().unwrap();
        assert!(!left.wait().unwrap().success());
        assert_eq!(leftovers(&path).unwrap(), []);
        found[0].end().expect("ending it twice is no error");
        stopped.kill().unwrap();
        stopped.wait().unwrap();
    }

    #[test]
    fn another_process_with_the_same_pid_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = super::path(dir.path());
        let journal = Journal::open(&path).unwrap();
        let mut other = sleeper();
        let line = |born, boot: &str| {
            let (member, boot) = ("a".to_owned(), boot.to_owned());
            journal.write(&Line::Start { t: Nanos(0), member, pid: other.id(), born, boot }).unwrap();
        };
        let born = super::born(other.id()).unwrap();
        line(born + 1, &clock::boot_id());
        line(born, "another boot");
        assert_eq!(leftovers(&path).unwrap(), []);
        line(born, &clock::boot_id());
        assert_eq!(leftovers(&path).unwrap().len(), 1, "the same line with the true birth is found");
        other.kill().unwrap();
        other.wait().unwrap();
    }
}

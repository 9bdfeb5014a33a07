//! One member as a process of this one: its state, and the signals that change it. Nobody else waits for the
//! process, so its pid cannot belong to another while it is signalled here.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use tokio::time::{Instant, sleep};

use crate::journal::Journal;
use crate::launch::MemberCommand;

/// How often an ending process is looked at: short against every deadline, long against the cost of a look.
const LOOK: Duration = Duration::from_millis(10);
/// A killed process is gone as soon as the kernel gets to it; only a hung disk makes it take longer than
/// this.
const KILL_WITHIN: Duration = Duration::from_secs(10);
/// What is read of a log to find its last lines.
const TAIL_BYTES: u64 = 64 * 1024;

/// What a member's process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It runs.
    Running {
        /// Its pid, which is also the id of its group.
        pid: u32,
    },
    /// It was paused, and not resumed.
    Paused {
        /// See `Running`.
        pid: u32,
    },
    /// It has ended, or was never started.
    Ended {
        /// How it ended; `None` when it was never started.
        status: Option<ExitStatus>,
        /// Whether somebody asked it to end.
        asked: bool,
    },
}

/// Why a member could not be told to do something.
#[derive(Debug, thiserror::Error)]
pub enum MemberError {
    /// It has no process.
    #[error("{member} is not running")]
    NotRunning {
        /// The member's name.
        member: String,
    },
    /// It has a process already.
    #[error("{member} is running already")]
    AlreadyRunning {
        /// The member's name.
        member: String,
    },
    /// It did not end although it was killed.
    #[error("{member} (pid {pid}) did not end within {within:?} of being killed")]
    WillNotEnd {
        /// The member's name.
        member: String,
        /// Its pid.
        pid: u32,
        /// How long was waited.
        within: Duration,
    },
    /// The system refused.
    #[error("cannot {action} {member}: {source}")]
    System {
        /// What was tried, such as `start`.
        action: &'static str,
        /// The member's name.
        member: String,
        /// What the system said.
        source: io::Error,
    },
}

/// A member of a [`crate::Cluster`].
#[derive(Debug)]
pub struct Member {
    command: MemberCommand,
    journal: Arc<Journal>,
    process: Mutex<Process>,
}

#[derive(Debug)]
struct Process {
    child: Option<Child>,
    paused: bool,
    /// Somebody has asked the current process to end.
    asked: bool,
    last: Option<ExitStatus>,
}

impl Member {
    pub(crate) fn new(command: MemberCommand, journal: Arc<Journal>) -> Self {
        let process = Process { child: None, paused: false, asked: true, last: None };
        Self { command, journal, process: Mutex::new(process) }
    }

    /// The member's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.command.member
    }

    /// What is run for it.
    #[must_use]
    pub fn command(&self) -> &MemberCommand {
        &self.command
    }

    /// What its process does now.
    #[must_use]
    pub fn state(&self) -> State {
        let process = self.look();
        match &process.child {
            Some(child) if process.paused => State::Paused { pid: child.id() },
            Some(child) => State::Running { pid: child.id() },
            None => State::Ended { status: process.last, asked: process.asked },
        }
    }

    /// Starts the member's process, with the data that is there.
    ///
    /// # Errors
    /// When it runs already, or the system refuses: directories, log, program, journal.
    pub fn start(&self) -> Result<(), MemberError> {
        self.start_with(&[])
    }

    /// Starts the member without data, to join the others as a new member of theirs.
    ///
    /// # Errors
    /// As [`Self::start`], and when its data cannot be removed.
    pub fn rejoin(&self) -> Result<(), MemberError> {
        if self.look().child.is_some() {
            return Err(MemberError::AlreadyRunning { member: self.name().to_owned() });
        }
        match fs::remove_dir_all(&self.command.data_dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(self.failed("remove the data of", error))
            }
            _ => self.start_with(&self.command.arguments_to_rejoin),
        }
    }

    fn start_with(&self, further: &[String]) -> Result<(), MemberError> {
        let mut process = self.look();
        if process.child.is_some() {
            return Err(MemberError::AlreadyRunning { member: self.name().to_owned() });
        }
        let mut child = self.spawn(further).map_err(|source| self.failed("start", source))?;
        if let Err(source) = self.journal.started(self.name(), child.id()) {
            // After a crash nobody could find it to end it, so it may not run.
            end_group(&child);
            child.wait().map_err(|source| self.failed("end", source))?;
            return Err(self.failed("journal the start of", source));
        }
        *process = Process { child: Some(child), paused: false, asked: false, last: None };
        Ok(())
    }

    fn spawn(&self, further: &[String]) -> io::Result<Child> {
        let command = &self.command;
        // Members keep what they know here; etcd warns where others may read it.
        DirBuilder::new().recursive(true).mode(0o700).create(&command.data_dir)?;
        let log = OpenOptions::new().create(true).append(true).open(&command.log)?;
        Command::new(&command.program)
            .args(&command.arguments)
            .args(further)
            .env_clear()
            .envs(&command.environment)
            .current_dir(&command.data_dir)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", command.program.display())))
    }

    /// Asks the member to end, and kills it where it has not ended after `grace`.
    ///
    /// # Errors
    /// When it outlives even that, or the system refuses. A member that has no process is no error.
    pub async fn stop(&self, grace: Duration) -> Result<(), MemberError> {
        self.stop_by(Instant::now() + grace).await
    }

    pub(crate) async fn stop_by(&self, deadline: Instant) -> Result<(), MemberError> {
        // A paused process gets the first signal only when the second lets it go on.
        self.ask_to_end(&[Signal::TERM, Signal::CONT])?;
        if self.ends_by(deadline).await { Ok(()) } else { self.kill().await }
    }

    /// Ends the member at once, as a crash would, and waits until it is gone.
    ///
    /// # Errors
    /// When it outlives that, or the system refuses. A member that has no process is no error.
    pub async fn kill(&self) -> Result<(), MemberError> {
        self.ask_to_end(&[Signal::KILL])?;
        self.ends_by(Instant::now() + KILL_WITHIN).await;
        match self.state() {
            State::Running { pid } | State::Paused { pid } => {
                Err(MemberError::WillNotEnd { member: self.name().to_owned(), pid, within: KILL_WITHIN })
            }
            State::Ended { .. } => Ok(()),
        }
    }

    /// Sends SIGKILL and waits for nothing; [`Self::kill`] waits. A member that has no process is no error.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn strike(&self) -> Result<(), MemberError> {
        self.ask_to_end(&[Signal::KILL])
    }

    /// Stops the member's process in its tracks, until [`Self::resume`].
    ///
    /// # Errors
    /// When it has no process, or the system refuses.
    pub fn pause(&self) -> Result<(), MemberError> {
        self.set_paused(true, Signal::STOP)
    }

    /// Lets a paused process go on.
    ///
    /// # Errors
    /// When it has no process, or the system refuses.
    pub fn resume(&self) -> Result<(), MemberError> {
        self.set_paused(false, Signal::CONT)
    }

    /// Stops the member as [`Self::stop`] does where it runs, and starts it again with the same data.
    ///
    /// # Errors
    /// Those of stopping and of starting.
    pub async fn restart(&self, grace: Duration) -> Result<(), MemberError> {
        self.stop(grace).await?;
        self.start()
    }

    /// The last lines of the member's log; empty where there is none.
    #[must_use]
    pub fn last_log_lines(&self, count: usize) -> Vec<String> {
        tail(&self.command.log, count).unwrap_or_default()
    }

    /// Sends signals to the process, if there is one, and notes that its end is wanted.
    fn ask_to_end(&self, signals: &[Signal]) -> Result<(), MemberError> {
        let mut process = self.look();
        let Some(child) = &process.child else { return Ok(()) };
        for one in signals {
            signal(child, *one).map_err(|source| self.failed("end", source))?;
        }
        process.asked = true;
        Ok(())
    }

    async fn ends_by(&self, deadline: Instant) -> bool {
        while self.look().child.is_some() {
            if Instant::now() >= deadline {
                return false;
            }
            sleep(LOOK).await;
        }
        true
    }

    fn set_paused(&self, paused: bool, with: Signal) -> Result<(), MemberError> {
        let mut process = self.look();
        let Some(child) = &process.child else {
            return Err(MemberError::NotRunning { member: self.name().to_owned() });
        };
        let action = if paused { "pause" } else { "resume" };
        signal(child, with).map_err(|source| self.failed(action, source))?;
        process.paused = paused;
        Ok(())
    }

    /// The process as it is now: where it has ended, its whole group is ended and its status is taken.
    fn look(&self) -> MutexGuard<'_, Process> {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(child) = &mut process.child
            && has_ended(child)
        {
            let pid = child.id();
            // Before its status is taken, its pid is its own, and so is its group.
            end_group(child);
            process.last = child.wait().ok();
            process.child = None;
            process.paused = false;
            let status = process.last.map(|status| status.to_string()).unwrap_or_default();
            // A journal that cannot be written must not hide the end: the next reader finds the pid gone.
            let _ = self.journal.stopped(self.name(), pid, &status, process.asked);
        }
        process
    }

    fn failed(&self, action: &'static str, source: io::Error) -> MemberError {
        MemberError::System { action, member: self.name().to_owned(), source }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let process = self.process.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut child) = process.child.take() {
            end_group(&child);
            let status = child.wait().map(|status| status.to_string()).unwrap_or_default();
            let _ = self.journal.stopped(&self.command.member, child.id(), &status, true);
        }
    }
}

/// Whether the process has ended; its status stays to be taken.
fn has_ended(child: &Child) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    !matches!(rustix::process::waitid(WaitId::Pid(Pid::from_child(child)), options), Ok(None))
}

fn signal(child: &Child, signal: Signal) -> io::Result<()> {
    match rustix::process::kill_process_group(Pid::from_child(child), signal) {
        Ok(()) | Err(Errno::SRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Ends every process of the group. What refuses to be signalled is not ours to end.
fn end_group(child: &Child) {
    let _ = signal(child, Signal::KILL);
}

fn tail(log: &Path, count: usize) -> io::Result<Vec<String>> {
    let mut file = fs::File::open(log)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<_> = text.lines().collect();
    Ok(lines[lines.len().saturating_sub(count)..].iter().map(ToString::to_string).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::journal;

    /// A member that is a shell, in a directory of its own.
    fn shell(dir: &Path, script: &str) -> Member {
        let command = MemberCommand {
            member: "m".into(),
            program: "/bin/sh".into(),
            arguments_to_rejoin: Vec::new(),
            arguments: vec!["-c".into(), script.into()],
            environment: BTreeMap::from([("PATH".into(), "/usr/bin:/bin".into())]),
            data_dir: dir.join("m"),
            log: dir.join("m.log"),
        };
        Member::new(command, Arc::new(Journal::open(&journal::path(dir)).unwrap()))
    }

    /// Whether the process is gone, or has ended and only waits for its parent.
    fn is_gone(pid: &str) -> bool {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.is_empty() || stat.contains(") Z ")
    }

    async fn until(what: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !what() {
            assert!(Instant::now() < deadline, "it did not happen");
            sleep(LOOK).await;
        }
    }

    #[tokio::test]
    async fn what_a_member_started_ends_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let member = shell(dir.path(), "sleep 300 & echo $!; exit 3");
        member.start().unwrap();
        until(|| matches!(member.state(), State::Ended { .. })).await;
        let State::Ended { status: Some(status), asked: false } = member.state() else { panic!() };
        assert_eq!(status.code(), Some(3));
        let child = member.last_log_lines(1).remove(0);
        until(|| is_gone(&child)).await;
    }

    #[tokio::test]
    async fn a_member_that_will_not_listen_is_killed() {
        let dir = tempfile::tempdir().unwrap();
        let member = shell(dir.path(), "trap '' TERM; echo ready; while :; do sleep 1; done");
        member.start().unwrap();
        until(|| member.last_log_lines(1) == ["ready"]).await;
        member.stop(Duration::from_millis(50)).await.unwrap();
        let State::Ended { status: Some(status), asked: true } = member.state() else { panic!() };
        assert_eq!(status.to_string(), "signal: 9 (SIGKILL)");
    }

    #[tokio::test]
    async fn a_member_that_cannot_start_says_why() {
        let dir = tempfile::tempdir().unwrap();
        let mut member = shell(dir.path(), "");
        assert_eq!(member.pause().unwrap_err().to_string(), "m is not running");
        member.stop(Duration::ZERO).await.expect("nothing to stop is no error");
        member.command.program = "/nowhere/etcd".into();
        let error = member.start().unwrap_err().to_string();
        assert_eq!(error, "cannot start m: /nowhere/etcd: No such file or directory (os error 2)");
        member.command.log = "/proc/nowhere/m.log".into();
        assert!(member.start().unwrap_err().to_string().starts_with("cannot start m: "));
    }
}

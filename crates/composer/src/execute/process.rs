//! One command as a process group: started, watched, ended to the last process.
//!
//! The leader is reaped only after its group was killed. As long as it is a zombie the kernel gives its
//! number to nobody else, so a signal to the group can never hit a stranger.

use super::output::Capture;
use crate::record::{Ending, Finish, Killer};
use crate::template::shebang;
use history::{Nanos, clock};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

/// A killed process is gone at once, unless the kernel itself is stuck in it.
const REAP_LIMIT: Duration = Duration::from_secs(10);
/// What a launcher's sweep may take.
const SWEEP_LIMIT: Duration = Duration::from_secs(10);

/// A process group whose leader we have not reaped yet. Dropping it kills the group.
#[derive(Debug)]
pub(super) struct Group {
    pid: Pid,
    leader: Mutex<Option<Child>>,
}

impl Group {
    /// Kills every process of the group; does nothing once the leader is reaped.
    pub(super) fn kill(&self) {
        if self.leader.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            self.signal();
        }
    }

    /// Ends the group of a leader that has exited. `None` if its status is lost.
    fn reap(&self) -> Option<ExitStatus> {
        let mut leader = self.leader.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        self.signal();
        leader.wait().ok()
    }

    fn signal(&self) {
        // The leader is at least a zombie, so the group exists; and a group of our children takes our
        // signals.
        let _ = kill_process_group(self.pid, Signal::KILL);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
        if let Ok(Some(leader)) = self.leader.get_mut() {
            // Reaped if it is gone already. Waiting for it could block.
            let _ = leader.try_wait();
        }
    }
}

/// A command that runs.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) group: Arc<Group>,
    exit: AsyncFd<OwnedFd>,
    stdout: Capture,
    stderr: Capture,
}

impl Process {
    /// Starts the command in a process group of its own, with its output going to the two files.
    pub(super) fn start(mut command: Command, files: [File; 2], limit: u64) -> io::Result<Process> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.process_group(0).spawn()?;
        let streams = child.stdout.take().map(OwnedFd::from).zip(child.stderr.take().map(OwnedFd::from));
        let group = Group::of(child)?;
        let exit = group.exit()?;
        let (stdout, stderr) = streams.ok_or(io::ErrorKind::BrokenPipe)?;
        let [out_file, err_file] = files;
        let stdout = Capture::start(stdout, out_file, limit)?;
        let stderr = Capture::start(stderr, err_file, limit)?;
        Ok(Process { group: Arc::new(group), exit, stdout, stderr })
    }

    pub(super) fn pid(&self) -> u32 {
        self.group.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Waits for the command's end, brings it about at its deadline or when told to, and leaves nothing
    /// running.
    pub(super) async fn supervise(
        self,
        started: Nanos,
        deadline: Duration,
        kill: oneshot::Receiver<Killer>,
        sweep: Option<Command>,
    ) -> Finish {
        let killer = tokio::select! {
            biased;
            _ = self.exit.readable() => None,
            Ok(by) = kill => Some(by),
            () = sleep(deadline) => Some(Killer::Deadline),
        };
        let status = end(&self.group, &self.exit, killer.is_some()).await;
        let t = clock::now();
        if let Some(sweep) = sweep {
            run_sweep(sweep).await;
        }
        let (stdout_bytes, stderr_bytes) = tokio::join!(self.stdout.finish(), self.stderr.finish());
        let runtime_seconds = t.since(started).as_secs_f64();
        Finish { t, ending: ending(status, killer), runtime_seconds, stdout_bytes, stderr_bytes }
    }
}

impl Group {
    fn of(mut leader: Child) -> io::Result<Group> {
        match i32::try_from(leader.id()).ok().and_then(Pid::from_raw) {
            Some(pid) => Ok(Group { pid, leader: Mutex::new(Some(leader)) }),
            None => {
                leader.kill()?;
                Err(io::ErrorKind::InvalidData.into())
            }
        }
    }

    /// Becomes readable when the leader exits, without reaping it.
    #[expect(
        deprecated,
        reason = "sound for an OwnedFd, and what replaces it is unsafe code, which we have none of"
    )]
    fn exit(&self) -> io::Result<AsyncFd<OwnedFd>> {
        AsyncFd::with_interest(pidfd_open(self.pid, PidfdFlags::NONBLOCK)?, Interest::READABLE)
    }
}

async fn end(group: &Group, exit: &AsyncFd<OwnedFd>, kill: bool) -> Option<ExitStatus> {
    if kill {
        group.kill();
    }
    let _readable = timeout(REAP_LIMIT, exit.readable()).await.ok()?.ok()?;
    group.reap()
}

fn ending(status: Option<ExitStatus>, killer: Option<Killer>) -> Ending {
    match (status.map(|status| (status.code(), status.signal())), killer) {
        // Killed, unless it was faster: then the status is its own.
        (Some((_, Some(9))) | None, Some(by)) => Ending::Killed { by },
        (Some((Some(code), _)), _) => Ending::Exited { code },
        (Some((None, Some(signal))), _) => Ending::Signalled { signal },
        // It ended, and nobody can say how: certainly not well.
        (Some((None, None)) | None, _) => Ending::Signalled { signal: 9 },
    }
}

/// Its outcome changes nothing: what it could not end it will be asked to end again, or nobody can.
async fn run_sweep(mut sweep: Command) {
    sweep.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    let Ok(group) = sweep.spawn().and_then(Group::of) else { return };
    let Ok(exit) = group.exit() else { return };
    let in_time = timeout(SWEEP_LIMIT, exit.readable()).await.is_ok();
    end(&group, &exit, !in_time).await;
}

/// Why a command could not be started, in words that say what to do.
pub(super) fn why_not_started(path: &Path, program: &Path, error: &io::Error) -> String {
    /// No executable format that the kernel knows.
    const ENOEXEC: i32 = 8;
    let shown = path.display();
    if program != path {
        return format!("cannot start {}: {error}", program.display());
    }
    match error.kind() {
        io::ErrorKind::NotFound => match interpreter(path) {
            Some(interpreter) => {
                format!(
                    "{shown} wants {interpreter}, which is not there; install it or change its first line"
                )
            }
            None => format!("{shown} or the loader it was linked with is not there; build it again"),
        },
        io::ErrorKind::PermissionDenied => {
            format!("{shown} may not be executed by this user; run chmod +x on it and its interpreter")
        }
        _ if error.raw_os_error() == Some(ENOEXEC) => {
            format!("{shown} is no program for this machine; build it for this architecture")
        }
        _ => format!("cannot start {shown}: {error}"),
    }
}

fn interpreter(path: &Path) -> Option<String> {
    let mut head = Vec::new();
    File::open(path).ok()?.take(256).read_to_end(&mut head).ok()?;
    shebang(&head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_process_that_is_dropped_is_killed() {
        let mut command = Command::new("sleep");
        command.arg("1000");
        let files = [tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap()];
        let process = Process::start(command, files, 0).unwrap();
        let exit = process.group.exit().unwrap();
        let running = timeout(Duration::from_millis(20), exit.readable()).await;
        assert!(running.is_err(), "it runs as long as it is held");
        drop(process);
        let _readable = timeout(REAP_LIMIT, exit.readable()).await.unwrap().unwrap();
    }
}

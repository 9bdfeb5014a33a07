//! What a crashed run left behind, found and ended: members and programs that its journals name, and every process that
//! carries its mark. Ending a member also undoes what was done to it, since SIGKILL ends a stopped process too; proxies
//! end with the process that ran them. A run that is still going on is left alone, and so is every process that only
//! happens to have a number from a journal.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cluster::compose::Docker;
use cluster::journal as members;
use history::clock;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::containers::Containers;
use crate::fault::Fault;
use crate::journal::{self, Journal, JournalError, Line, Undo};

/// A killed process is gone as soon as the kernel gets to it.
const GONE_WITHIN_S: i64 = 10;

/// So often processes are looked at. What ends may have started another one, and what is being loaded needs a moment: half a
/// second in all, as a process whose environment is empty on purpose looks the same for ever.
const LOOKS: usize = 100;

/// Between two looks at what is being loaded.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// What was done about a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Healed {
    /// The faults that were in effect, each with how it should have been undone.
    pub undone: Vec<String>,
    /// The processes that were ended: what they were, with pid.
    pub ended: Vec<String>,
    /// The containers, networks and volumes that were removed.
    pub removed: Vec<String>,
}

/// A run's directory, and what was done about it.
pub type HealedRun = (PathBuf, Result<Healed, HealError>);

/// Why a run could not be healed.
#[derive(Debug, thiserror::Error)]
pub enum HealError {
    /// It is still going on, or its journal cannot be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Its files cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// What was read.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A container of it could not be brought back or removed.
    #[error("cannot heal containers: {0}")]
    Reset(String),
    /// A process of it could not be ended.
    #[error("cannot end {what}: {source}")]
    End {
        /// What it is, with pid.
        what: String,
        /// What the system said.
        source: io::Error,
    },
}

/// Ends what the run in `run_dir` left behind. Doing it twice does nothing more.
///
/// # Errors
/// When the run is still going on, its files cannot be read, or a process refuses to be ended.
pub fn heal(run_dir: &Path) -> Result<Healed, HealError> {
    let lines = read(run_dir)?;
    // The claim keeps a second sweep out, and fails while the run itself goes on.
    let journal = Journal::open(run_dir)?;
    let mut healed = Healed::default();
    end_journaled(run_dir, &lines, &mut healed)?;
    end_marked(journal.directory(), &mut healed)?;
    remove_containers(journal.directory(), &lines, &mut healed)?;
    for (fault, undo) in in_effect(&lines) {
        reset(undo)?;
        journal.undone(fault.id)?;
        healed.undone.push(format!("{fault}: {undo}"));
    }
    journal.close()?;
    Ok(healed)
}

/// Heals every run below `runs` that has neither come to its end nor is still going on.
///
/// # Errors
/// When the directory cannot be read; what happened to each run is with the run. A directory that is not there holds
/// no run.
pub fn heal_all(runs: &Path) -> Result<Vec<HealedRun>, HealError> {
    let unreadable = |source| HealError::Read { path: runs.to_owned(), source };
    let listed = match fs::read_dir(runs) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(unreadable)?,
    };
    let mut healed = Vec::new();
    for entry in listed {
        let dir = entry.map_err(unreadable)?.path();
        if dir.is_symlink() || !is_unfinished(&dir) {
            continue;
        }
        match heal(&dir) {
            Err(HealError::Journal(JournalError::Claimed { .. })) => {}
            result => healed.push((dir, result)),
        }
    }
    Ok(healed)
}

/// A journal that cannot be read is for `heal` to complain about.
fn is_unfinished(dir: &Path) -> bool {
    dir.join(journal::FILE).exists() && !journal::is_closed(dir).unwrap_or(false)
}

fn read(run_dir: &Path) -> Result<Vec<Line>, HealError> {
    journal::read(run_dir).map_err(|source| HealError::Read { path: run_dir.join(journal::FILE), source })
}

/// The faults that were applied, or about to be, and not undone.
fn in_effect(lines: &[Line]) -> impl Iterator<Item = (&Fault, &Undo)> {
    let mut faults = BTreeMap::new();
    for line in lines {
        match line {
            Line::Fault { fault, undo, .. } => {
                faults.insert(fault.id, (fault, undo));
            }
            Line::Undone { id, .. } => {
                faults.remove(id);
            }
            Line::Open { .. } | Line::Program { .. } | Line::Containers { .. } | Line::Closed { .. } => {}
        }
    }
    faults.into_values()
}

/// Brings containers back; what is done to processes is undone by ending them.
fn reset(undo: &Undo) -> Result<(), HealError> {
    let Undo::Reset { engine, containers } = undo else { return Ok(()) };
    let containers = Containers::new(engine, containers.clone(), BTreeMap::new());
    to_its_end(async { containers.reset().await.map_err(|error| error.to_string()) })
}

/// Removes the run's containers, networks and volumes, and with them all that was done to them.
fn remove_containers(directory: &Path, lines: &[Line], healed: &mut Healed) -> Result<(), HealError> {
    let engine = lines.iter().rev().find_map(|line| match line {
        Line::Containers { engine, .. } => Some(engine),
        _ => None,
    });
    let Some(engine) = engine else { return Ok(()) };
    let removed = to_its_end(async {
        let docker = Docker::at(engine, Path::new("docker-compose")).await;
        let docker = docker.map_err(|error| error.to_string())?;
        let run = directory.to_string_lossy();
        cluster::compose::remove(&docker, &run).await.map_err(|error| error.to_string())
    })?;
    healed.removed.extend(removed);
    Ok(())
}

/// Runs to its end what needs a runtime, in a thread of its own, as the caller's may have one already.
fn to_its_end<T: Send>(work: impl Future<Output = Result<T, String>> + Send) -> Result<T, HealError> {
    let ran = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(|error| error.to_string())?.block_on(work)
    };
    let done = std::thread::scope(|scope| scope.spawn(ran).join());
    done.unwrap_or_else(|_| Err("the thread broke".to_owned())).map_err(HealError::Reset)
}

fn end_journaled(run_dir: &Path, lines: &[Line], healed: &mut Healed) -> Result<(), HealError> {
    let boot = clock::boot_id();
    let path = members::path(run_dir);
    let mut left = match members::leftovers(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        other => other.map_err(|source| HealError::Read { path, source })?,
    };
    left.extend(lines.iter().filter_map(|line| match line {
        Line::Program { process, boot: born_in, .. } if *born_in == boot && process.is_there() => {
            Some(process.clone())
        }
        _ => None,
    }));
    for process in left {
        let what = format!("{} (pid {})", process.member, process.pid);
        let gone = pidfd(process.pid);
        process.end().map_err(|source| HealError::End { what: what.clone(), source })?;
        wait_gone(gone.as_ref());
        healed.ended.push(what);
    }
    Ok(())
}

/// Ends every process that has the run's mark in its environment.
fn end_marked(directory: &Path, healed: &mut Healed) -> Result<(), HealError> {
    let (name, value) = journal::mark(directory);
    let mark = format!("{name}={value}");
    for _ in 0..LOOKS {
        let (mut found, mut loading) = (false, false);
        for pid in pids().map_err(|source| HealError::Read { path: "/proc".into(), source })? {
            if pid == std::process::id() {
                continue;
            }
            match marked(pid, &mark) {
                Some(true) => found |= end(pid, &mark, healed)?,
                Some(false) => {}
                None => loading = true,
            }
        }
        if !found && !loading {
            break;
        }
        if !found {
            #[expect(clippy::disallowed_methods, reason = "this is polling, and LOOKS bounds it")]
            std::thread::sleep(LOOK_AGAIN);
        }
    }
    Ok(())
}

/// Whether the process has the mark in its environment. `None`: it is not known yet. While the kernel loads a program its
/// environment reads as empty, so a process that was only just started is not to be taken for a stranger.
fn marked(pid: u32, mark: &str) -> Option<bool> {
    let environment = fs::read(format!("/proc/{pid}/environ"));
    // Somebody else's, or gone.
    let Ok(environment) = environment else { return Some(false) };
    // The kernel's own threads, and what has ended, have no program either.
    if environment.is_empty() && fs::read_link(format!("/proc/{pid}/exe")).is_ok() {
        return None;
    }
    Some(environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes()))
}

/// Ends one process, if it is still the one that carries the mark; says whether it was.
fn end(pid: u32, mark: &str, healed: &mut Healed) -> Result<bool, HealError> {
    // The handle is of one process for ever; if that still carries the mark, it is the one to end.
    let Some(handle) = pidfd(pid).filter(|_| marked(pid, mark) == Some(true)) else { return Ok(false) };
    let what = format!("a process of the run (pid {pid})");
    match pidfd_send_signal(&handle, Signal::KILL) {
        Ok(()) => {}
        Err(rustix::io::Errno::SRCH) => return Ok(false),
        Err(error) => return Err(HealError::End { what, source: error.into() }),
    }
    wait_gone(Some(&handle));
    healed.ended.push(what);
    Ok(true)
}

fn pids() -> io::Result<Vec<u32>> {
    let names = fs::read_dir("/proc")?.map(|entry| entry.map(|entry| entry.file_name()));
    let names: Vec<_> = names.collect::<Result<_, _>>()?;
    Ok(names.iter().filter_map(|name| name.to_str()?.parse().ok()).collect())
}

fn pidfd(pid: u32) -> Option<rustix::fd::OwnedFd> {
    pidfd_open(Pid::from_raw(pid.cast_signed())?, PidfdFlags::empty()).ok()
}

/// Waits until the process has ended; who outlives SIGKILL hangs in the kernel, and nobody can do more.
fn wait_gone(handle: Option<&rustix::fd::OwnedFd>) {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let Some(handle) = handle else { return };
    let _ = poll(
        &mut [PollFd::new(handle, PollFlags::IN)],
        Some(&Timespec { tv_sec: GONE_WITHIN_S, tv_nsec: 0 }),
    );
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::fault::Kind;

    #[test]
    fn marked_processes_are_ended_and_others_are_not() {
        let runs = tempfile::tempdir().unwrap();
        let dir = runs.path().join("run");
        fs::create_dir(&dir).unwrap();
        let journal = Journal::open(&dir).unwrap();
        let sleeper = |marked: bool| {
            let mut command = Command::new("sleep");
            command.arg("60").stdin(Stdio::null());
            if marked {
                command.envs([journal.mark()]);
            }
            command.spawn().unwrap()
        };
        let (mut ours, mut theirs) = (sleeper(true), sleeper(false));
        let fault = Fault {
            id: 1,
            monkey: "m".into(),
            kind: Kind::Pause,
            members: vec!["a".into()],
            lasts_ms: 1,
            seed: 1,
        };
        journal.begins(&fault, Undo::Resume(vec!["a".into()])).unwrap();
        let refused = heal(&dir).unwrap_err();
        assert!(
            matches!(refused, HealError::Journal(JournalError::Claimed { .. })),
            "the run goes on: {refused}"
        );
        assert_eq!(heal_all(runs.path()).unwrap().len(), 0);
        drop(journal);

        let healed = heal(&dir).unwrap();
        assert_eq!(healed.ended, [format!("a process of the run (pid {})", ours.id())]);
        assert_eq!(healed.undone, ["pause on a: resume a"]);
        assert!(!ours.wait().unwrap().success());
        assert!(theirs.try_wait().unwrap().is_none(), "a process without the mark is not ours to end");
        theirs.kill().unwrap();
        theirs.wait().unwrap();
        assert_eq!(heal(&dir).unwrap(), Healed::default(), "a second time there is nothing to do");
        assert!(!is_unfinished(&dir));
    }

    #[test]
    fn what_was_only_just_started_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let busy = AtomicBool::new(true);
        // On a busy machine a new process waits for its turn in the middle of being loaded.
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while busy.load(Ordering::Relaxed) {
                        std::hint::spin_loop();
                    }
                });
            }
            let missed = (0..30).filter(|_| is_missed(dir.path())).count();
            busy.store(false, Ordering::Relaxed);
            assert_eq!(missed, 0, "of 30");
        });
    }

    /// Whether a process is passed over that was started the moment before.
    fn is_missed(dir: &Path) -> bool {
        let mut command = Command::new("sleep");
        let mut ours = command.arg("60").stdin(Stdio::null()).envs([journal::mark(dir)]).spawn().unwrap();
        let mut healed = Healed::default();
        end_marked(dir, &mut healed).unwrap();
        let _ = ours.kill();
        ours.wait().unwrap();
        healed.ended.is_empty()
    }
}

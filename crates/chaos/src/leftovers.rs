//! What a crashed run left behind, found and ended: members and programs that its journals name, and every process that
//! carries its mark. Ending a member also undoes what was done to it, since SIGKILL ends a stopped process too; proxies
//! end with the process that ran them. A run that is still going on is left alone, and so is every process that only
//! happens to have a number from a journal.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use cluster::journal as members;
use history::clock;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::containers::Containers;
use crate::fault::Fault;
use crate::journal::{self, Journal, JournalError, Line, Undo};

/// A killed process is gone as soon as the kernel gets to it.
const GONE_WITHIN_S: i64 = 10;

/// What was done about a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Healed {
    /// The faults that were in effect, each with how it should have been undone.
    pub undone: Vec<String>,
    /// The processes that were ended: what they were, with pid.
    pub ended: Vec<String>,
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
    /// A container of it could not be brought back.
    #[error("cannot heal a container: {0}")]
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
            Line::Open { .. } | Line::Program { .. } | Line::Closed { .. } => {}
        }
    }
    faults.into_values()
}

/// Brings containers back; what is done to processes is undone by ending them.
fn reset(undo: &Undo) -> Result<(), HealError> {
    let Undo::Reset { engine, containers } = undo else { return Ok(()) };
    let containers = Containers::new(engine, containers.clone(), BTreeMap::new());
    let reset = || -> Result<(), String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        runtime.block_on(containers.reset()).map_err(|error| error.to_string())
    };
    // A thread of its own, as the caller's may have a runtime already.
    let done = std::thread::scope(|scope| scope.spawn(reset).join());
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
    let carries = |pid: u32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
    };
    // A process that is ended while others are looked at may just have started another one.
    for _ in 0..10 {
        let mut found = false;
        for pid in pids().map_err(|source| HealError::Read { path: "/proc".into(), source })? {
            if pid == std::process::id() || !carries(pid) {
                continue;
            }
            // The handle is of one process for ever; if that still carries the mark, it is the one to end.
            let Some(handle) = pidfd(pid).filter(|_| carries(pid)) else { continue };
            let what = format!("a process of the run (pid {pid})");
            match pidfd_send_signal(&handle, Signal::KILL) {
                Ok(()) => {}
                Err(rustix::io::Errno::SRCH) => continue,
                Err(error) => return Err(HealError::End { what, source: error.into() }),
            }
            wait_gone(Some(&handle));
            healed.ended.push(what);
            found = true;
        }
        if !found {
            break;
        }
    }
    Ok(())
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
}

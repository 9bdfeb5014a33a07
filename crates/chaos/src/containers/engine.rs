//! The engine that runs containers, through its command line program: that is what every user of it has.

use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::fd::OwnedFd;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde_json::Value;
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// The engine answers within milliseconds, or seconds where a container has to be started; a hung one must not hang us.
const WITHIN: Duration = Duration::from_secs(30);
/// The period that limits of processor time are told in, in microseconds, and the least part of it that engines accept.
const PERIOD_US: u64 = 100_000;
const QUOTA_LEAST_US: u64 = 1_000;

/// A container engine.
#[derive(Debug, Clone)]
pub struct Engine {
    program: PathBuf,
}

/// What is known of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) running: bool,
    pub(super) paused: bool,
    /// Whether its processor time is limited.
    pub(super) limited: bool,
    /// Its full id.
    pub(super) id: String,
    /// Its first process, on this machine; `None` when it does not run.
    pub(super) pid: Option<u32>,
    /// Its address in the first of its networks that has one.
    pub(super) address: Option<Ipv4Addr>,
}

/// The engine did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[error("`{command}`: {reason}")]
pub struct EngineError {
    /// What was asked.
    pub command: String,
    /// What it said.
    pub reason: String,
}

impl EngineError {
    /// Whether it says that there is no such container.
    pub(super) fn is_of_no_container(&self) -> bool {
        self.reason.contains("No such")
    }
}

impl Engine {
    /// The engine whose command line program this is.
    #[must_use]
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into() }
    }

    /// Its version.
    ///
    /// # Errors
    /// When it is not there, or does not run.
    pub async fn version(&self) -> Result<String, EngineError> {
        Ok(self.ask(&["version", "--format", "{{.Server.Version}}"], &[]).await?.trim().to_owned())
    }

    pub(super) fn program(&self) -> &Path {
        &self.program
    }

    /// Kills containers and returns when the engine knows: all in the same moment where their processes are this user's to
    /// kill, else one after the other, as the engine does it.
    pub(super) async fn kill(&self, ids: &[String]) -> Result<(), EngineError> {
        let seen = self.inspect_all(ids).await?;
        let handles: Option<Vec<_>> = seen.iter().map(first_process).collect();
        let killed = handles.filter(|handles| !handles.is_empty()).is_some_and(|handles| {
            handles.iter().all(|handle| pidfd_send_signal(handle, Signal::KILL).is_ok())
        });
        if !killed {
            return self.ask(&["kill", "--signal", "KILL"], ids).await.map(|_| ());
        }
        self.ask(&["wait"], ids).await.map(|_| ())
    }

    pub(super) async fn stop(&self, ids: &[String], grace: Duration) -> Result<(), EngineError> {
        self.ask(&["stop", "--time", &grace.as_secs().to_string()], ids).await.map(|_| ())
    }

    /// All at the same time, as the engine would take one after the other.
    pub(super) async fn start(&self, ids: &[String]) -> Result<(), EngineError> {
        let mut starting = JoinSet::new();
        for id in ids {
            let (engine, id) = (self.clone(), id.clone());
            starting.spawn(async move { engine.ask(&["start"], &[id]).await });
        }
        starting.join_all().await.into_iter().try_for_each(|started| started.map(|_| ()))
    }

    pub(super) async fn pause(&self, ids: &[String]) -> Result<(), EngineError> {
        self.ask(&["pause"], ids).await.map(|_| ())
    }

    /// Those that are not paused are left alone.
    pub(super) async fn resume(&self, ids: &[String]) -> Result<(), EngineError> {
        let mut paused = Vec::new();
        for id in ids {
            if self.inspect(id).await?.paused {
                paused.push(id.clone());
            }
        }
        if paused.is_empty() { Ok(()) } else { self.ask(&["unpause"], &paused).await.map(|_| ()) }
    }

    pub(super) async fn limit_cpu(&self, ids: &[String], permille: Option<u64>) -> Result<(), EngineError> {
        let quota = permille.map_or_else(
            || "-1".to_owned(),
            |permille| (PERIOD_US * permille / 1_000).max(QUOTA_LEAST_US).to_string(),
        );
        let period = PERIOD_US.to_string();
        self.ask(&["update", "--cpu-period", &period, "--cpu-quota", &quota], ids).await.map(|_| ())
    }

    pub(super) async fn inspect(&self, id: &str) -> Result<Seen, EngineError> {
        let mut all = self.inspect_all(&[id.to_owned()]).await?;
        all.pop().ok_or_else(|| EngineError {
            command: format!("{} inspect {id}", self.program.display()),
            reason: "it told nothing".to_owned(),
        })
    }

    /// In the order of the ids.
    pub(super) async fn inspect_all(&self, ids: &[String]) -> Result<Vec<Seen>, EngineError> {
        let told = self.ask(&["inspect", "--type", "container"], ids).await?;
        let told: Value = serde_json::from_str(&told).map_err(|error| EngineError {
            command: format!("{} inspect {}", self.program.display(), ids.join(" ")),
            reason: error.to_string(),
        })?;
        Ok(told.as_array().into_iter().flatten().map(seen).collect())
    }

    async fn ask(&self, words: &[&str], ids: &[String]) -> Result<String, EngineError> {
        let all: Vec<&str> = words.iter().copied().chain(ids.iter().map(String::as_str)).collect();
        run(&self.program, &all).await.map_err(|reason| EngineError {
            command: format!("{} {}", self.program.display(), all.join(" ")),
            reason,
        })
    }
}

/// A handle on a container's first process, if that is certainly it: a number may belong to another one by now.
fn first_process(seen: &Seen) -> Option<OwnedFd> {
    let pid = seen.pid.filter(|_| seen.running && !seen.id.is_empty())?;
    let handle = pidfd_open(Pid::from_raw(pid.cast_signed())?, PidfdFlags::empty()).ok()?;
    let group = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    group.contains(&seen.id).then_some(handle)
}

/// What `inspect` tells of one container.
pub(super) fn seen(told: &Value) -> Seen {
    let state = &told["State"];
    let networks = told["NetworkSettings"]["Networks"].as_object().into_iter().flatten();
    let pid = state["Pid"].as_u64().and_then(|pid| u32::try_from(pid).ok());
    Seen {
        running: state["Running"] == true,
        paused: state["Paused"] == true,
        id: told["Id"].as_str().unwrap_or_default().to_owned(),
        limited: told["HostConfig"]["CpuQuota"].as_i64().is_some_and(|quota| quota > 0),
        pid: pid.filter(|pid| *pid > 0),
        address: networks.filter_map(|(_, network)| super::address(network["IPAddress"].as_str()?)).next(),
    }
}

/// Runs a program to its end and gives its standard output, or the first line of what it said was wrong, warnings apart.
pub(super) async fn run(program: &Path, words: &[&str]) -> Result<String, String> {
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(WITHIN, command.output()).await;
    let output = output.map_err(|_| format!("it did not end within {} s", WITHIN.as_secs()))?;
    let output = output.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => format!("{} is not installed", program.display()),
        _ => error.to_string(),
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    // A warning that comes first is not why it failed.
    let said = String::from_utf8_lossy(&output.stderr);
    let mut lines = said.lines().filter(|line| !line.trim().is_empty());
    let first =
        lines.clone().find(|line| !line.trim_start().starts_with("Warning:")).or_else(|| lines.next());
    Err(first.map_or_else(|| output.status.to_string(), |line| line.trim().to_owned()))
}

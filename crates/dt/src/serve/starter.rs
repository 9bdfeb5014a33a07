//! Starting runs, one at a time: what is asked for while a run goes on waits. Each run is a process of its own that
//! outlives the service.

use std::collections::VecDeque;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser as _;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Service, lock, runs};
use crate::cli::Cli;
use crate::suite;

/// Further runs are refused.
const WAITING_MAX: usize = 32;
/// So many that were started are remembered.
const STARTED_MAX: usize = 32;
/// How often it is looked whether the next one can be started.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// What is shown of the output of a run that could not begin.
const TAIL_BYTES: usize = 2_000;

/// What is asked for: the words of `dt run`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RunRequest {
    /// The suite, such as etcd.
    pub(crate) suite: String,
    /// How long drivers are started; the suite's own when left out.
    pub(crate) seconds: Option<u64>,
    /// What all draws come from; drawn when left out.
    pub(crate) seed: Option<u64>,
    /// Which version of the system.
    pub(crate) version: Option<String>,
    /// How many members.
    pub(crate) members: Option<usize>,
    /// Which faults.
    pub(crate) profile: Option<String>,
    /// How the timeline ends.
    pub(crate) terminal: Option<String>,
    /// At most so many drivers beside each other.
    pub(crate) parallel: Option<u32>,
    /// Stop testing as soon as a promise is seen broken.
    pub(crate) until_violation: bool,
    /// Count what is not exercised as failed.
    pub(crate) strict: bool,
}

/// Runs that wait.
#[derive(Debug, Default)]
pub(super) struct Queue {
    next: u64,
    waiting: VecDeque<Waiting>,
    /// The process that was started last and has not ended yet.
    starting: Option<u32>,
    /// The last ones that were started, the newest last, with their processes.
    started: VecDeque<(u32, Started)>,
    failure: Option<String>,
}

/// A run that waits.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Waiting {
    /// Its number, by which it can be taken back.
    pub(crate) id: u64,
    /// What was asked for.
    pub(crate) request: RunRequest,
}

/// A run that was started.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Started {
    /// Its number while it waited.
    pub(crate) id: u64,
    /// Its name, once it has a directory.
    pub(crate) run: Option<String>,
    /// Why it could not begin.
    pub(crate) failure: Option<String>,
}

/// What waits, as it is told.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct QueueState {
    /// In the order in which they will be started.
    pub(crate) waiting: Vec<Waiting>,
    /// The last ones that were started, the newest last.
    pub(crate) started: Vec<Started>,
    /// Whether a run is being started.
    pub(crate) starting: bool,
    /// Why the last run could not begin.
    pub(crate) failure: Option<String>,
}

impl RunRequest {
    /// The words of `dt run`. Every value is one word with its flag, so that none can be taken for a flag.
    pub(super) fn words(&self) -> Vec<String> {
        let mut words = vec!["run".to_owned()];
        let mut flag = |name: &str, value: Option<String>| {
            words.extend(value.map(|value| format!("--{name}={value}")));
        };
        flag("seconds", self.seconds.map(|n| n.to_string()));
        flag("seed", self.seed.map(|n| n.to_string()));
        flag("version", self.version.clone().filter(|version| !version.is_empty()));
        flag("members", self.members.map(|n| n.to_string()));
        flag("profile", self.profile.clone().filter(|profile| !profile.is_empty()));
        flag("terminal", self.terminal.clone());
        flag("parallel", self.parallel.map(|n| n.to_string()));
        for (name, wanted) in [("--strict", self.strict), ("--until-violation", self.until_violation)] {
            words.extend(wanted.then(|| name.to_owned()));
        }
        words.extend(["--".to_owned(), self.suite.clone()]);
        words
    }

    /// What is wrong with it, if anything is.
    fn check(&self, service: &Service) -> Result<(), String> {
        let say = |error: anyhow::Error| format!("{error:#}");
        let suite = suite::load(&service.home.suites(), &self.suite).map_err(say)?;
        if let Some(profile) = self.profile.as_deref().filter(|profile| !profile.is_empty()) {
            chaos::Profile::shipped(profile).map_err(|error| error.to_string())?;
        }
        if let Some(version) = self.version.as_deref().filter(|version| !version.is_empty()) {
            version.parse::<cluster::Version>().map_err(|error| format!("version: {error}"))?;
        }
        let chart =
            cluster::chart::load(&service.home.charts(), &suite.chart).map_err(|error| error.to_string())?;
        if let Some(members) = self.members.filter(|members| !chart.process.sizes.contains(members)) {
            return Err(format!("members is {members}: {}", chart.process.sizes_because));
        }
        let words = std::iter::once("dt".to_owned()).chain(self.words());
        Cli::try_parse_from(words).map(|_| ()).map_err(|error| error.to_string())
    }
}

/// Puts a run at the end of the queue.
pub(super) fn ask(service: &Service, request: RunRequest) -> Result<Waiting, String> {
    request.check(service)?;
    let mut queue = lock(&service.queue);
    if queue.waiting.len() >= WAITING_MAX {
        return Err(format!("{WAITING_MAX} runs wait already"));
    }
    queue.next += 1;
    let waiting = Waiting { id: queue.next, request };
    queue.waiting.push_back(waiting.clone());
    Ok(waiting)
}

/// Takes one back that waits.
pub(super) fn take_back(service: &Service, id: u64) -> bool {
    let mut queue = lock(&service.queue);
    let before = queue.waiting.len();
    queue.waiting.retain(|waiting| waiting.id != id);
    queue.waiting.len() < before
}

pub(super) fn state(service: &Service) -> QueueState {
    let queue = lock(&service.queue);
    QueueState {
        waiting: queue.waiting.iter().cloned().collect(),
        started: queue.started.iter().map(|(_, started)| started.clone()).collect(),
        starting: queue.starting.is_some(),
        failure: queue.failure.clone(),
    }
}

/// The run that goes on, whoever started it.
pub(super) fn going_on(service: &Service) -> Option<String> {
    runs::names(&service.runs).into_iter().find(|name| runs::holder(&service.runs.join(name)).is_some())
}

/// Starts what waits, whenever nothing goes on.
pub(super) async fn start_what_waits(service: Service) {
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        if lock(&service.queue).nameless().is_some() {
            let named = service.clone();
            let _ = tokio::task::spawn_blocking(move || name_the_started(&named)).await;
        }
        let looked = service.clone();
        let free = {
            let queue = lock(&service.queue);
            queue.starting.is_none() && !queue.waiting.is_empty()
        };
        if !free || tokio::task::spawn_blocking(move || going_on(&looked)).await.ok().flatten().is_some() {
            continue;
        }
        let Some(next) = lock(&service.queue).waiting.pop_front() else { continue };
        let id = next.id;
        if let Err(error) = spawn(&service, &next) {
            let failure = Some(format!("{error:#}"));
            let mut queue = lock(&service.queue);
            queue.failure.clone_from(&failure);
            queue.remember(0, Started { id, run: None, failure });
        }
    }
}

impl Queue {
    /// The last one that was started, if its directory is not known yet.
    fn nameless(&mut self) -> Option<&mut Started> {
        let (_, started) = self.started.back_mut()?;
        (started.run.is_none() && started.failure.is_none()).then_some(started)
    }

    fn remember(&mut self, pid: u32, started: Started) {
        self.started.push_back((pid, started));
        if self.started.len() > STARTED_MAX {
            self.started.pop_front();
        }
    }
}

/// What a run says first is where its directory is. There is one log, of the run that was started last.
fn name_the_started(service: &Service) {
    let log = fs::read_to_string(log(service)).unwrap_or_default();
    let name = log.lines().find_map(|line| line.strip_prefix("run ")?.split(' ').next());
    let Some(name) = name.filter(|name| runs::path(&service.runs, name).is_some()) else { return };
    if let Some(started) = lock(&service.queue).nameless() {
        started.run = Some(name.to_owned());
    }
}

fn log(service: &Service) -> PathBuf {
    service.runs.join(".service.log")
}

fn spawn(service: &Service, next: &Waiting) -> anyhow::Result<()> {
    let log = log(service);
    let file = fs::File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
    let mut words = next.request.words();
    words.insert(1, format!("--runs={}", service.runs.display()));
    let mut command = Command::new(std::env::current_exe().context("cannot tell where this program is")?);
    command.args(&words).stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
    // A group of its own: what ends the service at a terminal does not end the run.
    command.process_group(0);
    let mut child = command.spawn().context("cannot start a run")?;
    service.counts.started();
    {
        let mut queue = lock(&service.queue);
        (queue.starting, queue.failure) = (Some(child.id()), None);
        queue.remember(child.id(), Started { id: next.id, run: None, failure: None });
    }
    let (service, pid) = (service.clone(), child.id());
    std::thread::Builder::new().name("run".to_owned()).spawn(move || {
        // However it ended: one that has tested nothing could not begin.
        let _ = child.wait();
        name_the_started(&service);
        let mut queue = lock(&service.queue);
        if queue.starting == Some(pid) {
            queue.starting = None;
        }
        let mut failure = None;
        if let Some((_, started)) = queue.started.iter_mut().find(|(known, _)| *known == pid) {
            let dir = started.run.as_ref().map(|run| service.runs.join(run));
            let began = dir.is_some_and(|dir| dir.join("run.json").exists());
            failure = (!began).then(|| tail(&log));
            started.failure.clone_from(&failure);
        }
        queue.failure = failure.or_else(|| queue.failure.take());
    })?;
    Ok(())
}

fn tail(log: &Path) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    let said = String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(TAIL_BYTES)..]);
    if said.trim().is_empty() { "it ended and said nothing".to_owned() } else { said.trim().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_is_taken_for_a_flag() {
        let request = RunRequest {
            suite: "--bin=/bin/sh".to_owned(),
            version: Some("--plan".to_owned()),
            seconds: Some(5),
            ..RunRequest::default()
        };
        assert_eq!(request.words(), ["run", "--seconds=5", "--version=--plan", "--", "--bin=/bin/sh"]);
        let words = std::iter::once("dt".to_owned()).chain(request.words());
        let crate::cli::Command::Run(args) = Cli::try_parse_from(words).unwrap().command else { panic!() };
        assert_eq!((args.suite.as_deref(), args.bin, args.plan), (Some("--bin=/bin/sh"), None, false));
    }
}

//! A timeline that runs: it asks the schedule, starts and kills processes, and writes down what happens. It
//! decides nothing: what may run beside what is the schedule's business, and faults are the caller's.

use super::process::{Group, Process, why_not_started};
use super::{ComposeError, Progress, Settings};
use crate::plan::Plan;
use crate::record::{Ending, Finish, Killer, RECORD_FILE, RecordWriter};
use crate::schedule::{Action, Conclusion, Event, Launch, Phase, Schedule};
use crate::template::Template;
use history::{Nanos, clock};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::task::{JoinError, JoinSet};

/// Where the output of commands goes, in the run directory.
const OUTPUT_DIRECTORY: &str = "commands";

#[derive(Debug)]
struct Live {
    launch: Launch,
    pid: u32,
    group: Arc<Group>,
    kill: Option<oneshot::Sender<Killer>>,
}

/// One timeline of a template. Its three methods run in this order, and each waits until its phase is over:
/// [`first`](Composition::first), then faults may begin, [`drive`](Composition::drive), then faults must be
/// healed, [`terminal`](Composition::terminal). A cancelled run ends in whichever of them is running.
///
/// After [`terminal`](Composition::terminal) or [`cancel`](Composition::cancel) no process is left and the
/// record is complete. Dropping a composition before that kills all its processes, but nobody writes down
/// their ends.
#[derive(Debug)]
pub struct Composition {
    schedule: Schedule,
    paths: BTreeMap<String, PathBuf>,
    settings: Settings,
    record: RecordWriter,
    live: BTreeMap<u32, Live>,
    tasks: JoinSet<(u32, Finish)>,
}

impl Composition {
    /// Opens the record in the run directory. Starts nothing.
    pub fn new(template: &Template, plan: Plan, settings: Settings) -> Result<Composition, ComposeError> {
        let paths: BTreeMap<_, _> =
            template.commands.iter().map(|c| (c.name.clone(), c.path.clone())).collect();
        if let Some(stranger) = plan.commands.iter().find(|c| !paths.contains_key(&c.command)) {
            let (command, template) = (stranger.command.clone(), template.name.clone());
            return Err(ComposeError::NotInTemplate { command, template });
        }
        let output = settings.run_directory.join(OUTPUT_DIRECTORY);
        std::fs::create_dir_all(&output).map_err(|source| ComposeError::Write { path: output, source })?;
        let record = RecordWriter::create(&settings.run_directory).map_err(|source| ComposeError::Write {
            path: settings.run_directory.join(RECORD_FILE),
            source,
        })?;
        let schedule = Schedule::new(plan);
        let (live, tasks) = (BTreeMap::new(), JoinSet::new());
        Ok(Composition { schedule, paths, settings, record, live, tasks })
    }

    /// Where the timeline is.
    pub fn phase(&self) -> Phase {
        self.schedule.phase()
    }

    /// How it ended; `None` before it has.
    pub fn conclusion(&self) -> Option<&Conclusion> {
        self.schedule.conclusion()
    }

    /// Runs the `first_` command, if the plan has one. Afterwards the phase is [`Phase::Ready`], or
    /// [`Phase::Done`] if the timeline ended here.
    pub async fn first(&mut self) -> Result<Phase, ComposeError> {
        self.begin("first", Phase::New, Event::Begin)?;
        self.until(&[Phase::Ready], std::future::pending()).await
    }

    /// Runs drivers and anytime commands for the plan's duration, or until `stop` is ready. Afterwards the
    /// phase is [`Phase::Driven`], and commands may still run, or [`Phase::Done`] if the timeline ended
    /// here.
    pub async fn drive(&mut self, stop: impl Future<Output = ()>) -> Result<Phase, ComposeError> {
        self.begin("drive", Phase::Ready, Event::Drive)?;
        self.until(&[Phase::Driven], stop).await
    }

    /// To be called when all faults are healed. Waits for what runs or kills it, as the planned end
    /// demands, and runs the terminal command.
    pub async fn terminal(&mut self) -> Result<Conclusion, ComposeError> {
        self.begin("terminal", Phase::Driven, Event::Healed)?;
        self.conclude().await
    }

    /// Ends everything now, in any phase.
    pub async fn cancel(&mut self) -> Result<Conclusion, ComposeError> {
        self.feed(Event::Cancel)?;
        self.conclude().await
    }

    async fn conclude(&mut self) -> Result<Conclusion, ComposeError> {
        self.until(&[], std::future::pending()).await?;
        Ok(self.conclusion().cloned().expect("a timeline that is done has its conclusion"))
    }

    fn begin(&mut self, wanted: &'static str, from: Phase, event: Event) -> Result<(), ComposeError> {
        match self.phase() {
            Phase::Done => Ok(()),
            phase if phase == from => self.feed(event),
            phase => Err(ComposeError::OutOfOrder { wanted, phase }),
        }
    }

    /// Lets things happen until the timeline is in one of these phases, or done.
    async fn until(
        &mut self,
        phases: &[Phase],
        stop: impl Future<Output = ()>,
    ) -> Result<Phase, ComposeError> {
        let mut stop = pin!(stop);
        let mut stopped = false;
        let mut cancel = self.settings.cancel.clone();
        while !phases.contains(&self.phase()) && self.phase() != Phase::Done {
            let stopping = self.phase() == Phase::Stopping;
            let wake = self.schedule.wake_at().map(|at| at.saturating_sub(now()));
            let event = tokio::select! {
                biased;
                () = cancelled(&mut cancel, stopping) => Event::Cancel,
                Some(ended) = self.tasks.join_next() => self.take_end(ended)?,
                () = &mut stop, if !stopped => {
                    stopped = true;
                    Event::EndDrive
                }
                () = sleep(wake) => Event::Tick,
            };
            self.feed(event)?;
        }
        Ok(self.phase())
    }

    /// Tells the schedule, and does what it says until nothing more follows.
    fn feed(&mut self, event: Event) -> Result<(), ComposeError> {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            for action in self.schedule.on(now(), event) {
                match action {
                    Action::Enter(phase) => (self.settings.observer)(&Progress::Entered(phase)),
                    Action::Start(launch) => events.extend(self.start(launch)?),
                    Action::Kill { n, by } => {
                        let kill = self.live.get_mut(&n).and_then(|live| live.kill.take());
                        // A command that has just ended needs no kill; its end is on its way.
                        let _ = kill.map(|kill| kill.send(by));
                    }
                }
            }
        }
        Ok(())
    }

    /// Starts a command; returns its end if it could not be started.
    fn start(&mut self, launch: Launch) -> Result<Option<Event>, ComposeError> {
        let files = [self.output_file(launch.n, "out")?, self.output_file(launch.n, "err")?];
        let path = self.paths.get(&launch.command).cloned().unwrap_or_default();
        let environment = (self.settings.environment)(&launch);
        let command = self.settings.launcher.command(&launch, &path, environment);
        let program = PathBuf::from(command.get_program());
        let t = clock::now();
        match Process::start(command, files, self.settings.output_limit_bytes) {
            Ok(process) => {
                let pid = process.pid();
                self.note_start(&launch, Some(pid), t)?;
                let (kill, killed) = oneshot::channel();
                let n = launch.n;
                let deadline = self.schedule.plan().deadline_ms(&launch.command).unwrap_or(u64::MAX);
                let sweep = self.settings.launcher.sweep(&launch);
                let group = Arc::clone(&process.group);
                self.live.insert(n, Live { launch, pid, group, kill: Some(kill) });
                let deadline = Duration::from_millis(deadline);
                self.tasks.spawn(async move { (n, process.supervise(t, deadline, killed, sweep).await) });
                Ok(None)
            }
            Err(error) => {
                self.note_start(&launch, None, t)?;
                let ending = Ending::NotStarted { reason: why_not_started(&path, &program, &error) };
                let finish = Finish { t, ending, runtime_seconds: 0.0, stdout_bytes: 0, stderr_bytes: 0 };
                self.note_end(launch, None, finish).map(Some)
            }
        }
    }

    fn take_end(&mut self, ended: Result<(u32, Finish), JoinError>) -> Result<Event, ComposeError> {
        let (n, finish) = ended?;
        match self.live.remove(&n) {
            Some(live) => self.note_end(live.launch, Some(live.pid), finish),
            // Every task has its entry, from its start to here.
            None => Ok(Event::Tick),
        }
    }

    fn note_start(&mut self, launch: &Launch, pid: Option<u32>, t: Nanos) -> Result<(), ComposeError> {
        let written = self.record.started(launch, pid, t);
        self.written(written)?;
        (self.settings.observer)(&Progress::Started { launch: launch.clone(), pid, t });
        Ok(())
    }

    fn note_end(&mut self, launch: Launch, pid: Option<u32>, finish: Finish) -> Result<Event, ComposeError> {
        let written = self.record.finished(&launch, pid, &finish);
        self.written(written)?;
        let event = Event::Ended { n: launch.n, ending: finish.ending.clone() };
        (self.settings.observer)(&Progress::Finished { launch, finish });
        Ok(event)
    }

    fn written(&self, result: io::Result<()>) -> Result<(), ComposeError> {
        let path = || self.settings.run_directory.join(RECORD_FILE);
        result.map_err(|source| ComposeError::Write { path: path(), source })
    }

    fn output_file(&self, n: u32, extension: &str) -> Result<File, ComposeError> {
        let path = self.settings.run_directory.join(OUTPUT_DIRECTORY).join(format!("{n}.{extension}"));
        File::create(&path).map_err(|source| ComposeError::Write { path, source })
    }
}

impl Drop for Composition {
    fn drop(&mut self) {
        // The tasks that own these groups may never be polled again.
        self.live.values().for_each(|live| live.group.kill());
    }
}

fn now() -> Duration {
    Duration::from_nanos(clock::now().0)
}

async fn sleep(wake: Option<Duration>) {
    match wake {
        Some(wake) => tokio::time::sleep(wake).await,
        None => std::future::pending().await,
    }
}

/// Ready when the run is cancelled, once; a canceller that is gone cancels nothing.
async fn cancelled(cancel: &mut watch::Receiver<bool>, already: bool) {
    if already || cancel.wait_for(|cancelled| *cancelled).await.is_err() {
        std::future::pending::<()>().await;
    }
}

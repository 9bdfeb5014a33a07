//! A run from its first process to its verdict. Whatever happens on the way, members and commands are ended, and what
//! was recorded stays and can be judged.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use chaos::{Chaos, Journal, leftovers};
use composer::{Composition, Phase, Progress, Settings};
use history::clock;
use report::Outcome;
use tokio::sync::watch;

use super::config::{Config, Target};
use super::environment::{Environment, Library};
use super::launcher::InContainers;
use super::metrics::Sampling;
use super::prefixes::Prefixes;
use super::progress::{Display, TICK, say};
use super::system::System;
use super::violations::Violations;
use super::{directory, faults, links};
use crate::exit::Exit;
use crate::record::{Event, EventLog, RunRecord};
use crate::{check, heal, home};

/// Made in a run's directory by who stops it and wants its members to go on.
pub(crate) const KEEP_FILE: &str = "keep-members";

/// What a session works with.
struct Session {
    config: Config,
    dir: PathBuf,
    run: String,
    events: EventLog,
    interrupted: watch::Receiver<bool>,
    display: Arc<Mutex<Display>>,
    journal: Arc<Journal>,
    /// Known to commands once faults can be stopped.
    stop_faults: Arc<OnceLock<PathBuf>>,
    /// Members that ended by themselves and have not been started again.
    crashed: BTreeSet<String>,
    violations: Arc<Violations>,
    /// Whether the first of them has been written down.
    violated: bool,
}

/// How a run ended.
pub(super) struct Ended {
    pub(super) dir: PathBuf,
    pub(super) exit: Exit,
    /// Its verdict; without one, nothing was tested.
    pub(super) verdict: Option<Outcome>,
}

pub(super) async fn run(config: Config, interrupted: watch::Receiver<bool>) -> anyhow::Result<Ended> {
    let wall = clock::wall();
    let dir = directory::create(&config.runs, &config.suite.name, config.plan.seed, wall)?;
    let run = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
    say(&format!("run {run} in {}", dir.display()));
    // Claimed before anything is started: from here on a sweep finds what is left, whatever happens to this process.
    let journal = Arc::new(Journal::open(&dir)?);
    // What another run left and nobody can end is told, and no reason not to run: this one has ports of its own.
    for line in heal::lines(&leftovers::heal_all(&config.runs)?) {
        say(&line);
    }
    let events = EventLog::create(&dir)?;
    let display = Arc::new(Mutex::new(Display::new(&dir.join("history"))));
    let mut session = Session {
        violations: Arc::new(Violations::new(dir.join("sdk"))),
        violated: false,
        stop_faults: Arc::default(),
        crashed: BTreeSet::new(),
        config,
        dir,
        run,
        events,
        interrupted,
        display,
        journal,
    };
    let result = session.timeline().await;
    session.display().rest();
    session.end(result)
}

impl Session {
    async fn timeline(&mut self) -> anyhow::Result<()> {
        let mut interrupted = self.interrupted.clone();
        let Config { chart, target, suite, plan, .. } = &self.config;
        let environment = self.config.environment();
        let named = (suite.name.as_str(), plan.seed);
        let started = tokio::select! {
            started = System::start(chart.as_ref(), target, named, &environment, &self.journal) => Some(started),
            _ = interrupted.wait_for(|yes| *yes) => None,
        };
        let system = match started {
            Some(Ok(system)) => system,
            failed => {
                // Containers may be there already that nobody else would remove.
                if let Target::Compose(contained) = target {
                    contained.remove(self.journal.directory()).await?;
                }
                let closed = self.journal.close();
                return failed.map_or(Ok(()), |failed| failed.map(|_| ())).and(closed.map_err(Into::into));
            }
        };
        let result = self.with_system(&system).await;
        let told = self.tell_crashes(&system);
        let told = told.and(self.keep_if_asked(&system).await);
        // What could not be stopped is left, and the journal stays open for whoever heals.
        let stopped = system.stop().await.and_then(|()| Ok(self.journal.close()?));
        result.and(told).and(stopped)
    }

    async fn with_system(&mut self, system: &System) -> anyhow::Result<()> {
        let mut interrupted = self.interrupted.clone();
        tokio::select! {
            ready = system.ready() => ready?,
            _ = interrupted.wait_for(|yes| *yes) => return Ok(()),
        }
        self.write_record(system).await?;
        let metered = self.config.chart.as_ref().and_then(|chart| Some((chart, chart.metrics.as_ref()?)));
        let sampled = |(chart, spec)| Sampling::start(&self.dir, spec, system.listened(chart));
        let _sampling = metered.map(sampled).transpose()?;
        let _links = match system {
            System::Started { links, .. } => Some(links::Watching::start(&self.dir, links)?),
            System::Attached(_) | System::Contained(_) => None,
        };
        let settings = self.settings(system);
        let mut composition = Composition::new(&self.config.template, self.config.plan.clone(), settings)?;
        let result = self.phases(system, &mut composition).await;
        if result.is_err() {
            composition.cancel().await?;
        }
        result
    }

    async fn phases(&mut self, system: &System, composition: &mut Composition) -> anyhow::Result<()> {
        self.watching(system, async { composition.first().await.map(|_| ()) }).await?;
        if composition.phase() == Phase::Done {
            return Ok(());
        }
        self.violations.drivers_begin();
        let chaos = self.start_faults(system)?;
        let driven = self.drive(system, composition, &chaos).await;
        // As on the platform, the last commands begin when faults stop: that the system comes back is theirs to see.
        let ended = match driven {
            Ok(()) => self.terminal(system, composition, &chaos).await,
            Err(failure) => Err(failure),
        };
        let stopped = chaos.stop().await;
        ended.and(stopped.map_err(Into::into))
    }

    /// Heals everything, and runs the last commands beside that.
    async fn terminal(
        &mut self,
        system: &System,
        composition: &mut Composition,
        chaos: &Chaos,
    ) -> anyhow::Result<()> {
        let (mut interrupted, display) = (self.interrupted.clone(), Arc::clone(&self.display));
        let heal = async {
            tokio::select! {
                healed = faults::heal(chaos, &display) => healed,
                _ = interrupted.wait_for(|yes| *yes) => Ok(()),
            }
        };
        let terminal = self.watching(system, async { composition.terminal().await.map(|_| ()) });
        let (healed, ended) = tokio::join!(heal, terminal);
        healed.and(ended)
    }

    fn start_faults(&self, system: &System) -> anyhow::Result<Chaos> {
        let Config { faults, chart, .. } = &self.config;
        let chaos = faults::start(faults, system, chart.as_ref(), &self.journal, &self.run, &self.display)?;
        // Nobody else sets it.
        let _ = self.stop_faults.set(chaos.stop_faults().to_owned());
        Ok(chaos)
    }

    /// Drivers under faults, until their time is over.
    async fn drive(
        &mut self,
        system: &System,
        composition: &mut Composition,
        chaos: &Chaos,
    ) -> anyhow::Result<()> {
        let mut failure = chaos.failure();
        let failed = async move { failure.wait_for(Option::is_some).await.map(|_| ()).unwrap_or_default() };
        let _prefixes = Prefixes::start(&self.dir, &self.violations)?;
        let mut first = self.violations.first();
        let until_violation = self.config.until_violation;
        let stop = async move {
            tokio::select! {
                () = failed => {}
                _ = first.wait_for(Option::is_some), if until_violation => {}
            }
        };
        // A plan's clock stands still at times, so its end alone does not make the calm.
        let (plan, disturbed) = (&self.config.plan, self.config.faults.duration_ms);
        let (whole, drain) = (plan.duration_ms, plan.drain_ms);
        let calm = async {
            if disturbed < whole {
                tokio::time::sleep(Duration::from_millis(disturbed)).await;
                // That it failed is told by the one who failed.
                let _ = chaos.quiet(Duration::from_millis(whole - disturbed + drain)).await;
            }
            std::future::pending::<()>().await;
        };
        let (faults, interrupted) = (self.config.faults.clone(), self.interrupted.clone());
        let drivers = self.watching(system, async {
            composition.drive(stop).await?;
            if disturbed >= whole {
                faults::amid(chaos, &faults, interrupted).await;
            }
            Ok(())
        });
        tokio::select! {
            driven = drivers => driven,
            () = calm => Ok(()),
        }
    }

    /// Lets a part of the timeline go on, and keeps an eye on the members and the display meanwhile.
    async fn watching(
        &mut self,
        system: &System,
        part: impl Future<Output = Result<(), composer::ComposeError>>,
    ) -> anyhow::Result<()> {
        let mut part = std::pin::pin!(part);
        let mut tick = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                result = &mut part => {
                    self.tell_violation()?;
                    return Ok(result?);
                }
                _ = tick.tick() => {
                    self.display().tick();
                    self.tell_crashes(system)?;
                    self.tell_violation()?;
                    system.has_clients()?;
                }
            }
        }
    }

    fn settings(&self, system: &System) -> Settings {
        let environment = Environment {
            run: self.run.clone(),
            dir: self.dir.clone(),
            variable: self.config.variable(),
            endpoints: system.endpoints(),
            mark: self.journal.mark(),
            stop_faults: Arc::clone(&self.stop_faults),
            library: self.library(system),
        };
        let (display, violations) = (Arc::clone(&self.display), Arc::clone(&self.violations));
        let mut settings = Settings::new(self.dir.clone(), self.interrupted.clone());
        settings.environment = Box::new(move |launch| environment.of(launch));
        if let System::Contained(running) = system {
            let (docker, homes) = (running.program(), running.homes());
            let (run, mark) = (self.run.clone(), self.journal.mark());
            settings.launcher = Box::new(InContainers { docker, homes, run, mark });
        }
        settings.observer = Box::new(move |progress| {
            if let Progress::Finished { launch, .. } = progress {
                violations.look(&launch.command, launch.n);
            }
            display.lock().unwrap_or_else(PoisonError::into_inner).observe(progress);
        });
        settings
    }

    /// What seeds the draws of commands: our own take their seed from the environment where they are processes.
    fn library(&self, system: &System) -> Library {
        let found = match system {
            System::Contained(running) => running.has_library().then_some(Library::InPlace),
            _ if !self.config.foreign => return Library::None,
            _ => home::voidstar().map(Library::Preloaded),
        };
        found.unwrap_or_else(|| {
            say(
                "note: libvoidstar.so is not beside this program, so what commands draw is not seeded: build it with \
                 `cargo build -p voidstar`",
            );
            Library::None
        })
    }

    async fn write_record(&self, system: &System) -> anyhow::Result<()> {
        let versions = system.versions().await;
        let (attached, program) = match system {
            System::Started { program, .. } => (false, program.clone()),
            System::Attached(_) => (true, String::new()),
            System::Contained(_) => (false, String::new()),
        };
        let program = match &self.config.target {
            Target::Compose(contained) => format!("the image {}", contained.images()),
            _ => program,
        };
        let Config { suite, template, foreign, plan, faults, target, strict, command_line, .. } =
            &self.config;
        let record = RunRecord {
            format: RunRecord::FORMAT,
            run: self.run.clone(),
            command_line: command_line.clone(),
            suite: suite.name.clone(),
            system: self.config.tested().to_owned(),
            subject: subject(self.config.tested(), &versions, target),
            attached,
            foreign: *foreign,
            program,
            endpoints: system.endpoints().iter().map(ToString::to_string).collect(),
            versions,
            check: suite.check,
            strict: *strict,
            began: clock::now(),
            wall: clock::wall(),
            commands: template.listing(),
            plan: plan.clone(),
            faults: faults.clone(),
        };
        record.write(&self.dir)?;
        directory::link_latest(&self.dir);
        if matches!(target, Target::Attach(_)) && !foreign {
            say(
                "note: this writes some thousand keys with random names to your cluster, and leaves them there",
            );
        }
        let seed = plan.seed;
        say(&format!(
            "{}: template {} for {} s, faults {}{}, seed {seed}",
            record.subject,
            template.name,
            plan.duration_ms / 1_000,
            faults.profile,
            match target {
                Target::Compose(contained) => format!(" on {}", contained.members.join(", ")),
                _ => String::new(),
            },
        ));
        Ok(())
    }

    fn tell_crashes(&mut self, system: &System) -> anyhow::Result<()> {
        let dead = system.crashed();
        self.crashed.retain(|member| dead.iter().any(|dead| dead.member == *member));
        for dead in dead {
            if !self.crashed.insert(dead.member.clone()) {
                continue;
            }
            self.display().rest();
            say(&format!("member {} ended by itself: {}; its log is {}", dead.member, dead.status, dead.log));
            let (member, status, last_lines) = (dead.member, dead.status, dead.last_lines);
            self.events.write(Event::MemberCrashed { member, status, last_lines })?;
        }
        Ok(())
    }

    fn tell_violation(&mut self) -> anyhow::Result<()> {
        let first = self.violations.first().borrow().clone();
        let Some(event) = first.filter(|_| !self.violated) else { return Ok(()) };
        self.violated = true;
        let words = match &event {
            Event::Violated { property, command, number, .. } => format!("{command} #{number}: {property}"),
            Event::Disproved { sentence, operations, .. } => {
                format!("the history of the first {operations} operations: {sentence}")
            }
            _ => String::new(),
        };
        self.display().rest();
        say(&format!("a promise is broken, says {words}"));
        self.events.write(event)
    }

    /// Who stops a run may want to look at its members. They need their links, which are this process's: it stays.
    async fn keep_if_asked(&mut self, system: &System) -> anyhow::Result<()> {
        if std::fs::remove_file(self.dir.join(KEEP_FILE)).is_err() || !self.dir.join("run.json").exists() {
            return Ok(());
        }
        let mut again = self.interrupted.clone();
        again.mark_unchanged();
        self.events.write(Event::recorded(&self.dir)?)?;
        self.events.write(Event::Interrupted)?;
        check::judge_and_write(&self.dir)?;
        let members: Vec<String> = system.endpoints().iter().take(1).map(ToString::to_string).collect();
        self.display().rest();
        say(&format!("members keep running until the run is stopped once more: {}", members.join(" ")));
        self.events.write(Event::Kept { members })?;
        // Nobody is left to stop it when the channel is closed.
        let _ = again.changed().await;
        Ok(())
    }

    /// Removes what members stored, some hundred megabytes: nobody looks for a fault in the data of a valid run. Logs stay.
    fn forget_data(&self) {
        let Ok(entries) = std::fs::read_dir(self.dir.join("members")) else { return };
        for data in entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()) {
            if let Err(error) = std::fs::remove_dir_all(&data) {
                say(&format!("cannot remove {}: {error}", data.display()));
            }
        }
    }

    fn display(&self) -> std::sync::MutexGuard<'_, Display> {
        self.display.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes how the run ended, judges what there is, and tells.
    fn end(mut self, result: anyhow::Result<()>) -> anyhow::Result<Ended> {
        let interrupted = *self.interrupted.borrow();
        let ending = match &result {
            Err(error) => Event::ToolFailed { reason: format!("{error:#}") },
            Ok(()) if interrupted => Event::Interrupted,
            Ok(()) => Event::Ended,
        };
        let told = Event::recorded(&self.dir).and_then(|recorded| self.events.write(recorded));
        let told = told.and(self.events.write(ending));
        let dir = home::shown(&self.dir);
        // What could not be told is often for the same reason, and the reason comes first.
        if let Err(error) = result.and(told) {
            return Err(error.context(format!("the run failed; what it recorded is in {dir}")));
        }
        if !self.dir.join("run.json").exists() {
            say("interrupted before anything was tested");
            return Ok(Ended { dir: self.dir, exit: Exit::Failed, verdict: None });
        }
        let summary = check::judge_and_write(&self.dir)?;
        if summary.verdict == Outcome::Valid && !self.config.keep {
            self.forget_data();
        }
        let expected =
            self.config.expect.as_ref().map_or(String::new(), |known| format!(" --expect {known}"));
        let mut out = std::io::stdout().lock();
        let table = report::table(&summary, check::detail(self.config.all));
        write!(out, "\n{table}").context("cannot print the verdict")?;
        writeln!(
            out,
            "\nrun directory:  {dir}\nreport:         {dir}/report.html\njudge it again: {} check {dir}{expected}\nrepeat it:      {}",
            home::own_name(),
            self.config.command_line
        )?;
        let exit = match interrupted {
            true => Exit::Failed,
            false => check::exit(&summary, self.config.expect.as_deref()),
        };
        Ok(Ended { dir: self.dir, exit, verdict: Some(summary.verdict) })
    }
}

/// Such as `etcd 3.5.30 (3 members)`.
fn subject(chart: &str, versions: &[(String, String)], target: &Target) -> String {
    let mut told: Vec<&str> = versions.iter().map(|(_, version)| version.as_str()).collect();
    told.sort_unstable();
    told.dedup();
    let count = versions.len();
    let members = if count == 1 { "1 member".to_owned() } else { format!("{count} members") };
    let attached = match target {
        Target::Attach(_) => ", attached",
        Target::Compose(_) => " in containers",
        Target::Start { .. } => "",
    };
    let versions = if told == ["unknown"] { String::new() } else { format!(" {}", told.join(" and ")) };
    format!("{chart}{versions} ({members}{attached})")
}

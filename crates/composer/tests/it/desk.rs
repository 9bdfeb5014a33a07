//! A template of shell scripts in a directory of its own, and a way to run it with a plan made by hand.

use composer::{
    CommandLog, CommandRecord, Composition, Conclusion, Ending, Kind, Pick, Plan, PlanConfig, Progress,
    RECORD_FILE, Segment, Settings, Step, Template, TerminalChoice,
};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

/// Above what any step of these tests takes on a loaded machine; reached only by a test that fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A directory with a template `main`, a run directory `run`, and whatever commands leave there: they know
/// it as `$DESK`.
pub(crate) struct Desk {
    pub(crate) root: tempfile::TempDir,
    pub(crate) progress: Arc<Mutex<Vec<Progress>>>,
    pub(crate) cancel: watch::Sender<bool>,
}

impl Desk {
    /// With these scripts, by file name; each gets its shebang.
    pub(crate) fn new(scripts: &[(&str, &str)]) -> Desk {
        let root = tempfile::tempdir().unwrap();
        let cancel = watch::channel(false).0;
        let desk = Desk { root, progress: Arc::default(), cancel };
        std::fs::create_dir(desk.path("main")).unwrap();
        std::fs::create_dir(desk.path("run")).unwrap();
        for (name, body) in scripts {
            desk.executable(name, format!("#!/bin/sh\n{body}\n").as_bytes());
        }
        desk
    }

    /// Written by another process: a file that we have open for writing while another thread forks cannot be
    /// executed for a moment.
    pub(crate) fn executable(&self, name: &str, content: &[u8]) {
        let mut writer = Command::new("sh")
            .args(["-c", "cat > \"$1\" && chmod 755 \"$1\"", "sh"])
            .arg(self.path("main").join(name))
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        writer.stdin.take().unwrap().write_all(content).unwrap();
        assert!(writer.wait().unwrap().success());
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// What a command has left in a file, once it is there.
    pub(crate) async fn left(&self, name: &str) -> String {
        let path = self.path(name);
        until(|| std::fs::read_to_string(&path).is_ok_and(|text| text.ends_with('\n'))).await;
        std::fs::read_to_string(path).unwrap().trim().to_owned()
    }

    pub(crate) fn template(&self) -> Template {
        Template::discover(&self.path("main")).unwrap()
    }

    /// Drawn from a seed, then with these drivers to start one after the other, four beside each other.
    pub(crate) fn plan(&self, drivers: &[&str], terminal: TerminalChoice, deadline: Duration) -> Plan {
        let config = PlanConfig { terminal, deadline, drain: PATIENCE, ..PlanConfig::new(1, PATIENCE) };
        let mut plan = Plan::draw(&self.template().listing(), &config).unwrap();
        let pick = |(seed, file): (u64, &&str)| Pick {
            command: format!("main/{file}"),
            kind: Kind::of_file_name(file).unwrap(),
            seed,
        };
        let steps = (100..).zip(drivers).map(pick).map(|pick| Step { pause_ms: 1, pick }).collect();
        plan.segment_ms = plan.duration_ms;
        plan.segments = vec![Segment { parallel: 4, steps, arrivals: Vec::new() }];
        plan
    }

    pub(crate) fn settings(&self) -> Settings {
        let (root, progress) = (self.root.path().to_owned(), Arc::clone(&self.progress));
        let mut settings = Settings::new(self.path("run"), self.cancel.subscribe());
        settings.observer = Box::new(move |event| progress.lock().unwrap().push(event.clone()));
        settings.environment = Box::new(move |launch| {
            vec![
                ("DESK".into(), root.display().to_string()),
                ("N".into(), launch.n.to_string()),
                ("SEED".into(), launch.seed.to_string()),
            ]
        });
        settings
    }

    pub(crate) fn composition(&self, plan: Plan) -> Composition {
        Composition::new(&self.template(), plan, self.settings()).unwrap()
    }

    /// The whole timeline; the drive ends when as many commands as given have been started and have ended.
    pub(crate) async fn run(&self, plan: Plan, ends: usize) -> Conclusion {
        let mut composition = self.composition(plan);
        composition.first().await.unwrap();
        let enough = until(|| self.finished() >= ends);
        composition.drive(enough).await.unwrap();
        composition.terminal().await.unwrap()
    }

    pub(crate) fn finished(&self) -> usize {
        let progress = self.progress.lock().unwrap();
        progress.iter().filter(|event| matches!(event, Progress::Finished { .. })).count()
    }

    pub(crate) fn log(&self) -> CommandLog {
        let log = CommandLog::read(&self.path("run").join(RECORD_FILE)).unwrap();
        assert_eq!((log.broken_lines, log.torn), (0, false));
        log
    }

    /// The executions of one command.
    pub(crate) fn of(&self, file: &str) -> Vec<CommandRecord> {
        self.log().commands.into_iter().filter(|c| c.command == format!("main/{file}")).collect()
    }

    /// How each execution of one command ended.
    pub(crate) fn endings(&self, file: &str) -> Vec<Ending> {
        self.of(file).into_iter().map(|c| c.finished.unwrap().ending).collect()
    }
}

/// Polls until something holds; a test that waits in vain fails by name.
pub(crate) async fn until(mut holds: impl FnMut() -> bool) {
    let polling = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, polling).await.expect("what this waits for never happened");
}

/// Whether a process runs. A zombie does not: it is dead and waits for whoever inherited it.
pub(crate) fn lives(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").map_or("", |(_, rest)| &rest[..1]);
    !matches!(state, "" | "Z" | "X")
}

pub(crate) const WELL: Ending = Ending::Exited { code: 0 };

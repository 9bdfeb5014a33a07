//! A launcher that starts commands out of reach of their process group, as a container engine does.

use crate::desk::{Desk, PATIENCE, lives, until};
use composer::{Composition, Ending, Killer, Launch, Launcher, TerminalChoice};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Starts commands in a session of their own; its number is what they leave in `$DESK/session`.
#[derive(Debug)]
struct Elsewhere {
    desk: PathBuf,
    sweeps: bool,
}

impl Launcher for Elsewhere {
    fn command(&self, _: &Launch, path: &Path, environment: Vec<(String, String)>) -> Command {
        let mut command = Command::new("setsid");
        command.arg("--wait").arg(path).envs(environment);
        command
    }

    fn sweep(&self, _: &Launch) -> Option<Command> {
        let mut sweep = Command::new("sh");
        sweep.args(["-c", "kill -9 $(cat session)"]).current_dir(&self.desk);
        self.sweeps.then_some(sweep)
    }
}

/// Runs a command that hangs elsewhere; returns the number of its session.
async fn hang_elsewhere(desk: &Desk, sweeps: bool) -> String {
    let plan = desk.plan(&[], TerminalChoice::None, PATIENCE);
    let mut settings = desk.settings();
    settings.launcher = Box::new(Elsewhere { desk: desk.path(""), sweeps });
    let mut composition = Composition::new(&desk.template(), plan, settings).unwrap();
    composition.first().await.unwrap();
    let hanging = async {
        desk.left("session").await;
    };
    composition.drive(hanging).await.unwrap();
    composition.cancel().await.unwrap();
    assert_eq!(desk.endings("singleton_driver_a"), [Ending::Killed { by: Killer::Cancel }]);
    desk.left("session").await
}

const HANGS: &str = "echo $$ > $DESK/session; exec sleep 1000";

#[tokio::test]
async fn its_sweep_ends_what_a_signal_does_not_reach() {
    let desk = Desk::new(&[("singleton_driver_a", HANGS)]);
    let session = hang_elsewhere(&desk, true).await;
    until(|| !lives(&session)).await;

    let control = Desk::new(&[("singleton_driver_a", HANGS)]);
    let session = hang_elsewhere(&control, false).await;
    assert!(lives(&session), "without the sweep it lives on");
    assert!(Command::new("kill").args(["-9", &session]).status().unwrap().success());
}

#[tokio::test]
async fn exit_codes_come_through_and_a_missing_program_is_named() {
    let desk = Desk::new(&[("parallel_driver_a", "exit 4"), ("parallel_driver_b", "exit 0")]);
    let plan = desk.plan(&["parallel_driver_a", "parallel_driver_b"], TerminalChoice::None, PATIENCE);
    let mut settings = desk.settings();
    settings.launcher = Box::new(NoEngineForB);
    let mut composition = Composition::new(&desk.template(), plan, settings).unwrap();
    composition.first().await.unwrap();
    composition.drive(until(|| desk.finished() == 2)).await.unwrap();
    composition.terminal().await.unwrap();
    assert_eq!(desk.endings("parallel_driver_a"), [Ending::Exited { code: 4 }]);
    let [Ending::NotStarted { reason }] = &desk.endings("parallel_driver_b")[..] else { panic!("started") };
    assert!(reason.contains("cannot start no-such-engine"), "{reason}");
}

#[derive(Debug)]
struct NoEngineForB;

impl Launcher for NoEngineForB {
    fn command(&self, launch: &Launch, path: &Path, _: Vec<(String, String)>) -> Command {
        if launch.command.ends_with('b') { Command::new("no-such-engine") } else { Command::new(path) }
    }
}

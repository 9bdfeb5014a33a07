//! Cancelled at any moment, nothing runs on and nothing that was started is missing from the record.

use crate::desk::{Desk, PATIENCE, lives, until};
use composer::{Conclusion, Ending, Killer, Phase, TerminalChoice};

/// Reports itself and its child, then hangs; ignores whatever can be ignored.
fn hangs(name: &str) -> String {
    format!("trap '' TERM INT HUP; sleep 1000 & echo $! > $DESK/child; echo $$ > $DESK/{name}; wait")
}

/// Everything that was started has its end in the record, and none of it lives.
async fn all_is_over(desk: &Desk) {
    let log = desk.log().commands;
    assert!(!log.is_empty());
    for record in &log {
        assert!(record.finished.is_some(), "{record:?}");
        assert!(!lives(&record.pid.unwrap().to_string()), "{record:?}");
    }
    let child = desk.left("child").await;
    until(|| !lives(&child)).await;
}

/// Runs a timeline in which the command of this name hangs, and cancels it there.
async fn cancelled_in(file: &str, phase: Phase) {
    let mut scripts = vec![("parallel_driver_x", "exit 0".to_owned()), ("eventually_x", "exit 0".to_owned())];
    scripts.retain(|(name, _)| *name != file);
    scripts.push((file, hangs("hanging")));
    let scripts: Vec<_> = scripts.iter().map(|(name, body)| (*name, body.as_str())).collect();
    let desk = Desk::new(&scripts);
    let mut composition = desk.composition(desk.plan(&["parallel_driver_x"], TerminalChoice::Auto, PATIENCE));
    let cancel = async {
        desk.left("hanging").await;
        desk.cancel.send_replace(true);
    };
    let timeline = async {
        composition.first().await.unwrap();
        let driven = async {
            if phase == Phase::Drive {
                std::future::pending::<()>().await;
            }
            until(|| desk.finished() == 1).await;
        };
        composition.drive(driven).await.unwrap();
        composition.terminal().await.unwrap()
    };
    let (conclusion, ()) = tokio::join!(timeline, cancel);
    assert_eq!(conclusion, Conclusion::Cancelled);
    assert_eq!(desk.endings(file).last(), Some(&Ending::Killed { by: Killer::Cancel }));
    all_is_over(&desk).await;
}

#[tokio::test]
async fn in_first() {
    cancelled_in("first_x", Phase::First).await;
}

#[tokio::test]
async fn in_the_drive() {
    cancelled_in("parallel_driver_x", Phase::Drive).await;
}

#[tokio::test]
async fn in_the_terminal_command() {
    cancelled_in("eventually_x", Phase::Terminal).await;
}

/// A composition whose driver hangs, with faults being healed.
async fn healing(desk: &Desk) -> composer::Composition {
    let plan = desk.plan(&["parallel_driver_x"], TerminalChoice::None, PATIENCE);
    let mut composition = desk.composition(plan);
    composition.first().await.unwrap();
    let hanging = async {
        desk.left("hanging").await;
    };
    composition.drive(hanging).await.unwrap();
    composition
}

#[tokio::test]
async fn while_faults_are_healed() {
    let desk = Desk::new(&[("parallel_driver_x", &hangs("hanging"))]);
    let mut composition = healing(&desk).await;
    desk.cancel.send_replace(true);
    assert_eq!(composition.terminal().await.unwrap(), Conclusion::Cancelled);
    all_is_over(&desk).await;
}

#[tokio::test]
async fn by_a_caller_who_cannot_heal() {
    let desk = Desk::new(&[("parallel_driver_x", &hangs("hanging"))]);
    let mut composition = healing(&desk).await;
    assert_eq!(composition.cancel().await.unwrap(), Conclusion::Cancelled);
    assert_eq!(composition.cancel().await.unwrap(), Conclusion::Cancelled, "a second time changes nothing");
    all_is_over(&desk).await;
}

#[tokio::test]
async fn before_anything_began() {
    let desk = Desk::new(&[("parallel_driver_x", "exit 0")]);
    desk.cancel.send_replace(true);
    let mut composition = desk.composition(desk.plan(&[], TerminalChoice::None, PATIENCE));
    composition.first().await.unwrap();
    composition.drive(std::future::pending()).await.unwrap();
    assert_eq!(composition.terminal().await.unwrap(), Conclusion::Cancelled);
    assert_eq!(desk.log().commands, []);
}

#[test]
fn dropped_it_kills_its_processes_and_leaves_their_starts_in_the_record() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let desk = Desk::new(&[("parallel_driver_x", &hangs("hanging"))]);
    // The runtime of the composition does not run again, as when the whole program is about to end.
    let stopped = runtime();
    drop(stopped.block_on(healing(&desk)));
    let leader = runtime().block_on(async {
        let (leader, child) = (desk.left("hanging").await, desk.left("child").await);
        until(|| !lives(&leader) && !lives(&child)).await;
        leader
    });
    let record = desk.of("parallel_driver_x").remove(0);
    assert_eq!((record.pid.map(|pid| pid.to_string()), record.finished), (Some(leader), None));
}

//! Wrong plans, directories and orders are refused with a reason before anything is started.

use crate::desk::{Desk, PATIENCE};
use composer::{ComposeError, Composition, TerminalChoice};

#[tokio::test]
async fn phases_have_their_order() {
    let desk = Desk::new(&[("parallel_driver_a", "exit 0")]);
    let mut composition = desk.composition(desk.plan(&[], TerminalChoice::None, PATIENCE));
    let early = composition.terminal().await.unwrap_err().to_string();
    assert_eq!(early, "cannot begin terminal in phase New; the order is first, drive, terminal");
    assert!(composition.drive(std::future::pending()).await.is_err());
    composition.first().await.unwrap();
    assert!(composition.first().await.is_err());
    composition.drive(std::future::ready(())).await.unwrap();
    composition.terminal().await.unwrap();
}

#[tokio::test]
async fn a_plan_for_another_template_is_refused() {
    let other = Desk::new(&[("parallel_driver_b", "exit 0")]);
    let desk = Desk::new(&[("parallel_driver_a", "exit 0")]);
    let plan = other.plan(&[], TerminalChoice::None, PATIENCE);
    let error = Composition::new(&desk.template(), plan, desk.settings()).unwrap_err();
    assert!(
        matches!(&error, ComposeError::NotInTemplate { command, .. } if command == "main/parallel_driver_b")
    );
}

#[tokio::test]
async fn a_run_directory_takes_one_run_and_must_be_there() {
    let desk = Desk::new(&[("parallel_driver_a", "exit 0")]);
    let plan = desk.plan(&[], TerminalChoice::None, PATIENCE);
    drop(desk.composition(plan.clone()));
    let second = Composition::new(&desk.template(), plan.clone(), desk.settings()).unwrap_err();
    assert!(second.to_string().contains("run/commands.jsonl"), "{second}");

    let mut settings = desk.settings();
    settings.run_directory = desk.path("main/parallel_driver_a");
    let no_directory = Composition::new(&desk.template(), plan, settings).unwrap_err();
    assert!(matches!(no_directory, ComposeError::Write { .. }));
}

#[test]
fn a_timeline_can_run_in_any_task() {
    fn is_send<T: Send>(_: T) {}
    let desk = Desk::new(&[("parallel_driver_a", "exit 0")]);
    let mut composition = desk.composition(desk.plan(&[], TerminalChoice::None, PATIENCE));
    is_send(composition.drive(std::future::pending()));
}

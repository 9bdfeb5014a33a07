//! The rules of the kinds, as the commands themselves can see them.

use crate::desk::{Desk, PATIENCE, WELL, lives, until};
use composer::{Conclusion, Ending, Killer, Kind, NoTerminal, Phase, Plan, PlanConfig, TerminalChoice};
use std::time::Duration;

/// Ends well only once three copies are there at the same time.
const MEET: &str =
    "touch $DESK/here.$$; while [ $(ls $DESK/here.* | wc -l) -lt 3 ]; do sleep 0.01; done; exit 0";

#[tokio::test]
async fn copies_of_a_parallel_driver_run_beside_each_other() {
    let desk = Desk::new(&[("parallel_driver_meet", MEET)]);
    desk.run(desk.plan(&["parallel_driver_meet"; 3], TerminalChoice::None, PATIENCE), 3).await;
    assert_eq!(desk.endings("parallel_driver_meet"), [WELL, WELL, WELL]);
}

/// Marks its presence, then looks around: of two that overlap, at least one sees the other.
fn looks_around(mine: &str, others: &str) -> String {
    format!(
        "mark=$DESK/{mine}.$$; touch $mark; sleep 0.03; code=0
         for other in $DESK/{others}.*; do [ -e $other ] && [ $other != $mark ] && code=1; done
         sleep 0.03; rm $mark; exit $code"
    )
}

/// How many of twelve drivers saw one beside themselves that a serial driver would not allow.
async fn intrusions(serial: &str) -> usize {
    let desk = Desk::new(&[
        (serial, &looks_around("serial", "*")),
        ("parallel_driver_b", &looks_around("parallel", "serial")),
    ]);
    let drivers = [serial, "parallel_driver_b", "parallel_driver_b", serial].repeat(3);
    desk.run(desk.plan(&drivers, TerminalChoice::None, PATIENCE), drivers.len()).await;
    let log = desk.log().commands;
    assert_eq!(log.len(), 12);
    log.iter().filter(|c| c.finished.as_ref().unwrap().ending != WELL).count()
}

#[tokio::test]
async fn a_serial_driver_sees_no_other_driver() {
    assert_eq!(intrusions("serial_driver_a").await, 0);
    assert_ne!(
        intrusions("parallel_driver_a").await,
        0,
        "the same scripts without the rule notice each other"
    );
}

#[tokio::test]
async fn first_is_alone_and_its_failure_does_not_stop_the_timeline() {
    let desk = Desk::new(&[
        ("first_fails", "[ -e $DESK/driven ] && exit 0; sleep 0.05; touch $DESK/prepared; exit 5"),
        ("parallel_driver_a", "touch $DESK/driven; [ -e $DESK/prepared ]"),
    ]);
    desk.run(desk.plan(&["parallel_driver_a"], TerminalChoice::None, PATIENCE), 2).await;
    assert_eq!(desk.endings("first_fails"), [Ending::Exited { code: 5 }]);
    assert_eq!(desk.endings("parallel_driver_a"), [WELL]);
}

#[tokio::test]
async fn a_first_that_never_completes_ends_the_timeline() {
    let desk = Desk::new(&[("first_hangs", "sleep 1000"), ("parallel_driver_a", "exit 0")]);
    let plan = desk.plan(&["parallel_driver_a"], TerminalChoice::None, Duration::from_millis(200));
    let mut composition = desk.composition(plan);
    assert_eq!(composition.first().await.unwrap(), Phase::Done);
    assert_eq!(composition.drive(std::future::pending()).await.unwrap(), Phase::Done);
    assert_eq!(composition.terminal().await.unwrap(), Conclusion::FirstIncomplete);
    assert_eq!(desk.log().commands.len(), 1);
}

#[tokio::test]
async fn the_drive_of_a_singleton_ends_with_it() {
    let desk = Desk::new(&[("singleton_driver_suite", "exit 0"), ("finally_check", "exit 0")]);
    let mut composition = desk.composition(desk.plan(&[], TerminalChoice::Auto, PATIENCE));
    composition.first().await.unwrap();
    assert_eq!(composition.drive(std::future::pending()).await.unwrap(), Phase::Driven);
    composition.terminal().await.unwrap();
    assert_eq!(desk.endings("singleton_driver_suite"), [WELL]);
    assert_eq!(desk.endings("finally_check"), [WELL]);
}

const HANGS: &str = "echo $$ > $DESK/hanging; sleep 1000";

#[tokio::test]
async fn eventually_kills_what_runs_and_starts_when_it_is_gone() {
    let desk = Desk::new(&[
        ("parallel_driver_hangs", HANGS),
        ("eventually_alone", "kill -0 $(cat $DESK/hanging) 2>/dev/null && exit 1; exit 0"),
    ]);
    let plan = desk.plan(&["parallel_driver_hangs"], TerminalChoice::Auto, PATIENCE);
    let mut composition = desk.composition(plan);
    composition.first().await.unwrap();
    let hanging = async {
        desk.left("hanging").await;
    };
    assert_eq!(composition.drive(hanging).await.unwrap(), Phase::Driven);
    assert!(lives(&desk.left("hanging").await), "faults heal while it runs on");
    let conclusion = composition.terminal().await.unwrap();
    assert!(matches!(conclusion, Conclusion::Terminal(launch) if launch.kind == Kind::Eventually));
    assert_eq!(desk.endings("parallel_driver_hangs"), [Ending::Killed { by: Killer::Eventually }]);
    assert_eq!(desk.endings("eventually_alone"), [WELL]);
}

#[tokio::test]
async fn finally_waits_for_what_runs() {
    let desk = Desk::new(&[
        ("parallel_driver_slow", "touch $DESK/begun; sleep 0.2; touch $DESK/ended"),
        ("finally_after", "[ -e $DESK/ended ]"),
    ]);
    let mut composition =
        desk.composition(desk.plan(&["parallel_driver_slow"], TerminalChoice::Finally, PATIENCE));
    composition.first().await.unwrap();
    composition.drive(until(|| desk.path("begun").exists())).await.unwrap();
    composition.terminal().await.unwrap();
    assert_eq!(desk.endings("finally_after"), [WELL]);
}

#[tokio::test]
async fn finally_does_not_run_after_a_kill() {
    let desk = Desk::new(&[("parallel_driver_hangs", HANGS), ("finally_check", "exit 0")]);
    let plan = desk.plan(&["parallel_driver_hangs"], TerminalChoice::Finally, Duration::from_millis(200));
    let conclusion = desk.run(plan, 1).await;
    assert_eq!(conclusion, Conclusion::NoTerminal(NoTerminal::NotAllEnded));
    assert_eq!(desk.endings("parallel_driver_hangs"), [Ending::Killed { by: Killer::Deadline }]);
    assert_eq!(desk.of("finally_check"), []);
}

#[tokio::test]
async fn finally_does_not_run_after_a_kill_by_another_command() {
    let desk = Desk::new(&[
        ("parallel_driver_a_hangs", HANGS),
        (
            "parallel_driver_b_kills",
            "until [ -s $DESK/hanging ]; do sleep 0.01; done; kill -9 $(cat $DESK/hanging)",
        ),
        ("finally_check", "exit 0"),
    ]);
    let drivers = ["parallel_driver_a_hangs", "parallel_driver_b_kills"];
    let conclusion = desk.run(desk.plan(&drivers, TerminalChoice::Finally, PATIENCE), 2).await;
    assert_eq!(conclusion, Conclusion::NoTerminal(NoTerminal::NotAllEnded));
    assert_eq!(desk.endings("parallel_driver_a_hangs"), [Ending::Signalled { signal: 9 }]);
}

#[tokio::test]
async fn what_is_started_is_what_the_plan_says() {
    let desk =
        Desk::new(&[("parallel_driver_a", "exit 0"), ("serial_driver_b", "exit 0"), ("anytime_c", "exit 0")]);
    let draw = |seed| {
        let config = PlanConfig::new(seed, Duration::from_secs(60));
        Plan::draw(&desk.template().listing(), &config).unwrap()
    };
    // One that begins busily; its first segment then lasts for the whole drive.
    let mut plan = (0..).map(draw).find(|plan| plan.segments[0].steps.len() > 50).unwrap();
    plan.segment_ms = plan.duration_ms;
    let first = plan.segments[0].clone();
    let planned = first.steps.iter().map(|s| &s.pick).chain(first.arrivals.iter().map(|a| &a.pick));
    let planned: Vec<_> = planned.map(|pick| (pick.command.clone(), pick.seed)).collect();
    desk.run(plan, 8).await;
    let started = desk.log().commands;
    assert!(started.len() >= 8);
    for record in started.iter().take(8) {
        assert!(planned.contains(&(record.command.clone(), record.seed)), "{record:?} was not planned");
    }
}

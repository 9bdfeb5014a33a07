//! Whole plans: profiles as they are shipped, quiet on request, and members that do not come back.

use std::collections::BTreeSet;
use std::time::Duration;

use chaos::log::Event;
use chaos::{Monkey, Profile, log};
use tokio::process::Command;

use crate::bed::{Bed, WITHIN};

#[tokio::test]
async fn a_shipped_profile_runs_and_everything_is_healed_at_its_end() {
    let Some(bed) = Bed::new(3).await else { return };
    let mut run = bed.run(&Profile::shipped("high_availability").unwrap(), &[], 3);
    for _ in 0..8 {
        run.until(|event| matches!(event, Event::Healed { .. })).await;
    }
    let recovery = run.chaos.heal_all(WITHIN).await.unwrap();
    recovery.ready.unwrap();
    let read = log::read(bed.journal.directory()).unwrap();
    assert_eq!(read.broken, 0);
    assert_eq!(u64::try_from(read.applied.len()).unwrap(), recovery.applied);
    assert!(read.applied.iter().all(|fault| fault.until.is_some()), "{read:#?}");
    assert_eq!(read.recoveries.len(), 1);
    let labels: BTreeSet<_> = read.applied.iter().map(|fault| fault.label.as_str()).collect();
    assert!(labels.len() > 2, "{labels:?}");
    assert_eq!(bed.cluster.crashed(), []);
    run.chaos.stop().await.unwrap();
}

#[tokio::test]
async fn power_loss_again_and_again_waits_for_the_members_each_time() {
    let Some(bed) = Bed::new(1).await else { return };
    let mut run = bed.run(&Profile::shipped("brutal").unwrap(), &[], 1);
    for _ in 0..3 {
        run.until(|event| matches!(event, Event::Applied { label, .. } if label == "kill")).await;
        let settled = run.until(|event| matches!(event, Event::Settled { .. })).await.event;
        assert!(matches!(settled, Event::Settled { recovered_ms: Some(_), .. }), "{settled:?}");
        bed.put("client1", 0).await.unwrap_or_else(|error| panic!("ready means that it writes: {error}"));
    }
    run.chaos.heal_all(WITHIN).await.unwrap().ready.unwrap();
}

#[tokio::test]
async fn commands_get_the_quiet_they_ask_for() {
    let Some(bed) = Bed::new(1).await else { return };
    let monkey: Monkey =
        serde_saphyr::from_str("{fault: pause, every_ms: [1, 20], lasts_ms: [100, 100]}").unwrap();
    let mut run = bed.run(&Profile::shipped("none").unwrap(), &[monkey], 1);
    run.until(|event| matches!(event, Event::Applied { .. })).await;
    let path = run.chaos.stop_faults().to_owned();
    let ask = |seconds| Command::new(&path).arg(seconds).spawn().unwrap();
    let (mut long, mut short) = (ask("1.5"), ask("0.2"));
    assert!(long.wait().await.unwrap().success() && short.wait().await.unwrap().success());
    let quiet = history::clock::now();
    bed.put("client1", 0).await.expect("the pause was healed before the commands returned");
    let again = loop {
        let line = run.until(|event| matches!(event, Event::Applied { .. })).await;
        if line.t > quiet {
            break line.t;
        }
    };
    assert!(
        again.since(quiet) > Duration::from_millis(1_000),
        "the longest request counts: {again} after {quiet}"
    );
    run.chaos.quiet(Duration::from_secs(60)).await.unwrap();
    bed.put("client1", 0).await.unwrap();
    run.chaos.stop().await.unwrap();
}

#[tokio::test]
async fn whoever_waits_for_a_member_to_be_down_goes_on_while_it_is() {
    let Some(bed) = Bed::new(1).await else { return };
    let monkeys = [
        "{fault: pause, every_ms: [1, 20], lasts_ms: [10, 20]}",
        "{fault: kill, every_ms: [1, 20], lasts_ms: [15000, 15000]}",
    ];
    let monkeys = monkeys.map(|monkey| serde_saphyr::from_str::<Monkey>(monkey).unwrap());
    let run = bed.run(&Profile::shipped("none").unwrap(), &monkeys, 1);
    run.chaos.down().await.unwrap();
    let read = log::read(bed.journal.directory()).unwrap();
    let down = read.applied.iter().filter(|fault| fault.until.is_none());
    assert_eq!(down.map(|fault| fault.label.as_str()).collect::<Vec<_>>(), ["kill"]);
    run.chaos.heal_all(WITHIN).await.unwrap().ready.unwrap();
    run.chaos.stop().await.unwrap();
}

#[tokio::test]
async fn a_member_that_does_not_come_back_is_a_finding_with_its_log() {
    let Some(bed) = Bed::new(1).await else { return };
    let mut run = bed.run(&Profile::shipped("brutal").unwrap(), &[], 1);
    run.until(|event| matches!(event, Event::Applied { .. })).await;
    // Its data turn into something that no etcd starts with.
    let wal = bed.cluster.members()[0].command().data_dir.join("member/wal");
    for entry in std::fs::read_dir(wal).unwrap() {
        std::fs::write(entry.unwrap().path(), [7; 4_096]).unwrap();
    }
    let gave_up = run.until(|event| matches!(event, Event::GaveUp { .. })).await.event;
    let Event::GaveUp { reason } = gave_up else { panic!() };
    assert!(reason.contains("etcd0 has ended") && reason.contains("etcd0.log"), "{reason}");
    let recovery = run.chaos.heal_all(WITHIN).await.unwrap();
    assert!(recovery.ready.unwrap_err().to_string().contains("etcd0 has ended"));
    assert_eq!(bed.cluster.crashed().len(), 1);
    assert!(run.chaos.failure().borrow().is_none(), "the tool itself did not fail");
    run.chaos.stop().await.unwrap();
}

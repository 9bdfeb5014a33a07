//! Faults on the processes of real members, what an admin may ask of them, and programs of the suite.

use std::fs;
use std::time::Duration;

use chaos::log::Event;
use cluster::State;

use crate::bed::{Bed, WITHIN, post};

const ONE: &str = "{named: [etcd1]}";

fn state(bed: &Bed, name: &str) -> State {
    bed.cluster.member(name).unwrap().state()
}

#[tokio::test]
async fn members_are_killed_stopped_paused_and_slowed_and_come_back() {
    let Some(bed) = Bed::new(3).await else { return };
    for (fault, on, down) in [("kill", ONE, 1), ("kill", "all", 3), ("stop", ONE, 1), ("stop", "leader", 1)] {
        let mut disturbed = bed.disturb(fault, on).await;
        let ended =
            bed.cluster.members().iter().filter(|member| matches!(member.state(), State::Ended { .. }));
        assert_eq!(ended.count(), down, "{fault} on {on}");
        disturbed.heal_applied().await;
    }
    let mut paused = bed.disturb("pause", ONE).await;
    assert!(matches!(state(&bed, "etcd1"), State::Paused { .. }));
    assert!(bed.put("client1", 1).await.is_err());
    paused.heal_applied().await;
    let mut slowed =
        bed.disturb("{throttle: {stopped_ms: 20, running_ms: 5}}", "{named: [etcd0, etcd2]}").await;
    // Some stops later it still answers.
    for _ in 0..5 {
        let _ = bed.put("client1", 0).await;
    }
    slowed.heal_applied().await;
    assert_eq!(bed.cluster.crashed(), []);
    for member in 0..3 {
        bed.put("client1", member).await.unwrap();
    }
}

#[tokio::test]
async fn a_member_that_lost_its_data_joins_again() {
    let Some(bed) = Bed::new(3).await else { return };
    bed.put("client1", 0).await.unwrap();
    let before = members(&bed).await;
    let mut disturbed = bed.disturb("wipe", ONE).await;
    assert!(matches!(state(&bed, "etcd1"), State::Ended { .. }));
    disturbed.heal_applied().await;
    let after = members(&bed).await;
    assert_eq!((before.len(), after.len()), (3, 3));
    assert_eq!(before.iter().filter(|id| after.contains(id)).count(), 2, "one of them is new");
    let member = &bed.cluster.wiring().listened(&bed.chart).0[1];
    let read =
        post(member.authority(), "/v3/kv/range", r#"{"key":"YQ==","serializable":true}"#).await.unwrap();
    assert!(read.contains(r#""value":"MQ==""#), "it has learned what it lost: {read}");
    // A restart after that is an ordinary one.
    bed.disturb("kill", ONE).await.heal_applied().await;
    assert_eq!(bed.cluster.crashed(), []);
}

/// The members' ids, as the cluster knows them.
async fn members(bed: &Bed) -> Vec<String> {
    let member = &bed.cluster.wiring().listened(&bed.chart).0[0];
    let answer = post(member.authority(), "/v3/cluster/member/list", "{}").await.unwrap();
    answer.split(r#""ID":""#).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn an_admins_requests_are_granted_and_logged() {
    let Some(bed) = Bed::new(3).await else { return };
    for _ in 0..5 {
        bed.put("client1", 0).await.unwrap();
    }
    for fault in ["move_leader", "defragment", "snapshot", "{compact: {keep: 1}}"] {
        let mut disturbed = bed.disturb(fault, ONE).await;
        let healed = disturbed.until(|event| matches!(event, Event::Healed { .. })).await;
        assert!(matches!(healed.event, Event::Healed { really_applied: true, .. }), "{fault}: {healed:#?}");
        assert!(healed.fault.is_none(), "what happens at once is not restored");
        disturbed.chaos.stop().await.unwrap();
    }
}

#[tokio::test]
async fn programs_of_the_suite_run_within_their_deadline() {
    let Some(bed) = Bed::new(1).await else { return };
    let fault = r"{exec: {command: [sh, -c, 'echo $NAME $ETCD_TRAFFIC_SEED'], environment: {NAME: monkey}}}";
    let mut ran = bed.disturb(fault, "one").await;
    let healed = ran.until(|event| matches!(event, Event::Healed { .. })).await.event;
    let Event::Healed { really_applied: true, details, .. } = healed else { panic!("{healed:?}") };
    let out = fs::read_to_string(format!("{}.out", details["output"].as_str().unwrap())).unwrap();
    assert!(out.starts_with("monkey ") && out.trim().len() > "monkey".len(), "{out}");
    ran.chaos.stop().await.unwrap();

    let fault = r"{exec: {command: [sh, -c, 'sleep 60 & echo $!; sleep 60'], deadline_ms: 300}}";
    let mut late = bed.disturb(fault, "one").await;
    let healed = late.until(|event| matches!(event, Event::Healed { .. })).await.event;
    let Event::Healed { really_applied: false, details, .. } = healed else { panic!("{healed:?}") };
    assert_eq!(details["ending"], "killed at its deadline");
    let out = fs::read_to_string(format!("{}.out", details["output"].as_str().unwrap())).unwrap();
    // What is killed is gone as soon as it would have run next, which may take a moment.
    let gone = async {
        let stat = || fs::read_to_string(format!("/proc/{}/stat", out.trim())).unwrap_or_default();
        while !stat().is_empty() && !stat().contains(") Z ") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(WITHIN, gone).await.expect("what it started is gone too");
    late.chaos.stop().await.unwrap();

    let monkey = serde_saphyr::from_str("{fault: {exec: {command: [/nowhere]}}, every_ms: [1, 1]}").unwrap();
    let mut absent = bed.run(&chaos::Profile::shipped("none").unwrap(), &[monkey], 1);
    let refused = absent.until(|event| matches!(event, Event::NotApplied { .. })).await.event;
    assert!(format!("{refused:?}").contains("cannot start /nowhere"), "{refused:?}");
}

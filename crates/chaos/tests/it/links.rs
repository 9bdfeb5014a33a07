//! Faults on the links of three real members, told by what the links counted.

use std::collections::BTreeSet;
use std::fs;

use chaos::log::Event;

use crate::bed::{Bed, post};

const CUT: &str = "{links: {shape: [alone], direction: [both], disruption: [cut]}}";
const CUT_OUT: &str = "{links: {shape: [alone], direction: [out], disruption: [cut]}}";
const DELAY: &str =
    "{links: {shape: [alone], direction: [both], disruption: [{delay: {mean_ms: 30, jitter_ms: 20}}]}}";
const HOLD: &str = "{links: {shape: [alone], direction: [in], disruption: [hold]}}";
const RESET: &str = "{links: {shape: [alone], direction: [both], disruption: [reset]}}";
const NARROW: &str =
    "{links: {shape: [alone], direction: [both], disruption: [{bandwidth: {bytes_per_s: 20000}}]}}";
const CUT_CLIENTS: &str = "{links: {shape: [alone], direction: [both], disruption: [cut], clients: true}}";
const ONE: &str = "{named: [etcd1]}";

#[tokio::test]
async fn members_behind_proxies_talk_over_every_link_and_listen_only_on_loopback() {
    let Some(bed) = Bed::new(3).await else { return };
    for member in 0..3 {
        bed.put("client1", member).await.unwrap();
    }
    let rows = bed.links.matrix();
    assert_eq!(rows.len(), 3 * 2 + 3 * 2 * 2, "every pair of members, and two clients with each member");
    for row in rows.iter().filter(|row| !row.from.contains("client2") && !row.to.contains("client2")) {
        assert!(row.counts.bytes > 0, "{row:?}");
    }
    assert_eq!(bed.counts("client1", "etcd0").opened, 1);
    assert_eq!(bed.counts("client2", "etcd0"), chaos::Counts::default());

    let pids = bed.cluster.members().iter().map(|member| match member.state() {
        cluster::State::Running { pid } => pid,
        state => panic!("{state:?}"),
    });
    for pid in pids.chain([std::process::id()]) {
        let listening = listening(pid);
        assert!(!listening.is_empty(), "both members and proxies listen somewhere");
        for address in listening {
            assert!(
                address.starts_with("0100007F:"),
                "pid {pid} listens on {address}, which is not 127.0.0.1"
            );
        }
    }
}

/// The local addresses that a process listens on, as the kernel writes them.
fn listening(pid: u32) -> Vec<String> {
    let links =
        fs::read_dir(format!("/proc/{pid}/fd")).unwrap().filter_map(|fd| fs::read_link(fd.ok()?.path()).ok());
    let sockets: BTreeSet<String> = links
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    ["tcp", "tcp6"]
        .iter()
        .flat_map(|table| {
            fs::read_to_string(format!("/proc/{pid}/net/{table}"))
                .unwrap_or_default()
                .lines()
                .skip(1)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .filter_map(|line| {
            let fields: Vec<_> = line.split_whitespace().collect();
            (fields[3] == "0A" && sockets.contains(fields[9])).then(|| fields[1].to_owned())
        })
        .collect()
}

#[tokio::test]
async fn bytes_are_counted_in_the_direction_they_go_whoever_asked_for_them() {
    let Some(bed) = Bed::new(3).await else { return };
    let listened = bed.cluster.wiring().listened(&bed.chart);
    let leader = chaos::Gateway::new(listened.clone()).leader().await.unwrap();
    let member = listened.0.iter().find(|endpoint| endpoint.name == leader).unwrap();
    let (puts, bytes) = (20, 12_000);
    let body = format!(r#"{{"key":"YQ==","value":"{}"}}"#, "QUFB".repeat(bytes / 3));
    for _ in 0..puts {
        post(member.authority(), "/v3/kv/put", &body).await.unwrap();
    }
    let written = u64::try_from(puts * bytes).unwrap();
    // Followers ask for what the leader says, so all of this comes in the bodies of answers.
    for follower in listened.0.iter().map(|endpoint| &endpoint.name).filter(|name| **name != leader) {
        bed.until(&leader, follower, |counts| counts.bytes > written).await;
        assert!(bed.counts(follower, &leader).bytes < written / 2);
    }
}

#[tokio::test]
async fn a_member_alone_hears_nothing_and_writes_nothing_until_it_is_healed() {
    let Some(bed) = Bed::new(3).await else { return };
    let mut disturbed = bed.disturb(CUT, ONE).await;
    bed.until("etcd0", "etcd1", |counts| counts.dropped > 0).await;
    let before = [bed.counts("etcd0", "etcd1").bytes, bed.counts("etcd1", "etcd2").bytes];
    // The leader may be the one that is apart: until the others have another, nobody can write.
    bed.put_at_last("client1", 0).await;
    bed.put_at_last("client1", 2).await;
    let alone = bed.put("client1", 1).await;
    assert!(alone.is_err(), "a write through the member that is apart: {alone:?}");
    let after = [bed.counts("etcd0", "etcd1").bytes, bed.counts("etcd1", "etcd2").bytes];
    assert_eq!(before, after, "nothing arrives over a cut link");

    let Event::Healed { really_applied, links, .. } = disturbed.heal().await else { panic!() };
    assert!(really_applied);
    let cut: Vec<_> = links.iter().filter(|link| link.disturbed).collect();
    assert_eq!(cut.len(), 4);
    assert!(cut.iter().all(|link| link.before.bytes > 0), "they were in use before: {links:#?}");
    assert!(links.iter().any(|link| !link.disturbed && link.during.bytes > 0), "the others stayed in use");
    bed.put("client1", 1).await.unwrap();
    assert!(bed.counts("etcd0", "etcd1").bytes > after[0]);
}

#[tokio::test]
async fn a_one_way_cut_is_decided_by_the_direction_of_bytes() {
    let Some(bed) = Bed::new(3).await else { return };
    let mut disturbed = bed.disturb(CUT_OUT, ONE).await;
    bed.until("etcd1", "etcd0", |counts| counts.dropped > 0).await;
    let (out, heard) = (bed.counts("etcd1", "etcd0").bytes, bed.counts("etcd0", "etcd1").bytes);
    bed.until("etcd0", "etcd1", |counts| counts.bytes > heard).await;
    assert_eq!(bed.counts("etcd1", "etcd0").bytes, out);
    assert_eq!(bed.counts("etcd0", "etcd1").dropped, 0);
    disturbed.heal_applied().await;
    bed.until("etcd1", "etcd0", |counts| counts.bytes > out).await;
}

#[tokio::test]
async fn delay_hold_reset_and_bandwidth_show_in_the_counters_and_end() {
    let Some(bed) = Bed::new(3).await else { return };
    bed.disturb(DELAY, ONE).await.heal_applied_after(&bed, |counts| counts.delayed > 0).await;
    bed.disturb(NARROW, ONE).await.heal_applied_after(&bed, |counts| counts.paced > 0).await;
    bed.disturb(RESET, ONE).await.heal_applied_after(&bed, |counts| counts.resets > 0).await;
    let mut held = bed.disturb(HOLD, ONE).await;
    bed.until("etcd0", "etcd1", |counts| counts.held > 0).await;
    let before = bed.counts("etcd0", "etcd1");
    held.heal_applied().await;
    bed.until("etcd0", "etcd1", |counts| counts.bytes >= before.bytes + before.held).await;
    bed.put("client2", 1).await.unwrap();
}

impl crate::bed::Disturbed {
    async fn heal_applied_after(mut self, bed: &Bed, seen: impl Fn(chaos::Counts) -> bool) {
        bed.until("etcd0", "etcd1", seen).await;
        self.heal_applied().await;
    }
}

#[tokio::test]
async fn clients_can_be_cut_off_too() {
    let Some(bed) = Bed::new(3).await else { return };
    let mut disturbed = bed.disturb(CUT_CLIENTS, ONE).await;
    assert_eq!(bed.put("client2", 1).await.unwrap_err(), "no answer");
    assert!(bed.counts("client2", "etcd1").dropped > 0);
    disturbed.heal_applied().await;
    bed.put("client2", 1).await.unwrap();
}

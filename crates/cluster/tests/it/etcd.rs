//! Real clusters of etcd on loopback, got by the crate itself.

use std::path::Path;
use std::time::Duration;

use cluster::cluster::ReadyError;
use cluster::ports::Ports;
use cluster::{Attached, Cluster, Endpoints, Launch, Places, State, Wanted, Wiring, journal, obtain};

use crate::charts;

/// Far more than a start takes; a test that runs into it has found something.
const READY_WITHIN: Duration = Duration::from_secs(30);
const GRACE: Duration = Duration::from_secs(10);

/// An etcd, from wherever it can be had. Without one, tests are skipped at a desk and fail where `CI` is set.
#[expect(clippy::disallowed_methods, reason = "tests are told by the environment where they run")]
#[expect(clippy::print_stdout, reason = "a skipped test must be seen")]
async fn etcd() -> Option<std::path::PathBuf> {
    let places = Places::from_environment().unwrap();
    let sink = std::sync::Arc::new(|_| {});
    match obtain(&charts::etcd(), &Wanted::default(), &places, sink).await {
        Ok(found) => Some(found.path),
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "{error}");
            println!("SKIPPED, for want of etcd: {error}");
            None
        }
    }
}

async fn start(program: &Path, size: usize, dir: &Path, change: impl FnOnce(&mut Wiring)) -> Cluster {
    let chart = charts::etcd();
    let mut wiring = Wiring::direct(&chart, size, &mut Ports::outside_ephemeral()).unwrap();
    change(&mut wiring);
    Cluster::start(Launch::new(&chart, program, dir, wiring).unwrap()).await.unwrap()
}

/// Asks the JSON gateway of a member until it answers well: without a leader, it refuses for a while.
async fn ask(cluster: &Cluster, member: usize, path: &str, body: &str) -> String {
    let url = format!("{}{path}", cluster.endpoints().0[member].url);
    let deadline = tokio::time::Instant::now() + READY_WITHIN;
    loop {
        let (url, body) = (url.clone(), body.to_owned());
        let asking = tokio::task::spawn_blocking(move || {
            let within = Some(Duration::from_secs(10));
            let config = ureq::Agent::config_builder().timeout_global(within).proxy(None);
            let agent: ureq::Agent = config.build().into();
            agent.post(url).send(&body)?.body_mut().read_to_string()
        });
        match asking.await.unwrap() {
            Ok(answer) => return answer,
            Err(error) => assert!(tokio::time::Instant::now() < deadline, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn pid(state: State) -> u32 {
    match state {
        State::Running { pid } | State::Paused { pid } => pid,
        State::Ended { .. } => panic!("{state:?}"),
    }
}

fn exists(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

#[tokio::test]
async fn one_member_is_started_asked_and_stopped() {
    let Some(program) = etcd().await else { return };
    let dir = tempfile::tempdir().unwrap();
    let cluster = start(&program, 1, dir.path(), |_| {}).await;
    cluster.ready(READY_WITHIN).await.unwrap();
    let (name, version) = cluster.versions().await.remove(0);
    assert_eq!(name, "etcd0");
    assert!(version.unwrap().starts_with("3."));
    let pid = pid(cluster.members()[0].state());
    assert_eq!(journal::leftovers(&journal::path(dir.path())).unwrap()[0].pid, pid);
    let environment = std::fs::read_to_string(format!("/proc/{pid}/environ")).unwrap();
    // Not shown where it differs: it would be the user's.
    assert!(environment == "ETCD_UNSUPPORTED_ARCH=arm64\0", "a member inherits nothing of the user's shell");

    cluster.stop(GRACE).await.unwrap();
    assert!(!exists(pid));
    assert!(matches!(cluster.members()[0].state(), State::Ended { asked: true, status: Some(_) }));
    assert_eq!(cluster.crashed(), [], "it was asked to end");
    assert_eq!(journal::leftovers(&journal::path(dir.path())).unwrap(), []);
    let ReadyError::Dead(dead) = cluster.ready(READY_WITHIN).await.unwrap_err() else { panic!() };
    assert_eq!(dead.member, "etcd0");
}

#[tokio::test]
async fn a_killed_member_comes_back_with_its_data() {
    let Some(program) = etcd().await else { return };
    let dir = tempfile::tempdir().unwrap();
    let cluster = start(&program, 3, dir.path(), |_| {}).await;
    cluster.ready(READY_WITHIN).await.unwrap();
    // "a" = "1"
    ask(&cluster, 0, "/v3/kv/put", r#"{"key":"YQ==","value":"MQ=="}"#).await;

    let victim = cluster.member("etcd1").unwrap();
    let before = pid(victim.state());
    victim.kill().await.unwrap();
    assert!(!exists(before));
    assert!(victim.pause().is_err(), "there is nothing to pause");
    // "a" = "2", while it is away
    ask(&cluster, 2, "/v3/kv/put", r#"{"key":"YQ==","value":"Mg=="}"#).await;
    victim.start().unwrap();
    assert!(victim.start().is_err(), "it runs already");
    cluster.ready(READY_WITHIN).await.unwrap();
    let answer = ask(&cluster, 1, "/v3/kv/range", r#"{"key":"YQ=="}"#).await;
    assert!(answer.contains(r#""value":"Mg==""#), "{answer}");
    assert_eq!(cluster.crashed(), []);

    let pids: Vec<_> = cluster.members().iter().map(|member| pid(member.state())).collect();
    drop(cluster);
    assert!(!pids.into_iter().any(exists), "nothing is left when the last handle is gone");
}

#[tokio::test]
async fn a_paused_member_is_silent_until_it_is_resumed() {
    let Some(program) = etcd().await else { return };
    let dir = tempfile::tempdir().unwrap();
    let cluster = start(&program, 1, dir.path(), |_| {}).await;
    cluster.ready(READY_WITHIN).await.unwrap();
    let member = &cluster.members()[0];
    member.pause().unwrap();
    assert!(matches!(member.state(), State::Paused { .. }));
    let attached = Attached::new(Some(&charts::etcd()), cluster.endpoints());
    let silent = attached.ready(Duration::from_millis(1)).await.unwrap_err();
    assert_eq!(silent.waiting[0].member, "etcd0");
    assert!(silent.waiting[0].last.contains("timeout"), "{silent}");
    member.resume().unwrap();
    attached.ready(READY_WITHIN).await.unwrap();
    member.pause().unwrap();
    member.stop(GRACE).await.unwrap();
    let State::Ended { status: Some(status), asked: true } = member.state() else { panic!() };
    assert!(!status.to_string().contains("SIGKILL"), "a paused member still ends in good order: {status}");
}

#[tokio::test]
async fn a_member_that_dies_at_its_start_shows_its_last_lines() {
    let Some(program) = etcd().await else { return };
    let dir = tempfile::tempdir().unwrap();
    let cluster = start(&program, 1, dir.path(), |wiring| {
        wiring.members[0].environment.insert("ETCD_ELECTION_TIMEOUT".into(), "1".into());
    })
    .await;
    let error = cluster.ready(READY_WITHIN).await.unwrap_err().to_string();
    assert!(error.starts_with("etcd0 has ended (exit status: 1); the end of "), "{error}");
    assert!(error.contains("members/etcd0.log:\n    "), "{error}");
    assert!(error.contains("--election-timeout[1ms]"), "{error}");
    assert_eq!(cluster.crashed().len(), 1, "nobody asked it to end");
}

#[tokio::test]
async fn a_port_that_is_taken_is_told_by_the_members_own_words() {
    let Some(program) = etcd().await else { return };
    let dir = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let cluster = start(&program, 1, dir.path(), |wiring| {
        let address = taken.local_addr().unwrap();
        wiring.members[0].ports.get_mut("client").unwrap().listen = address;
    })
    .await;
    let error = cluster.ready(READY_WITHIN).await.unwrap_err().to_string();
    assert!(error.contains("address already in use"), "{error}");
}

#[tokio::test]
async fn a_crash_is_told_apart_from_a_kill() {
    let Some(program) = etcd().await else { return };
    let dir = tempfile::tempdir().unwrap();
    let cluster = start(&program, 1, dir.path(), |_| {}).await;
    cluster.ready(READY_WITHIN).await.unwrap();
    assert_eq!(cluster.crashed(), []);
    // As a crash would: a signal that did not come through the crate.
    journal::leftovers(&journal::path(dir.path())).unwrap()[0].end().unwrap();
    let deadline = tokio::time::Instant::now() + GRACE;
    let dead = loop {
        if let Some(dead) = cluster.crashed().pop() {
            break dead;
        }
        assert!(tokio::time::Instant::now() < deadline, "the crash was not noticed");
        tokio::task::yield_now().await;
    };
    assert_eq!(dead.status, "signal: 9 (SIGKILL)");
    cluster.members()[0].restart(GRACE).await.unwrap();
    assert_eq!(cluster.crashed(), []);
    cluster.ready(READY_WITHIN).await.unwrap();
}

#[tokio::test]
async fn endpoints_where_nobody_answers_are_named() {
    let endpoints: Endpoints = "a=http://127.0.0.1:1,b=http://127.0.0.1:2".parse().unwrap();
    let error =
        Attached::new(Some(&charts::etcd()), endpoints).ready(Duration::ZERO).await.unwrap_err().to_string();
    let expected = "2 of 2 members did not become ready within 0 s: a: ";
    assert!(error.starts_with(expected) && error.contains("; b: "), "{error}");
}

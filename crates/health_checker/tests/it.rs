//! The health checker as a container runs it: it waits, announces once, stays up, and ends when asked to.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

#[path = "../../etcd_traffic/tests/it/etcd.rs"]
mod etcd;

fn start(dir: &Path, endpoints: &str, wait_ms: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_health_checker"))
        .env("ETCD_TRAFFIC_ENDPOINTS", endpoints)
        .env("ETCD_TRAFFIC_DIR", dir.join("shared"))
        .env("ETCD_TRAFFIC_WAIT_MS", wait_ms)
        .env("ANTITHESIS_SDK_LOCAL_OUTPUT", dir.join("sdk.jsonl"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn setups(dir: &Path) -> Vec<serde_json::Value> {
    let records = std::fs::read_to_string(dir.join("sdk.jsonl")).unwrap();
    let records = records.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    records.filter_map(|record| record.get("antithesis_setup").cloned()).collect()
}

fn end(mut child: Child, signal: Signal) -> (Option<i32>, String) {
    let pid = Pid::from_child(&child);
    kill_process(pid, signal).unwrap();
    let code = child.wait().unwrap().code();
    let mut rest = String::new();
    child.stderr.take().unwrap().read_to_string(&mut rest).unwrap();
    (code, rest)
}

#[tokio::test]
async fn it_waits_for_the_last_member_then_announces_once_and_stays_up() {
    let dir = tempfile::tempdir().unwrap();
    let Some(cluster) = etcd::start(3, dir.path(), &[]).await else { return };
    cluster.members()[1].kill().await.unwrap();
    let mut child = start(dir.path(), &etcd::endpoints(&cluster), "60000");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let waiting = lines.next().unwrap().unwrap();
    assert!(waiting.starts_with("waiting for the cluster: "), "{waiting}");
    assert!(waiting.contains("etcd1 gives no status (connect-refused)"), "{waiting}");
    assert_eq!(setups(dir.path()), Vec::<serde_json::Value>::new());

    cluster.members()[1].start().unwrap();
    let announced = lines.find(|line| !line.as_ref().unwrap().starts_with("waiting")).unwrap().unwrap();
    assert_eq!(announced, "cluster is healthy");
    assert!(child.try_wait().unwrap().is_none(), "it stays up");
    assert_eq!(end(child, Signal::TERM), (Some(0), String::new()));
    let details =
        serde_json::json!({ "status": "complete", "details": { "Message": "ETCD cluster is healthy" } });
    assert_eq!(setups(dir.path()), [details]);
}

#[test]
fn without_a_cluster_it_gives_up_at_the_deadline_and_says_what_was_missing() {
    let dir = tempfile::tempdir().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoints = format!("etcd0=http://{}", listener.local_addr().unwrap());
    drop(listener);
    let output = start(dir.path(), &endpoints, "1").wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let expected = "Error: the cluster is not healthy after 0.001 s: etcd0 gives no status (connect-refused)";
    assert!(said.starts_with(expected), "{said}");
    assert_eq!(setups(dir.path()), Vec::<serde_json::Value>::new());
}

#[test]
fn it_ends_when_asked_to_while_it_waits() {
    let dir = tempfile::tempdir().unwrap();
    // A member that accepts and never answers.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoints = format!("etcd0=http://{}", listener.local_addr().unwrap());
    let child = start(dir.path(), &endpoints, "60000");
    // When somebody has connected, signals are waited for.
    let _connection = listener.accept().unwrap();
    assert_eq!(end(child, Signal::INT), (Some(0), String::new()));
}

//! A cluster that somebody else runs, with data in it: tested, and left as it was.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

use crate::harness::{Ended, dt, etcd, ran, scratch, wait_for};

/// A port that nobody uses now.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// One request to etcd's gateway; the whole answer, or nothing.
fn ask(port: u16, path: &str, body: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let length = body.len();
    let head =
        format!("POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all((head + body).as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.starts_with("HTTP/1.1 200").then_some(answer)
}

#[test]
fn a_running_cluster_with_data_is_tested_and_left_running() {
    let Some(etcd) = etcd() else { return };
    let dir = scratch();
    let (client, peer) = (free_port(), free_port());
    let url = |port| format!("http://127.0.0.1:{port}");
    let child = Command::new(etcd)
        .args(["--name", "mine", "--log-level", "error", "--data-dir"])
        .arg(dir.path().join("data"))
        .args(["--listen-client-urls", &url(client), "--advertise-client-urls", &url(client)])
        .args(["--listen-peer-urls", &url(peer), "--initial-advertise-peer-urls", &url(peer)])
        .args(["--initial-cluster", &format!("mine={}", url(peer))])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut child = Ended(child);
    // {"key": "a", "value": "1"}, in base64 as the gateway wants it.
    let put = r#"{"key":"YQ==","value":"MQ=="}"#;
    for _ in 0..3 {
        wait_for("a put", || ask(client, "/v3/kv/put", put));
    }

    let endpoints = format!("mine={}", url(client));
    let (code, out, err) =
        ran(dt(dir.path(), &["run", "etcd", "-t", "4", "--seed", "1", "-d", "--endpoints", &endpoints]));
    assert_eq!(code, 0, "{out}\n{err}");
    assert!(out.contains("valid: etcd ") && out.contains("(1 member, attached)"), "{out}");
    assert!(child.0.try_wait().unwrap().is_none(), "the cluster must go on");
    let answer = ask(client, "/v3/kv/range", r#"{"key":"YQ=="}"#).unwrap();
    assert!(answer.contains("\"value\":\"MQ==\""), "{answer}");
}

#[test]
fn endpoints_where_nobody_answers_are_named() {
    let dir = scratch();
    let endpoints = format!("gone=http://127.0.0.1:{}", free_port());
    let (code, _, err) = ran(dt(dir.path(), &["run", "etcd", "-t", "1", "-d", "--endpoints", &endpoints]));
    assert_eq!(code, 3);
    assert!(err.contains("gone"), "{err}");
}

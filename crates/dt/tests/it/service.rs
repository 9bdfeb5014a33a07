//! The service as programs meet it: who may ask, for what, and how much.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::dashboard::{Served, serve};
use crate::harness::{dt_alone, ran, scratch, wait_for};

const TOKEN: &str = "0123456789abcdefghij";

/// Sends a request as it is written, and gives the status with all of the answer.
fn raw(served: &Served, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address(served)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // A refused body may end in a reset; what was answered before counts.
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    (status, answer)
}

fn address(served: &Served) -> &str {
    served.at.strip_prefix("http://").unwrap()
}

fn request(served: &Served, method: &str, path: &str, headers: &[&str], body: &str) -> (u16, String) {
    let host = if headers.iter().any(|header| header.starts_with("Host:")) {
        String::new()
    } else {
        format!("Host: {}\r\n", address(served))
    };
    let more: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let length = body.len();
    raw(
        served,
        &format!(
            "{method} {path} HTTP/1.1\r\n{host}{more}Connection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        ),
    )
}

fn get(served: &Served, path: &str, headers: &[&str]) -> u16 {
    request(served, "GET", path, headers, "").0
}

#[test]
fn beyond_loopback_the_service_wants_a_token() {
    let dir = scratch();
    let (code, _, err) = ran(dt_alone(dir.path(), &["serve", "--listen", "0.0.0.0:0"]));
    assert_eq!(code, 64, "{err}");
    assert!(err.contains("--token"), "{err}");
    let (code, _, err) = ran(dt_alone(dir.path(), &["serve", "--listen", "0.0.0.0:0", "--token", "short"]));
    assert_eq!(code, 64, "{err}");

    let served = serve(dir.path(), None, &["--token", TOKEN]);
    assert_eq!(get(&served, "/", &[]), 401);
    assert_eq!(get(&served, "/api/runs", &["Authorization: Bearer 0123456789abcdefghiX"]), 401);
    assert_eq!(get(&served, "/api/runs", &[&format!("Authorization: Bearer {TOKEN}")]), 200);
    let (status, answer) = request(&served, "GET", &format!("/?token={TOKEN}"), &[], "");
    assert_eq!(status, 200);
    let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    assert_eq!(get(&served, "/metrics", &[&format!("Cookie: {cookie}")]), 200);
}

#[test]
fn other_origins_and_other_names_are_refused() {
    let dir = scratch();
    let served = serve(dir.path(), None, &[]);
    let own = format!("Origin: {}", served.at);
    assert_eq!(get(&served, "/api/runs", &[&own]), 200);
    for foreign in ["Origin: http://evil.example", "Origin: null", "Origin: http://127.0.0.1:1"] {
        assert_eq!(get(&served, "/api/runs", &[foreign]), 403, "{foreign}");
        assert_eq!(request(&served, "POST", "/api/runs", &[foreign], "{}").0, 403, "{foreign}");
    }
    // A name that leads here, but is not this service's: rebinding of names.
    assert_eq!(get(&served, "/", &["Host: evil.example"]), 421);
    assert_eq!(request(&served, "POST", "/api/runs", &["Sec-Fetch-Site: cross-site"], "{}").0, 403);
    // A form of another page can send text only.
    let text = "POST /api/runs HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}";
    assert_eq!(raw(&served, &text.replacen("{}", address(&served), 1)).0, 415);
}

#[test]
fn no_path_leads_out_of_the_runs() {
    let dir = scratch();
    let run = dir.path().join("runs/a");
    fs::create_dir_all(run.join("history")).unwrap();
    fs::write(run.join("start.json"), "{}").unwrap();
    fs::write(dir.path().join("verdict.json"), "{}").unwrap();
    let served = serve(dir.path(), None, &[]);
    assert_eq!(get(&served, "/api/runs/a", &[]), 200);
    for path in [
        "/api/runs/..",
        "/api/runs/../../etc/passwd",
        "/api/runs/%2e%2e/files/verdict.json",
        "/api/runs/%2e%2e%2f%2e%2e%2fetc/files/passwd",
        "/api/runs/a/files/..%2f..%2f..%2fverdict.json",
        "/api/runs/a/files/%2fetc%2fpasswd",
        "/api/runs/a/files/start.json",
        "/api/runs/a%00/files/verdict.json",
        "/runs/%2e%2e",
        "/compare?a=..&b=a",
    ] {
        let (status, answer) = request(&served, "GET", path, &[], "");
        assert!([400, 404].contains(&status), "{path}: {answer}");
        assert!(!answer.contains("root:"), "{path}");
    }
}

#[test]
fn bodies_and_connections_are_bounded() {
    let dir = scratch();
    let run = dir.path().join("runs/a");
    fs::create_dir_all(run.join("history")).unwrap();
    let served = serve(dir.path(), None, &[]);
    let body = format!("{{\"suite\": \"{}\"}}", "x".repeat(100_000));
    assert_eq!(request(&served, "POST", "/api/runs", &[], &body).0, 413);
    assert_eq!(
        request(&served, "POST", "/api/runs", &[], "{\"suite\": \"etcd\", \"bin\": \"/bin/sh\"}").0,
        422
    );
    assert_eq!(request(&served, "POST", "/api/runs", &[], "{\"suite\": \"--plan\"}").0, 422);

    // Who opens connections and says nothing gets a part of them; others still come in when those are gone.
    let held = || fs::read_dir(format!("/proc/{}/fd", served.process.0.id())).unwrap().count();
    let before = held();
    let silent: Vec<TcpStream> = (0..320).map(|_| TcpStream::connect(address(&served)).unwrap()).collect();
    wait_for("connections to be held", || (held() >= before + 200).then_some(()));
    assert!(held() < before + 300, "{} of {}", held() - before, silent.len());
    drop(silent);

    let (_, before) = request(&served, "GET", "/metrics", &[], "");
    assert!(before.contains("dt_requests_total") && before.contains("# EOF"), "{before}");
    assert_eq!(get(&served, "/api/openapi.json", &[]), 200);
}

/// Pages that are watched hold their place among the requests until they are closed.
#[test]
fn requests_at_once_are_bounded() {
    let dir = scratch();
    let run = dir.path().join("runs/a");
    fs::create_dir_all(run.join("history")).unwrap();
    // As a run that goes on has it.
    let _journal = chaos::Journal::open(&run).unwrap();
    let served = serve(dir.path(), None, &[]);
    let ask = format!("GET /api/runs/a/live HTTP/1.1\r\nHost: {}\r\n\r\n", address(&served));
    let watching: Vec<TcpStream> = (0..128)
        .map(|_| {
            let mut stream = TcpStream::connect(address(&served)).unwrap();
            stream.write_all(ask.as_bytes()).unwrap();
            assert!(stream.read(&mut [0; 64]).unwrap() > 0);
            stream
        })
        .collect();
    assert_eq!(get(&served, "/api/runs", &[]), 503);
    drop(watching);
    wait_for("a place", || (get(&served, "/api/runs", &[]) == 200).then_some(()));
}

//! What a service tells of a run while it goes on: at once what is broken, and whoever is slow holds up nobody.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::dashboard::{Served, serve, waited};
use crate::harness::{Ended, dt, etcd, ran, scratch, wait_for};
use crate::pages::{browser, keep, kept_to_itself, text};

/// The lines of a stream of events.
fn stream(served: &Served, name: &str) -> impl Iterator<Item = String> {
    let answer = ureq::get(format!("{}/api/runs/{name}/live", served.at)).call().unwrap();
    BufReader::new(answer.into_body().into_reader()).lines().map_while(Result::ok)
}

/// What a stream tells in few words, again and again until the run is over.
fn heads(lines: impl Iterator<Item = String>) -> impl Iterator<Item = Value> {
    lines.filter_map(|line| {
        let data: Value = serde_json::from_str(line.strip_prefix("data: ")?).unwrap();
        data.get("phase").is_some().then_some(data)
    })
}

/// A template whose only command records, once, what is in a file beside the template.
fn reciting(dir: &Path) -> (PathBuf, PathBuf) {
    let template = dir.join("test/v1/reciting");
    std::fs::create_dir_all(&template).unwrap();
    let (command, lines) = (template.join("serial_driver_recites"), dir.join("lines.jsonl"));
    let script = format!(
        "#!/bin/sh\nrecorded=$ETCD_TRAFFIC_DIR/history/000001-recited.jsonl\n[ -e \"$recorded\" ] || cp '{}' \"$recorded\"\nsleep 0.5\n",
        lines.display()
    );
    std::fs::write(&command, script).unwrap();
    std::fs::set_permissions(&command, PermissionsExt::from_mode(0o755)).unwrap();
    (template, lines)
}

/// A history in which `read` is what a read gets after two acknowledged writes.
fn told(read: &str) -> String {
    format!(
        r#"{{"history":1,"boot":"made","run":"made","command":"reciting/serial_driver_recites","number":1,"pid":1,"t":1000,"wall":0}}
{{"i":0,"t":2000,"m":"etcd0","f":"put","k":"k","v":"old"}}
{{"r":0,"t":3000,"o":"ok","rev":2}}
{{"i":1,"t":4000,"m":"etcd0","f":"put","k":"k","v":"new"}}
{{"r":1,"t":5000,"o":"ok","rev":3}}
{{"i":2,"t":6000,"m":"etcd0","f":"get","k":"k"}}
{{"r":2,"t":7000,"o":"ok","rev":3,"kvs":[{read}]}}
{{"z":3,"t":8000}}
"#
    )
}

const TRUE: &str = r#"{"k":"k","v":"new","mod":3,"crt":2,"ver":2}"#;
const FALSE: &str = r#"{"k":"k","v":"old","mod":2}"#;

fn reciting_run(dir: &Path, etcd: &Path, template: &Path, seconds: &str) -> std::process::Command {
    let words = [
        "run",
        "etcd",
        "-t",
        seconds,
        "--seed",
        "1",
        "--members",
        "1",
        "--profile",
        "none",
        "--terminal",
        "none",
    ];
    let mut command = dt(dir, &words);
    command.arg("--bin").arg(etcd).arg("--template").arg(template);
    command
}

#[test]
fn the_first_violation_is_shown_while_the_run_goes_on() {
    let Some(etcd) = etcd() else { return };
    let dir = scratch();
    let (template, lines) = reciting(dir.path());
    std::fs::write(&lines, told(TRUE)).unwrap();
    let (code, out, err) = ran(reciting_run(dir.path(), &etcd, &template, "8"));
    assert_eq!(code, 0, "{out}\n{err}");
    assert!(!out.contains("broken promise"), "{out}");

    std::fs::write(&lines, told(FALSE)).unwrap();
    let mut run = reciting_run(dir.path(), &etcd, &template, "600");
    let _run = Ended(run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let served = serve(dir.path(), None, &[]);
    let name = wait_for("the run to go on", || served.newest("running"));
    let broken = heads(stream(&served, &name)).find(|head| head["failing"] != json!([])).unwrap();
    assert_eq!(broken["running"], true, "{broken}");
    assert_eq!(broken["phase"], "drivers", "{broken}");
    let promise = "Every reply fits one order of all operations that respects real time";
    assert_eq!(broken["failing"], json!([promise]));

    if let Some(browser) = browser(dir.path()) {
        browser.open(&format!("{}/runs/{name}", served.at)).unwrap();
        let sentence = "return document.querySelector('.verdict.is-invalid')?.innerText.includes('broke a promise already')";
        waited(&browser, "the violation", std::time::Duration::from_secs(60), sentence);
        assert_eq!(
            text(&browser, "return document.querySelector('[data-head]').className"),
            "pulse is-wrong"
        );
        keep(&browser.picture(true).unwrap(), "live-violation.png");
        kept_to_itself(&browser, &served.at);
    }
    let still = served.newest("running");
    assert_eq!(still, Some(name), "it goes on");
}

#[test]
fn a_run_ends_with_the_first_violation_where_that_is_asked_for() {
    let Some(etcd) = etcd() else { return };
    let dir = scratch();
    let (template, lines) = reciting(dir.path());
    std::fs::write(&lines, told(FALSE)).unwrap();
    let mut run = reciting_run(dir.path(), &etcd, &template, "86400");
    run.arg("--until-violation");
    let (code, out, err) = ran(run);
    assert_eq!(code, 1, "{out}\n{err}");
    assert!(err.contains("a promise is broken, says the history of the first"), "{err}");
    assert!(out.contains("the first broken promise was seen "), "{out}");
}

/// Whoever watches and reads nothing holds up neither the run nor others who watch, and is told of the end when it reads
/// again at last.
#[test]
fn a_slow_browser_never_slows_a_run() {
    let Some(etcd) = etcd() else { return };
    let dir = scratch();
    let served = serve(dir.path(), Some(&etcd), &[]);
    served.post("/api/runs", &json!({"suite": "etcd", "seconds": 15, "profile": "none", "seed": 7}));
    let name = wait_for("the run to begin", || served.newest("running"));
    let slow: Vec<TcpStream> = (0..40).map(|_| asked_and_not_read(&served, &name)).collect();
    let told = heads(stream(&served, &name)).count();
    wait_for("the run to be judged", || served.newest("ended"));
    let run = dir.path().join("runs").join(&name);
    let verdict = std::fs::read_to_string(run.join("verdict.json")).unwrap();
    assert!(verdict.contains("\"verdict\": \"valid\""), "{verdict}");
    for mut slow in slow {
        let mut all = Vec::new();
        slow.read_to_end(&mut all).unwrap();
        let all = String::from_utf8_lossy(&all);
        let heads = all.matches("event: head").count();
        assert!(0 < heads && heads <= told, "{heads} of {told}");
        assert!(all.contains("event: done"), "it is told of the end");
    }
}

fn asked_and_not_read(served: &Served, name: &str) -> TcpStream {
    let at = served.at.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(at).unwrap();
    let ask = format!("GET /api/runs/{name}/live HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n");
    stream.write_all(ask.as_bytes()).unwrap();
    stream
}

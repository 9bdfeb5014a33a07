//! `dt` that has a service do what it would do itself: the same words, the same exit codes, another place.

use std::path::Path;
use std::process::Stdio;

use crate::dashboard::{Served, serve};
use crate::harness::{Ended, dt_alone, etcd, left_behind, ran, scratch, wait_for};

const TOKEN: &str = "0123456789abcdefghij";

/// `dt` somewhere else, with the service's address and, if it is given one, its token.
fn at(served: &Served, elsewhere: &Path, token: Option<&str>, words: &[&str]) -> std::process::Command {
    let mut command = dt_alone(elsewhere, words);
    command.args(["--server", &served.at]);
    if let Some(token) = token {
        command.env("DT_TOKEN", token);
    }
    command
}

#[test]
fn a_service_runs_what_a_terminal_asks_for() {
    let Some(etcd) = etcd() else { return };
    let (dir, elsewhere) = (scratch(), scratch());
    let served = serve(dir.path(), Some(&etcd), &[]);
    let short = ["run", "etcd", "-t", "4", "--seed", "7", "--members", "1", "--profile", "none"];
    let (code, out, err) = ran(at(&served, elsewhere.path(), None, &short));
    assert_eq!(code, 0, "{out}\n{err}");
    assert!(out.contains("\nvalid: etcd "), "{out}");
    assert!(err.contains(" ok, 0 failed"), "its progress is told: {err}");
    assert!(!elsewhere.path().join("runs").exists(), "nothing is left where it was asked for");
    let name = served.newest("ended").unwrap();
    assert!(err.contains(&format!("run {name} at {}/runs/{name}", served.at)), "{err}");

    let (code, out, err) = ran(at(&served, elsewhere.path(), None, &["list", "runs"]));
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with(&format!("{name}  etcd ")), "{out}");
    let (code, out, err) = ran(at(&served, elsewhere.path(), None, &["heal", &name]));
    assert_eq!(code, 0, "{err}");
    assert_eq!(out, format!("healed {name}: 0 faults undone, 0 processes ended\n"));
}

#[test]
fn who_asks_while_a_run_goes_on_waits_for_its_turn() {
    let Some(etcd) = etcd() else { return };
    let (dir, elsewhere) = (scratch(), scratch());
    let served = serve(dir.path(), Some(&etcd), &[]);
    let words = |seconds: &'static str| ["run", "etcd", "-t", seconds, "--members", "1", "--profile", "none"];
    let told = |seconds: &str| elsewhere.path().join(format!("{seconds}.err"));
    let begin = |seconds| {
        let mut command = at(&served, elsewhere.path(), None, &words(seconds));
        let err = std::fs::File::create(told(seconds)).unwrap();
        Ended(command.stdout(Stdio::null()).stderr(err).spawn().unwrap())
    };
    let mut long = begin("600");
    let first = wait_for("the first run to go on", || served.newest("running"));
    let mut second = begin("2");
    wait_for("the second to wait", || {
        (served.get("/api/queue")["waiting"][0]["request"]["seconds"] == 2).then_some(())
    });
    wait_for("operations", || {
        std::fs::read_dir(dir.path().join("runs").join(&first).join("history")).ok()?.next()?.ok()
    });
    served.post(&format!("/api/runs/{first}/stop"), &serde_json::json!({}));
    let long = wait_for("the end of who asked for the first", || long.0.try_wait().unwrap());
    let err = std::fs::read_to_string(told("600")).unwrap();
    assert_eq!(long.code(), Some(3), "as when it is interrupted at a terminal: {err}");
    assert!(err.contains(&format!("run {first} at ")) && !err.contains("dt: "), "{err}");
    let second = wait_for("the end of who waited", || second.0.try_wait().unwrap());
    assert_eq!(second.code(), Some(0));
}

#[test]
fn a_run_that_is_killed_is_not_waited_for() {
    let Some(etcd) = etcd() else { return };
    let (dir, elsewhere) = (scratch(), scratch());
    let served = serve(dir.path(), Some(&etcd), &[]);
    let words = ["run", "etcd", "-t", "600", "--members", "1", "--profile", "none"];
    let mut asking = at(&served, elsewhere.path(), None, &words);
    let mut asking = Ended(asking.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
    let name = wait_for("the run to go on", || served.newest("running"));
    let run = std::fs::canonicalize(dir.path().join("runs").join(&name)).unwrap();
    wait_for("a command", || std::fs::read_dir(run.join("history")).ok()?.next()?.ok());
    let journal = std::fs::read_to_string(run.join("chaos.journal.jsonl")).unwrap();
    let opened: serde_json::Value = serde_json::from_str(journal.lines().next().unwrap()).unwrap();
    let killed = std::process::Command::new("kill").args(["-9", &opened["pid"].to_string()]).status();
    assert!(killed.unwrap().success());
    let ended = wait_for("the end of who asked", || asking.0.try_wait().unwrap());
    let err = std::io::read_to_string(asking.0.stderr.take().unwrap()).unwrap();
    assert_eq!(ended.code(), Some(3), "{err}");
    assert!(err.contains("was ended before it was judged"), "{err}");
    served.post(&format!("/api/runs/{name}/heal"), &serde_json::json!({}));
    assert_eq!(left_behind(&run), Vec::<String>::new());
}

#[test]
fn what_a_service_refuses_is_told_as_if_it_were_here() {
    let (dir, elsewhere) = (scratch(), scratch());
    let served = serve(dir.path(), None, &["--token", TOKEN]);
    let (code, out, err) = ran(at(&served, elsewhere.path(), Some(TOKEN), &["list", "suites"]));
    assert_eq!(code, 0, "{err}");
    assert!(out.lines().any(|line| line.starts_with("etcd ")), "{out}");
    let cases: [(Option<&str>, &[&str], i32, &str); 5] = [
        (None, &["list", "suites"], 3, "show the token"),
        (Some("0123456789abcdefghiX"), &["list", "runs"], 3, "show the token"),
        (Some(TOKEN), &["run", "nosuch"], 64, "nosuch"),
        (Some(TOKEN), &["run", "etcd", "--members", "2"], 64, "members is 2"),
        (Some(TOKEN), &["heal", "nosuch"], 3, "there is no run of that name"),
    ];
    for (token, words, expected, told) in cases {
        let (code, _, err) = ran(at(&served, elsewhere.path(), token, words));
        assert_eq!(code, expected, "{words:?}: {err}");
        assert!(err.contains(told), "{words:?}: {err}");
    }
    let nobody = ["list", "runs", "--server", "http://127.0.0.1:1"];
    let (code, _, err) = ran(dt_alone(elsewhere.path(), &nobody));
    assert_eq!(code, 3);
    assert!(err.contains("is `dt serve` running there?"), "{err}");
}

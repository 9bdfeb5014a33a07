//! Whole runs against a real etcd.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::harness::{Ended, dt, etcd, left_behind, ran, scratch, wait_for};

/// The newest run in `dir`, whether it has come far enough to be `latest` or not.
fn newest(dir: &Path) -> Option<PathBuf> {
    let runs = std::fs::read_dir(dir.join("runs")).ok()?.flatten().map(|entry| entry.path());
    runs.filter(|path| !path.is_symlink() && path.join("history").is_dir()).max()
}

fn run_dir(dir: &Path) -> PathBuf {
    std::fs::canonicalize(newest(dir).unwrap()).unwrap()
}

fn run(dir: &Path, etcd: &Path, args: &[&str]) -> Command {
    let mut command = dt(dir, &["run", "etcd", "--bin", etcd.to_str().unwrap()]);
    command.args(args);
    command
}

/// The last line that a verdict's table has.
fn verdict(out: &str) -> &str {
    out.lines()
        .find(|line| line.starts_with("valid:") || line.starts_with("INVALID:"))
        .unwrap_or("no verdict")
}

#[test]
fn a_run_gives_a_verdict_that_its_files_give_again() {
    let Some(etcd) = etcd() else { return };
    let dir = scratch();
    for terminal in ["eventually", "finally"] {
        let (code, out, err) =
            ran(run(dir.path(), &etcd, &["-t", "5", "--seed", "7", "--terminal", terminal]));
        assert_eq!(code, 0, "{out}\n{err}");
        assert!(verdict(&out).starts_with("valid: etcd "), "{out}");
        let run = run_dir(dir.path());
        assert_eq!(left_behind(&run), Vec::<String>::new());

        let (code, again, err) = ran(dt(dir.path(), &["check", run.to_str().unwrap()]));
        assert_eq!(code, 0, "{again}\n{err}");
        assert!(out.contains(&again), "a run's own table is the one of `dt check`:\n{out}\n{again}");
        let properties = [
            "Client can make successful put requests",
            "Client can make successful get requests",
            "Database key values stay consistent",
        ];
        let (_, again, _) = ran(dt(dir.path(), &["check", "--all", run.to_str().unwrap()]));
        for property in properties {
            let line = again.lines().find(|line| line.contains(property)).unwrap_or_default();
            assert!(line.starts_with("passing"), "{property}: {again}");
        }
        for file in ["run.json", "commands.jsonl", "events.jsonl", "verdict.json", "members/etcd0.log"] {
            assert!(run.join(file).is_file(), "{file}");
        }
    }
}

#[test]
fn lost_records_are_told_and_never_held_against_the_store() {
    let Some(etcd) = etcd() else { return };
    let dir = scratch();
    let (code, out, err) = ran(run(dir.path(), &etcd, &["-t", "3", "--seed", "7", "--profile", "none"]));
    assert_eq!(code, 0, "{out}\n{err}");
    let run = run_dir(dir.path());
    let drivers: Vec<PathBuf> = std::fs::read_dir(run.join("history"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().contains("generate_traffic"))
        .collect();
    assert!(!drivers.is_empty());
    for driver in drivers {
        let name = driver.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&driver).unwrap();
        let header = text.split_inclusive('\n').next().unwrap();
        std::fs::write(&driver, header).unwrap();
        told_and_not_invalid(dir.path(), &name);
        std::fs::remove_file(&driver).unwrap();
        told_and_not_invalid(dir.path(), &name);
        // An edit within a line loses no record: it is a lie about the store.
        let reply = text.lines().find(|line| line.contains("\"kvs\":[")).unwrap();
        let (start, kvs) = reply.split_once(",\"kvs\":[{\"k\":\"").unwrap();
        let key = kvs.split_once('"').unwrap().0;
        std::fs::write(&driver, text.replace(reply, &format!("{start}}}"))).unwrap();
        let (code, out, err) = ran(dt(dir.path(), &["check", "runs/latest"]));
        assert_eq!(code, 1, "{name}: {out}{err}");
        assert!(out.lines().any(|line| line.starts_with("INVALID:") && line.contains(key)), "{key}: {out}");
        std::fs::write(&driver, text).unwrap();
    }
    std::fs::remove_file(run.join("commands.jsonl")).unwrap();
    std::fs::remove_file(run.join("events.jsonl")).unwrap();
    std::fs::write(run.join("events.jsonl"), "torn").unwrap();
    let (code, out, err) = ran(dt(dir.path(), &["check", "runs/latest"]));
    assert_eq!(code, 2, "{out}{err}");
    for told in
        ["there is no commands.jsonl", "the run has not ended, or dt was killed", "1 lines of events.jsonl"]
    {
        assert!(out.contains(told), "{told}: {out}");
    }
}

fn told_and_not_invalid(dir: &Path, name: &str) {
    let (code, out, err) = ran(dt(dir, &["check", "runs/latest"]));
    assert!([0, 2].contains(&code), "{name}: exit {code}: {out}{err}");
    let note = out.lines().find(|line| line.starts_with("note: ") && line.contains(name)).unwrap_or_default();
    assert!(note.contains("lines that it had when the run ended are gone"), "{name}: {out}");
}

#[test]
fn an_interrupted_run_ends_everything_and_can_be_judged() {
    let Some(etcd) = etcd() else { return };
    let dir = scratch();
    let mut command = run(dir.path(), &etcd, &["-t", "60", "--seed", "3"]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut child = Ended(child);
    wait_for("the first return in a history", || {
        let files = std::fs::read_dir(dir.path().join("runs/latest/history")).ok()?;
        files.flatten().find(|file| {
            std::fs::read_to_string(file.path()).is_ok_and(|text| text.matches("\"o\":\"ok\"").count() > 20)
        })
    });
    signal(&child.0, "-INT");
    let status = wait_for("the end of dt", || child.0.try_wait().unwrap());
    assert_eq!(status.code(), Some(3));
    let run = run_dir(dir.path());
    assert_eq!(left_behind(&run), Vec::<String>::new());
    let (code, out, err) = ran(dt(dir.path(), &["check", run.to_str().unwrap()]));
    assert_eq!(code, 2, "{out}{err}");
    assert!(out.contains("the run was interrupted; nothing was wrong until then"), "{out}");
}

#[test]
fn an_interrupt_before_the_members_are_ready_leaves_nothing() {
    let Some(etcd) = etcd() else { return };
    // Ctrl-C, Ctrl-\\, and a terminal that is closed.
    for name in ["-INT", "-QUIT", "-HUP"] {
        let dir = scratch();
        let mut command = run(dir.path(), &etcd, &["-t", "60"]);
        let mut child = Ended(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        wait_for("a member", || newest(dir.path())?.join("members/etcd0.log").exists().then_some(()));
        signal(&child.0, name);
        let status = wait_for("the end of dt", || child.0.try_wait().unwrap());
        assert_eq!(status.code(), Some(3), "{name}: {status}");
        assert_eq!(left_behind(&run_dir(dir.path())), Vec::<String>::new(), "{name}");
    }
}

fn signal(child: &std::process::Child, name: &str) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
}

#[test]
fn a_member_that_dies_is_a_finding_with_its_log() {
    let Some(etcd) = etcd() else { return };
    let dir = scratch();
    let mut command = run(dir.path(), &etcd, &["-t", "6", "--seed", "5", "--terminal", "none"]);
    let mut child = Ended(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    wait_for("the first command", || dir.path().join("runs/latest/commands/2.out").exists().then_some(()));
    // A kill from outside looks to dt as a crash does.
    let run = run_dir(dir.path());
    let victim = left_behind(&run.join("members/etcd1"));
    assert_eq!(victim.len(), 1, "{victim:?}");
    let killed = Command::new("pkill")
        .args(["-KILL", "-f", "--", run.join("members/etcd1").to_str().unwrap()])
        .status();
    assert!(killed.unwrap().success());
    let status = wait_for("the end of dt", || child.0.try_wait().unwrap());
    assert_eq!(status.code(), Some(1));
    let (code, out, _) = ran(dt(dir.path(), &["check", run.to_str().unwrap()]));
    assert_eq!(code, 1);
    assert!(out.contains("No member ends unless it is told to") && out.contains("etcd1"), "{out}");
}

#[test]
fn a_program_that_is_no_etcd_and_a_place_that_cannot_be_written_are_told() {
    let dir = scratch();
    let (code, _, err) = ran(run(dir.path(), Path::new("/bin/false"), &["-t", "1"]));
    assert_eq!(code, 3);
    assert!(err.contains("cannot use /bin/false"), "{err}");

    std::fs::write(dir.path().join("file"), "").unwrap();
    let (code, _, err) = ran(run(dir.path(), Path::new("/bin/false"), &["--runs", "file/runs"]));
    assert_eq!(code, 3);
    assert!(err.contains("use --runs DIR for another place"), "{err}");
}

#[test]
fn a_known_defect_is_named_and_expected_by_name_only() {
    let Some(etcd) = etcd() else { return };
    let dir = scratch();
    let mut run = dt(dir.path(), &["run", "old-transactions", "-t", "6", "--seed", "1", "--expect", "18667"]);
    run.arg("--bin").arg(&etcd);
    let (code, out, err) = ran(run);
    assert_eq!(code, 0, "{out}\n{err}");
    assert!(verdict(&out).starts_with("INVALID: etcd "), "an expected violation is one all the same: {out}");
    assert!(verdict(&out).contains("this looks like 18667 ("), "{out}");
    assert!(err.contains("18667 was expected, and was found"), "{err}");

    for (more, code, told) in [
        (&[][..], 1, ""),
        (&["--expect", "15220"], 1, "15220 was expected, and something else was found"),
        (&["--expect", "1"], 64, "no known defect is called `1`"),
    ] {
        let (ended, out, err) = ran(dt(dir.path(), &[&["check", "runs/latest"], more].concat()));
        assert_eq!(ended, code, "{out}\n{err}");
        assert!(err.contains(told), "{err}");
    }
}

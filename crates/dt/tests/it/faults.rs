//! Faults as users meet them: a `dt` that is killed in their midst, two runs side by side, members that do not come back,
//! and monkeys of a suite's own.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::harness::{Ended, dt, etcd, home, left_behind, ran, scratch, wait_for};

fn started(dir: &Path, etcd: &Path, args: &[&str]) -> Ended {
    let mut command = dt(dir, &["run", "etcd", "--bin", etcd.to_str().unwrap()]);
    command.args(args);
    Ended(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
}

/// The only run in `dir`, once some fault of it has been applied.
fn disturbed(dir: &Path) -> PathBuf {
    wait_for("the first fault", || {
        let runs = std::fs::read_dir(dir.join("runs")).ok()?.flatten().map(|entry| entry.path());
        let mut runs = runs.filter(|path| !path.is_symlink());
        runs.find(|run| {
            std::fs::read_to_string(run.join("faults.jsonl")).is_ok_and(|log| log.contains("\"applied\""))
        })
    })
}

/// Below `below`: another one in each test run, since a crash may come at any moment.
fn some_moment(below: Duration) -> Duration {
    Duration::from_nanos(history::clock::wall().0 % u64::try_from(below.as_nanos()).unwrap())
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the moment is the point, not that something has happened by then"
)]
fn what_a_killed_dt_leaves_behind_is_healed_by_command_and_by_the_next_run() {
    let Some(etcd) = etcd() else { return };
    let dir = scratch();
    for (profile, heal) in [("brutal", true), ("high_availability", true), ("resilient", false)] {
        let mut child = started(dir.path(), &etcd, &["-t", "60", "--profile", profile, "--terminal", "none"]);
        let run = disturbed(dir.path());
        let moment = some_moment(Duration::from_millis(1_500));
        std::thread::sleep(moment);
        let at = format!("{profile}, killed {moment:?} after the first fault");
        child.0.kill().unwrap();
        child.0.wait().unwrap();
        assert!(!left_behind(&run).is_empty(), "{at}: there is something to heal");
        if heal {
            let (code, out, err) = ran(dt(dir.path(), &["heal"]));
            assert_eq!(code, 0, "{at}: {err}");
            assert!(out.contains("processes ended"), "{at}: {out}");
        } else {
            // It gets nowhere itself, but has healed before.
            let (code, _, err) = ran(dt(dir.path(), &["run", "etcd", "--bin", "/bin/false"]));
            assert_eq!(code, 3, "{at}: {err}");
            assert!(err.contains("processes ended"), "{at}: {err}");
        }
        assert_eq!(left_behind(&run), Vec::<String>::new(), "{at}");
        let (code, out, _) = ran(dt(dir.path(), &["heal"]));
        assert_eq!((code, out.trim()), (0, "nothing is left to heal in runs"), "{at}");
        let (code, out, err) = ran(dt(dir.path(), &["check", run.to_str().unwrap()]));
        assert_eq!(code, 2, "{at}: {out}{err}");
        assert!(out.contains("dt was killed"), "{at}: {out}");
        std::fs::remove_dir_all(&run).unwrap();
    }
}

#[test]
fn two_runs_in_one_directory_do_not_disturb_each_other() {
    let Some(etcd) = etcd() else { return };
    let dir = scratch();
    let mut first = started(dir.path(), &etcd, &["-t", "6", "--seed", "1", "--profile", "brutal"]);
    let run = disturbed(dir.path());
    // It sweeps the directory when it begins, and disturbs its own members all the time.
    let mut second = started(dir.path(), &etcd, &["-t", "4", "--seed", "2", "--profile", "brutal"]);
    let ended = |child: &mut Ended| child.0.wait().unwrap().code();
    assert_eq!((ended(&mut second), ended(&mut first)), (Some(0), Some(0)));
    let verdict = std::fs::read_to_string(run.join("verdict.json")).unwrap();
    assert!(verdict.contains("No member ends unless it is told to"), "{verdict}");
}

/// An etcd that starts once, and never again with data.
fn starts_once(dir: &Path, etcd: &Path) -> PathBuf {
    let program = dir.join("etcd-that-starts-once");
    let script = format!(
        "#!/bin/sh\nfor word; do case $word in --data-dir=*) data=${{word#*=}} ;; esac; done\n\
         [ -d \"$data/member\" ] && echo 'my data are gone' >&2 && exit 7\nexec {} \"$@\"\n",
        etcd.display()
    );
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    program
}

#[test]
fn a_member_that_does_not_come_back_is_a_finding_with_its_log_and_no_hang() {
    let Some(etcd) = etcd() else { return };
    let dir = scratch();
    let program = starts_once(dir.path(), &etcd);
    let args =
        ["run", "etcd", "--members", "1", "-t", "30", "--profile", "brutal", "--terminal", "none", "--bin"];
    let mut command = dt(dir.path(), &args);
    command.arg(program);
    let (code, out, err) = ran(command);
    assert_eq!(code, 1, "{out}{err}");
    for words in ["No member ends unless it is told to", "my data are gone", "no more faults were applied"] {
        assert!(out.contains(words), "{words}: {out}");
    }
}

/// A home whose etcd suite has monkeys of its own.
fn home_with(dir: &Path, monkeys: &str) -> PathBuf {
    let suites = dir.join("home/suites/etcd");
    std::fs::create_dir_all(&suites).unwrap();
    for part in ["charts", "opt-antithesis"] {
        let link = dir.join("home").join(part);
        if !link.exists() {
            symlink(home().join(part), link).unwrap();
        }
    }
    let suite = std::fs::read_to_string(home().join("suites/etcd/suite.yaml")).unwrap();
    std::fs::write(suites.join("suite.yaml"), format!("{suite}\nmonkeys:\n{monkeys}\n")).unwrap();
    dir.join("home")
}

#[test]
fn monkeys_of_a_suite_are_planned_run_and_reported() {
    let Some(etcd) = etcd() else { return };
    let dir = scratch();
    let monkeys = "
  - name: upgrade
    fault:
      exec:
        command: [./upgrade.sh, now]
        environment: {COLOUR: green}
        deadline_ms: 5000
    every_ms: [200, 400]
  - {fault: {compact: {keep: 5}}, every_ms: [500, 900]}
";
    let home = home_with(dir.path(), monkeys);
    let run = |args: &[&str]| {
        let mut command = dt(dir.path(), &["run", "etcd", "--profile", "none", "-t", "4", "--seed", "3"]);
        command.env("DT_HOME", &home).args(["--bin", etcd.to_str().unwrap()]).args(args);
        ran(command)
    };
    let (code, _, err) = run(&[]);
    assert_eq!(code, 64, "{err}");
    assert!(err.contains("upgrade") && err.contains("upgrade.sh") && err.contains("does not exist"), "{err}");

    let script = "#!/bin/sh\necho \"$1 $COLOUR $ETCD_TRAFFIC_ENDPOINTS $ETCD_TRAFFIC_SEED\" >>\"$ETCD_TRAFFIC_DIR/upgraded\"\n";
    let program = home.join("suites/etcd/upgrade.sh");
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let (code, plan, err) = run(&["--plan"]);
    assert_eq!(code, 0, "{err}");
    assert!(plan.contains("upgrade: exec"), "{plan}");
    let (code, out, err) = run(&[]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains(" compact") && out.contains(" exec"), "{out}");
    let runs = dir.path().join("runs/latest");
    let upgraded = std::fs::read_to_string(runs.join("upgraded")).unwrap();
    assert!(upgraded.starts_with("now green etcd0=http://127.0.0.1:"), "{upgraded}");
    // What an admin does to the data is part of its history.
    let mut grep = Command::new("grep");
    let found = grep.args(["-rlE", r#""f":"compact""#]).arg(runs.join("history/")).output().unwrap();
    assert!(!found.stdout.is_empty(), "a compaction is recorded as an operation");
}

#[test]
fn a_monkey_that_cannot_act_here_is_refused_before_anything_starts() {
    let dir = scratch();
    let home = home_with(dir.path(), "  - {name: apart, fault: wipe, on: minority, every_ms: [1, 2]}");
    let mut command = dt(dir.path(), &["run", "etcd", "--members", "1", "--bin", "/bin/false"]);
    command.env("DT_HOME", home);
    let (code, _, err) = ran(command);
    assert_eq!(code, 64, "{err}");
    assert!(err.contains("the monkey `apart` is refused"), "{err}");
    assert!(!dir.path().join("runs").exists(), "nothing was started");
}

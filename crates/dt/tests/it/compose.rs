//! Projects in containers: somebody's own, small enough to be seen whole, with everything that can be wrong with one; and
//! the project of this repository under faults.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::harness::{Ended, built, docker, dt, etcd, home, left_behind, python, ran, scratch, wait_for};
use crate::project::{self, remains};

fn run(dir: &Path, file: &Path, more: &[&str]) -> Command {
    let mut command = dt(dir, &["run", "--compose", file.to_str().unwrap(), "-t", "3", "--seed", "7"]);
    command.args(more);
    command
}

#[test]
fn commands_of_somebodys_project_run_in_its_containers_under_faults_and_are_scored() {
    if !docker() {
        return;
    }
    built("voidstar");
    let dir = scratch();
    let file = project::write(dir.path(), "sleep infinity", project::ASSERTS);
    let (code, out, err) = ran(run(dir.path(), &file, &["--profile", "high_availability"]));
    assert_eq!(code, 0, "{out}\n{err}");
    assert!(out.contains("ok  m"), "{out}");
    assert!(err.contains("faults high_availability on announcer, store"), "{err}");
    assert_eq!(remains(dir.path()), Vec::<String>::new());
    let commands = dir.path().join("runs/latest/commands");
    let printed = |n: u32| std::fs::read_to_string(commands.join(format!("{n}.out"))).unwrap();
    // They take turns, and each has draws of its own.
    let (first, second) = (printed(1), printed(2));
    assert!(
        first.starts_with("in client2 with ") && second.starts_with("in client1 with "),
        "{first}{second}"
    );
    let log = dir.path().join("runs/latest/members/store.log");
    assert!(log.is_file(), "logs are kept");
}

/// A `PATH` on which the first `docker` fails where this test of a shell succeeds, and else is the real one.
#[expect(clippy::disallowed_methods, reason = "what is on this machine is told by its environment")]
fn failing(dir: &Path, test: &str) -> String {
    let path = std::env::var("PATH").unwrap();
    let found =
        |name: &str| std::env::split_paths(&path).map(|dir| dir.join(name)).find(|path| path.is_file());
    let docker = dir.join("docker");
    let real = found("docker").unwrap();
    let script = format!("#!/bin/sh\n{test} && exit 1\nexec {} \"$@\"\n", real.display());
    std::fs::write(&docker, script).unwrap();
    std::fs::set_permissions(&docker, PermissionsExt::from_mode(0o755)).unwrap();
    format!("{}:{path}", dir.display())
}

#[test]
fn the_older_compose_alone_is_enough() {
    if !docker() {
        return;
    }
    let there = Command::new("docker-compose").arg("version").output().is_ok();
    assert!(there, "docker-compose is missing: use compose/install-tools");
    built("voidstar");
    let dir = scratch();
    let file = project::write(dir.path(), "sleep infinity", project::ASSERTS);
    let mut command = run(dir.path(), &file, &["--profile", "none"]);
    // Without the plugin only `docker-compose` is left.
    command.env("PATH", failing(dir.path(), "[ \"$1\" = compose ]"));
    let (code, out, err) = ran(command);
    assert_eq!(code, 0, "{out}\n{err}");
    assert!(out.contains("ok  m"), "{out}");
    assert_eq!(remains(dir.path()), Vec::<String>::new());
}

#[test]
fn what_is_wrong_with_a_project_is_told_with_what_to_do() {
    if !docker() {
        return;
    }
    let dir = scratch();
    let expect = |file: &Path, more: &[&str], expected: i32, words: &str| {
        let (code, out, err) = ran(run(dir.path(), file, more));
        assert_eq!(code, expected, "{out}\n{err}");
        assert!(err.contains(words), "{words}: {err}");
        assert_eq!(remains(dir.path()), Vec::<String>::new(), "{words}");
    };
    let file = project::write(dir.path(), "echo I am done; exit 3", project::ASSERTS);
    expect(&file, &[], 3, "must stay up, such as by `sleep infinity`; its log ends with:\n    I am done");
    expect(&file, &["--template", "other"], 64, "no service of");
    expect(&file, &["--bin", "x"], 64, "cannot be used with");
    expect(&file, &["--members", "3"], 64, "the compose file says what members are");
    expect(&dir.path().join("nothing.yaml"), &[], 64, "is no file");
    let text = std::fs::read_to_string(&file).unwrap();
    let other = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let without = other("without.yaml", &text.replace("/opt/antithesis/test/v1", "/elsewhere"));
    expect(
        &without,
        &[],
        3,
        "has /opt/antithesis/test/v1 in it, neither in its image nor mounted (looked in announcer,",
    );
    let image = other("image.yaml", &text.replacen(project::BASE, "registry.invalid/nobody:has", 1));
    expect(
        &image,
        &[],
        3,
        "the image registry.invalid/nobody:has of service store is not here and cannot be pulled",
    );
    let broken = text.replacen(&format!("image: {}", project::BASE), "build: {context: ./nowhere}", 1);
    expect(&other("build.yaml", &broken), &[], 3, "of service store is not here and cannot be built");
    expect(&other("yaml.yaml", "services: [\n"), &[], 3, "cannot read");
    let stray = dir.path().join("commands/mine/README.md");
    std::fs::write(&stray, "x").unwrap();
    expect(&file, &[], 3, "README.md: not a test command");
}

#[test]
fn a_client_that_is_stopped_under_a_command_ends_the_run_and_says_so() {
    if !docker() {
        return;
    }
    let dir = scratch();
    let file = project::write(dir.path(), "sleep infinity", "#!/bin/sh\nsleep 100\n");
    let mut command = dt(dir.path(), &["run", "--compose", file.to_str().unwrap(), "-t", "60"]);
    command.args(["--profile", "none"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let container = wait_for("a command in client1", || {
        let output = Command::new("docker").args(["ps", "--format", "{{.Names}}"]).output().unwrap();
        let names = String::from_utf8(output.stdout).unwrap();
        let mine =
            names.lines().find(|name| name.starts_with("dt-mine-") && name.ends_with("-client1"))?.to_owned();
        let top = Command::new("docker").args(["top", &mine, "-o", "pid,args"]).output().unwrap();
        String::from_utf8_lossy(&top.stdout).contains("sleep 100").then_some(mine)
    });
    assert!(Command::new("docker").args(["kill", &container]).output().unwrap().status.success());
    let mut said = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3), "{said}");
    assert!(
        said.contains("the container of client1 ended (exit code 137) while commands were to run in it"),
        "{said}"
    );
    assert_eq!(remains(dir.path()), Vec::<String>::new());
}

#[test]
fn what_a_killed_dt_leaves_in_containers_is_removed_by_heal() {
    if !docker() {
        return;
    }
    let dir = scratch();
    let file = project::write(dir.path(), "sleep infinity", "#!/bin/sh\nsleep 100\n");
    let mut command = dt(dir.path(), &["run", "--compose", file.to_str().unwrap(), "-t", "60"]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = Ended(command.spawn().unwrap());
    let record = dir.path().join("runs/latest/commands.jsonl");
    wait_for("the first command", || {
        std::fs::read_to_string(&record).ok().filter(|text| text.contains("started"))
    });
    child.0.kill().unwrap();
    child.0.wait().unwrap();
    assert!(!remains(dir.path()).is_empty(), "there is something to heal");
    let (code, out, err) = ran(dt(dir.path(), &["heal"]));
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("containers, networks and volumes removed"), "{out}");
    assert_eq!(remains(dir.path()), Vec::<String>::new());
    assert_eq!(left_behind(&std::fs::canonicalize(dir.path().join("runs")).unwrap()), Vec::<String>::new());
    let (code, out, _) = ran(dt(dir.path(), &["heal"]));
    assert_eq!((code, out.trim()), (0, "nothing is left to heal in runs"));
}

#[test]
fn what_could_not_be_removed_is_left_to_heal() {
    if !docker() {
        return;
    }
    let dir = scratch();
    let file = project::write(dir.path(), "sleep infinity", project::ASSERTS);
    let mut command = run(dir.path(), &file, &["--profile", "none"]);
    command.env("PATH", failing(dir.path(), "[ \"$1 $3\" = 'rm --volumes' ]"));
    let (code, out, err) = ran(command);
    assert_eq!(code, 3, "{out}\n{err}");
    assert!(err.contains("cannot remove the containers; use `dt heal`"), "{err}");
    assert!(!remains(dir.path()).is_empty(), "there is something to heal");
    let (code, out, err) = ran(dt(dir.path(), &["heal"]));
    assert_eq!(code, 0, "{out}\n{err}");
    assert_eq!(remains(dir.path()), Vec::<String>::new());
}

#[test]
fn etcd_in_containers_keeps_its_promises_under_faults() {
    // Whoever lacks an etcd here would have to download one for the image.
    if !docker() || etcd().is_none() {
        return;
    }
    built("health_checker");
    built("voidstar");
    let dir = scratch();
    let command = dt(dir.path(), &["run", "etcd", "--backend", "compose", "-t", "20", "--seed", "7"]);
    let (code, out, err) = ran(command);
    assert_eq!(code, 0, "{out}\n{err}");
    assert!(out.contains("valid: etcd 3.5.30 (3 members in containers) kept its promises"), "{out}");
    let faults = std::fs::read_to_string(dir.path().join("runs/latest/faults.jsonl")).unwrap();
    assert!(faults.contains("\"really_applied\":true"), "{faults}");
    assert_eq!(remains(dir.path()), Vec::<String>::new());
}

/// Kills in containers are some seconds apart, and some ten of them lose a write: there is time for many more.
#[test]
fn an_old_etcd_in_containers_loses_what_it_acknowledged() {
    if !docker() || etcd().is_none() {
        return;
    }
    built("health_checker");
    built("voidstar");
    let dir = scratch();
    let words =
        ["run", "etcd", "--backend", "compose", "--version", "3.5.1", "--profile", "brutal", "--seed", "1"];
    let mut command = dt(dir.path(), &words);
    command.args(["-t", "400", "--until-violation"]);
    let (code, out, err) = ran(command);
    assert_eq!(code, 1, "{out}\n{err}");
    assert!(out.contains("INVALID: etcd 3.5.1 (3 members in containers) broke a promise"), "{out}");
    assert_eq!(remains(dir.path()), Vec::<String>::new());
}

/// The containers of this repository with clients that have Python and its command: the interpreter and its packages are
/// mounted where they are, so that no image has to be made of them. `None` where they are parts of the system's own.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn python_project(dir: &Path, python: &Path) -> Option<PathBuf> {
    let mut prefixes = Command::new(python);
    prefixes.args(["-c", "import sys; print(sys.base_prefix, sys.prefix)"]);
    let told = String::from_utf8(prefixes.output().unwrap().stdout).unwrap();
    let (base, packages) = told.trim().split_once(' ').unwrap();
    if base == "/usr" {
        eprintln!(
            "SKIPPED: this machine's Python cannot be mounted in a container, as it is one with the system"
        );
        return None;
    }
    let text = std::fs::read_to_string(home().join("compose/docker-compose.yaml")).unwrap();
    let commands = home().join("crates/dt/tests/python/main");
    let volumes = format!(
        "[\"traffic:/var/lib/etcd-traffic\", {base}:{base}:ro, {packages}:{packages}:ro, {}:/opt/antithesis/test/v1/main:ro]",
        commands.display()
    );
    let client = text
        .replace("image: ${CLIENT_IMAGE:-etcd-traffic-client:v1}", &format!("image: {}\n  command: [sleep, infinity]", project::BASE))
        .replace("[\"traffic:/var/lib/etcd-traffic\"]", &volumes)
        // The generated code of the client is older than its runtime.
        .replace("ETCD_TRAFFIC_DIR: /var/lib/etcd-traffic\n", &format!(
            "ETCD_TRAFFIC_DIR: /var/lib/etcd-traffic\n    PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION: python\n    PATH: {packages}/bin:/usr/bin:/bin\n"
        ));
    let file = dir.join("docker-compose.yaml");
    std::fs::write(&file, client).unwrap();
    Some(file)
}

#[test]
fn a_command_in_python_runs_in_containers_and_is_scored() {
    let (true, Some(_), Some(python)) = (docker(), etcd(), python()) else { return };
    let dir = scratch();
    let Some(file) = python_project(dir.path(), &python) else { return };
    built("voidstar");
    project::images();
    let words =
        ["run", "--compose", file.to_str().unwrap(), "-t", "20", "--profile", "resilient", "--seed", "7"];
    let (code, out, err) = ran(dt(dir.path(), &words));
    assert_eq!(code, 0, "{out}\n{err}");
    assert!(out.contains("ok  What was acknowledged can be read"), "{out}\n{err}");
    let first = std::fs::read_to_string(dir.path().join("runs/latest/commands/1.out")).unwrap();
    assert!(first.starts_with("prefix "), "{first}");
    assert_eq!(remains(dir.path()), Vec::<String>::new());
}

//! Templates that are somebody else's, in any language.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::harness::{built, dt, etcd, home, python, ran, scratch};

/// A template with one script.
fn template(dir: &Path, file: &str, script: &str) -> String {
    let template = dir.join("test/v1/mine");
    std::fs::create_dir_all(&template).unwrap();
    let path = template.join(file);
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    template.to_str().unwrap().to_owned()
}

/// A template with the command that is written in C.
fn in_c(dir: &Path) -> String {
    let template = template(dir, "helper_nothing", "");
    let program = Path::new(&template).join("serial_driver_in_c");
    let source = home().join("crates/dt/tests/it/command.c");
    let compiled = Command::new("cc").arg("-o").arg(program).arg(source).arg("-ldl").status();
    assert!(compiled.unwrap().success(), "a C compiler is needed to build this project at all");
    template
}

/// What the first commands of the newest run printed.
fn printed(dir: &Path, count: usize) -> Vec<String> {
    let commands = dir.join("runs/latest/commands");
    (1..=count).map(|n| std::fs::read_to_string(commands.join(format!("{n}.out"))).unwrap()).collect()
}

#[test]
fn a_command_in_c_draws_from_the_seed_and_is_scored() {
    let dir = scratch();
    built("voidstar");
    let template = in_c(dir.path());
    let store = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoints = format!("store=http://{}", store.local_addr().unwrap());
    let run = |seed: &str| {
        let words = ["run", "--template", &template, "--endpoints", &endpoints, "-t", "2", "--seed", seed];
        let (code, out, err) = ran(dt(dir.path(), &words));
        assert_eq!(code, 0, "{out}\n{err}");
        assert!(out.contains("ok  The store is reached by its name"), "{out}\n{err}");
        assert!(out.contains("valid: the system (1 member, attached) kept its promises: "), "{out}");
        printed(dir.path(), 2)
    };
    let seven = run("7");
    assert_eq!(seven, run("7"), "one seed, the same draws");
    assert_ne!(seven, run("8"));
    assert_ne!(seven[0], seven[1], "each execution draws its own");
    let numbers: Vec<&str> = seven[0].split_whitespace().filter(|word| word.len() == 16).collect();
    assert_eq!(numbers.len(), 3);
    assert_ne!(numbers[0], numbers[2], "a forked child draws its own");
}

#[test]
fn a_false_assertion_is_invalid_and_none_at_all_is_vacuous() {
    let dir = scratch();
    let store = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoints = store.local_addr().unwrap().to_string();
    let record =
        r#"{"antithesis_assert":{"display_type":"Always","condition":false,"message":"m","hit":true}}"#;
    let asserts = format!("#!/bin/sh\necho '{record}' >>\"$ANTITHESIS_SDK_LOCAL_OUTPUT\"\n");
    for (script, code, words) in [
        (asserts.as_str(), 1, "\"m\" (always) failed"),
        ("#!/bin/sh\ntrue\n", 2, "evaluated an assertion of the SDK"),
    ] {
        let template = template(dir.path(), "parallel_driver_script", script);
        let words_of_run =
            ["run", "--template", &template, "--endpoints", &endpoints, "-t", "1", "--seed", "1"];
        let (exit, out, err) = ran(dt(dir.path(), &words_of_run));
        assert_eq!(exit, code, "{out}\n{err}");
        assert!(out.contains(words), "{out}");
    }
}

#[test]
fn what_cannot_be_run_is_told_before_anything_is_started() {
    let dir = scratch();
    let stray = template(dir.path(), "README.md", "");
    let fine = template(&dir.path().join("fine"), "anytime_x", "#!/bin/sh\n");
    let nowhere = ["--endpoints", "127.0.0.1:1"];
    let cases: [(&[&str], i32, &str); 4] = [
        (&["run", "--template", "nowhere"], 64, "nowhere is no directory"),
        (&["run", "--template", &stray], 64, "README.md: not a test command"),
        (&["run", "--template", &fine], 64, "give --endpoints, or a suite whose system is started"),
        (&["run", "--template", &fine, nowhere[0], nowhere[1]], 3, "127.0.0.1:1"),
    ];
    for (args, expected, words) in cases {
        let (code, _, err) = ran(dt(dir.path(), args));
        assert_eq!(code, expected, "{args:?}: {err}");
        assert!(err.contains(words), "{args:?}: {err}");
    }
}

#[test]
fn a_command_in_python_runs_against_members_that_are_started_for_it() {
    let (Some(etcd), Some(python)) = (etcd(), python()) else { return };
    let dir = scratch();
    built("voidstar");
    let template = home().join("crates/dt/tests/python/main");
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", python.parent().unwrap().display());
    let run = || {
        let words = ["run", "etcd", "-t", "5", "--seed", "7", "--profile", "resilient", "--bin"];
        let mut command = dt(dir.path(), &words);
        command.arg(&etcd).arg("--template").arg(&template);
        // The generated code of the client is older than its runtime.
        command.env("PATH", &path).env("PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION", "python");
        let (code, out, err) = ran(command);
        assert_eq!(code, 0, "{out}\n{err}");
        assert!(out.contains("ok  What was acknowledged can be read"), "{out}\n{err}");
        let first = printed(dir.path(), 1).remove(0);
        first.lines().filter(|line| !line.starts_with("no answer")).map(str::to_owned).collect::<Vec<_>>()
    };
    let first = run();
    assert_eq!(first.len(), 3, "{first:?}");
    assert_eq!(first, run(), "one seed, the same draws");
}

//! Help, lists, plans, and wrong words.

use std::os::unix::fs::PermissionsExt as _;

use crate::harness::{dt, home, ran, scratch};

#[test]
fn help_has_examples_and_exit_codes() {
    let dir = scratch();
    for args in [&["-h"][..], &["--help"]] {
        let (code, out, _) = ran(dt(dir.path(), args));
        assert_eq!(code, 0);
        assert!(out.contains("dt run etcd -t 30") && out.contains("Exit codes: 0 valid"), "{out}");
    }
    let (code, _, err) = ran(dt(dir.path(), &[]));
    assert_eq!(code, 64, "{err}");
}

#[test]
fn charts_and_suites_are_listed() {
    let dir = scratch();
    for word in ["charts", "chart", "suites", "suite"] {
        let (code, out, err) = ran(dt(dir.path(), &["list", word]));
        assert_eq!(code, 0, "{err}");
        assert!(out.lines().any(|line| line.starts_with("etcd  ")), "{out}");
    }
}

#[test]
fn wrong_words_are_named_with_what_would_be_right() {
    let dir = scratch();
    let cases: [(&[&str], &str); 10] = [
        (&["run", "etdc"], "no suite is called `etdc` (did you mean `etcd`?); there are: admin, etcd"),
        (&["run", "etcd", "--members", "2"], "--members is 2; it can be 1, 3, 5: an even number"),
        (&["run", "etcd", "-t", "soon"], "invalid value 'soon' for '--seconds <SECONDS>'"),
        (&["run", "etcd", "-t", "0"], "0 is not in 1..=86400"),
        (&["run", "etcd", "-d"], "--endpoints <LIST>"),
        (&["run", "etcd", "-d", "--endpoints", "a=b=c,,"], "--endpoints: "),
        (&["check", "nowhere"], "nowhere does not exist"),
        (&["fetch", "ectd"], "did you mean `etcd`?"),
        (&["fetch", "etcd", "--version", "new"], "--version: "),
        (&["fly"], "unrecognized subcommand 'fly'"),
    ];
    for (args, expected) in cases {
        let (code, _, err) = ran(dt(dir.path(), args));
        assert_eq!(code, 64, "{args:?}: {err}");
        assert!(err.contains(expected), "{args:?}: {err}");
    }
}

#[test]
fn a_plan_is_a_function_of_its_seed() {
    let dir = scratch();
    let plan = |seed: &str| {
        let (code, out, err) = ran(dt(dir.path(), &["run", "etcd", "--plan", "--seed", seed]));
        assert_eq!(code, 0, "{err}");
        out
    };
    let seven = plan("7");
    assert_eq!(seven, plan("7"));
    assert_ne!(seven, plan("8"));
    assert!(seven.contains("parallel_driver_generate_traffic"), "{seven}");
    assert!(!dir.path().join("runs").exists(), "a plan does nothing");
}

#[test]
fn a_mistake_in_a_suite_is_shown_with_line_and_column() {
    let dir = scratch();
    for part in ["charts", "suites", "opt-antithesis"] {
        std::fs::create_dir_all(dir.path().join(part)).unwrap();
    }
    std::fs::create_dir(dir.path().join("suites/etcd")).unwrap();
    let text = std::fs::read_to_string(home().join("suites/etcd/suite.yaml")).unwrap();
    std::fs::write(dir.path().join("suites/etcd/suite.yaml"), text.replace("members: 3", "membres: 3"))
        .unwrap();
    let mut command = dt(dir.path(), &["run", "etcd", "--plan"]);
    command.env("DT_HOME", dir.path());
    let (code, _, err) = ran(command);
    assert_eq!(code, 3);
    assert!(err.contains("suites/etcd/suite.yaml:6:1: unknown field `membres`"), "{err}");
    assert!(err.contains("did you mean `members`?"), "{err}");
}

#[test]
fn a_home_may_be_named_relative_to_the_current_directory() {
    let dir = scratch();
    let template = dir.path().join("opt-antithesis/test/v1/main");
    std::fs::create_dir_all(&template).unwrap();
    for part in ["charts", "suites"] {
        let to = dir.path().join(part);
        std::os::unix::fs::symlink(home().join(part), to).unwrap();
    }
    for source in std::fs::read_dir(home().join("opt-antithesis/test/v1/main")).unwrap() {
        let driver = template.join(source.unwrap().path().file_stem().unwrap());
        std::fs::write(&driver, "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(&driver, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = dt(dir.path(), &["run", "etcd", "--plan"]);
    command.env("DT_HOME", ".");
    let (code, _, err) = ran(command);
    assert_eq!(code, 0, "{err}");
}

#[test]
fn completions_are_printed() {
    let dir = scratch();
    let (code, out, _) = ran(dt(dir.path(), &["completions", "bash"]));
    assert_eq!(code, 0);
    assert!(out.contains("_dt()"), "{out}");
}

#[test]
fn a_run_that_cannot_be_healed_is_named_and_keeps_nobody_from_the_others() {
    let dir = scratch();
    let journal = |run: &str| dir.path().join("runs").join(run).join("chaos.journal.jsonl");
    // A directory cannot be read as a journal.
    std::fs::create_dir_all(journal("broken")).unwrap();
    std::fs::create_dir_all(journal("left").parent().unwrap()).unwrap();
    std::fs::write(journal("left"), "").unwrap();
    let (code, out, err) = ran(dt(dir.path(), &["heal", "runs"]));
    assert_eq!(code, 3, "{out}{err}");
    assert!(out.contains("cannot heal runs/broken: cannot read runs/broken/chaos.journal.jsonl"), "{out}");
    assert!(out.contains("healed runs/left: 0 faults undone, 0 processes ended"), "{out}");
    assert!(err.contains("not everything could be healed"), "{err}");
}

#[test]
fn this_repository_is_fit_for_the_platform_and_a_mistake_is_named() {
    let dir = scratch();
    let (code, out, err) = ran(dt(dir.path(), &["lint", home().to_str().unwrap()]));
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("files keep to all"), "{out}");

    let template = dir.path().join("test/v1/mine");
    std::fs::create_dir_all(&template).unwrap();
    std::fs::write(template.join("parallel_driver_x"), "#!/bin/sh\nsleep infinity\n").unwrap();
    let (code, out, _) = ran(dt(dir.path(), &["lint", "test/v1/mine"]));
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("test/v1/mine/parallel_driver_x: not-executable: "), "{out}");
    assert!(out.contains("test/v1/mine/parallel_driver_x:2: endless-command: `sleep infinity`"), "{out}");
    let (code, out, _) = ran(dt(dir.path(), &["lint", "--rules"]));
    assert_eq!(code, 0);
    assert!(out.contains("static-binary"), "{out}");
    let (code, _, err) = ran(dt(dir.path(), &["lint", "nowhere"]));
    assert_eq!(code, 64, "{err}");
}

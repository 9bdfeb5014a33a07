//! Several timelines and their one verdict.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::harness::{dt, ran, scratch};

/// A template whose command hits one of two assertions, by the seed of its run.
fn template(dir: &Path) -> PathBuf {
    let template = dir.join("test/v1/mine");
    std::fs::create_dir_all(&template).unwrap();
    let path = template.join("serial_driver_by_seed");
    let said = |name: &str, hit: &str| {
        format!(
            r#"echo '{{"antithesis_assert":{{"assert_type":"sometimes","display_type":"Sometimes","condition":{hit},"message":"{name} happens","id":"{name}","location":{{}},"hit":{hit},"must_hit":true,"details":null}}}}' >> "$ANTITHESIS_SDK_LOCAL_OUTPUT""#
        )
    };
    let script = format!(
        "#!/bin/sh\n{}\n{}\ncase \"$ETCD_TRAFFIC_DIR\" in\n*-7) {} ;;\n*) {} ;;\nesac\nsleep 0.2\n",
        said("this", "false"),
        said("that", "false"),
        said("this", "true"),
        said("that", "true"),
    );
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    template
}

#[test]
fn what_one_timeline_leaves_out_another_may_do() {
    let dir = scratch();
    let template = template(dir.path());
    let store = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoints = format!("store=http://{}", store.local_addr().unwrap());
    let run = |more: &[&str]| {
        let template = template.to_str().unwrap();
        let words = ["run", "--template", template, "--endpoints", &endpoints, "-t", "1", "--seed", "7"];
        ran(dt(dir.path(), &[&words[..], more].concat()))
    };
    let (code, alone, err) = run(&[]);
    assert_eq!(code, 0, "{alone}\n{err}");
    assert!(alone.contains("ok  1 things that must happen at least once, happened"), "{alone}");
    assert!(alone.contains("        that happens\n"), "seed 7 leaves it out: {alone}");
    let (code, out, err) = run(&["--timelines", "2"]);
    assert_eq!(code, 0, "{out}\n{err}");
    let (_, together) = out.split_once("ok  2 things that must happen at least once, happened").unwrap();
    assert!(!together.contains("happens\n"), "nothing is left out by both: {out}");
    let end = "valid: the system (1 member, attached) in 2 timelines kept its promises: ";
    assert!(together.lines().any(|line| line.starts_with(end)), "{out}");

    let runs: Vec<&str> = together.lines().filter_map(|line| line.strip_prefix("run directory:  ")).collect();
    let [first, second] = runs[..] else { panic!("{out}") };
    let record = std::fs::read_to_string(dir.path().join(second).join("run.json")).unwrap();
    let repeated = record.contains("--seed 8") && !record.contains("--timelines");
    assert!(repeated, "each is repeated alone: {record}");
    let (code, again, err) = ran(dt(dir.path(), &["check", first, second]));
    assert_eq!(code, 0, "{again}\n{err}");
    assert!(out.ends_with(&again), "it is judged again from the files\n{out}\n{again}");
    // What was not exercised by any of them fails where that is forbidden.
    let (code, strict, _) = ran(dt(dir.path(), &["check", "--strict", first, second]));
    assert_eq!(code, 1, "{strict}");
    assert!(strict.contains("in 2 timelines: 1 property was not exercised"), "{strict}");
}

//! All tests. The commands under test are built first, and a real etcd is found or fetched, so that no test has a
//! reason to be skipped.

use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

use crate::{chromium, docker, python, step};

/// The version that tests which need "an etcd" run against: the newest that every package source has.
const ETCD: &str = "3.5.30";

pub(crate) fn run(filter: &[String]) -> anyhow::Result<()> {
    step::run(step::cargo(&["build", "--workspace", "--bins", "--locked"]))?;
    step::run(step::cargo(&["build", "-p", "voidstar", "--locked"]))?;
    docker::prepare()?;
    chromium::ensure(on_a_build_machine())?;
    let python = python::environment()?;
    let rules = chromium::rules(&python)?.display().to_string();
    // Built alone it would have other features, and all that it depends on would be built again.
    let dt = Command::new(step::target().join("debug/dt"));
    let needs = [
        ("ETCD_TRAFFIC_TEST_ETCD", fetch_etcd(dt)?),
        ("ETCD_TRAFFIC_TEST_PYTHON", python),
        ("ETCD_TRAFFIC_TEST_AXE", rules),
        // For the same reason they are not built again by the tests.
        ("ETCD_TRAFFIC_TEST_BUILT", "yes".to_owned()),
    ];
    step::say(&format!("tests use {} and {}", needs[0].1, needs[1].1));

    let kinds: [(&str, &[&str], &[&str]); 2] = [
        ("unit", &["--lib", "--bins"], &["--lib", "--bins"]),
        ("integration", &["--test", "*"], &["--test", "*"]),
    ];
    let mut summary = Vec::new();
    for (kind, nextest_targets, cargo_targets) in kinds {
        let (runner, targets): (&[&str], _) =
            if has_nextest() { (&["nextest", "run"], nextest_targets) } else { (&["test"], cargo_targets) };
        let mut tests = step::cargo(runner);
        tests.args(["--workspace", "--locked", "--no-fail-fast"]).args(targets).args(filter);
        summary.push((kind, step::run(with(tests, &needs))));
    }
    // nextest does not run the examples in documentation.
    if filter.is_empty() {
        let examples = step::cargo(&["test", "--workspace", "--locked", "--doc"]);
        summary.push(("documentation", step::run(with(examples, &needs))));
        summary.push(("example with testcontainers", docker::test_example()));
        summary.push(("the platform's own client", docker::validate()));
    }
    let mut failed = Vec::new();
    for (kind, result) in summary {
        match result {
            Ok(()) => step::say(&format!("test: {kind}: ok")),
            Err(error) => {
                step::say(&format!("test: {kind}: FAILED: {error:#}"));
                failed.push(kind);
            }
        }
    }
    step::say_skipped();
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

fn with(mut tests: Command, needs: &[(&str, String)]) -> Command {
    tests.envs(needs.iter().map(|(name, value)| (*name, value)));
    tests
}

/// There, whatever is missing is installed, or the tests fail.
#[expect(clippy::disallowed_methods, reason = "tasks are told by their environment where they run")]
fn on_a_build_machine() -> bool {
    std::env::var_os("CI").is_some()
}

fn has_nextest() -> bool {
    let mut version = step::cargo(&["nextest", "--version"]);
    version.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// The program of an etcd, which `dt` gets where it is not there yet.
pub(crate) fn fetch_etcd(mut dt: Command) -> anyhow::Result<String> {
    dt.args(["fetch", "etcd", "--version", ETCD]);
    Ok(step::output(dt).context("a real etcd is needed")?.trim().to_owned())
}

//! All tests. The commands under test are built first, and a real etcd is found or fetched, so that no test has a
//! reason to be skipped.

use std::process::{Command, Stdio};

use anyhow::Context as _;

use crate::step;

/// The version that tests which need "an etcd" run against: the newest that every package source has.
const ETCD: &str = "3.5.30";

pub(crate) fn run(filter: &[String]) -> anyhow::Result<()> {
    step::run(step::cargo(&["build", "--workspace", "--bins", "--locked"]))?;
    let etcd = fetch_etcd()?;
    step::say(&format!("tests use {etcd}"));

    let nextest = Command::new(env!("CARGO"))
        .args(["nextest", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    let runner: &[&str] = if nextest { &["nextest", "run"] } else { &["test"] };
    let targets: &[&str] = if nextest { &[] } else { &["--lib", "--bins", "--tests", "--examples"] };
    let mut tests = step::cargo(runner);
    tests.args(["--workspace", "--locked"]).args(targets).args(filter).env("ETCD_TRAFFIC_TEST_ETCD", &etcd);
    step::run(tests)?;
    // nextest does not run the examples in documentation.
    let mut examples = step::cargo(&["test", "--workspace", "--locked", "--doc"]);
    if filter.is_empty() {
        examples.env("ETCD_TRAFFIC_TEST_ETCD", &etcd);
        step::run(examples)?;
    }
    Ok(())
}

fn fetch_etcd() -> anyhow::Result<String> {
    let path = step::output(step::cargo(&[
        "run",
        "--quiet",
        "--locked",
        "-p",
        "dt",
        "--",
        "fetch",
        "etcd",
        "--version",
        ETCD,
    ]))
    .context("tests need a real etcd")?;
    Ok(path.trim().to_owned())
}

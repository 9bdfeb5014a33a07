//! Figures: what things cost, printed for people, asserted nowhere. Where the machine is noisy, read the ratios.

mod command;
mod recorder;
mod report;

use std::process::Command;

use clap::ValueEnum;

use crate::step;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Which {
    /// One test command as a whole process.
    Command,
    /// What recording costs an operation.
    Recorder,
    /// What recording leaves of a client's throughput, and what fifty clients come to.
    Throughput,
    /// What idle proxies cost a put; the aim is under 10 % of its median.
    Proxy,
    /// How fast histories are decided, by engine, model and length.
    Checker,
    /// The report of a million operations: time, size, first paint.
    Report,
}

pub(crate) fn run(which: Option<Which>) -> anyhow::Result<()> {
    let wanted = |this: Which| which.is_none_or(|which| which == this);
    if wanted(Which::Recorder) {
        recorder::run()?;
    }
    if wanted(Which::Command) {
        command::run()?;
    }
    if wanted(Which::Report) {
        report::run()?;
    }
    for (which, package, example) in
        [(Which::Throughput, "etcd_traffic", "throughput"), (Which::Proxy, "chaos", "proxy_cost")]
    {
        if wanted(which) {
            with_etcd(package, example)?;
        }
    }
    if wanted(Which::Checker) {
        let example = |example: &str, more: &[&str]| {
            let mut run =
                step::cargo(&["run", "--release", "--locked", "-p", "checker", "--example", example, "--"]);
            run.args(more);
            step::run(run)
        };
        example("bench_etcd", &[])?;
        example("bench_models", &[])?;
        // Each mix of clients once.
        example("bench_etcd", &["--undecided", "432"])?;
    }
    Ok(())
}

/// `dt` as people run it. Built with its siblings, so that nothing is built twice with other features.
fn dt() -> anyhow::Result<Command> {
    step::run(step::cargo(&["build", "--release", "--locked"]))?;
    Ok(Command::new(step::target().join("release/dt")))
}

/// An example that starts members of its own.
fn with_etcd(package: &str, example: &str) -> anyhow::Result<()> {
    let etcd = crate::test::fetch_etcd(dt()?)?;
    let mut run = step::cargo(&["run", "--release", "--locked", "-p", package, "--example", example, "--"]);
    // Puts wait for a disk, so it must be one.
    run.arg(etcd).arg(step::target());
    step::run(run)
}

//! Figures: what things cost, printed for people, asserted nowhere. Where the machine is noisy, read the ratios.

mod command;
mod recorder;
mod report;

use clap::ValueEnum;

use crate::step;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Which {
    /// One test command as a whole process.
    Command,
    /// What recording costs an operation.
    Recorder,
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
    if wanted(Which::Proxy) {
        // Puts wait for a disk, so it must be one.
        let (etcd, disk) = (
            crate::test::fetch_etcd(step::cargo(&["run", "--quiet", "--locked", "-p", "dt", "--"]))?,
            step::target(),
        );
        let mut proxies =
            step::cargo(&["run", "--release", "--locked", "-p", "chaos", "--example", "proxy_cost", "--"]);
        proxies.arg(etcd).arg(disk);
        step::run(proxies)?;
    }
    if wanted(Which::Checker) {
        for example in ["bench_etcd", "bench_models"] {
            step::run(step::cargo(&["run", "--release", "--locked", "-p", "checker", "--example", example]))?;
        }
    }
    Ok(())
}

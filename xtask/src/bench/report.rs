//! The report of a million operations: how long it takes to make, how large it is, and when a browser has painted it.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use ::browser::{Browser, Programs};
use anyhow::Context as _;

use crate::step;

#[path = "../../../crates/dt/tests/it/million.rs"]
mod million;

const OPERATIONS: u64 = 1_000_000;
/// A recorded run; its history is replaced.
const RUN: &str = "crates/dt/tests/data/etcd-3.5.1-lost-write.tar.gz";
/// A page is loaded so often, and the middle of the times is told.
const ROUNDS: usize = 5;

pub(crate) fn run() -> anyhow::Result<()> {
    let scratch = tempfile::tempdir_in(step::target())?;
    let mut unpack = Command::new("tar");
    unpack.arg("-xzf").arg(step::root().join(RUN)).arg("-C").arg(scratch.path());
    step::run(unpack)?;
    let run = scratch.path().join("etcd-3.5.1-lost-write");
    fs::remove_dir_all(run.join("history"))?;
    fs::remove_file(run.join("events.jsonl"))?;
    million::million(&run, OPERATIONS);

    let mut check = super::dt()?;
    check.args(["check", "--timings"]).arg(&run).current_dir(step::root());
    // What it says of the run is no matter here, and neither is its exit code.
    let checked = check.output().context("cannot run dt")?;
    let told = String::from_utf8_lossy(&checked.stderr).into_owned();
    told.lines().filter(|line| line.starts_with("timing: ")).for_each(step::say);
    let page = run.join("report.html");
    let size = fs::metadata(&page).context("there is no report")?.len();
    step::say(&format!("report of {OPERATIONS} operations: {size} bytes (budget: 2000000)"));
    paint(&page, scratch.path())
}

fn paint(page: &Path, scratch: &Path) -> anyhow::Result<()> {
    let Some(programs) = Programs::find() else {
        step::say("first paint: not measured, there is no chromium with its driver");
        return Ok(());
    };
    let browser = Browser::start(&programs, scratch)?;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        browser.open("about:blank")?;
        browser.open(&format!("file://{}", page.display()))?;
        let script = "
            const painted = performance.getEntriesByName('first-contentful-paint')[0];
            return painted && painted.startTime";
        let painted = browser.wait("the first paint", Duration::from_secs(60), script)?;
        times.push(painted.as_f64().unwrap_or_default());
    }
    times.sort_by(f64::total_cmp);
    step::say(&format!(
        "first paint: {:.0} ms at the median of {ROUNDS}, {:.0} to {:.0} ms (budget: 1000)",
        times[ROUNDS / 2],
        times[0],
        times[ROUNDS - 1]
    ));
    Ok(())
}

//! `dt run`: from words on the command line to a running timeline, and from there to a verdict.

mod config;
mod contained;
mod directory;
mod environment;
mod faults;
pub(crate) mod interrupt;
mod launcher;
mod links;
mod metrics;
mod prefixes;
mod progress;
mod session;
mod system;
mod tail;
mod violations;

pub(crate) use links::{FILE as LINKS_FILE, Second};
pub(crate) use metrics::FILE as METRICS_FILE;
pub(crate) use progress::say;
pub(crate) use session::KEEP_FILE;
pub(crate) use system::obtain;

use report::Outcome;
use tokio::sync::watch;

use crate::check;
use crate::cli::RunArgs;
use crate::exit::{self, Exit};

pub(crate) fn run(args: &RunArgs) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let config = runtime.block_on(config::Config::new(args))?;
    if args.plan {
        let (plan, faults) = (&config.plan, &config.faults);
        let outlasting = if faults.duration_ms > plan.duration_ms {
            "faults go on until the last commands begin, which is when drivers have ended\n"
        } else {
            ""
        };
        return exit::show(&format!("{plan}{outlasting}{faults}"));
    }
    let interrupted = runtime.block_on(async { interrupt::listen() })?;
    if args.timelines == 1 {
        return Ok(runtime.block_on(session::run(config, interrupted))?.exit);
    }
    runtime.block_on(timelines(args, config, interrupted))
}

/// Several timelines, each with the seed behind the last one's, and then their verdict together.
async fn timelines(
    args: &RunArgs,
    first: config::Config,
    interrupted: watch::Receiver<bool>,
) -> anyhow::Result<Exit> {
    let seed = first.plan.seed;
    let mut next = Some(first);
    let mut runs = Vec::new();
    for n in 0..args.timelines {
        let config = match next.take() {
            Some(first) => first,
            None => {
                let args = RunArgs { seed: Some(seed.wrapping_add(n)), ..args.clone() };
                config::Config::new(&args).await?
            }
        };
        say(&format!("timeline {} of {}", n + 1, args.timelines));
        let ended = session::run(config, interrupted.clone()).await?;
        runs.extend(ended.verdict.is_some().then_some(ended.dir));
        if *interrupted.borrow() || (args.until_violation && ended.verdict == Some(Outcome::Invalid)) {
            break;
        }
    }
    if runs.is_empty() {
        return Ok(Exit::Failed);
    }
    let exit = check::together(&runs, args.strict, args.expect.as_deref(), args.all)?;
    Ok(if *interrupted.borrow() { Exit::Failed } else { exit })
}

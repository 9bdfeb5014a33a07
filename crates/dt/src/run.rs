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

use std::io::Write as _;

pub(crate) use links::{FILE as LINKS_FILE, Second};
pub(crate) use metrics::FILE as METRICS_FILE;
pub(crate) use progress::say;
pub(crate) use session::KEEP_FILE;
pub(crate) use system::obtain;

use crate::cli::RunArgs;
use crate::exit::Exit;

pub(crate) fn run(args: &RunArgs) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let config = runtime.block_on(config::Config::new(args))?;
    if args.plan {
        write!(std::io::stdout(), "{}{}", config.plan, config.faults)?;
        return Ok(Exit::Valid);
    }
    runtime.block_on(session::run(config))
}

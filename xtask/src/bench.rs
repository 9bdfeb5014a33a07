//! Figures: what things cost, printed for people, asserted nowhere. Where the machine is noisy, read the ratios.

mod command;
mod recorder;

use clap::ValueEnum;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Which {
    /// One test command as a whole process.
    Command,
    /// What recording costs an operation.
    Recorder,
}

pub(crate) fn run(which: Option<Which>) -> anyhow::Result<()> {
    let wanted = |this: Which| which.is_none_or(|which| which == this);
    if wanted(Which::Recorder) {
        recorder::run()?;
    }
    if wanted(Which::Command) {
        command::run()?;
    }
    Ok(())
}

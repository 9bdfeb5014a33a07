//! Figures: what things cost, printed for people, asserted nowhere.

use clap::ValueEnum;

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Which {
    /// One test command as a whole process, and the recorder.
    Command,
    /// The checker's engines.
    Checker,
}

pub(crate) fn run(_which: Option<Which>) -> anyhow::Result<()> {
    Ok(())
}

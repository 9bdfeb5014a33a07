//! `dt fetch`: a system's program, from wherever it can be had, and where it is.

use std::io::Write as _;

use cluster::chart::{self, CatalogError};

use crate::exit::{Exit, UsageError};
use crate::home::Home;
use crate::run;

pub(crate) fn run(chart: &str, version: Option<&str>) -> anyhow::Result<Exit> {
    let chart = chart::load(&Home::find()?.charts(), chart).map_err(|error| match error {
        CatalogError::Unknown { .. } => UsageError(error.to_string()).into(),
        error => anyhow::Error::from(error),
    })?;
    let version = version.map(str::parse).transpose();
    let version = version.map_err(|error| UsageError(format!("--version: {error}")))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let binary = runtime.block_on(run::obtain(&chart, None, version))?;
    writeln!(std::io::stdout(), "{}", binary.path.display())?;
    Ok(Exit::Valid)
}

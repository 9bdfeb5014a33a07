//! `dt fetch`: a system's program, from wherever it can be had, and where it is.

use std::io::Write as _;

use crate::exit::Exit;
use crate::home::Home;
use crate::run;

pub(crate) fn run(chart: &str, version: Option<&str>) -> anyhow::Result<Exit> {
    let chart = cluster::chart::load(&Home::find()?.charts(), chart)?;
    let version = version.map(str::parse).transpose()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let binary = runtime.block_on(run::obtain(&chart, None, version))?;
    writeln!(std::io::stdout(), "{}", binary.path.display())?;
    Ok(Exit::Valid)
}

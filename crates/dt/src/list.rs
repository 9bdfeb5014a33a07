//! `dt list`: which charts and suites there are, a line each.

use std::io::Write as _;

use crate::cli::Listable;
use crate::exit::Exit;
use crate::home::Home;
use crate::suite;

pub(crate) fn run(what: Listable) -> anyhow::Result<Exit> {
    let home = Home::find()?;
    let mut lines = Vec::new();
    match what {
        Listable::Charts => {
            for name in cluster::chart::names(&home.charts())? {
                lines.push((name.clone(), cluster::chart::load(&home.charts(), &name)?.about));
            }
        }
        Listable::Suites => {
            for name in suite::names(&home.suites())? {
                lines.push((name.clone(), suite::load(&home.suites(), &name)?.about));
            }
        }
        Listable::Profiles => lines = chaos::Profile::list()?,
    }
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut out = std::io::stdout().lock();
    for (name, about) in lines {
        writeln!(out, "{name:<width$}  {about}")?;
    }
    Ok(Exit::Valid)
}

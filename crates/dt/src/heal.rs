//! `dt heal`: ends what runs left behind whose `dt` was killed. Doing it twice does nothing more.

use std::io::Write as _;
use std::path::Path;

use anyhow::bail;
use chaos::leftovers::{self, HealedRun};

use crate::exit::{Exit, UsageError};

pub(crate) fn run(dir: &Path) -> anyhow::Result<Exit> {
    if !dir.is_dir() {
        let dir = dir.display();
        return Err(UsageError(format!(
            "{dir} is no directory: name a run's directory, or that of all runs"
        ))
        .into());
    }
    let healed = if dir.join("history").is_dir() {
        vec![(dir.to_owned(), leftovers::heal(dir))]
    } else {
        leftovers::heal_all(dir)?
    };
    let mut out = std::io::stdout().lock();
    if healed.is_empty() {
        writeln!(out, "nothing is left to heal in {}", dir.display())?;
    }
    for line in lines(&healed) {
        writeln!(out, "{line}")?;
    }
    if healed.iter().any(|(_, result)| result.is_err()) {
        bail!("not everything could be healed");
    }
    Ok(Exit::Valid)
}

/// What was done, or could not be done, a line each.
pub(crate) fn lines(healed: &[HealedRun]) -> Vec<String> {
    let mut lines = Vec::new();
    for (run, result) in healed {
        let run = run.display();
        match result {
            Err(error) => lines.push(format!("cannot heal {run}: {error}")),
            Ok(done) => {
                let (undone, ended) = (done.undone.len(), done.ended.len());
                let removed = match done.removed.len() {
                    0 => String::new(),
                    count => format!(", {count} containers, networks and volumes removed"),
                };
                lines.push(format!("healed {run}: {undone} faults undone, {ended} processes ended{removed}"));
                let all = done.undone.iter().chain(&done.ended).chain(&done.removed);
                lines.extend(all.map(|what| format!("  {what}")));
            }
        }
    }
    lines
}

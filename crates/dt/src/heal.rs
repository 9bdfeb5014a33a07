//! `dt heal`: ends what runs left behind whose `dt` was killed. Doing it twice does nothing more.

use std::io::Write as _;
use std::path::Path;

use anyhow::bail;
use chaos::leftovers::{self, HealedRun};

use crate::exit::{Exit, UsageError};
use crate::remote::Remote;

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

/// Has a service heal one of its runs: `name` may be its directory's path, too.
pub(crate) fn by(server: &str, name: &Path) -> anyhow::Result<Exit> {
    let name = name.file_name().unwrap_or_default().to_string_lossy();
    if name == "runs" {
        let what = "name a run of the service; `dt list runs --server URL` has them";
        return Err(UsageError(what.to_owned()).into());
    }
    let healed: serde_json::Value =
        Remote::new(server)?.post(&format!("/api/runs/{name}/heal"), &serde_json::json!({}))?;
    let mut out = std::io::stdout().lock();
    let count = |what: &str| healed[what].as_array().map_or(0, Vec::len);
    writeln!(out, "healed {name}: {} faults undone, {} processes ended", count("undone"), count("ended"))?;
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

//! `dt check`: the verdict of a run from its files alone. `dt run` ends with the same function.

mod foreign;
mod gather;

use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use history::Sources;
use report::{Detail, Summary};

use crate::cli::CheckArgs;
use crate::exit::{Exit, UsageError};

pub(crate) fn run(args: &CheckArgs) -> anyhow::Result<Exit> {
    for path in &args.paths {
        if !path.exists() {
            let path = path.display();
            let what = "name a run's directory, such as runs/latest, or a history's file";
            return Err(UsageError(format!("{path} does not exist: {what}")).into());
        }
    }
    let [dir] = args.paths.as_slice() else { return foreign::run(args) };
    if !dir.is_dir() {
        return foreign::run(args);
    }
    if !["run.json", "history"].iter().any(|part| dir.join(part).exists()) && Sources::read_dir(dir).is_err()
    {
        return foreign::run(args);
    }
    let summary = judge(dir, args.strict)?;
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&summary)?)?;
    } else {
        write!(out, "{}", report::table(&summary, detail(args.all)))?;
    }
    Ok(summary.verdict.into())
}

/// How much of a verdict is shown.
pub(crate) fn detail(all: bool) -> Detail {
    if all { Detail::All } else { Detail::Short }
}

/// Judges a run's directory. `strict` adds to what the run was started with.
pub(crate) fn judge(dir: &Path, strict: bool) -> anyhow::Result<Summary> {
    let evidence = gather::evidence(dir, strict)?;
    Ok(report::judge(evidence))
}

/// Judges a run's directory and leaves `verdict.json` in it.
pub(crate) fn judge_and_write(dir: &Path) -> anyhow::Result<Summary> {
    let summary = judge(dir, false)?;
    let path = dir.join("verdict.json");
    let text = serde_json::to_string_pretty(&summary)? + "\n";
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(summary)
}

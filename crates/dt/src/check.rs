//! `dt check`: the verdict of a run from its files alone. `dt run` ends with the same function.

mod files;
mod foreign;
pub(crate) mod gather;
pub(crate) mod prefix;

use std::io::Write as _;
use std::path::Path;

use history::{Sources, clock};
use report::{Detail, Summary, View};

use crate::cli::CheckArgs;
use crate::exit::{Exit, UsageError};
use crate::material;
use crate::run::say;

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
    let began = clock::now();
    let (summary, violation) = judge(dir, args.strict)?;
    let judged = clock::now();
    if dir.join("run.json").exists() {
        // A record that cannot be written to can be judged all the same.
        if let Err(error) = files::write(dir, &summary, violation.as_ref()) {
            say(&format!("note: {error:#}"));
        }
    }
    if args.timings {
        let (judging, making) = (judged.since(began), clock::now().since(judged));
        say(&format!("timing: judged in {judging:.2?}, report and its companions made in {making:.2?}"));
    }
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

/// Judges a run's directory, and gives what the checker says against its history. `strict` adds to what the run was
/// started with.
fn judge(dir: &Path, strict: bool) -> anyhow::Result<(Summary, Option<checker::Violation>)> {
    let evidence = gather::evidence(dir, strict)?;
    let violation = evidence.violation.clone();
    Ok((report::judge(evidence), violation))
}

/// Everything that the report of a judged run shows. It is not judged again, and its violation is not looked for.
pub(crate) fn view(dir: &Path) -> anyhow::Result<View> {
    let summary = std::fs::read(dir.join("verdict.json")).ok();
    let summary: Option<Summary> = summary.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let sources = gather::sources(dir)?;
    Ok(View::new(&material::gather(dir, &sources, summary.as_ref(), None)?))
}

/// Judges a run's directory and leaves the verdict and its renderings in it.
pub(crate) fn judge_and_write(dir: &Path) -> anyhow::Result<Summary> {
    let (summary, violation) = judge(dir, false)?;
    files::write(dir, &summary, violation.as_ref())?;
    Ok(summary)
}

//! `dt check`: the verdict of a run from its files alone. `dt run` ends with the same function.

mod files;
mod foreign;
pub(crate) mod gather;
pub(crate) mod prefix;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use history::{Sources, clock};
use report::known::{self, Known};
use report::{Detail, Evidence, Outcome, Summary, View};

use crate::cli::CheckArgs;
use crate::exit::{Exit, UsageError};
use crate::run::say;
use crate::{home, material};

pub(crate) fn run(args: &CheckArgs) -> anyhow::Result<Exit> {
    for path in &args.paths {
        if !path.exists() {
            let path = path.display();
            let what = "name a run's directory, such as runs/latest, or a history's file";
            return Err(UsageError(format!("{path} does not exist: {what}")).into());
        }
    }
    is_known("etcd", args.expect.as_deref())?;
    if args.paths.iter().any(|path| is_run(path)) && (args.format.is_some() || args.model.is_some()) {
        let what = "--format and --model are for other people's files: a run's directory tells what it has";
        return Err(UsageError(what.to_owned()).into());
    }
    let run = match args.paths.as_slice() {
        [dir] if is_run(dir) => Some(dir),
        _ => None,
    };
    let Some(dir) = run else {
        if args.paths.iter().all(|path| path.join("run.json").exists()) {
            return several(args);
        }
        if args.expect.is_some() {
            let what = "--expect needs a run's directory: a known defect shows by what happened in a run";
            return Err(UsageError(what.to_owned()).into());
        }
        return foreign::run(args);
    };
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
    Ok(exit(&summary, args.expect.as_deref()))
}

/// Several runs as the timelines of one test.
fn several(args: &CheckArgs) -> anyhow::Result<Exit> {
    if args.json {
        let summary = judge_together(&args.paths, args.strict)?;
        writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(&summary)?)?;
        return Ok(exit(&summary, args.expect.as_deref()));
    }
    together(&args.paths, args.strict, args.expect.as_deref(), args.all)
}

/// Judges several runs together, and shows what they come to.
pub(crate) fn together(
    dirs: &[PathBuf],
    strict: bool,
    expected: Option<&str>,
    all: bool,
) -> anyhow::Result<Exit> {
    let summary = judge_together(dirs, strict)?;
    let mut out = std::io::stdout().lock();
    write!(out, "\n{}", report::table(&summary, detail(all)))?;
    for dir in dirs {
        writeln!(out, "run directory:  {}", home::shown(dir))?;
    }
    Ok(exit(&summary, expected))
}

fn judge_together(dirs: &[PathBuf], strict: bool) -> anyhow::Result<Summary> {
    let evidence: anyhow::Result<Vec<Evidence>> =
        dirs.iter().map(|dir| gather::evidence(dir, strict)).collect();
    Ok(report::judge(Evidence::together(evidence?)))
}

fn is_run(dir: &Path) -> bool {
    let has = |part: &&str| dir.join(part).exists();
    dir.is_dir() && (["run.json", "history"].iter().any(has) || Sources::read_dir(dir).is_ok())
}

/// The typist's mistake where a defect is expected that nobody knows of.
pub(crate) fn is_known(system: &str, expected: Option<&str>) -> anyhow::Result<()> {
    let Some(expected) = expected else { return Ok(()) };
    let known = Known::of(system)?;
    if known.iter().any(|known| known.named.id == expected) {
        return Ok(());
    }
    let ids: Vec<&str> = known.iter().map(|known| known.named.id.as_str()).collect();
    let there = if ids.is_empty() { "none".to_owned() } else { ids.join(", ") };
    Err(UsageError(format!("--expect: no known defect is called `{expected}`; there are: {there}")).into())
}

/// How `dt` ends after a verdict: by it, or by whether exactly the defect was found that is expected.
pub(crate) fn exit(summary: &Summary, expected: Option<&str>) -> Exit {
    let Some(expected) = expected else { return summary.verdict.into() };
    if summary.verdict == Outcome::Invalid && known::is_exactly(&summary.properties, expected) {
        say(&format!("{expected} was expected, and was found"));
        return Exit::Valid;
    }
    let what = match summary.verdict {
        Outcome::Invalid => "something else was found",
        _ => "was not found",
    };
    say(&format!("{expected} was expected, and {what}"));
    Exit::Invalid
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

#[cfg(test)]
mod tests {
    use report::known::Named;
    use report::{Example, Group, Property, Status};

    use super::*;

    fn summary(verdict: Outcome, known: &[&str]) -> Summary {
        let mut property = Property::new("p", Group::History, "x");
        property.status = if verdict == Outcome::Invalid { Status::Failing } else { Status::Passing };
        property.saw(false, Example { command: String::new(), number: None, details: "d".into() });
        property.known = known.iter().map(|id| (*id).to_owned()).collect();
        Summary {
            verdict,
            sentence: String::new(),
            subject: String::new(),
            operations: 1,
            properties: vec![property],
            known: Vec::<Named>::new(),
            notes: Vec::new(),
        }
    }

    #[test]
    fn only_the_expected_defect_makes_a_broken_promise_acceptable() {
        let of = |verdict, known, expected| exit(&summary(verdict, known), expected);
        assert_eq!(of(Outcome::Invalid, &["18667"], None), Exit::Invalid);
        assert_eq!(of(Outcome::Invalid, &["18667", "13766"], Some("18667")), Exit::Valid);
        assert_eq!(of(Outcome::Invalid, &["18667"], Some("13766")), Exit::Invalid);
        assert_eq!(of(Outcome::Invalid, &[], Some("13766")), Exit::Invalid);
        for verdict in [Outcome::Valid, Outcome::Unknown, Outcome::Vacuous] {
            assert_eq!(of(verdict, &[], Some("18667")), Exit::Invalid, "it was not found");
        }
        assert_eq!(of(Outcome::Unknown, &[], None), Exit::Undecided);
    }

    #[test]
    fn a_defect_that_nobody_knows_is_the_typists_mistake() {
        assert!(is_known("etcd", None).is_ok() && is_known("etcd", Some("18667")).is_ok());
        let error = is_known("etcd", Some("1")).unwrap_err();
        assert!(error.is::<UsageError>() && error.to_string().contains("18667, "), "{error}");
        assert!(is_known("redis", Some("18667")).unwrap_err().to_string().contains("there are: none"));
    }
}

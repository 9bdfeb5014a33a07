//! Histories that are files: of other tools, or single ones of our own. Files of one etcd run are judged together, all
//! others each by itself.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use checker::formats::{self, Loaded, ModelName, Recorded};
use checker::{Options, Report, Verdict, etcd};
use history::{Sources, clock};
use report::Outcome;

use crate::cli::CheckArgs;
use crate::exit::{Exit, UsageError};

/// One judgement: of a file, or of several that belong together.
struct Judged {
    name: String,
    what: String,
    report: Report,
}

pub(super) fn run(args: &CheckArgs) -> anyhow::Result<Exit> {
    let judged = judge_all(args)?;
    let mut out = std::io::stdout().lock();
    if args.json {
        let reports: Vec<_> =
            judged.iter().map(|one| serde_json::json!({"file": one.name, "report": one.report})).collect();
        writeln!(out, "{}", serde_json::to_string_pretty(&reports)?)?;
    } else {
        for Judged { name, what, report } in &judged {
            let (operations, unknown) = (report.counts.operations, report.counts.unknown);
            writeln!(out, "{name}: {}", report.verdict)?;
            writeln!(
                out,
                "  {operations} operations, {unknown} of unknown outcome; {what}; engine {}",
                report.engine
            )?;
        }
    }
    Ok(worst(&judged).into())
}

fn judge_all(args: &CheckArgs) -> anyhow::Result<Vec<Judged>> {
    let mut judged = Vec::new();
    let mut of_etcd: Option<(Vec<String>, Loaded)> = None;
    let mut ours = Vec::new();
    for path in files(&args.paths)? {
        let name = path.display().to_string();
        let bytes = fs::read(&path).with_context(|| format!("cannot read {name}"))?;
        if args.format.is_none() && bytes.starts_with(b"{\"history\":") {
            ours.push(path);
            continue;
        }
        let loaded = formats::read(&name, &bytes, args.format, args.model);
        let loaded = loaded.map_err(|error| UsageError(format!("{name}: {error}")))?;
        match (&mut of_etcd, loaded.recorded.model()) {
            (None, ModelName::Etcd) => of_etcd = Some((vec![name], loaded)),
            (Some((names, all)), ModelName::Etcd) => {
                names.push(name);
                // Both are of etcd, so that they can be joined.
                let _ = all.recorded.join(loaded.recorded);
            }
            _ => judged.push(judge(name, &loaded, args)),
        }
    }
    judged.extend(of_etcd.map(|(names, loaded)| judge(names.join(" and "), &loaded, args)));
    if !ours.is_empty() {
        let name = ours.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" and ");
        let sources = Sources::read_files(&ours)?;
        let options = etcd::Options { patient: true, ..etcd::Options::default() };
        let (report, _) = etcd::check_files(&sources, &options)?;
        judged.push(Judged { name, what: "this project's format, model etcd".to_owned(), report });
    }
    Ok(judged)
}

/// What other tools call the files of a run. etcd's tests leave a directory for each client.
const NAMES: [&str; 3] = ["history.edn", "operations.json", "watch.json"];

/// So deep are directories looked into: a link in a circle must not keep us.
const DEPTH: usize = 6;

/// The files themselves, and of directories those that other tools are known to leave there.
fn files(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let mut all = inside(path)?;
        if all.is_empty() {
            let path = path.display();
            let names = NAMES.join(", ");
            let hint =
                format!("{path} is neither a run's directory nor holds {names}: name the files themselves");
            return Err(UsageError(hint).into());
        }
        files.append(&mut all);
    }
    Ok(files)
}

/// Files of known names in a directory and in those below.
fn inside(directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut left = vec![(directory.to_owned(), 0)];
    while let Some((directory, depth)) = left.pop() {
        let listed = fs::read_dir(&directory);
        for entry in listed.with_context(|| format!("cannot read {}", directory.display()))? {
            let path = entry?.path();
            if path.is_dir() && depth < DEPTH {
                left.push((path, depth + 1));
            } else if path.file_name().is_some_and(|name| NAMES.iter().any(|known| name == *known)) {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

fn judge(name: String, loaded: &Loaded, args: &CheckArgs) -> Judged {
    let until = clock::now().plus(Duration::from_secs(args.search_seconds));
    let cancelled = move || clock::now() >= until;
    let options = Options { cancelled: &cancelled, times: loaded.times, ..Options::default() };
    let report = match &loaded.recorded {
        Recorded::Register { model, entries } => checker::check(model, entries, &options),
        Recorded::Registers { model, entries } => checker::check(model, entries, &options),
        Recorded::KeyValue { model, entries } => checker::check(model, entries, &options),
        Recorded::Versioned { model, entries } => checker::check(model, entries, &options),
        Recorded::Transactions { model, entries } => checker::check(model, entries, &options),
        Recorded::Bank { model, entries } => checker::check(model, entries, &options),
        Recorded::Mutex { model, entries } => checker::check(model, entries, &options),
        Recorded::Etcd(history) => etcd::check(history, &etcd::Options::default()),
    };
    let what = format!("format {}, model {}", loaded.format, loaded.recorded.model());
    Judged { name, what, report }
}

/// An invalid file decides, then an undecided one.
fn worst(judged: &[Judged]) -> Outcome {
    match judged.iter().map(|one| &one.report.verdict).cloned().reduce(Verdict::and) {
        Some(Verdict::Valid) => Outcome::Valid,
        Some(Verdict::Invalid(_)) => Outcome::Invalid,
        Some(Verdict::Unknown { .. }) => Outcome::Unknown,
        Some(Verdict::Vacuous { .. }) | None => Outcome::Vacuous,
    }
}

//! The promises of etcd as properties of the run, each put to the test by the run's own history; and what members' logs
//! say of their ends.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use checker::guarantees::{self, Finding, Options};
use checker::{Report, Verdict, Violation, logs};
use history::{History, Nanos, Sources};
use report::{Example, Group, Property, Status};

use crate::record::RunRecord;

/// What must hold of the members' logs.
const LOG_PROPERTY: &str = "No member logs a panic or a fatal error";

/// The promises that the history put to the test, and the first violation of one.
pub(super) fn properties(
    sources: &Sources,
    options: &Options,
    order: &Report,
    notes: &mut Vec<String>,
) -> anyhow::Result<(Vec<Property>, Option<Violation>)> {
    let history = History::parse(sources)?;
    let findings = guarantees::check(&history, options, Some(order));
    let holds = guarantees::holds(&history);
    if holds.overlapping > 0 {
        notes.push(format!(
            "{} of {} times a client held a lock, another believed to hold it too: without a token that is checked where \
             it writes, a lock does not exclude",
            holds.overlapping, holds.held
        ));
    }
    let violation = findings.iter().find_map(|finding| match &finding.verdict {
        Verdict::Invalid(violation) => Some((**violation).clone()),
        _ => None,
    });
    Ok((put_to_the_test(&findings, notes).into_iter().map(property).collect(), violation))
}

/// Leaves out what a history has nothing of at all: a run without watches says so once, and not of every promise.
fn put_to_the_test<'f>(findings: &'f [Finding], notes: &mut Vec<String>) -> Vec<&'f Finding> {
    let mut tested: BTreeMap<&str, (usize, bool)> = BTreeMap::new();
    for finding in findings {
        let (count, any) = tested.entry(finding.guarantee.subject()).or_default();
        *count += 1;
        *any |= !matches!(finding.verdict, Verdict::Vacuous { .. });
    }
    for (subject, (count, _)) in tested.iter().filter(|(_, (_, any))| !any) {
        notes.push(format!(
            "nothing was asked of {subject}: {count} promises about them were not put to the test"
        ));
    }
    let any = |finding: &&Finding| tested.get(finding.guarantee.subject()).is_some_and(|(_, any)| *any);
    findings.iter().filter(any).collect()
}

fn property(finding: &Finding) -> Property {
    let Finding { guarantee, verdict, compared, broken, violations } = finding;
    let mut property = Property::new(guarantee.sentence(), Group::History, guarantee.counted());
    property.status = match verdict {
        Verdict::Valid => Status::Passing,
        Verdict::Invalid(_) => Status::Failing,
        Verdict::Unknown { .. } => Status::Unknown,
        Verdict::Vacuous { .. } => Status::NotExercised,
    };
    (property.passed, property.failed) = (compared.saturating_sub(*broken), *broken);
    property.counterexamples = violations
        .iter()
        .map(|violation| {
            let details = violation.sentence.clone().into();
            Example { command: String::new(), number: None, details }
        })
        .collect();
    property
}

/// Since when nothing disturbed the store: from the beginning where no faults were planned, else from when the last one
/// had ended and all members were back. Never, where that did not come or is not known.
pub(super) fn calm_from(dir: &Path, run: &RunRecord) -> anyhow::Result<Option<Nanos>> {
    if run.attached {
        return Ok(None);
    }
    let log = chaos::log::read(dir).context("cannot read the log of faults")?;
    let ends = log.applied.iter().map(|fault| Some((fault.until?, fault.recovered_ms)));
    let ends = ends.collect::<Option<Vec<(Nanos, Option<u64>)>>>();
    let recovered = log.recoveries.iter().all(|recovery| recovery.took_ms.is_some());
    let Some(ends) = ends.filter(|_| recovered && log.broken == 0) else { return Ok(None) };
    // Where nobody saw the members come back after the last fault, they were back when the run had ended.
    let back = ends.iter().max().map(|(end, recovered)| {
        let recovered = recovered.map(|ms| end.plus(Duration::from_millis(ms)));
        recovered.or_else(|| log.recoveries.iter().map(|recovery| recovery.t).max()).unwrap_or(Nanos::MAX)
    });
    Ok(back.into_iter().chain([run.began]).max())
}

/// Members' logs, as far as the run has them.
pub(super) fn logs(dir: &Path) -> anyhow::Result<Option<Property>> {
    let members = dir.join("members");
    if !members.is_dir() {
        return Ok(None);
    }
    let mut property = Property::new(LOG_PROPERTY, Group::System, "logs of members");
    let mut paths = Vec::new();
    for entry in fs::read_dir(&members).with_context(|| format!("cannot read {}", members.display()))? {
        paths.push(entry?.path());
    }
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
    paths.sort();
    for path in paths {
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let text = String::from_utf8_lossy(&bytes);
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut clean = true;
        for found in logs::fatal_lines(&text) {
            clean = false;
            let details = format!("{name}:{}: {}", found.line, found.text).into();
            property.saw(false, Example { command: String::new(), number: None, details });
        }
        if clean && !bytes.is_empty() {
            property.saw(true, Example { command: String::new(), number: None, details: name.into() });
        }
    }
    property.status = match (property.passed, property.failed) {
        (_, 1..) => Status::Failing,
        (1.., 0) => Status::Passing,
        (0, 0) => Status::NotExercised,
    };
    Ok(Some(property))
}

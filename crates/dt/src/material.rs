//! From a run's directory to what a report is made of. Whatever is missing or damaged is left out: the verdict's notes
//! say what could not be read.

mod logs;
pub(crate) mod metrics;

use std::path::Path;

use anyhow::Context as _;
use chaos::log::{self as fault_log, LoggedFault};
use composer::{CommandLog, CommandRecord, Ending as HowEnded, RECORD_FILE};
use history::{Nanos, Sources};
use report::{
    CommandRun, Ending, FaultRun, LinkUse, Material, Observed, Refused, RunFacts, Summary, Violation, Witness,
};

use crate::home;
use crate::record::RunRecord;

/// Everything that is known of the run in `dir`. `found` is what the checker said of its history, which is `sources`.
pub(crate) fn gather(
    dir: &Path,
    sources: &Sources,
    summary: Option<&Summary>,
    found: Option<&checker::Violation>,
) -> anyhow::Result<Material> {
    let run = RunRecord::read(dir).unwrap_or_default();
    let (faults, refused) = faults(dir);
    let observed = observed(sources, &faults, found)?;
    let violation = found.map(|found| violation(sources, found, &observed)).transpose()?;
    let logs = match (&violation, &run) {
        (Some(violation), Some(run)) => logs::around(dir, run, &violation.witness),
        _ => Vec::new(),
    };
    Ok(Material {
        summary: summary.cloned(),
        run: run.as_ref().map(|run| facts(dir, run)),
        commands: commands(dir),
        faults,
        refused,
        metrics: metrics::read(dir),
        violation,
        logs,
        observed,
        until: None,
    })
}

fn observed(
    sources: &Sources,
    faults: &[FaultRun],
    found: Option<&checker::Violation>,
) -> anyhow::Result<Observed> {
    let wanted: Vec<usize> =
        found.iter().flat_map(|found| found.operations.iter().chain(&found.legal_prefix)).copied().collect();
    Observed::read(sources, &report::marks(faults), &wanted).context("cannot read the history")
}

/// The operations of a violation, by the places that observing found them at.
fn violation(
    sources: &Sources,
    found: &checker::Violation,
    observed: &Observed,
) -> anyhow::Result<Violation> {
    let (core, explained) = observed.found.split_at(found.operations.len().min(observed.found.len()));
    let witness = Witness::read(sources, core, explained).context("cannot read the history")?;
    Ok(Violation {
        rule: found.rule.to_owned(),
        sentence: found.sentence.clone(),
        key: found.key.clone(),
        witness,
    })
}

pub(crate) fn facts(dir: &Path, run: &RunRecord) -> RunFacts {
    let wall = jiff::Timestamp::from_nanosecond(i128::from(run.wall.0)).ok();
    RunFacts {
        run: run.run.clone(),
        suite: run.suite.clone(),
        subject: run.subject.clone(),
        command_line: run.command_line.clone(),
        judge_line: format!("{} check {}", home::own_name(), home::shown(dir)),
        program: run.program.clone(),
        versions: run.versions.clone(),
        seed: run.plan.seed,
        template: run.plan.template.clone(),
        profile: run.faults.profile.clone(),
        seconds: run.plan.duration_ms / 1_000,
        began: run.began,
        began_text: wall.map_or_else(String::new, |wall| wall.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()),
    }
}

/// Each execution of a command; none where there is no record of them.
pub(crate) fn commands(dir: &Path) -> Vec<CommandRun> {
    let log = CommandLog::read(&dir.join(RECORD_FILE)).unwrap_or_default();
    log.commands.into_iter().map(command).collect()
}

fn command(record: CommandRecord) -> CommandRun {
    let (ended, ending, class) = match record.finished {
        None => (None, "its end was not seen".to_owned(), Ending::Open),
        Some(finish) => {
            let class = match &finish.ending {
                HowEnded::Exited { code: 0 } => Ending::Zero,
                HowEnded::Killed { .. } => Ending::Killed,
                HowEnded::Exited { .. } | HowEnded::Signalled { .. } | HowEnded::NotStarted { .. } => {
                    Ending::Wrong
                }
            };
            (Some(finish.t), finish.ending.to_string(), class)
        }
    };
    CommandRun {
        n: u64::from(record.n),
        kind: record.kind.prefix().trim_end_matches('_').to_owned(),
        command: record.command,
        started: record.started,
        ended,
        ending,
        class,
        seed: record.seed,
    }
}

/// Each fault that was applied, and those that could not be.
pub(crate) fn faults(dir: &Path) -> (Vec<FaultRun>, Vec<Refused>) {
    let log = fault_log::read(dir).unwrap_or_default();
    let refused =
        log.not_applied.into_iter().map(|(fault, reason)| Refused { what: fault.to_string(), reason });
    (log.applied.into_iter().map(fault).collect(), refused.collect())
}

fn fault(logged: LoggedFault) -> FaultRun {
    let evidence = logged.details.iter().map(|(name, value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        (name.clone(), value)
    });
    let link = |link: &fault_log::LinkUse| LinkUse {
        from: link.from.clone(),
        to: link.to.clone(),
        disturbed: link.disturbed,
        before_bytes: link.before.bytes,
        during_bytes: link.during.bytes,
    };
    FaultRun {
        id: logged.fault.id,
        what: logged.fault.kind.to_string(),
        members: logged.fault.members.clone(),
        from: logged.from,
        until: logged.until,
        effect: logged.really_applied,
        evidence: evidence.collect(),
        recovered_ms: logged.recovered_ms,
        majority_untouched: logged.majority_untouched,
        links: logged.links.iter().map(link).collect(),
        label: logged.label,
    }
}

/// A moment of the wall clock on the clock of the run.
fn on_the_clock(run: &RunRecord, wall: Nanos) -> Nanos {
    Nanos((wall.0 + run.began.0).saturating_sub(run.wall.0))
}

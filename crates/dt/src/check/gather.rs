//! From the files of a run's directory to the evidence it is judged by. Whatever is missing or damaged becomes a note.

mod answers;
mod faults;
mod known;
mod promises;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use checker::etcd::Options;
use checker::{Verdict, guarantees};
use composer::{CommandLog, RECORD_FILE, builtin};
use history::{FileReport, ReadError, Sources};
use report::{Evidence, Example, Group, Note, Outcome, Property, SdkReport, Source, Status};
use serde_json::json;

use crate::record::{self, Event, RunRecord};
use crate::suite::Check;

/// The sentence that the whole history stands or falls with.
pub(super) const HISTORY_PROPERTY: &str =
    "Every reply fits one order of all operations that respects real time";
/// What must hold of the members' processes.
const CRASH_PROPERTY: &str = "No member ends unless it is told to";

/// Everything that is known about a run.
pub(crate) fn evidence(dir: &Path, strict: bool) -> anyhow::Result<Evidence> {
    let run = RunRecord::read(dir)?;
    let (events, broken_events) = record::read_events(dir)?;
    let sources = histories(dir, &events)?;
    let mut notes = Vec::new();
    let mut evidence = Evidence {
        subject: subject(run.as_ref(), dir),
        properties: Vec::new(),
        strict: strict || run.as_ref().is_some_and(|run| run.strict),
        operations: 0,
        violation: None,
        undecided: None,
        possible: Vec::new(),
        notes: Vec::new(),
    };
    match &run {
        None => notes.push("there is no run.json: only the history is judged".to_owned()),
        Some(run) => {
            let log = commands(dir, &mut notes)?;
            let broken = log.broken_lines + u64::from(log.torn);
            if broken > 0 {
                notes.push(format!("{broken} lines of {RECORD_FILE} could not be read"));
            }
            evidence
                .properties
                .extend(builtin::properties(&run.commands, &log.commands).into_iter().map(composed));
            evidence.properties.extend(sdk(dir, &log, &mut notes)?);
            if !run.attached {
                evidence.properties.push(crashes(&events));
                evidence.properties.extend(promises::logs(dir)?);
            }
            evidence.properties.extend(faults::properties(dir, run, &sources, &mut notes)?);
        }
    }
    notes.extend(drawn(dir));
    notes.extend(events.iter().find_map(first_violation));
    if broken_events > 0 {
        notes.push(format!("{broken_events} lines of events.jsonl could not be read"));
    }
    let check = run.as_ref().map_or(Check::EtcdRevisions, |run| run.check);
    if check != Check::None {
        let ours = run.as_ref().is_some_and(|run| !run.attached) && !began_used(dir);
        let calm_from = run.as_ref().map_or(Ok(None), |run| promises::calm_from(dir, run))?;
        let surroundings = guarantees::Options { own_store: ours, calm_from };
        // Commands that are not the suite's need not record what they do.
        if !sources.is_empty() || run.as_ref().is_none_or(|run| !run.foreign) {
            judge_history(&sources, &surroundings, &mut evidence, &mut notes)?;
        }
    }
    if let (Some(reason), None) = (broken_off(&events).filter(|_| run.is_some()), &evidence.undecided) {
        evidence.undecided = Some((Outcome::Unknown, reason));
    }
    let evaluated =
        |property: &Property| property.group.is_asserted() && property.passed + property.failed > 0;
    // Beside commands of somebody else's that record nothing, faults may have recorded what they did.
    let silent = match &evidence.undecided {
        None => evidence.operations == 0,
        Some((outcome, _)) => *outcome == Outcome::Vacuous && run.as_ref().is_some_and(|run| run.foreign),
    };
    if silent && !evidence.properties.iter().any(evaluated) {
        let reason = "no command recorded an operation or evaluated an assertion of the SDK".to_owned();
        evidence.undecided = Some((Outcome::Vacuous, reason));
    }
    if let Some(run) = &run {
        evidence.possible = known::possible(dir, run, &sources, &evidence.properties)?;
    }
    evidence.notes = notes.into_iter().map(Note).collect();
    Ok(evidence)
}

/// Properties as far as they are known while a run goes on: all but those of its whole history. What cannot be read yet
/// is left out.
pub(crate) fn so_far(dir: &Path) -> Vec<Property> {
    let log = CommandLog::read(&dir.join(RECORD_FILE)).unwrap_or_default();
    let mut properties = sdk(dir, &log, &mut Vec::new()).unwrap_or_default();
    let (events, _) = record::read_events(dir).unwrap_or_default();
    if let Ok(Some(run)) = RunRecord::read(dir) {
        properties.extend(builtin::properties(&run.commands, &log.commands).into_iter().map(composed));
        if !run.attached {
            properties.push(crashes(&events));
        }
    }
    properties
}

fn subject(run: Option<&RunRecord>, dir: &Path) -> String {
    run.map_or_else(|| format!("the history in {}", dir.display()), |run| run.subject.clone())
}

/// The record of commands; without one, nothing is known about them.
fn commands(dir: &Path, notes: &mut Vec<String>) -> anyhow::Result<CommandLog> {
    match CommandLog::read(&dir.join(RECORD_FILE)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            notes.push(format!("there is no {RECORD_FILE}: nothing is known of how commands ended"));
            Ok(CommandLog::default())
        }
        read => read.context("cannot read the record of commands"),
    }
}

/// Whether a first command has found that the store was not new: then somebody else may have written to it.
pub(super) fn began_used(dir: &Path) -> bool {
    let start = fs::read(dir.join("start.json")).unwrap_or_default();
    let start: serde_json::Value = serde_json::from_slice(&start).unwrap_or_default();
    start["fresh"] == false
}

/// What the run's first command has drawn for all others, where it has: numbers by name, and weights of what they do.
fn drawn(dir: &Path) -> Option<String> {
    let swarm: serde_json::Value = serde_json::from_slice(&fs::read(dir.join("swarm.json")).ok()?).ok()?;
    let number = |(name, value): (&String, &serde_json::Value)| {
        value.as_u64().filter(|value| *value > 0).map(|value| format!("{} {value}", name.replace('_', " ")))
    };
    let of = |object: &serde_json::Value| -> Vec<String> {
        object.as_object().into_iter().flatten().filter_map(number).collect()
    };
    let (numbers, weights) = (of(&swarm), of(&swarm["weights"]));
    (!numbers.is_empty())
        .then(|| format!("drawn for this run: {}; weights: {}", numbers.join(", "), weights.join(", ")))
}

/// Where the history files of a run are; a directory of nothing else is taken as it is.
fn history_dir(dir: &Path) -> PathBuf {
    let inner = dir.join("history");
    if inner.is_dir() || dir.join("run.json").exists() { inner } else { dir.to_owned() }
}

/// The history files of a run's directory, or of one that has nothing else.
pub(crate) fn sources(dir: &Path) -> anyhow::Result<Sources> {
    let (events, _) = record::read_events(dir)?;
    histories(dir, &events)
}

/// The history files, with what they are known to have had when the run ended.
fn histories(dir: &Path, events: &[Event]) -> anyhow::Result<Sources> {
    let sources = match Sources::read_dir(&history_dir(dir)) {
        Ok(sources) => sources,
        Err(ReadError::Empty { .. }) => Sources::from_bytes(Vec::new()),
        Err(ReadError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            Sources::from_bytes(Vec::new())
        }
        Err(error) => return Err(error.into()),
    };
    Ok(events.iter().fold(sources, |sources, event| match event {
        Event::Recorded { histories } => sources.having_had(histories),
        _ => sources,
    }))
}

fn judge_history(
    sources: &Sources,
    surroundings: &guarantees::Options,
    evidence: &mut Evidence,
    notes: &mut Vec<String>,
) -> anyhow::Result<()> {
    let mut property = Property::new(HISTORY_PROPERTY, Group::History, "histories");
    let nothing = "no operation was recorded".to_owned();
    // A store that was started for the run held nothing before, and nobody else wrote to it.
    let options = if surroundings.own_store { Options::own_store() } else { Options::default() };
    let options = Options { patient: true, ..options };
    let (order, files) = checker::etcd::check_files(sources, &options)?;
    damage(&files, notes);
    evidence.operations = order.counts.operations;
    if order.counts.operations == 0 {
        evidence.undecided = Some((Outcome::Vacuous, nothing));
        evidence.properties.push(property);
        return Ok(());
    }
    let (promises, broken) = promises::properties(sources, surroundings, &order, notes)?;
    evidence.properties.extend(promises);
    match order.verdict {
        Verdict::Valid => {
            property.status = Status::Passing;
            property.saw(true, Example { command: String::new(), number: None, details: json!({}) });
        }
        Verdict::Invalid(violation) => {
            property.status = Status::Failing;
            let details = violation.sentence.clone().into();
            property.saw(false, Example { command: String::new(), number: None, details });
            evidence.violation = Some(*violation);
        }
        Verdict::Unknown { reason } => {
            property.status = Status::Unknown;
            evidence.undecided = Some((Outcome::Unknown, reason));
        }
        Verdict::Vacuous { reason } => evidence.undecided = Some((Outcome::Vacuous, reason)),
    }
    // The order of all operations says most; where it says nothing, one promise does.
    evidence.violation = evidence.violation.take().or(broken);
    evidence.properties.push(property);
    Ok(())
}

fn damage(files: &[FileReport], notes: &mut Vec<String>) {
    for file in files {
        let name = file.path.file_name().unwrap_or_default().to_string_lossy();
        if file.torn {
            notes.push(format!("{name}: the last line is cut off"));
        }
        if file.missing > 0 {
            notes.push(format!("{name}: {} operations are missing", file.missing));
        }
        if file.lost > 0 {
            notes.push(format!("{name}: {} lines that it had when the run ended are gone", file.lost));
        } else if file.header.is_none() {
            notes.push(format!("{name}: its header is missing"));
        }
        for trouble in &file.troubles {
            notes.push(format!("{name}:{}: {}", trouble.line, trouble.message));
        }
        let more = file.broken - file.troubles.len();
        if more > 0 {
            notes.push(format!("{name}: {more} more lines could not be read"));
        }
    }
}

/// The properties of the composer, in the words of the report.
fn composed(built: builtin::CommandProperty) -> Property {
    let name = format!("{}: {}", built.group, built.name);
    let mut property = Property::new(&name, Group::TestComposer, "executions");
    property.status = match built.status {
        builtin::Status::Passing => Status::Passing,
        builtin::Status::Failing => Status::Failing,
        builtin::Status::NotExercised => Status::NotExercised,
    };
    (property.passed, property.failed) = (built.example_count, built.counterexample_count);
    let example = |found: &builtin::Counterexample| Example {
        command: built.name.clone(),
        number: Some(u64::from(found.n)),
        details: found.ending.to_string().into(),
    };
    property.counterexamples = built.counterexamples.iter().map(example).collect();
    property.commands.insert(built.name);
    property
}

/// The SDK's properties, from `sdk/<n>.jsonl` of the command with that number.
fn sdk(dir: &Path, log: &CommandLog, notes: &mut Vec<String>) -> anyhow::Result<Vec<Property>> {
    let commands: BTreeMap<u64, &str> =
        log.commands.iter().map(|record| (u64::from(record.n), record.command.as_str())).collect();
    let mut files = Vec::new();
    let sdk = dir.join("sdk");
    if sdk.is_dir() {
        for entry in fs::read_dir(&sdk).with_context(|| format!("cannot read {}", sdk.display()))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "processes") {
                continue;
            }
            let number =
                path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse::<u64>().ok());
            let Some(number) = number else {
                notes.push(format!("{} is not named by a command's number", path.display()));
                continue;
            };
            let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            files.push((number, bytes));
        }
    }
    files.sort();
    let sources: Vec<Source<'_>> = files
        .iter()
        .map(|(number, bytes)| Source {
            command: commands.get(number).copied().unwrap_or("an unrecorded command"),
            number: *number,
            bytes,
        })
        .collect();
    let SdkReport { properties, broken, troubles, .. } = report::score(&sources);
    notes.extend(troubles.iter().map(|trouble| format!("SDK output of {trouble}")));
    let more = usize::try_from(broken).unwrap_or(usize::MAX).saturating_sub(troubles.len());
    if more > 0 {
        notes.push(format!("{more} more SDK records could not be read"));
    }
    Ok(properties)
}

fn crashes(events: &[Event]) -> Property {
    let mut property = Property::new(CRASH_PROPERTY, Group::System, "members that ended by themselves");
    property.status = Status::Passing;
    for event in events {
        if let Event::MemberCrashed { member, status, last_lines } = event {
            property.status = Status::Failing;
            let end =
                last_lines.last().map_or_else(String::new, |line| format!("; its log ends with {line}"));
            let details = format!("{member}: {status}{end}").into();
            property.saw(false, Example { command: String::new(), number: None, details });
        }
    }
    property
}

/// When a promise was first seen to be broken. Others may have been broken before; the verdict tells.
fn first_violation(event: &Event) -> Option<String> {
    let (who, after_ms, property) = match event {
        Event::Violated { property, command, number, after_ms } => {
            (format!("by {command} #{number}"), after_ms, property)
        }
        Event::Disproved { property, operations, after_ms, .. } => {
            (format!("in the first {operations} operations"), after_ms, property)
        }
        _ => return None,
    };
    let seconds = *after_ms as f64 / 1e3;
    Some(format!("the first broken promise was seen {seconds:.1} s after drivers began, {who}: {property}"))
}

/// Why a run did not come to its end, if it did not: then what its last command would have found is not known.
fn broken_off(events: &[Event]) -> Option<String> {
    let nothing_wrong = "nothing was wrong until then";
    let reason = events.iter().rev().find_map(|event| match event {
        Event::Ended => Some(None),
        Event::Interrupted => Some(Some(format!("the run was interrupted; {nothing_wrong}"))),
        Event::ToolFailed { reason } => Some(Some(format!("the tool failed ({reason}); {nothing_wrong}"))),
        Event::Phase { .. }
        | Event::Violated { .. }
        | Event::Disproved { .. }
        | Event::Kept { .. }
        | Event::MemberCrashed { .. }
        | Event::Recorded { .. } => None,
    });
    reason.unwrap_or_else(|| Some(format!("the run has not ended, or dt was killed; {nothing_wrong}")))
}

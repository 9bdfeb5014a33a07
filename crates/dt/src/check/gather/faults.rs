//! What the fault log says: that planned kinds of faults were really applied, what operations came to meanwhile, and that
//! members came back.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use chaos::log::{self, FaultLog, LoggedRecovery};
use history::Sources;
use report::{Example, Group, Property, Status};
use serde_json::json;

use super::answers::{ANSWERS_WITHIN, Answers, LeftAlone, Tally};
use crate::record::RunRecord;

/// What must hold once every fault is healed.
const RECOVERY_PROPERTY: &str = "All members are ready again once every fault is healed";

/// A property for recovery, one for availability, and one for each kind of fault, as a run that was not disturbed tests
/// little.
pub(super) fn properties(
    dir: &Path,
    run: &RunRecord,
    sources: &Sources,
    notes: &mut Vec<String>,
) -> anyhow::Result<Vec<Property>> {
    let log = log::read(dir).context("cannot read the log of faults")?;
    let members = &run.faults.members;
    // A history that cannot be read is told of where it is judged.
    let answers = Answers::read(sources, members).unwrap_or_default();
    let available = availability(&answers.left_alone(members, &log.applied));
    if run.faults.monkeys.is_empty() {
        notes.push("no faults were planned; a store that nobody disturbs is easy to trust".to_owned());
        return Ok(vec![available]);
    }
    if log.broken > 0 {
        notes.push(format!("{} lines of {} could not be read", log.broken, log::FILE));
    }
    if let Some(reason) = &log.gave_up {
        notes.push(format!("no more faults were applied from some moment on: {reason}"));
    }
    notes.push(counted(&log, &answers));
    notes.extend(times_to_recovery(&log));
    let mut properties = kinds(&log, &answers);
    properties.push(recovery(&log.recoveries));
    properties.push(available);
    Ok(properties)
}

/// Such as `24 faults were applied, 24 of them with an effect seen: 5 kill (12 operations failed, 3 unknown), 3 pause`.
fn counted(log: &FaultLog, answers: &Answers) -> String {
    let mut labels: BTreeMap<&str, (u64, Tally)> = BTreeMap::new();
    for fault in log.applied.iter().filter(|fault| fault.really_applied) {
        let (count, tally) = labels.entry(&fault.label).or_default();
        *count += 1;
        *tally += answers.during(fault);
    }
    let in_words =
        |(label, (count, Tally { failed, unknown, .. })): (&&str, &(u64, Tally))| match failed + unknown {
            0 => format!("{count} {label}"),
            _ => format!("{count} {label} ({failed} operations failed, {unknown} unknown)"),
        };
    let labels: Vec<String> = labels.iter().map(in_words).collect();
    let (applied, real) =
        (log.applied.len(), log.applied.iter().filter(|fault| fault.really_applied).count());
    let refused = match log.not_applied.len() {
        0 => String::new(),
        refused => format!("; {refused} could not be applied"),
    };
    format!(
        "{applied} faults were applied, {real} of them with an effect seen: {}{refused}",
        labels.join(", ")
    )
}

/// How long members took to answer again, after single faults and after the last.
fn times_to_recovery(log: &FaultLog) -> Option<String> {
    let mut single: Vec<u64> = log.applied.iter().filter_map(|fault| fault.recovered_ms).collect();
    single.sort_unstable();
    let longest = single.last()?;
    let median = single[single.len() / 2];
    let end = log.recoveries.iter().filter_map(|recovery| recovery.took_ms).max();
    let end = end.map_or_else(String::new, |ms| format!(", and {} after everything was healed", seconds(ms)));
    Some(format!(
        "all members answered again {} after a fault at the median, {} at most{end}",
        seconds(median),
        seconds(*longest)
    ))
}

fn seconds(ms: u64) -> String {
    format!("{}.{} s", ms / 1_000, ms % 1_000 / 100)
}

fn kinds(log: &FaultLog, answers: &Answers) -> Vec<Property> {
    let mut properties: BTreeMap<&str, Property> = BTreeMap::new();
    // Those that disturbed most come first: only some are kept as examples.
    let mut faults: Vec<_> = log.applied.iter().map(|fault| (answers.during(fault), fault)).collect();
    faults.sort_by_key(|(tally, fault)| (Reverse(tally.failed + tally.unknown), fault.fault.id));
    for (Tally { ok, failed, unknown }, fault) in faults {
        let property = properties.entry(&fault.label).or_insert_with(|| {
            Property::new(
                &format!("Faults have an effect: {}", fault.label),
                Group::Faults,
                "faults with an effect",
            )
        });
        let details = json!({
            "fault": fault.fault.to_string(),
            "operations": {"ok": ok, "failed": failed, "unknown": unknown},
        });
        property.saw(fault.really_applied, Example { command: String::new(), number: None, details });
        if property.passed > 0 {
            property.status = Status::Passing;
        }
    }
    properties.into_values().collect()
}

fn recovery(recoveries: &[LoggedRecovery]) -> Property {
    let mut property = Property::new(RECOVERY_PROPERTY, Group::System, "recoveries");
    for recovery in recoveries {
        let ready = recovery.took_ms.is_some();
        let details = recovery.took_ms.map_or_else(
            || recovery.reason.clone().unwrap_or_default().into(),
            |took| json!({ "took_ms": took }),
        );
        property.saw(ready, Example { command: String::new(), number: None, details });
    }
    decided(property)
}

/// Availability is demanded of a majority only while that majority is left alone.
fn availability(stretches: &[LeftAlone]) -> Property {
    let within = ANSWERS_WITHIN.as_secs();
    let name = format!("A majority that no fault touches answers within {within} s");
    let mut property = Property::new(&name, Group::System, "stretches without a fault on some majority");
    for LeftAlone { members, from, until, tally: Tally { ok, failed, unknown } } in stretches {
        let details = json!({
            "members": members, "from": from, "until": until,
            "operations": {"ok": ok, "failed": failed, "unknown": unknown},
        });
        property.saw(*ok > 0, Example { command: String::new(), number: None, details });
    }
    decided(property)
}

/// One counterexample is enough.
fn decided(mut property: Property) -> Property {
    property.status = match (property.passed, property.failed) {
        (_, 1..) => Status::Failing,
        (1.., 0) => Status::Passing,
        (0, 0) => Status::NotExercised,
    };
    property
}

#[cfg(test)]
mod tests {
    use super::*;
    use history::Nanos;

    #[test]
    fn a_majority_that_answers_nothing_is_a_finding() {
        let stretch = |ok| LeftAlone {
            members: vec!["a".into()],
            from: Nanos(1),
            until: Nanos(9),
            tally: Tally { ok, failed: 20, unknown: 0 },
        };
        assert_eq!(availability(&[]).status, Status::NotExercised);
        assert_eq!(availability(&[stretch(1)]).status, Status::Passing);
        let silent = availability(&[stretch(1), stretch(0)]);
        assert_eq!(silent.status, Status::Failing);
        assert_eq!(silent.counterexamples[0].details["operations"]["failed"], 20);
    }

    #[test]
    fn recovery_is_a_property_and_its_time_is_told() {
        let recovered = |took_ms| LoggedRecovery { t: Nanos(1), took_ms, reason: Some("etcd0 ended".into()) };
        assert_eq!(recovery(&[]).status, Status::NotExercised);
        let passing = recovery(&[recovered(Some(1_250))]);
        assert_eq!(
            (passing.status, &passing.examples[0].details["took_ms"]),
            (Status::Passing, &json!(1_250))
        );
        let failing = recovery(&[recovered(Some(1)), recovered(None)]);
        assert_eq!(
            (failing.status, &failing.counterexamples[0].details),
            (Status::Failing, &json!("etcd0 ended"))
        );
    }
}

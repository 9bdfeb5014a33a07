//! What the fault log says: that planned kinds of faults were really applied, and that members came back from them.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use chaos::log::{self, FaultLog, LoggedRecovery};
use report::{Example, Group, Property, Status};
use serde_json::json;

use crate::record::RunRecord;

/// What must hold once every fault is healed.
const RECOVERY_PROPERTY: &str = "All members are ready again once every fault is healed";

/// One property for recovery, and one for the faults themselves, as a run that was not disturbed tests little.
pub(super) fn properties(
    dir: &Path,
    run: &RunRecord,
    notes: &mut Vec<String>,
) -> anyhow::Result<Vec<Property>> {
    if run.faults.monkeys.is_empty() {
        notes.push("no faults were planned; a store that nobody disturbs is easy to trust".to_owned());
        return Ok(Vec::new());
    }
    let log = log::read(dir).context("cannot read the log of faults")?;
    if log.broken > 0 {
        notes.push(format!("{} lines of {} could not be read", log.broken, log::FILE));
    }
    if let Some(reason) = &log.gave_up {
        notes.push(format!("no more faults were applied from some moment on: {reason}"));
    }
    notes.push(counted(&log));
    let mut properties = kinds(&log);
    properties.push(recovery(&log.recoveries));
    Ok(properties)
}

/// Such as `24 faults were applied, 24 of them with an effect: 5 kill, 3 partition`.
fn counted(log: &FaultLog) -> String {
    let mut labels: BTreeMap<&str, u64> = BTreeMap::new();
    for fault in log.applied.iter().filter(|fault| fault.really_applied) {
        *labels.entry(&fault.label).or_default() += 1;
    }
    let labels: Vec<String> = labels.iter().map(|(label, count)| format!("{count} {label}")).collect();
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

fn kinds(log: &FaultLog) -> Vec<Property> {
    let mut properties: BTreeMap<&str, Property> = BTreeMap::new();
    for fault in &log.applied {
        let property = properties.entry(&fault.label).or_insert_with(|| {
            Property::new(
                &format!("Faults have an effect: {}", fault.label),
                Group::Faults,
                "faults with an effect",
            )
        });
        let details = json!({"fault": fault.fault.to_string()});
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
    property.status = match (property.passed, property.failed) {
        (_, 1..) => Status::Failing,
        (1.., 0) => Status::Passing,
        (0, 0) => Status::NotExercised,
    };
    property
}

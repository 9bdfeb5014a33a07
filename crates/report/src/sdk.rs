//! SDK records to properties: the catalog says what could be seen, the hits say what was.
//!
//! The SDK writes only the first passing and the first failing evaluation of an assertion in each process, so the
//! counts here are of processes and never of evaluations.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::{Example, Group, Property, Status};

/// At most so many troubles are kept in words; all are counted.
const TROUBLES_KEPT: usize = 20;

/// The SDK's local output of one process, with the command it belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Such as `main/parallel_driver_generate_traffic`.
    pub command: &'a str,
    /// The command's number in the run.
    pub number: u64,
    /// The JSON lines.
    pub bytes: &'a [u8],
}

/// All processes taken together.
#[derive(Clone, Debug, Default)]
pub struct SdkReport {
    /// By group, then name.
    pub properties: Vec<Property>,
    /// The `details` of each `setup_complete`; on the platform there must be exactly one in a whole system.
    pub setups: Vec<Value>,
    /// Processes that wrote at least one record.
    pub processes: u64,
    /// Lines that could not be understood.
    pub broken: u64,
    /// Some of them, and contradictions between records, in words.
    pub troubles: Vec<String>,
}

#[derive(Deserialize)]
struct Assertion {
    display_type: String,
    condition: bool,
    message: String,
    hit: bool,
    #[serde(default)]
    details: Value,
}

/// What a property's name was seen with.
struct Tally {
    property: Property,
    /// The last process that was counted for holding, and for failing; a process counts once for each.
    counted: [Option<u64>; 2],
}

/// Scores the records of all processes.
#[must_use]
pub fn score(sources: &[Source<'_>]) -> SdkReport {
    let mut report = SdkReport::default();
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    for source in sources {
        let mut spoke = false;
        let lines = source.bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
        for (n, line) in lines.enumerate() {
            spoke = true;
            if let Err(problem) = take(&mut report, &mut tallies, source, line) {
                report.broken += 1;
                if report.troubles.len() < TROUBLES_KEPT {
                    let at = format!("{} #{}, record {}", source.command, source.number, n + 1);
                    report.troubles.push(format!("{at}: {problem}"));
                }
            }
        }
        report.processes += u64::from(spoke);
    }
    report.properties = tallies.into_values().map(|tally| decided(tally.property)).collect();
    report.properties.sort_by(|a, b| (a.group, &a.name).cmp(&(b.group, &b.name)));
    report
}

fn take(
    report: &mut SdkReport,
    tallies: &mut BTreeMap<String, Tally>,
    source: &Source<'_>,
    line: &[u8],
) -> Result<(), String> {
    let record: Value = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let Some(fields) = record.as_object() else { return Err("not an object".to_owned()) };
    if let Some(setup) = fields.get("antithesis_setup") {
        report.setups.push(setup.get("details").cloned().unwrap_or(Value::Null));
    }
    if let Some(assertion) = fields.get("antithesis_assert") {
        let assertion = Assertion::deserialize(assertion).map_err(|error| error.to_string())?;
        return tally(tallies, source, assertion);
    }
    Ok(())
}

fn tally(tallies: &mut BTreeMap<String, Tally>, source: &Source<'_>, seen: Assertion) -> Result<(), String> {
    let group = group(&seen.display_type)?;
    let tally = tallies.entry(seen.message.clone()).or_insert_with(|| Tally {
        property: Property::new(&seen.message, group, "processes in which it was seen"),
        counted: [None, None],
    });
    if tally.property.group != group {
        let (name, first) = (&tally.property.name, tally.property.group);
        return Err(format!("`{name}` is both {first} and {group}: give one of them another message"));
    }
    tally.property.commands.insert(source.command.to_owned());
    if !seen.hit {
        return Ok(());
    }
    // Reaching an unreachable place is a failure, whatever its condition says.
    let held = seen.condition && group != Group::Unreachable;
    let counted = &mut tally.counted[usize::from(held)];
    if *counted != Some(source.number) {
        *counted = Some(source.number);
        let (command, number) = (source.command.to_owned(), Some(source.number));
        tally.property.saw(held, Example { command, number, details: seen.details });
    }
    Ok(())
}

fn group(display_type: &str) -> Result<Group, String> {
    Ok(match display_type {
        "Always" => Group::Always,
        "AlwaysOrUnreachable" => Group::AlwaysOrUnreachable,
        "Sometimes" => Group::Sometimes,
        "Reachable" => Group::Reachable,
        "Unreachable" => Group::Unreachable,
        other => return Err(format!("unknown kind of assertion `{other}`")),
    })
}

/// The platform's rules, except that what a short run did not reach is not exercised rather than failing.
fn decided(mut property: Property) -> Property {
    let (held, broken) = (property.passed > 0, property.failed > 0);
    property.status = match property.group {
        Group::Always if broken => Status::Failing,
        Group::AlwaysOrUnreachable | Group::Unreachable if broken => Status::Failing,
        Group::AlwaysOrUnreachable | Group::Unreachable => Status::Passing,
        _ if held => Status::Passing,
        _ => Status::NotExercised,
    };
    property
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn assertion(kind: &str, message: &str, hit: bool, condition: bool) -> String {
        let fields = json!({"assert_type": "always", "display_type": kind, "condition": condition, "message": message,
            "id": message, "location": {}, "hit": hit, "must_hit": true, "details": {"n": 1}});
        json!({ "antithesis_assert": fields }).to_string()
    }

    /// The status after a catalog entry and these evaluations in one process.
    fn status(kind: &str, evaluations: &[bool]) -> Status {
        let mut lines = vec![assertion(kind, "m", false, false)];
        lines.extend(evaluations.iter().map(|condition| assertion(kind, "m", true, *condition)));
        let text = lines.join("\n");
        let report = score(&[Source { command: "main/x", number: 1, bytes: text.as_bytes() }]);
        assert_eq!(report.broken, 0, "{:?}", report.troubles);
        report.properties[0].status
    }

    #[test]
    fn each_kind_is_judged_by_its_own_rule() {
        use Status::{Failing, NotExercised, Passing};
        let table = [
            ("Always", [NotExercised, Passing, Failing, Failing]),
            ("AlwaysOrUnreachable", [Passing, Passing, Failing, Failing]),
            ("Sometimes", [NotExercised, Passing, NotExercised, Passing]),
            ("Reachable", [NotExercised, Passing, NotExercised, Passing]),
            ("Unreachable", [Passing, Failing, Failing, Failing]),
        ];
        for (kind, expected) in table {
            let seen =
                [&[][..], &[true], &[false], &[true, false]].map(|evaluations| status(kind, evaluations));
            assert_eq!(seen, expected, "{kind}");
        }
    }

    #[test]
    fn a_process_counts_once_and_every_command_is_named() {
        let hit = [assertion("Always", "m", true, true), assertion("Always", "m", true, true)].join("\n");
        let catalog = assertion("Always", "m", false, false);
        let sources = [
            Source { command: "main/a", number: 1, bytes: hit.as_bytes() },
            Source { command: "main/a", number: 2, bytes: hit.as_bytes() },
            Source { command: "main/b", number: 3, bytes: catalog.as_bytes() },
        ];
        let report = score(&sources);
        let property = &report.properties[0];
        assert_eq!((property.passed, property.failed), (2, 0));
        assert_eq!(property.commands.iter().collect::<Vec<_>>(), ["main/a", "main/b"]);
        assert_eq!(property.examples[1].number, Some(2));
        assert_eq!(report.processes, 3);
    }

    #[test]
    fn garbage_is_counted_and_named_and_the_rest_is_kept() {
        let text = [
            "{\"antithesis_sdk\":{}}",
            "garbage",
            "[1]",
            &assertion("Perhaps", "m", true, true),
            &assertion("Always", "m", true, true),
            &assertion("Sometimes", "m", true, true),
            "{\"antithesis_setup\":{\"status\":\"complete\",\"details\":{\"a\":1}}}",
            "{\"antithesis_assert\":{\"mess",
        ]
        .join("\n");
        let report = score(&[Source { command: "main/a", number: 1, bytes: text.as_bytes() }]);
        assert_eq!(report.broken, 5);
        assert_eq!(
            report.troubles[3],
            "main/a #1, record 6: `m` is both always and sometimes: give one of them another message"
        );
        assert_eq!(report.setups, [json!({"a": 1})]);
        assert_eq!(report.properties[0].passed, 1);
    }
}

//! The verdict for a terminal: a table of properties, what a reader must know, and one sentence.

use std::fmt::Write as _;

use crate::{Example, Group, Property, Status, Summary};

/// At most so many characters of a counterexample's details are shown; the rest is in `verdict.json`.
const DETAILS_SHOWN: usize = 600;

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// What is broken in full, the promises that held by name, the rest counted.
    Short,
    /// Every property on a line of its own, with its counts.
    All,
}

/// The whole text, with a trailing newline. Plain: no colours, no control characters whatever the details hold.
#[must_use]
pub fn table(summary: &Summary, detail: Detail) -> String {
    let mut text = String::new();
    match detail {
        Detail::Short => short(&mut text, summary),
        Detail::All => all(&mut text, summary),
    }
    if !summary.notes.is_empty() {
        text.push('\n');
    }
    for note in &summary.notes {
        let _ = writeln!(text, "note: {}", plain(&note.0));
    }
    let _ = writeln!(text, "\n{}: {}", verdict_word(summary), plain(&summary.sentence));
    text
}

fn all(text: &mut String, summary: &Summary) {
    let _ = writeln!(text, "{:<13}  {:<13}  {:>6}  {:>6}  property", "status", "group", "true", "false");
    for property in &summary.properties {
        let (status, group) = (property.status.to_string(), property.group.to_string());
        let (passed, failed) = (property.passed, property.failed);
        let _ =
            writeln!(text, "{status:<13}  {group:<13}  {passed:>6}  {failed:>6}  {}", plain(&property.name));
        if property.status == Status::Failing {
            looks_like(text, property, summary);
            counterexamples(text, property);
        }
    }
}

/// Groups whose properties are named when they held; of the others there are many, and their number says enough.
const NAMED: [Group; 5] =
    [Group::History, Group::Always, Group::AlwaysOrUnreachable, Group::Unreachable, Group::System];

fn short(text: &mut String, summary: &Summary) {
    let of = |status: Status| summary.properties.iter().filter(move |property| property.status == status);
    for property in of(Status::Failing) {
        let _ = writeln!(text, "FAIL  {} ({})", plain(&property.name), property.group);
        looks_like(text, property, summary);
        counterexamples(text, property);
    }
    for property in of(Status::Unknown) {
        let _ = writeln!(text, "  ??  {} ({})", plain(&property.name), property.group);
    }
    for property in of(Status::Passing).filter(|property| NAMED.contains(&property.group)) {
        let _ = writeln!(text, "  ok  {}", plain(&property.name));
    }
    let counted = [
        (Group::Sometimes, "things that must happen at least once, happened"),
        (Group::Reachable, "places that must be reached, were reached"),
        (Group::TestComposer, "properties of the commands: each ran to its end, and with exit code 0"),
        (Group::Faults, "kinds of faults had an effect"),
    ];
    for (group, words) in counted {
        let count = of(Status::Passing).filter(|property| property.group == group).count();
        if count > 0 {
            let _ = writeln!(text, "  ok  {count} {words}");
        }
    }
    let idle: Vec<&Property> = of(Status::NotExercised).collect();
    if !idle.is_empty() {
        let _ = writeln!(text, "  --  {} not exercised:", idle.len());
    }
    for property in idle {
        let _ = writeln!(text, "        {}", plain(&property.name));
    }
}

fn verdict_word(summary: &Summary) -> &'static str {
    match summary.verdict {
        crate::Outcome::Valid => "valid",
        crate::Outcome::Invalid => "INVALID",
        crate::Outcome::Unknown => "unknown",
        crate::Outcome::Vacuous => "vacuous",
    }
}

fn looks_like(text: &mut String, property: &Property, summary: &Summary) {
    for named in summary.known.iter().filter(|named| property.known.contains(&named.id)) {
        let _ = writeln!(text, "        looks like {named}: {}", named.link);
    }
}

fn counterexamples(text: &mut String, property: &Property) {
    for Example { command, number, details } in &property.counterexamples {
        let by = number.map_or_else(String::new, |number| format!("{command} #{number}: "));
        let details = match details {
            serde_json::Value::String(words) => words.clone(),
            serde_json::Value::Null => "no details".to_owned(),
            other => other.to_string(),
        };
        let _ = writeln!(text, "        {}{}", plain(&by), shortened(&plain(&details)));
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(DETAILS_SHOWN) {
        None => text.to_owned(),
        Some((end, _)) => format!("{} ... ({} bytes)", &text[..end], text.len()),
    }
}

/// What comes out of a system under test is data: its control characters must not reach the terminal.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::known::Named;
    use crate::{Group, Note, Outcome};

    #[test]
    fn a_table_for_people() {
        let mut broken = Property::new("Database key values stay consistent", Group::Always, "processes");
        broken.status = Status::Failing;
        broken.saw(
            false,
            Example { command: "main/x".into(), number: Some(3), details: "lost \u{1b}[2J k".into() },
        );
        broken.known = vec!["7".into()];
        let named = Named {
            id: "7".into(),
            title: "t".into(),
            link: "https://x".into(),
            fixed: vec!["1.2.3".into()],
        };
        let mut held = Property::new("Client put requests can fail", Group::Sometimes, "processes");
        held.status = Status::NotExercised;
        let summary = Summary {
            verdict: Outcome::Invalid,
            sentence: "etcd broke a promise".into(),
            subject: "etcd".into(),
            operations: 5,
            properties: vec![broken, held],
            known: vec![named],
            notes: vec![Note("the run was interrupted".into())],
        };
        let all = "\
status         group            true   false  property
failing        always              0       1  Database key values stay consistent
        looks like 7 (t; mended in 1.2.3): https://x
        main/x #3: lost \u{fffd}[2J k
not exercised  sometimes           0       0  Client put requests can fail

note: the run was interrupted

INVALID: etcd broke a promise
";
        assert_eq!(table(&summary, Detail::All), all);
        let short = "\
FAIL  Database key values stay consistent (always)
        looks like 7 (t; mended in 1.2.3): https://x
        main/x #3: lost \u{fffd}[2J k
  --  1 not exercised:
        Client put requests can fail

note: the run was interrupted

INVALID: etcd broke a promise
";
        assert_eq!(table(&summary, Detail::Short), short);
    }
}

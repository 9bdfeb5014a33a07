//! The verdict for a terminal: a table of properties, what a reader must know, and one sentence.

use std::fmt::Write as _;

use crate::{Example, Property, Status, Summary};

/// At most so many characters of a counterexample's details are shown; the rest is in `verdict.json`.
const DETAILS_SHOWN: usize = 600;

/// The whole text, with a trailing newline. Plain: no colours, no control characters whatever the details hold.
#[must_use]
pub fn table(summary: &Summary) -> String {
    let mut text = String::new();
    let width = summary.properties.iter().map(|p| p.name.chars().count()).max().unwrap_or(0).min(76);
    let _ = writeln!(text, "{:<13}  {:<13}  {:>5}  {:>5}  property", "status", "group", "held", "not");
    for property in &summary.properties {
        let (status, group) = (property.status.to_string(), property.group.to_string());
        let (passed, failed) = (property.passed, property.failed);
        let _ = writeln!(
            text,
            "{status:<13}  {group:<13}  {passed:>5}  {failed:>5}  {:<width$}",
            plain(&property.name)
        );
        if property.status == Status::Failing {
            counterexamples(&mut text, property);
        }
    }
    if !summary.notes.is_empty() {
        text.push('\n');
    }
    for note in &summary.notes {
        let _ = writeln!(text, "note: {}", plain(&note.0));
    }
    let _ = writeln!(text, "\n{}: {}", verdict_word(summary), plain(&summary.sentence));
    // Padding of the last column is of use to nobody.
    text.lines().map(str::trim_end).fold(String::new(), |mut all, line| {
        all.push_str(line);
        all.push('\n');
        all
    })
}

fn verdict_word(summary: &Summary) -> &'static str {
    match summary.verdict {
        crate::Outcome::Valid => "valid",
        crate::Outcome::Invalid => "INVALID",
        crate::Outcome::Unknown => "unknown",
        crate::Outcome::Vacuous => "vacuous",
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
        let _ = writeln!(text, "{:17}{}{}", "", plain(&by), shortened(&plain(&details)));
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
    use crate::{Group, Note, Outcome};

    #[test]
    fn a_table_for_people() {
        let mut broken = Property::new("Database key values stay consistent", Group::Always, "processes");
        broken.status = Status::Failing;
        broken.saw(
            false,
            Example { command: "main/x".into(), number: Some(3), details: "lost \u{1b}[2J k".into() },
        );
        let mut held = Property::new("Client put requests can fail", Group::Sometimes, "processes");
        held.status = Status::NotExercised;
        let summary = Summary {
            verdict: Outcome::Invalid,
            sentence: "etcd broke a promise".into(),
            subject: "etcd".into(),
            operations: 5,
            properties: vec![broken, held],
            notes: vec![Note("the run was interrupted".into())],
        };
        let expected = "\
status         group           held    not  property
failing        always             0      1  Database key values stay consistent
                 main/x #3: lost \u{fffd}[2J k
not exercised  sometimes          0      0  Client put requests can fail

note: the run was interrupted

INVALID: etcd broke a promise
";
        assert_eq!(table(&summary), expected);
    }
}

//! The properties of a run as JUnit XML, which every build server shows.
//!
//! Four elements and one rule for text: a library of XML would be longer to call than this is.

use std::fmt::Write as _;

use crate::{Outcome, Property, Status, Summary};

/// Longer messages are cut; they are whole in `verdict.json`.
const MESSAGE_MAX: usize = 2_000;

/// A document with a test case for each property, and one for the verdict as a whole. A failing property is a failure,
/// what was not exercised is skipped, and what could not be decided is an error, so that nobody takes it for a success.
#[must_use]
pub fn junit(summary: &Summary, seconds: f64) -> String {
    let count = |status| summary.properties.iter().filter(|property| property.status == status).count();
    let undecided = usize::from(matches!(summary.verdict, Outcome::Unknown | Outcome::Vacuous));
    let tests = summary.properties.len() + 1;
    let failures = count(Status::Failing) + usize::from(summary.verdict == Outcome::Invalid);
    let (errors, skipped) = (count(Status::Unknown) + undecided, count(Status::NotExercised));
    let name = text(&summary.subject);
    let counts = format!(
        "tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\" time=\"{seconds:.3}\""
    );
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(xml, "<testsuites name=\"etcd-traffic\" {counts}>");
    let _ = writeln!(xml, "  <testsuite name=\"{name}\" {counts}>");
    let sentence = text(&summary.sentence);
    let verdict = match summary.verdict {
        Outcome::Valid => String::new(),
        Outcome::Invalid => format!("<failure message=\"{sentence}\" type=\"invalid\"/>"),
        Outcome::Unknown => format!("<error message=\"{sentence}\" type=\"unknown\"/>"),
        Outcome::Vacuous => format!("<error message=\"{sentence}\" type=\"vacuous\"/>"),
    };
    let _ =
        writeln!(xml, "    <testcase classname=\"verdict\" name=\"The run as a whole\">{verdict}</testcase>");
    for property in &summary.properties {
        let _ = writeln!(xml, "    {}", case(property));
    }
    let notes: Vec<String> = summary.notes.iter().map(|note| text(&note.0)).collect();
    let _ = writeln!(xml, "    <system-out>{}</system-out>", notes.join("\n"));
    xml.push_str("  </testsuite>\n</testsuites>\n");
    xml
}

fn case(property: &Property) -> String {
    let (group, name) = (property.group, text(&property.name));
    let result = match property.status {
        Status::Passing => String::new(),
        Status::NotExercised => "<skipped message=\"not exercised\"/>".to_owned(),
        Status::Unknown => "<error message=\"could not be decided\" type=\"unknown\"/>".to_owned(),
        Status::Failing => {
            let (passed, failed, counted) = (property.passed, property.failed, text(&property.counted));
            let examples = property.counterexamples.iter().map(|example| {
                let number = example.number.map_or_else(String::new, |number| format!(" #{number}"));
                text(&format!("{}{number}: {}", example.command, example.details))
            });
            let examples = examples.collect::<Vec<_>>().join("\n");
            let known = match property.known.as_slice() {
                [] => String::new(),
                known => format!("looks like {}: ", text(&known.join(" or "))),
            };
            format!(
                "<failure message=\"{known}{failed} false, {passed} true ({counted})\" type=\"{group}\">{examples}</failure>"
            )
        }
    };
    format!("<testcase classname=\"{group}\" name=\"{name}\">{result}</testcase>")
}

/// Escaped, without the characters that XML cannot hold, and cut.
fn text(raw: &str) -> String {
    let mut text = String::new();
    for c in raw.chars().take(MESSAGE_MAX) {
        match c {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            '\n' => text.push_str("&#10;"),
            '\u{fffe}' | '\u{ffff}' => text.push('\u{fffd}'),
            c if c.is_control() && c != '\t' => text.push('\u{fffd}'),
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Example, Group, Note};

    #[test]
    fn a_document_for_build_servers() {
        let mut broken = Property::new("Values stay <consistent>", Group::Always, "processes");
        broken.status = Status::Failing;
        broken.saw(
            false,
            Example { command: "main/x".into(), number: Some(3), details: "lost \u{0} \"k\"".into() },
        );
        let idle = Property::new("Puts can fail", Group::Sometimes, "processes");
        let summary = Summary {
            verdict: Outcome::Invalid,
            sentence: "etcd broke a promise & more".into(),
            subject: "etcd".into(),
            operations: 5,
            properties: vec![broken, idle],
            known: Vec::new(),
            notes: vec![Note("a note".into())],
        };
        insta::assert_snapshot!(junit(&summary, 1.5));
    }
}

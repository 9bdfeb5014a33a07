//! Why a history is invalid: the sentence, the operations as lanes and as a list, and what members logged meanwhile.

use serde::Serialize;

use super::lanes::{self, Lanes};
use super::numbers;
use super::timeline::Clock;
use crate::material::Material;
use crate::witness::Shown;

/// The violation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ViolationView {
    /// One sentence.
    pub sentence: String,
    /// The rule's stable name.
    pub rule: String,
    /// What the rule says.
    pub about: String,
    /// The key it is about; empty where it is about none.
    pub key: String,
    /// The operations as lanes; `None` where the history has none to show.
    pub lanes: Option<Lanes>,
    /// The same operations, by time.
    pub rows: Vec<OperationRow>,
    /// Others on the same keys for which there was no room.
    pub left_out: usize,
    /// What members logged.
    pub logs: Vec<LogRow>,
}

/// One operation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OperationRow {
    /// What was asked.
    pub asked: String,
    /// The same without the key that the violation is about.
    pub short: String,
    /// What was answered.
    pub answered: String,
    /// `ok`, `failed` or `unknown`.
    pub outcome: String,
    /// One of those that contradict each other.
    pub core: bool,
    /// The last of them: with it, no order is left.
    pub impossible: bool,
    /// Its place in the longest order that explains what it can.
    pub explained: Option<usize>,
    /// Who called.
    pub client: String,
    /// The member that was asked.
    pub member: String,
    /// The revision that came with the reply.
    pub revision: String,
    /// From when to when.
    pub when: String,
    /// How long it took.
    pub took: String,
}

/// A line of a member's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogRow {
    /// Whose.
    pub member: String,
    /// When.
    pub at: String,
    /// `info`, `warn`, ...
    pub level: String,
    /// What it says.
    pub text: String,
}

pub(super) fn violation(material: &Material, clock: &Clock) -> Option<ViolationView> {
    let violation = material.violation.as_ref()?;
    let witness = &violation.witness;
    let last =
        witness.operations.iter().filter(|shown| shown.core).map(|shown| (shown.returned, shown.place)).max();
    let rows = witness.operations.iter().map(|shown| OperationRow {
        asked: shown.asked.clone(),
        short: short(shown, violation.key.as_deref().unwrap_or_default()),
        answered: shown.answered.clone(),
        outcome: shown.outcome.to_owned(),
        core: shown.core,
        impossible: shown.core && last.is_some_and(|last| last.1 == shown.place),
        explained: shown.explained,
        client: format!("{} #{}, client {}", shown.command, shown.command_number, shown.client),
        member: shown.member.clone(),
        revision: shown.revision.map_or(String::new(), |revision| revision.to_string()),
        when: match shown.returned {
            Some(returned) => {
                format!(
                    "{} to {}",
                    numbers::moment_s(clock.s(shown.invoked)),
                    numbers::moment_s(clock.s(returned))
                )
            }
            None => format!("{}, never returned", numbers::moment_s(clock.s(shown.invoked))),
        },
        took: shown.returned.map_or("–".to_owned(), |returned| {
            numbers::duration_s(returned.since(shown.invoked).as_secs_f64())
        }),
    });
    let logs = material.logs.iter().map(|line| LogRow {
        member: line.member.clone(),
        at: numbers::moment_s(clock.s(line.t)),
        level: line.level.clone(),
        text: line.text.clone(),
    });
    Some(ViolationView {
        sentence: violation.sentence.clone(),
        about: rule(&violation.rule).to_owned(),
        rule: violation.rule.clone(),
        key: violation.key.clone().unwrap_or_default(),
        lanes: (!witness.operations.is_empty())
            .then(|| lanes::lanes(witness, violation.key.as_deref(), material, clock)),
        rows: rows.collect(),
        left_out: witness.left_out,
        logs: logs.collect(),
    })
}

/// Every operation names the key that it is all about, and leaves no room for its value.
fn short(shown: &Shown, key: &str) -> String {
    if key.is_empty() || shown.key != key {
        return shown.asked.clone();
    }
    shown.asked.replacen(&format!(" {key} = "), " ", 1).replacen(&format!(" {key}"), "", 1)
}

/// What each rule of the checker says, for those who have not met it before.
fn rule(name: &str) -> &'static str {
    match name {
        "lost-write" => {
            "A write that was acknowledged must be there until something overwrites or deletes it."
        }
        "stale-read" => "A read must not be answered from before something that was known when it began.",
        "revision-went-back" => "What begins later must not be given an earlier revision.",
        "revision-given-twice" => "A revision is given to one write only.",
        "older-value" => "A read must not find a value that had been overwritten by then.",
        "value-nobody-wrote" => "A value that is read must have been written by somebody.",
        "deleted-key-seen" => "A key that was deleted must not be found.",
        "changed-value" => "A revision's value never changes.",
        "wrong-branch" => "A transaction must take the branch that its comparisons decide.",
        "no-legal-order" => "Some order of all operations must explain every reply.",
        "unexplained-revision" | "unexplained-revisions" => "Every revision is taken by some operation.",
        _ => "Every reply must fit one order of all operations that respects real time.",
    }
}

//! A property: one sentence that must hold, what was seen of it, and by which command.

use std::collections::BTreeSet;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// At most so many examples, and so many counterexamples, are kept of a property; all are counted.
pub(crate) const EXAMPLES_KEPT: usize = 4;

/// One sentence and its state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Property {
    /// The sentence, unique within a run.
    pub name: String,
    /// Where it comes from, and how it can fail.
    pub group: Group,
    /// What was seen of it.
    pub status: Status,
    /// What the two counts count, such as `processes in which it held`.
    pub counted: String,
    /// Times it was seen to hold.
    pub passed: u64,
    /// Times it was seen broken.
    pub failed: u64,
    /// The commands that can exercise it.
    pub commands: BTreeSet<String>,
    /// What a failing one looks like: ids of known defects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub known: Vec<String>,
    /// Some of the times it held.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<Example>,
    /// Some of the times it did not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counterexamples: Vec<Example>,
}

/// Where a property comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// Judged from the whole history.
    History,
    /// SDK: must hold whenever it is evaluated, and be evaluated.
    Always,
    /// SDK: must hold whenever it is evaluated.
    AlwaysOrUnreachable,
    /// SDK: must hold at least once.
    Sometimes,
    /// SDK: the place must be reached.
    Reachable,
    /// SDK: the place must not be reached.
    Unreachable,
    /// The composer's own rules about commands.
    TestComposer,
    /// What must hold of the system under test itself, such as that no member dies by itself.
    System,
    /// That the run was really disturbed.
    Faults,
}

/// What was seen of a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Seen broken, or never seen to hold where the run is judged strictly.
    Failing,
    /// Nothing that it needs has happened.
    NotExercised,
    /// Could not be decided.
    Unknown,
    /// Held.
    Passing,
}

/// One moment of a property.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Example {
    /// The command it happened in, such as `main/parallel_driver_generate_traffic`; empty if in none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub command: String,
    /// That command's number in the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// What was given with it.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub details: serde_json::Value,
}

impl Property {
    /// A property of which nothing was seen yet.
    #[must_use]
    pub fn new(name: &str, group: Group, counted: &str) -> Self {
        Self {
            name: name.to_owned(),
            group,
            status: Status::NotExercised,
            counted: counted.to_owned(),
            passed: 0,
            failed: 0,
            commands: BTreeSet::new(),
            known: Vec::new(),
            examples: Vec::new(),
            counterexamples: Vec::new(),
        }
    }

    /// Counts one moment, and keeps it if there is room.
    pub fn saw(&mut self, held: bool, example: Example) {
        let (count, kept) = if held {
            (&mut self.passed, &mut self.examples)
        } else {
            (&mut self.failed, &mut self.counterexamples)
        };
        *count += 1;
        if kept.len() < EXAMPLES_KEPT {
            kept.push(example);
        }
    }
}

impl Property {
    /// Takes in what another timeline saw of the same property.
    pub(crate) fn join(&mut self, other: Self) {
        let worst = [Status::Failing, Status::Unknown, Status::Passing, Status::NotExercised];
        let seen = |status: &Status| *status == self.status || *status == other.status;
        self.status = worst.into_iter().find(seen).unwrap_or(self.status);
        self.passed += other.passed;
        self.failed += other.failed;
        self.commands.extend(other.commands);
        self.examples.extend(other.examples);
        self.examples.truncate(EXAMPLES_KEPT);
        self.counterexamples.extend(other.counterexamples);
        self.counterexamples.truncate(EXAMPLES_KEPT);
    }
}

impl Group {
    /// Whether a command asserts it by an SDK.
    #[must_use]
    pub fn is_asserted(self) -> bool {
        match self {
            Self::Always
            | Self::AlwaysOrUnreachable
            | Self::Sometimes
            | Self::Reachable
            | Self::Unreachable => true,
            Self::History | Self::TestComposer | Self::System | Self::Faults => false,
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::History => "history",
            Self::Always => "always",
            Self::AlwaysOrUnreachable => "always or unreachable",
            Self::Sometimes => "sometimes",
            Self::Reachable => "reachable",
            Self::Unreachable => "unreachable",
            Self::TestComposer => "test composer",
            Self::System => "system",
            Self::Faults => "faults",
        })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Failing => "failing",
            Self::NotExercised => "not exercised",
            Self::Unknown => "unknown",
            Self::Passing => "passing",
        })
    }
}

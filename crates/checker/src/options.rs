//! What a caller may ask of a check beyond its verdict, and what it may cost.

use std::fmt;

use history::Nanos;

pub use crate::search::rules::{Budget, Rules, Tactic};

/// How to check.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// What a search may spend, for each partition. Where it does not suffice the verdict is unknown.
    pub budget: Budget,
    /// Asked again and again during a search; true ends it, and the verdict is unknown. This crate reads no clock: a limit
    /// on time is this question, asked of the caller's clock.
    pub cancelled: &'a (dyn Fn() -> bool + Sync),
    /// Give an order that explains a valid history.
    pub witness: bool,
    /// Shrink an invalid history to what shows the violation, and find the longest legal order before it.
    pub evidence: bool,
    /// Check independent parts as one. Slower, and the verdict is the same.
    pub whole: bool,
    /// What the numbers of `call` and `returned` are, for sentences.
    pub times: Times,
    /// Rules of the search, to be switched off in tests.
    pub rules: Rules,
}

/// What times are counted in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Times {
    /// Positions in a list of events.
    #[default]
    Positions,
    /// Lines of a file.
    Lines,
    /// Nanoseconds.
    Nanos,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self {
            budget: Budget::default(),
            cancelled: &|| false,
            witness: false,
            evidence: true,
            whole: false,
            times: Times::default(),
            rules: Rules::default(),
        }
    }
}

impl fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("budget", &self.budget)
            .field("witness", &self.witness)
            .field("evidence", &self.evidence)
            .field("times", &self.times)
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

impl Times {
    /// The interval, for people.
    #[must_use]
    pub fn interval(self, call: u64, returned: u64) -> String {
        match (self, returned) {
            (Self::Positions, u64::MAX) => format!("from event {call} on"),
            (Self::Positions, _) => format!("events {call} to {returned}"),
            (Self::Lines, u64::MAX) => format!("from line {call} on"),
            (Self::Lines, _) => format!("lines {call} to {returned}"),
            (Self::Nanos, u64::MAX) => format!("from {} on", Nanos(call)),
            (Self::Nanos, _) => format!("{} to {}", Nanos(call), Nanos(returned)),
        }
    }
}

//! What a check comes to: a verdict, the engine that reached it, and its evidence.
//!
//! Operations are named by their index in the list that was checked; whoever made the list can show them.

use std::fmt;

use serde::Serialize;

/// The lease of a key-value that whoever recorded it did not record.
pub const UNRECORDED_LEASE: i64 = -1;

/// A revision or a version that whoever recorded a reply or a key-value did not record.
pub const UNRECORDED: i64 = i64::MIN / 2;

/// The result of checking one list of operations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What it came to.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Which engine decided (the last one, where several had to look).
    pub engine: Engine,
    /// What was looked at.
    pub counts: Counts,
    /// An order of the operations that explains every reply, if one was asked for and the verdict is valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub witness: Option<Vec<usize>>,
}

/// Valid, invalid with its evidence, or the reason why neither can be said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// Some order of the operations explains every reply.
    Valid,
    /// No order does.
    Invalid(Box<Violation>),
    /// Not decided: which part, which budget, how far.
    Unknown {
        /// One sentence.
        reason: String,
    },
    /// Nothing was there that could have been wrong.
    Vacuous {
        /// One sentence.
        reason: String,
    },
}

/// Why a history is invalid, for people and for the report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// A stable name of the rule that is broken, such as `stale-read`.
    pub rule: &'static str,
    /// One sentence that a person understands, with client, key, values, revisions and times.
    pub sentence: String,
    /// The key it is about, where it is about one, escaped for display.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The smallest failing set of operations that was found.
    pub operations: Vec<usize>,
    /// The longest legal order of a prefix that was found, where one was sought.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub legal_prefix: Vec<usize>,
}

/// The ways to decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// Search over the frontier of open operations; any model.
    Search,
    /// Zones of unique values; register and key-value.
    Zones,
    /// The store's own revisions order the writes; etcd.
    Revisions,
}

/// What a check looked at. `ok`, `failed` and `unknown` add up to `operations`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Operations in the list.
    pub operations: usize,
    /// With a reply.
    pub ok: usize,
    /// Certainly not applied.
    pub failed: usize,
    /// With an unknown outcome.
    pub unknown: usize,
    /// Of the ok ones, those that changed state.
    pub writes: usize,
    /// Of the ok ones, those that only read.
    pub reads: usize,
    /// Independent parts that were checked by themselves (1 without partitions).
    pub partitions: usize,
}

impl Verdict {
    /// The verdict of parts taken together: one invalid part decides; an undecided one spoils the rest.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (invalid @ Self::Invalid(_), _) | (_, invalid @ Self::Invalid(_)) => invalid,
            (unknown @ Self::Unknown { .. }, _) | (_, unknown @ Self::Unknown { .. }) => unknown,
            (Self::Valid, _) | (_, Self::Valid) => Self::Valid,
            (vacuous, Self::Vacuous { .. }) => vacuous,
        }
    }
}

impl Verdict {
    /// The same with a legal order of a prefix, where it is invalid.
    pub(crate) fn with_legal_prefix(mut self, legal_prefix: Vec<usize>) -> Self {
        if let Self::Invalid(violation) = &mut self {
            violation.legal_prefix = legal_prefix;
        }
        self
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Valid => f.write_str("valid"),
            Self::Invalid(violation) => write!(f, "invalid: {}", violation.sentence),
            Self::Unknown { reason } => write!(f, "unknown: {reason}"),
            Self::Vacuous { reason } => write!(f, "vacuous: {reason}"),
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Search => "search",
            Self::Zones => "zones",
            Self::Revisions => "revisions",
        })
    }
}

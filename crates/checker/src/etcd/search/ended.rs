//! What a replay comes to, and what cannot be.

use super::super::log::Fact;
use super::super::order::Entry;
use super::super::store::Mismatch;
use super::Candidate;

/// What a replay comes to.
#[derive(Debug)]
pub(in crate::etcd) enum Ended<'a> {
    /// Everything fits: what took each hidden revision.
    Fits { hidden: Vec<(i64, Candidate)>, assumed: bool },
    /// Nothing fits: what was met on the way, in the order in which it was met, and the first entry that was never
    /// passed.
    Contradiction { noted: Vec<Contradiction<'a>>, reach: usize },
    /// The budget is spent, or too old a guess would have to be revisited; with the first entry that was never passed.
    Undecided { revision: i64, reason: &'static str, reach: usize },
}

/// What cannot be.
#[derive(Debug)]
pub(in crate::etcd) enum Contradiction<'a> {
    /// An answer does not fit.
    Answer { entry: Entry, mismatch: Box<Mismatch<'a>> },
    /// Nothing can have taken this revision.
    Hidden { revision: i64, shown: Option<Fact<'a>> },
}

impl Contradiction<'_> {
    pub(super) fn revision(&self) -> i64 {
        match self {
            Self::Answer { entry, .. } => entry.revision,
            Self::Hidden { revision, .. } => *revision,
        }
    }

    pub(super) fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Answer { entry: a, .. }, Self::Answer { entry: b, .. }) => {
                a.op == b.op && a.role() == b.role()
            }
            (Self::Hidden { revision: a, .. }, Self::Hidden { revision: b, .. }) => a == b,
            _ => false,
        }
    }
}

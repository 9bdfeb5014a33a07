//! Counts of what was compared and what was broken, for each promise.

use super::{Finding, Guarantee};
use crate::{Verdict, Violation};

/// At most so many violations of a promise are kept in words; all are counted.
const KEPT: usize = 4;

#[derive(Clone, Debug, Default)]
struct Tally {
    compared: u64,
    broken: u64,
    violations: Vec<Violation>,
    undecided: Option<String>,
}

/// One tally for each promise.
#[derive(Debug)]
pub(super) struct Tallies(Vec<Tally>);

impl Default for Tallies {
    fn default() -> Self {
        Self(vec![Tally::default(); Guarantee::ALL.len()])
    }
}

impl Tallies {
    /// So many more comparisons were made.
    pub(super) fn compared(&mut self, guarantee: Guarantee, count: u64) {
        self.0[guarantee as usize].compared += count;
    }

    /// A comparison failed; it was counted as one already. `violation` makes its words, where they are kept.
    pub(super) fn broke(&mut self, guarantee: Guarantee, violation: impl FnOnce() -> Violation) {
        let tally = &mut self.0[guarantee as usize];
        tally.broken += 1;
        if tally.violations.len() < KEPT {
            tally.violations.push(violation());
        }
    }

    /// It was put to the test, and nobody can say how it ended.
    pub(super) fn undecided(&mut self, guarantee: Guarantee, reason: &str) {
        self.0[guarantee as usize].undecided = Some(reason.to_owned());
    }

    pub(super) fn findings(self) -> Vec<Finding> {
        let finding = |(guarantee, tally): (&Guarantee, Tally)| {
            let Tally { compared, broken, violations, undecided } = tally;
            let verdict = match (violations.first(), undecided) {
                (Some(first), _) => Verdict::Invalid(Box::new(first.clone())),
                (None, Some(reason)) => Verdict::Unknown { reason },
                (None, None) if compared == 0 => Verdict::Vacuous { reason: guarantee.needs().to_owned() },
                (None, None) => Verdict::Valid,
            };
            Finding { guarantee: *guarantee, verdict, compared, broken, violations }
        };
        Guarantee::ALL.iter().zip(self.0).map(finding).collect()
    }
}

//! Promises of etcd that are checked one by one, each by itself: watches, leases, durability, revisions, members.
//!
//! The linearizability engine says whether one order explains all replies; these checks say which promise was broken, and
//! go on where an order does not reach: into watches, leases and members' own words. Each is one walk over the history.
//! All are one-sided: what is called broken contradicts something that was acknowledged, shown or delivered, whatever
//! became of the operations that nobody heard of again.

mod catalog;
mod changes;
mod doubts;
mod durability;
mod keys;
mod lease;
mod lock;
mod members;
mod reads;
mod record;
mod revisions;
mod tally;
mod views;
mod watch;
mod words;

use history::{History, Nanos};

pub use catalog::Guarantee;
pub use lock::{Holds, holds};

use self::record::Record;
use self::tally::Tallies;
use crate::{Report, Verdict, Violation};

/// What is known of a history's surroundings. The default assumes nothing, so that nothing is judged that somebody
/// else may have done.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// The store was started new for the history, and nobody else wrote to it.
    pub own_store: bool,
    /// From here on nothing disturbed the store, as far as anybody knows. Without it, nothing is said of what must
    /// happen some time.
    pub calm_from: Option<Nanos>,
}

/// What one promise came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The promise.
    pub guarantee: Guarantee,
    /// Valid, invalid with the first violation, or vacuous.
    pub verdict: Verdict,
    /// How often it was put to the test; see [`Guarantee::counted`].
    pub compared: u64,
    /// How often it was broken.
    pub broken: u64,
    /// The first few violations, in the order in which they were found.
    pub violations: Vec<Violation>,
}

/// Checks every promise of [`Guarantee::ALL`], in that order.
///
/// The indices in the violations are those of [`History::operations`]. `order` is what the linearizability engine says
/// of the same history; two of the promises are its to judge, and are unknown where it has not said.
#[must_use]
pub fn check(history: &History<'_>, options: &Options, order: Option<&Report>) -> Vec<Finding> {
    let record = Record::new(history, options);
    let mut tallies = Tallies::default();
    revisions::check(&record, &mut tallies);
    durability::check(&record, &mut tallies);
    watch::check(&record, &mut tallies);
    lease::check(&record, &mut tallies);
    lock::check(&record, &mut tallies);
    members::check(&record, &mut tallies);
    reads::check(&record, order, &mut tallies);
    tallies.findings()
}

/// What findings about one subject come to: the first violation, and how often promises were put to the test.
#[must_use]
pub fn tested<'f>(findings: &'f [Finding], subject: &str) -> (Option<&'f Violation>, u64) {
    let about = || findings.iter().filter(|finding| finding.guarantee.subject() == subject);
    let compared = about().map(|finding| finding.compared).sum();
    (about().find_map(|finding| finding.violations.first()), compared)
}

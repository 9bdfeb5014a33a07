//! From the files of a run to properties, a verdict and its renderings.
//!
//! This crate judges what others recorded. It starts nothing, talks to no store, and never makes a verdict prettier
//! than its evidence: what was not exercised is said, and what could not be read is counted.
//!
//! The way to a page: whoever can read a run's files makes a [`Material`] of them, [`View::new`] chooses and counts,
//! [`html::page`] arranges. Neither knows a file.

pub mod html;
mod judge;
mod junit;
pub mod known;
mod material;
mod observe;
mod property;
mod sdk;
mod text;
mod trace;
pub mod view;
mod witness;

pub use judge::{Evidence, Note, Outcome, Summary, judge};
pub use junit::junit;
pub use material::{
    CommandRun, Ending, FaultRun, LinkUse, LogLine, Material, Metric, Refused, RunFacts, Unit, Violation,
};
pub use observe::{ByCall, CALLS, Column, Ended, Histogram, Observed, Observer, Outcomes, Sighting, call};
pub use property::{Example, Group, Property, Status};
pub use sdk::{SdkReport, Source, score};
pub use text::{Detail, table};
pub use trace::trace;
pub use view::View;
pub use witness::{Shown, Witness};

/// The JSON Schema of `verdict.json`, which is a [`Summary`].
#[must_use]
pub fn verdict_schema() -> serde_json::Value {
    schemars::schema_for!(Summary).to_value()
}

/// So many bytes, for people.
#[must_use]
pub fn bytes(bytes: f64) -> String {
    view::bytes(bytes)
}

/// The moments between which a report wants outcomes counted: hand them to [`Observed::read`].
#[must_use]
pub fn marks(faults: &[FaultRun]) -> Vec<history::Nanos> {
    view::marks(faults)
}

//! From the files of a run to properties, a verdict and its renderings.
//!
//! This crate judges what others recorded. It starts nothing, talks to no store, and never makes a verdict prettier
//! than its evidence: what was not exercised is said, and what could not be read is counted.

mod judge;
mod property;
mod sdk;
mod text;

pub use judge::{Evidence, Note, Outcome, Summary, judge};
pub use property::{Example, Group, Property, Status};
pub use sdk::{SdkReport, Source, score};
pub use text::{Detail, table};

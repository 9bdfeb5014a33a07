//! Pure verdicts about histories: data in, data out.
//!
//! This crate does no I/O, reads no clock and owns no randomness. What it calls invalid is proved invalid, what it
//! calls valid has a witness, and what it could not decide or did not exercise it says.

pub mod etcd;
mod verdict;

pub use verdict::{Counts, Engine, Report, Verdict, Violation};

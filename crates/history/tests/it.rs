//! The history format from outside: what is written comes back, and damage is counted.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "it/damage.rs"]
mod damage;
#[path = "it/round_trip.rs"]
mod round_trip;
#[path = "it/sample.rs"]
mod sample;
#[path = "it/scan.rs"]
mod scan;

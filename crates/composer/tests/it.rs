//! Real templates of shell scripts, run by the composer as it runs anyone's. No test looks at how long
//! anything takes: they wait for what has to happen, and look at what the commands saw and the record says.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "it/cancel.rs"]
mod cancel;
#[path = "it/desk.rs"]
mod desk;
#[path = "it/ends.rs"]
mod ends;
#[path = "it/launcher.rs"]
mod launcher;
#[path = "it/misuse.rs"]
mod misuse;
#[path = "it/rules.rs"]
mod rules;

//! Faults against a real system, and what is left when their process is killed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "it/bed.rs"]
mod bed;
#[path = "it/crash.rs"]
mod crash;
#[path = "it/links.rs"]
mod links;
#[path = "it/members.rs"]
mod members;
#[path = "it/packets.rs"]
mod packets;
#[path = "it/runs.rs"]
mod runs;

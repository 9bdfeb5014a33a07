//! The commands as the platform runs them: executables with an environment, an exit code, and what they leave behind.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "it/alone.rs"]
mod alone;
#[path = "it/command.rs"]
mod command;
#[path = "../../crates/etcd_traffic/tests/it/etcd.rs"]
mod etcd;
#[path = "it/faults.rs"]
mod faults;

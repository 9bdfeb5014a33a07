//! The engines from outside, on histories made for them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "it/attack.rs"]
mod attack;
#[path = "it/engines.rs"]
mod engines;
#[path = "it/etcd.rs"]
mod etcd;
#[path = "it/formats.rs"]
mod formats;
#[path = "it/generate.rs"]
mod generate;
#[path = "it/guarantees.rs"]
mod guarantees;
#[path = "it/oracle.rs"]
mod oracle;
#[path = "it/recorded.rs"]
mod recorded;
#[path = "it/shared.rs"]
mod shared;
#[path = "it/simulate.rs"]
mod simulate;

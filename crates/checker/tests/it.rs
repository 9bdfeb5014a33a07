//! The engines from outside, on histories made for them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "it/attack.rs"]
mod attack;
#[path = "it/etcd.rs"]
mod etcd;
#[path = "it/generate.rs"]
mod generate;
#[path = "it/oracle.rs"]
mod oracle;
#[path = "it/recorded.rs"]
mod recorded;
#[path = "it/shared.rs"]
mod shared;

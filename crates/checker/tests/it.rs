//! The engines from outside, on histories made for them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "it/etcd.rs"]
mod etcd;

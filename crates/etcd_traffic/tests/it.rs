//! The crate against servers: real ones, and ones that do what no real one would.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "it/calls.rs"]
mod calls;
#[path = "it/etcd.rs"]
mod etcd;
#[path = "it/fake.rs"]
mod fake;
#[path = "it/once.rs"]
mod once;
#[path = "it/real.rs"]
mod real;
#[path = "it/session.rs"]
mod session;
#[path = "it/snapshot.rs"]
mod snapshot;

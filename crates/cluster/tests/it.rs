//! What the crate does with real files, real servers and a real etcd. Nothing here asserts on how long it
//! took.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "it/charts.rs"]
mod charts;
#[path = "it/etcd.rs"]
mod etcd;
#[path = "it/file_server.rs"]
mod file_server;
#[path = "it/obtaining.rs"]
mod obtaining;

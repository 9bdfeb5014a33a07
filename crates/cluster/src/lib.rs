//! Charts and backends: how a system under test is got, started, addressed, disturbed and stopped.
//!
//! A [`chart::Chart`] is data: nothing in this crate knows one system from another. [`obtain()`] finds its
//! binary, [`Wiring`] says where members listen and how they are called, [`Launch`] shows their command lines
//! and starts them, [`Cluster`] stops, kills, pauses and restarts them, and [`Attached`] is a system that
//! somebody else runs.
//!
//! This crate never prints, never exits, and reads the environment only in [`config`]. It applies no faults
//! to links; it leaves the seam for those in [`Wiring`].

pub mod arch;
pub mod attached;
pub mod chart;
pub mod cluster;
pub mod compose;
pub mod config;
pub mod digest;
pub mod endpoints;
pub mod journal;
pub mod launch;
pub mod member;
pub mod metrics;
pub mod nearest;
pub mod obtain;
pub mod ports;
pub mod readiness;
pub mod template;
pub mod version;
pub mod wiring;
pub mod yaml;

pub use attached::Attached;
pub use chart::Chart;
pub use cluster::Cluster;
pub use config::Places;
pub use endpoints::{Endpoint, Endpoints};
pub use launch::Launch;
pub use member::{Member, State};
pub use obtain::{Binary, Note, ObtainError, Wanted, obtain};
pub use version::Version;
pub use wiring::Wiring;

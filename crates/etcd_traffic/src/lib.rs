//! Traffic against etcd: connect, put, get, validate, and record it all.
//!
//! The core crate: what a test command does is in here, as library calls that take a session, draws and a watcher, and
//! return what they saw. Predicates are pure and return the offender. Nothing here prints, exits, asserts, or reads
//! the environment outside of [`config`].
//!
//! - [`Config`] and [`Session`]: what the process was told, and its history file.
//! - [`Client`]: one member, one thing at a time, nothing sent twice; [`errors`] says what an error means.
//! - [`traffic`] and [`validate`]: the driver's workload. [`durability`]: what is left of what was acknowledged.
//! - [`recovery`]: the wait until every member serves again. [`run`]: what the commands of a run share.

mod attempt;
mod client;
pub mod config;
mod connect;
mod consistency;
mod draw;
pub mod durability;
pub mod errors;
mod event;
mod ledger;
pub mod recovery;
mod revisions;
pub mod run;
mod session;
pub mod traffic;
pub mod validate;

pub use attempt::{Attempt, get};
pub use client::{Answer, Client, Read, Status};
pub use config::{Config, Member};
pub use connect::{connect, connect_to_any};
pub use consistency::{Fate, Kind, Mismatch, Seen, Write, compare};
pub use draw::Draw;
pub use errors::{Applied, Problem};
pub use event::{Event, Watcher};
pub use ledger::{Judgement, Ledger};
pub use revisions::{Regression, Revisions};
pub use session::Session;

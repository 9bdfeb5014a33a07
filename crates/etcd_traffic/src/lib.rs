//! Traffic against etcd: connect, put, get, validate, and record it all.
//!
//! The core crate: what a test command does is in here, as library calls that take a session, draws and a watcher, and
//! return what they saw. Predicates are pure and return the offender. Nothing here prints, exits, asserts, or reads
//! the environment outside of [`config`].
//!
//! - [`Config`] and [`Session`]: what the process was told, and its history file.
//! - [`Client`]: one member, one thing at a time, nothing sent twice: every call that the history has words for. [`Feed`]: watches. [`errors`] says what an
//!   error means.
//! ```no_run
//! use etcd_traffic::{Config, Session};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let session = Session::begin(Config::of_process()?)?; // ETCD_TRAFFIC_ENDPOINTS, ETCD_TRAFFIC_DIR, ...
//! let members = &session.config().members;
//! let mut one = session.client(&members[0]).await?;
//! // `Err` of the outer result: it could not be recorded, and was not sent. Of the inner one: what became of it.
//! match one.put(b"key", b"value").await? {
//!     Ok(revision) => println!("acknowledged at revision {revision}"),
//!     Err(problem) => println!("{problem}"),
//! }
//! session.close()?;
//! # Ok(())
//! # }
//! ```
//!
//! - [`traffic`], [`crowd`] and [`validate`]: the drivers' workloads. [`durability`]: what is left of what was
//!   acknowledged. [`convergence`]: whether members hold the same.
//! - [`swarm`]: what one run is like. [`work`]: transactions, watches, leases, locks and the cluster itself, by it.
//! - [`recovery`]: the wait until every member serves again. [`run`]: what the commands of a run share.

mod attempt;
mod bolt;
mod client;
pub mod config;
mod connect;
mod consistency;
pub mod convergence;
pub mod crowd;
mod draw;
pub mod durability;
pub mod errors;
mod event;
mod ledger;
pub mod recovery;
mod revisions;
pub mod run;
mod session;
mod snapshot;
pub mod swarm;
pub mod traffic;
pub mod validate;
pub mod work;

pub use attempt::{Attempt, get};
pub use client::{Answer, Client, Coming, Feed, KeySpace, Read, Recorded, Status, Told};
pub use config::{Config, Member};
pub use connect::{connect, connect_to_any};
pub use consistency::{Fate, Kind, Mismatch, Seen, Write, compare};
pub use draw::{Draw, Source};
pub use errors::{Applied, Problem};
pub use event::{Event, Watcher};
pub use ledger::{Judgement, Ledger};
pub use revisions::{Regression, Revisions};
pub use session::Session;

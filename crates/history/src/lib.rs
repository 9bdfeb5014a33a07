//! What happened, on one clock: operations, their outcomes, and the file format that carries them.
//!
//! This crate is the bottom of the workspace. It knows the words of a key-value store with revisions, but no store,
//! no network and no model of what is right; it never judges a history.
//!
//! - [`Writer`] puts an invocation on disk before its request leaves, so a killed process leaves an open operation
//!   and never a forgotten one.
//! - [`Sources`] and [`History`] read many files back, pair invocations with returns, and count what they could not
//!   read instead of dropping it.
//!
//! ```
//! use history::{Call, History, Outcome, Put, Reply, Sources, Writer};
//!
//! let dir = std::env::temp_dir().join(format!("history-example-{}", std::process::id()));
//! let writer = Writer::create(&dir, "run-1", "main/parallel_driver_example", 1)?;
//! let put = Call::Put(Put { key: "k".into(), value: "v".into(), ..Put::default() });
//! let id = writer.invoke(0, "etcd0", &put)?; // on disk; now the request may leave
//! writer.finish(id, &Outcome::Ok(Reply::Put { revision: 2, prev: None }))?;
//! writer.close()?;
//!
//! let sources = Sources::read_dir(&dir)?;
//! let history = History::parse(&sources)?;
//! assert!(history.is_complete());
//! assert_eq!(history.operations[0].call, put);
//! # std::fs::remove_dir_all(&dir)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The format is described for people with `jq` in `docs/history-format.md`.

mod blob;
mod call;
pub mod clock;
mod line;
mod reader;
mod render;
mod reply;
mod scan;
mod writer;

pub use blob::Blob;
pub use call::{
    Alarm, Auth, Call, Cluster, Compare, Comparison, Delete, Put, Range, Sort, SortBy, Target, Txn, Watch,
};
pub use clock::Nanos;
pub use line::{FORMAT_VERSION, Header, ParseLineError};
pub use reader::{FileReport, History, Operation, ReadError, Sources, Trouble, WatchUpdate};
pub use render::Lines;
pub use reply::{Event, Failure, KeyValue, Member, Outcome, Reply};
pub use scan::{Answer, Begun, Compared, End, Ended, Guard, Others, Scan, Shown, Step, Visitor};
pub use writer::{OperationId, WriteError, Writer};

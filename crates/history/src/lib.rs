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
pub use call::{Call, Compare, Comparison, Delete, Put, Range, Target, Txn, Watch};
pub use clock::Nanos;
pub use line::{FORMAT_VERSION, Header, ParseLineError};
pub use reader::{FileReport, History, Operation, ReadError, Sources, Trouble, WatchUpdate};
pub use render::Lines;
pub use reply::{Event, Failure, KeyValue, Outcome, Reply};
pub use scan::{Others, Scan, Visitor};
pub use writer::{OperationId, WriteError, Writer};

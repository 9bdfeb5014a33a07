//! One line of a history file: the shapes on disk, and the way between them and the typed values.
//!
//! Names are short because a run writes them a million times; `docs/history-format.md` spells them out. Defaults are
//! left out. This module is the only one that knows the names.

mod invoke;
mod returned;
mod watch;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Nanos;

pub(crate) use invoke::InvokeLine;
pub(crate) use returned::ReturnLine;
pub(crate) use watch::{EventFields, WatchLine};

/// The version of the format that this crate writes and reads.
pub const FORMAT_VERSION: u32 = 1;

/// The first line of every file: who wrote it, and on which boot's clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The format's version, [`FORMAT_VERSION`].
    pub history: u32,
    /// The boot whose clock stamped the file; see [`crate::clock::boot_id`].
    pub boot: String,
    /// The run this file belongs to; empty outside of a run.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub run: String,
    /// The command that wrote the file, such as `main/parallel_driver_generate_traffic`.
    pub command: String,
    /// The command's number in its run; 0 outside of one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub number: u64,
    /// The writing process.
    pub pid: u32,
    /// When the file was begun.
    pub t: Nanos,
    /// The same moment in nanoseconds since 1970 UTC, for people.
    pub wall: Nanos,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// The last line of a file that was closed in order.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FooterLine {
    /// How many operations the file holds.
    pub(crate) z: u64,
    pub(crate) t: Nanos,
}

/// Why a line could not be understood.
#[derive(Debug, Error)]
pub enum ParseLineError {
    /// Not JSON, or not of a known shape.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// JSON, but not a line of this format.
    #[error("not a line of a history: it has none of history, i, r, w, z")]
    UnknownShape,
    /// A call that this version does not know.
    #[error("unknown call `{0}`")]
    UnknownCall(String),
    /// An outcome other than ok, fail and unknown.
    #[error("unknown outcome `{0}`")]
    UnknownOutcome(String),
    /// A comparison needs exactly one of v, ver, crt, mod, lease.
    #[error("a comparison needs exactly one of v, ver, crt, mod, lease")]
    AmbiguousComparison,
    /// A field that this line's shape needs.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// A transaction's replies do not fit its calls.
    #[error("a transaction of {calls} calls has {replies} replies")]
    ReplyCount {
        /// Calls in the list that was taken.
        calls: usize,
        /// Replies on the line.
        replies: usize,
    },
}

/// What kind of line this is, told by its first name; other orders are found by looking further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Header,
    Invoke,
    Return,
    Watch,
    Footer,
}

impl Shape {
    /// By the first name.
    pub(crate) fn quick(line: &[u8]) -> Option<Self> {
        const FIRST: [(&[u8], Shape); 5] = [
            (b"{\"i\":", Shape::Invoke),
            (b"{\"r\":", Shape::Return),
            (b"{\"w\":", Shape::Watch),
            (b"{\"history\":", Shape::Header),
            (b"{\"z\":", Shape::Footer),
        ];
        FIRST.iter().find(|(start, _)| line.starts_with(start)).map(|(_, shape)| *shape)
    }

    /// Cheap for lines as the writer makes them; lines edited by hand may have their names in any order.
    pub(crate) fn of(line: &[u8]) -> Result<Self, ParseLineError> {
        if let Some(shape) = Self::quick(line) {
            return Ok(shape);
        }
        let names: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(line)?;
        let has = |name: &str| names.contains_key(name);
        match () {
            () if has("history") => Ok(Self::Header),
            () if has("i") => Ok(Self::Invoke),
            () if has("r") => Ok(Self::Return),
            () if has("w") => Ok(Self::Watch),
            () if has("z") => Ok(Self::Footer),
            () => Err(ParseLineError::UnknownShape),
        }
    }
}

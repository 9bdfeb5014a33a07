//! What happened to each command, and the file that keeps it: `commands.jsonl` in the run directory.
//!
//! One JSON object a line, two lines per command: the first when it has been started, the second when it has
//! ended. The shape is the platform's own (`source`, `command`, `task_status`, `command_return_code`,
//! `command_runtime` in seconds) with our fields beside them, so that tools for the platform's logs read it
//! too:
//!
//! ```json
//! {"source":{"name":"antithesis_test_composer"},"command":"main/anytime_a","task_status":"started",
//!  "n":3,"kind":"anytime","seed":5,"t":1200,"pid":77}
//! {"source":{"name":"antithesis_test_composer"},"command":"main/anytime_a","task_status":"finished",
//!  "n":3,"kind":"anytime","seed":5,"t":9200,"pid":77,"command_return_code":137,"command_runtime":0.000008,
//!  "ending":{"how":"killed","by":"deadline"},"stdout_bytes":0,"stderr_bytes":12}
//! ```
//!
//! (Here in several lines for the eye.)
//! `jq 'select(.ending.how == "killed")' commands.jsonl` finds the killed ones. `t` is nanoseconds of the
//! run's one clock. A started line without its finished line is a command whose end nobody saw, as when the
//! tool was killed.

mod ending;
mod read;
mod write;

pub use ending::{Ending, Killer};
pub use read::{CommandLog, CommandRecord, Finish};
pub(crate) use write::RecordWriter;

use crate::kind::Kind;
use history::Nanos;
use serde::{Deserialize, Serialize};

/// The record's name in the run directory.
pub const RECORD_FILE: &str = "commands.jsonl";

/// The platform's name for the one who starts commands.
const SOURCE: &str = "antithesis_test_composer";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Source {
    name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum TaskStatus {
    Started,
    Finished,
}

/// One line of the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Line {
    source: Source,
    command: String,
    task_status: TaskStatus,
    n: u32,
    kind: Kind,
    seed: u64,
    t: Nanos,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    command_return_code: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    command_runtime: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ending: Option<Ending>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stdout_bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stderr_bytes: Option<u64>,
}

#[cfg(test)]
mod tests;

//! The reports of etcd's robustness tests: `operations.json` and `watch.json` of each client, a sequence of JSON objects.
//!
//! They are turned into operations of this project's own history, so that the engine for revisions can judge them. What
//! they do not record is left at a value that the store never gives: a create revision, a version and a
//! header revision of [`UNRECORDED`], a lease of [`UNRECORDED_LEASE`] on a key-value, a time to live of 0. A watch has no time of invocation; it is taken to begin with the run.
//!
//! Values of 20 bytes and more are recorded as a hash in some places and as they are in others; here they all become the
//! hash, so that they can be compared.

mod request;
mod response;
mod watch;

use std::path::PathBuf;

use history::{FORMAT_VERSION, FileReport, Header, History, Nanos, Operation, Outcome};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use super::Recorded;
use super::place::ParseError;
use crate::{UNRECORDED, UNRECORDED_LEASE};

/// From here on values are recorded by their hash.
const HASHED_FROM: usize = 20;

/// Reads one file; which of the two it is its objects tell.
pub(super) fn read(name: &str, text: &str) -> Result<Recorded, ParseError> {
    let watches =
        text.find("\"Responses\"").is_some_and(|at| text.find("\"Input\"").is_none_or(|input| at < input))
            || name.ends_with("watch.json");
    let mut history = History { operations: Vec::new(), watched: Vec::new(), files: Vec::new() };
    if watches {
        for (number, watch) in (0..).zip(objects::<watch::Watch>(text)?) {
            let (operation, updates) = watch.into_parts(number);
            history.operations.push(operation);
            history.watched.extend(updates);
        }
    } else {
        for (number, entry) in (0..).zip(objects::<Entry>(text)?) {
            history.operations.extend(entry.into_operation(number));
        }
    }
    history.operations.sort_by_key(|operation| (operation.invoked, operation.number));
    history.watched.sort_by_key(|update| (update.t, update.watch));
    history.files.push(report(name, history.operations.len()));
    Ok(Recorded::Etcd(Box::new(history)))
}

/// Adds another file of the same run.
pub(super) fn join(history: &mut History<'static>, other: History<'static>) {
    let before = history.files.len();
    history.files.extend(other.files);
    let moved = |mut operation: Operation<'static>| {
        operation.file += before;
        operation
    };
    history.operations.extend(other.operations.into_iter().map(moved));
    history.watched.extend(other.watched.into_iter().map(|mut update| {
        update.file += before;
        update
    }));
    history.operations.sort_by_key(|operation| (operation.invoked, operation.file, operation.number));
    history.watched.sort_by_key(|update| (update.t, update.file, update.watch));
}

fn report(name: &str, operations: usize) -> FileReport {
    let header = Header {
        history: FORMAT_VERSION,
        boot: "unknown".to_owned(),
        run: String::new(),
        command: name.to_owned(),
        number: 0,
        pid: 0,
        t: Nanos(0),
        wall: Nanos(0),
    };
    FileReport {
        path: PathBuf::from(name),
        header: Some(header),
        operations,
        open: 0,
        closed: true,
        torn: false,
        broken: 0,
        missing: 0,
        lost: 0,
        troubles: Vec::new(),
    }
}

fn objects<T: DeserializeOwned>(text: &str) -> Result<Vec<T>, ParseError> {
    let wrong = |error: &serde_json::Error| {
        // The parser says where in its own words as well.
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default().to_owned();
        ParseError { line: error.line().max(1), column: error.column().max(1), message }
    };
    let stream = serde_json::Deserializer::from_str(text).into_iter::<T>();
    stream.map(|object| object.map_err(|error| wrong(&error))).collect()
}

/// One operation, as porcupine's `Operation` is written.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    #[serde(alias = "ClientID", default)]
    client_id: i64,
    input: request::Request,
    call: i64,
    output: response::Response,
    r#return: i64,
}

impl Entry {
    /// `None` for what says nothing about keys (defragmentation).
    fn into_operation(self, number: u64) -> Option<Operation<'static>> {
        let member = self.output.member_id.clone().unwrap_or_default();
        let outcome = self.output.outcome(&self.input);
        let returned = match &outcome {
            Outcome::Unknown(_) => None,
            _ => Some(nanos(self.r#return)),
        };
        Some(Operation {
            file: 0,
            number,
            client: u32::try_from(self.client_id).unwrap_or(u32::MAX),
            member: member.into(),
            call: self.input.into_call()?,
            invoked: nanos(self.call),
            returned,
            outcome,
        })
    }
}

/// Reports count from the beginning of the run; nothing is before it.
fn nanos(time: i64) -> Nanos {
    Nanos(u64::try_from(time).unwrap_or(0))
}

/// Go writes an empty list as `null` at times.
fn listed<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A value, or the hash of a long one.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ValueOrHash {
    value: String,
    hash: u32,
}

impl ValueOrHash {
    fn into_text(self) -> String {
        match self.hash {
            0 if self.value.len() < HASHED_FROM => self.value,
            0 => format!("hash:{:08x}", fnv32a(self.value.as_bytes())),
            hash => format!("hash:{hash:08x}"),
        }
    }
}

/// The 32-bit FNV-1a hash.
fn fnv32a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

//! Watches of a report, and what they delivered.

use std::borrow::Cow;

use history::{Blob, Call, Event, Operation, Outcome, WatchUpdate};
use serde::Deserialize;

use super::request::OpType;
use super::response::ValueRevision;
use super::{Nanos, UNRECORDED, ValueOrHash, listed, nanos};

/// A watch, from `watch.json`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Watch {
    request: WatchRequest,
    #[serde(deserialize_with = "listed")]
    responses: Vec<WatchResponse>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct WatchRequest {
    key: String,
    revision: i64,
    with_prefix: bool,
    with_progress_notify: bool,
    #[serde(rename = "WithPrevKV")]
    with_prev_kv: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct WatchResponse {
    #[serde(deserialize_with = "listed")]
    events: Vec<WatchEvent>,
    revision: i64,
    time: i64,
    error: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct WatchEvent {
    r#type: OpType,
    key: String,
    value: ValueOrHash,
    revision: i64,
    is_create: bool,
    prev_value: Option<ValueRevision>,
}

impl Watch {
    /// The operation that opened it, and its messages; one that only carries an error is left out.
    pub(super) fn into_parts(self, number: u64) -> (Operation<'static>, Vec<WatchUpdate<'static>>) {
        let WatchRequest { key, revision, with_prefix, with_progress_notify, with_prev_kv } = self.request;
        let end = with_prefix.then(|| Blob::from(prefix_end(key.as_bytes())));
        let call = Call::Watch(history::Watch {
            key: Blob::from(key),
            end,
            revision,
            prev_kv: with_prev_kv,
            progress: with_progress_notify,
            ..history::Watch::default()
        });
        let operation = Operation {
            file: 0,
            number,
            client: 0,
            member: Cow::Borrowed(""),
            call,
            invoked: Nanos(0),
            returned: None,
            outcome: Outcome::Unknown(None),
        };
        let updates = self.responses.into_iter().filter(|response| response.error.is_empty());
        let update = |response: WatchResponse| WatchUpdate {
            file: 0,
            watch: number,
            t: nanos(response.time),
            revision: response.revision,
            events: response.events.into_iter().map(WatchEvent::into_event).collect(),
        };
        (operation, updates.map(update).collect())
    }
}

impl WatchEvent {
    fn into_event(self) -> Event<'static> {
        let prev = self.prev_value.map(|prev| prev.into_key_value(self.key.clone()));
        if self.r#type == OpType::Delete {
            return Event::Delete { key: Blob::from(self.key), revision: self.revision, prev };
        }
        let version =
            if self.is_create { 1 } else { prev.as_ref().map_or(UNRECORDED, |prev| prev.version + 1) };
        let mut kv = ValueRevision::default().into_key_value(self.key);
        kv.value = Blob::from(self.value.into_text());
        kv.mod_revision = self.revision;
        kv.create_revision = if self.is_create { self.revision } else { UNRECORDED };
        // The previous one was not recorded either.
        kv.version = if version == 1 && !self.is_create { UNRECORDED } else { version };
        Event::Put { kv, prev }
    }
}

/// The first key after all that begin with this prefix; a zero byte ("no end") where there is none.
fn prefix_end(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return end;
        }
    }
    vec![0]
}

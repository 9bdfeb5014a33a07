//! What a watch delivered: one line for each message of the store, between the watch's invocation and its return.

use serde::{Deserialize, Serialize};

use super::ParseLineError;
use super::invoke::is_default;
use crate::{Blob, Event, KeyValue, Nanos};

/// `{"w":7,"t":81234567890,"rev":57,"ev":[{"k":"a","v":"1","mod":57},{"del":"b","mod":57}]}`
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WatchLine<'a> {
    /// The number of the operation that opened the watch.
    pub(crate) w: u64,
    pub(crate) t: Nanos,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) rev: i64,
    /// Empty: a progress notification.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) ev: Vec<EventFields<'a>>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct EventFields<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    k: Option<Blob<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    del: Option<Blob<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    v: Option<Blob<'a>>,
    r#mod: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    crt: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ver: Option<i64>,
    #[serde(skip_serializing_if = "is_default")]
    lease: i64,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    prev: Option<KeyValue<'a>>,
}

impl<'a> EventFields<'a> {
    pub(crate) fn new(event: &'a Event<'a>) -> Self {
        match event {
            Event::Put { kv, prev } => Self {
                k: Some(kv.key.borrow()),
                v: Some(kv.value.borrow()),
                r#mod: kv.mod_revision,
                crt: (kv.create_revision != kv.mod_revision).then_some(kv.create_revision),
                ver: (kv.version != 1).then_some(kv.version),
                lease: kv.lease,
                prev: prev.as_ref().map(KeyValue::borrow),
                del: None,
            },
            Event::Delete { key, revision, prev } => Self {
                del: Some(key.borrow()),
                r#mod: *revision,
                prev: prev.as_ref().map(KeyValue::borrow),
                ..Self::default()
            },
        }
    }

    pub(crate) fn typed(self) -> Result<Event<'a>, ParseLineError> {
        match (self.k, self.del) {
            (Some(key), None) => {
                let kv = KeyValue {
                    key,
                    value: self.v.unwrap_or_default(),
                    create_revision: self.crt.unwrap_or(self.r#mod),
                    mod_revision: self.r#mod,
                    version: self.ver.unwrap_or(1),
                    lease: self.lease,
                };
                Ok(Event::Put { kv, prev: self.prev })
            }
            (None, Some(key)) => Ok(Event::Delete { key, revision: self.r#mod, prev: self.prev }),
            _ => Err(ParseLineError::Missing("either k or del")),
        }
    }
}

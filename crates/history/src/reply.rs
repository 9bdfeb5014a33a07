//! What a client was told: replies with their revisions, and the outcome of an operation.
//!
//! A reply says what the store said, unjudged; a missing key is a reply like any other.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{Alarm, Blob};

/// How an operation ended for its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// The store answered.
    Ok(Reply<'a>),
    /// Certainly not applied, now or later.
    Failed(Failure<'a>),
    /// May have been applied, or may be applied later. `None`: the client ended before it was told anything.
    Unknown(Option<Failure<'a>>),
}

/// Why an operation has no reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure<'a> {
    /// A stable class, such as `deadline-exceeded`; for counting.
    pub class: Cow<'a, str>,
    /// The store's or the client's own words.
    pub message: Cow<'a, str>,
}

/// The store's answer. Every variant carries `revision`, the head revision that the store reported with it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each variant's text names its fields")]
pub enum Reply<'a> {
    /// To a put: its own revision; the previous key-value if it was asked for and existed.
    Put { revision: i64, prev: Option<KeyValue<'a>> },
    /// To a read: what was found; `count` is of all keys in the range, `more` says that the limit cut some off.
    Range { revision: i64, kvs: Vec<KeyValue<'a>>, count: i64, more: bool },
    /// To a delete: how many keys went, and which, if that was asked for.
    Delete { revision: i64, deleted: i64, prev: Vec<KeyValue<'a>> },
    /// To a transaction: which list was taken, and the replies of its calls.
    Txn { revision: i64, succeeded: bool, replies: Vec<Reply<'a>> },
    /// To a grant: the id and the granted time to live in seconds.
    Grant { revision: i64, lease: i64, ttl: i64 },
    /// To a revoke.
    Revoke { revision: i64 },
    /// To a keep-alive: the new time to live; 0 when the lease is gone.
    KeepAlive { revision: i64, ttl: i64 },
    /// To a question for the remaining time: -1 when the lease is gone; the granted time; the keys if asked for.
    TimeToLive { revision: i64, ttl: i64, granted: i64, keys: Vec<Blob<'a>> },
    /// To a compaction.
    Compact { revision: i64 },
    /// The watch ended: the store's reason if it cancelled, and the compaction revision that made it.
    Watch { revision: i64, cancelled: Option<Cow<'a, str>>, compacted: i64 },
    /// To a hash: the hash, and the compaction revision it was taken with.
    Hash { revision: i64, hash: u32, compacted: i64 },
    /// To a status: the answering member's id, the leader's id and the term in that member's eyes, and the index of the
    /// last raft entry that it has applied.
    Status { revision: i64, id: u64, leader: u64, term: u64, applied: u64 },
    /// To a question for leases: the ids of those that are alive.
    Leases { revision: i64, leases: Vec<i64> },
    /// To a lock that is held now, or to an election that is won: the key that stands for it, and the revision of its
    /// creation (0 for a lock, which is not told).
    Held { revision: i64, key: Blob<'a>, created: i64 },
    /// To a question for the leader: the key-value that stands for it, if there is one.
    Leader { revision: i64, kv: Option<KeyValue<'a>> },
    /// To what asks for members, or changes them: all of them, afterwards.
    Members { revision: i64, members: Vec<Member<'a>> },
    /// To what asks for alarms, or takes them back: by the id of the member; all that are raised, or the ones that were.
    Alarms { revision: i64, alarms: Vec<(u64, Alarm)> },
    /// To a snapshot: its size, and whether it ends with its own digest.
    Snapshot { revision: i64, bytes: u64, intact: bool },
    /// To all else.
    Done { revision: i64 },
}

/// One member, as the store showed it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member<'a> {
    /// The id that the store gave it.
    pub id: u64,
    /// Empty for a member that has not been started yet.
    #[serde(borrow, default, skip_serializing_if = "is_empty")]
    pub name: Blob<'a>,
    /// Where other members reach it.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub peers: Vec<Blob<'a>>,
    /// It has no vote.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub learner: bool,
}

impl<'a> Member<'a> {
    /// The same member, without a copy of its bytes.
    #[must_use]
    pub fn borrow(&'a self) -> Self {
        let peers = self.peers.iter().map(Blob::borrow).collect();
        Self { id: self.id, name: self.name.borrow(), peers, learner: self.learner }
    }
}

fn is_empty(blob: &Blob<'_>) -> bool {
    blob.bytes().is_empty()
}

impl Reply<'_> {
    /// The head revision that the store reported.
    #[must_use]
    pub fn revision(&self) -> i64 {
        match self {
            Self::Put { revision, .. }
            | Self::Range { revision, .. }
            | Self::Delete { revision, .. }
            | Self::Txn { revision, .. }
            | Self::Grant { revision, .. }
            | Self::Revoke { revision }
            | Self::KeepAlive { revision, .. }
            | Self::TimeToLive { revision, .. }
            | Self::Compact { revision }
            | Self::Watch { revision, .. }
            | Self::Hash { revision, .. }
            | Self::Status { revision, .. }
            | Self::Leases { revision, .. }
            | Self::Held { revision, .. }
            | Self::Leader { revision, .. }
            | Self::Members { revision, .. }
            | Self::Alarms { revision, .. }
            | Self::Snapshot { revision, .. }
            | Self::Done { revision } => *revision,
        }
    }
}

/// A key with its value and its revisions, as the store showed it.
///
/// In the file `crt` is left out when it equals `mod`, `ver` when it is 1, `lease` when it is 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyValue<'a> {
    /// The key.
    pub key: Blob<'a>,
    /// The value; empty where only keys were asked for.
    pub value: Blob<'a>,
    /// Revision of the key's creation.
    pub create_revision: i64,
    /// Revision of the key's last write.
    pub mod_revision: i64,
    /// Writes since creation, 1 on creation.
    pub version: i64,
    /// The attached lease; 0 for none.
    pub lease: i64,
}

impl<'a> KeyValue<'a> {
    /// The same key-value, without a copy of its bytes.
    #[must_use]
    pub fn borrow(&'a self) -> Self {
        Self { key: self.key.borrow(), value: self.value.borrow(), ..*self }
    }
}

/// One change that a watch delivered.
#[expect(missing_docs, reason = "each variant's text names its fields")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A key was written; with the previous key-value if it was asked for and known.
    Put { kv: KeyValue<'a>, prev: Option<KeyValue<'a>> },
    /// A key was deleted at this revision.
    Delete { key: Blob<'a>, revision: i64, prev: Option<KeyValue<'a>> },
}

/// The wire shape of a key-value: short names, defaults left out.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyValueFields<'a> {
    #[serde(borrow)]
    k: Blob<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    v: Option<Blob<'a>>,
    r#mod: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    crt: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ver: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lease: Option<i64>,
}

impl Serialize for KeyValue<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        KeyValueFields {
            k: self.key.borrow(),
            v: (!self.value.bytes().is_empty()).then(|| self.value.borrow()),
            r#mod: self.mod_revision,
            crt: (self.create_revision != self.mod_revision).then_some(self.create_revision),
            ver: (self.version != 1).then_some(self.version),
            lease: (self.lease != 0).then_some(self.lease),
        }
        .serialize(serializer)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for KeyValue<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = KeyValueFields::deserialize(deserializer)?;
        Ok(Self {
            key: fields.k,
            value: fields.v.unwrap_or_default(),
            create_revision: fields.crt.unwrap_or(fields.r#mod),
            mod_revision: fields.r#mod,
            version: fields.ver.unwrap_or(1),
            lease: fields.lease.unwrap_or(0),
        })
    }
}

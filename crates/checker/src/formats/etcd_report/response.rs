//! Responses of a report, and the outcomes they stand for.

use history::{Blob, Failure, KeyValue, Outcome, Reply};
use serde::Deserialize;

use super::request::{OpType, Request, TxnRequest};
use super::{UNRECORDED, UNRECORDED_LEASE, ValueOrHash, listed};

/// What came of it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Response {
    txn: Option<TxnResponse>,
    range: Option<RangeResponse>,
    lease_grant: Option<serde::de::IgnoredAny>,
    lease_revoke: Option<serde::de::IgnoredAny>,
    compact: Option<serde::de::IgnoredAny>,
    /// The store refused it for a reason of its own: compacted, or a future revision.
    client_error: String,
    revision: i64,
    #[serde(rename = "member-id")]
    pub(super) member_id: Option<String>,
    /// The client was told nothing, or an error.
    error: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct TxnResponse {
    failure: bool,
    #[serde(deserialize_with = "listed")]
    results: Vec<OpResult>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct RangeResponse {
    #[serde(rename = "KVs", deserialize_with = "listed")]
    kvs: Vec<KeyValueFields>,
    count: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct OpResult {
    #[serde(rename = "KVs", deserialize_with = "listed")]
    kvs: Vec<KeyValueFields>,
    count: i64,
    deleted: i64,
}

/// A key-value as far as it is recorded.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct KeyValueFields {
    key: String,
    #[serde(flatten)]
    value: ValueRevision,
}

/// The same without its key.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ValueRevision {
    value: ValueOrHash,
    mod_revision: i64,
    version: i64,
}

impl ValueRevision {
    pub(super) fn into_key_value(self, key: String) -> KeyValue<'static> {
        KeyValue {
            key: Blob::from(key),
            value: Blob::from(self.value.into_text()),
            // A first version was created by this very write; of others it is not recorded.
            create_revision: if self.version == 1 { self.mod_revision } else { UNRECORDED },
            mod_revision: self.mod_revision,
            version: self.version,
            lease: UNRECORDED_LEASE,
        }
    }
}

impl Response {
    pub(super) fn outcome(self, request: &Request) -> Outcome<'static> {
        let failure =
            |class: &'static str, message: String| Failure { class: class.into(), message: message.into() };
        if !self.client_error.is_empty() {
            return Outcome::Failed(failure("refused", self.client_error));
        }
        if !self.error.is_empty() {
            return Outcome::Unknown(Some(failure("error", self.error)));
        }
        let lease = request.lease();
        match self.reply(request.txn.as_ref(), lease) {
            Some(reply) => Outcome::Ok(reply),
            // Only that it took effect was found out afterwards.
            None => Outcome::Unknown(None),
        }
    }

    fn reply(self, request: Option<&TxnRequest>, lease: i64) -> Option<Reply<'static>> {
        // Where the revision says nothing about order, -1 is recorded.
        let revision = if self.revision < 0 { UNRECORDED } else { self.revision };
        if let Some(range) = self.range {
            return Some(range_reply(revision, range.kvs, range.count));
        }
        if let (Some(txn), Some(request)) = (self.txn, request) {
            let deleted = txn.results.first().map_or(0, |result| result.deleted);
            return Some(match request.single() {
                Some(OpType::Put) => Reply::Put { revision, prev: None },
                Some(_) => Reply::Delete { revision, deleted, prev: Vec::new() },
                None => {
                    Reply::Txn { revision, succeeded: !txn.failure, replies: inner(revision, txn, request) }
                }
            });
        }
        if self.lease_grant.is_some() {
            return Some(Reply::Grant { revision, lease, ttl: 0 });
        }
        if self.lease_revoke.is_some() {
            return Some(Reply::Revoke { revision });
        }
        self.compact.map(|_| Reply::Compact { revision })
    }
}

fn inner(revision: i64, txn: TxnResponse, request: &TxnRequest) -> Vec<Reply<'static>> {
    let taken = if txn.failure { &request.operations_on_failure } else { &request.operations_on_success };
    let reply = |(result, op): (OpResult, &super::request::RequestOp)| match op.r#type {
        OpType::Range => range_reply(revision, result.kvs, result.count),
        OpType::Put => Reply::Put { revision, prev: None },
        OpType::Delete => Reply::Delete { revision, deleted: result.deleted, prev: Vec::new() },
    };
    txn.results.into_iter().zip(taken).map(reply).collect()
}

fn range_reply(revision: i64, kvs: Vec<KeyValueFields>, count: i64) -> Reply<'static> {
    let kvs: Vec<_> = kvs.into_iter().map(|kv| kv.value.into_key_value(kv.key)).collect();
    let more = i64::try_from(kvs.len()).is_ok_and(|shown| shown < count);
    Reply::Range { revision, kvs, count, more }
}

//! Requests of a report, and the calls they stand for.

use history::{Blob, Call, Compare, Comparison, Delete, Put, Range, Target, Txn};
use serde::Deserialize;

use super::{ValueOrHash, listed};

/// What was asked.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Request {
    #[serde(default)]
    lease_grant: Option<LeaseRequest>,
    #[serde(default)]
    lease_revoke: Option<LeaseRequest>,
    #[serde(default)]
    range: Option<RangeRequest>,
    #[serde(default)]
    pub(super) txn: Option<TxnRequest>,
    #[serde(default)]
    compact: Option<CompactRequest>,
}

#[derive(Debug, Deserialize)]
struct LeaseRequest {
    #[serde(rename = "LeaseID", default)]
    lease: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct RangeRequest {
    start: String,
    end: String,
    limit: i64,
    keys_only: bool,
    revision: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct CompactRequest {
    revision: i64,
}

/// A transaction; a put or a delete by itself is written as one, too.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct TxnRequest {
    #[serde(deserialize_with = "listed")]
    conditions: Vec<Condition>,
    #[serde(deserialize_with = "listed")]
    pub(super) operations_on_success: Vec<RequestOp>,
    #[serde(deserialize_with = "listed")]
    pub(super) operations_on_failure: Vec<RequestOp>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Condition {
    key: String,
    expected_revision: i64,
    expected_version: i64,
}

/// One operation of a transaction.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct RequestOp {
    pub(super) r#type: OpType,
    range: RangeRequest,
    put: PutOptions,
    delete: DeleteOptions,
}

/// Its kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) enum OpType {
    #[default]
    #[serde(rename = "range-operation")]
    Range,
    #[serde(rename = "put-operation")]
    Put,
    #[serde(rename = "delete-operation")]
    Delete,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct PutOptions {
    key: String,
    value: ValueOrHash,
    #[serde(rename = "LeaseID")]
    lease: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct DeleteOptions {
    key: String,
}

impl TxnRequest {
    /// The one put or delete that this is, by itself.
    pub(super) fn single(&self) -> Option<OpType> {
        match (&self.conditions[..], &self.operations_on_success[..], &self.operations_on_failure[..]) {
            ([], [only], []) if only.r#type != OpType::Range => Some(only.r#type),
            _ => None,
        }
    }
}

impl Request {
    /// `None` for what says nothing about keys.
    pub(super) fn into_call(self) -> Option<Call<'static>> {
        if let Some(range) = self.range {
            return Some(Call::Range(range.into_range()));
        }
        if let Some(mut txn) = self.txn {
            if txn.single().is_some() {
                return Some(txn.operations_on_success.remove(0).into_call());
            }
            let calls = |ops: Vec<RequestOp>| ops.into_iter().map(RequestOp::into_call).collect();
            return Some(Call::Txn(Txn {
                compare: txn.conditions.into_iter().map(Condition::into_compare).collect(),
                success: calls(txn.operations_on_success),
                failure: calls(txn.operations_on_failure),
            }));
        }
        if let Some(LeaseRequest { lease }) = self.lease_grant {
            return Some(Call::Grant { ttl: 0, lease });
        }
        if let Some(LeaseRequest { lease }) = self.lease_revoke {
            return Some(Call::Revoke { lease });
        }
        self.compact.map(|compact| Call::Compact { revision: compact.revision, physical: false })
    }

    /// The lease that was granted or asked for.
    pub(super) fn lease(&self) -> i64 {
        self.lease_grant.as_ref().map_or(0, |request| request.lease)
    }
}

impl RangeRequest {
    fn into_range(self) -> Range<'static> {
        Range {
            key: Blob::from(self.start),
            end: (!self.end.is_empty()).then(|| Blob::from(self.end)),
            limit: self.limit,
            revision: self.revision,
            keys_only: self.keys_only,
            ..Range::default()
        }
    }
}

impl Condition {
    /// A report knows equality of versions and of revisions only; a version of 0 stands for none.
    fn into_compare(self) -> Compare<'static> {
        let target = match self.expected_version {
            0 => Target::Mod(self.expected_revision),
            version => Target::Version(version),
        };
        Compare { key: Blob::from(self.key), end: None, target, comparison: Comparison::Equal }
    }
}

impl RequestOp {
    fn into_call(self) -> Call<'static> {
        match self.r#type {
            OpType::Range => Call::Range(self.range.into_range()),
            OpType::Put => Call::Put(Put {
                key: Blob::from(self.put.key),
                value: Blob::from(self.put.value.into_text()),
                lease: self.put.lease,
                ..Put::default()
            }),
            OpType::Delete => Call::Delete(Delete { key: Blob::from(self.delete.key), ..Delete::default() }),
        }
    }
}

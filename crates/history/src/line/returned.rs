//! Return lines, and the replies inside of transactions: one shape, where only the outer one has a number, a time,
//! an outcome and a revision.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::ParseLineError;
use super::invoke::is_default;
use crate::{Alarm, Blob, Call, Cluster, Failure, KeyValue, Member, Nanos, Outcome, Reply};

/// `{"r":3,"t":81234569999,"o":"ok","rev":42}`
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ReturnLine<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) r: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) t: Option<Nanos>,
    /// `ok`, `fail` or `unknown`.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    o: Option<Blob<'a>>,
    #[serde(skip_serializing_if = "is_default")]
    rev: i64,
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    kvs: Vec<KeyValue<'a>>,
    /// Count of all keys in the range, when it is not the number of `kvs`.
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<i64>,
    #[serde(skip_serializing_if = "is_default")]
    more: bool,
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    prev: Vec<KeyValue<'a>>,
    /// How many keys were deleted.
    #[serde(skip_serializing_if = "is_default")]
    del: i64,
    /// Which list of a transaction was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    succ: Option<bool>,
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    res: Vec<ReturnLine<'a>>,
    #[serde(skip_serializing_if = "is_default")]
    lease: i64,
    #[serde(skip_serializing_if = "is_default")]
    ttl: i64,
    #[serde(skip_serializing_if = "is_default")]
    granted: i64,
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    keys: Vec<Blob<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    cancel: Option<Blob<'a>>,
    #[serde(skip_serializing_if = "is_default")]
    compacted: i64,
    #[serde(skip_serializing_if = "is_default")]
    hash: u32,
    #[serde(skip_serializing_if = "is_default")]
    leader: u64,
    #[serde(skip_serializing_if = "is_default")]
    term: u64,
    /// The answering member's id.
    #[serde(skip_serializing_if = "is_default")]
    id: u64,
    #[serde(skip_serializing_if = "is_default")]
    applied: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    leases: Vec<i64>,
    /// The key that stands for a lock or a leadership, and the revision of its creation.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    own: Option<Blob<'a>>,
    #[serde(skip_serializing_if = "is_default")]
    token: i64,
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    members: Vec<Member<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    alarms: Vec<(u64, Alarm)>,
    #[serde(skip_serializing_if = "is_default")]
    bytes: u64,
    #[serde(skip_serializing_if = "is_default")]
    intact: bool,
    /// Class and words of a failure.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    e: Option<Blob<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    msg: Option<Blob<'a>>,
}

impl<'a> ReturnLine<'a> {
    /// The line of a return.
    pub(crate) fn new(r: u64, t: Nanos, outcome: &'a Outcome<'a>) -> Self {
        let line = match outcome {
            Outcome::Ok(reply) => {
                Self { o: Some(Blob::from("ok")), rev: reply.revision(), ..Self::inner(reply) }
            }
            Outcome::Failed(failure) => Self { o: Some(Blob::from("fail")), ..Self::failure(failure) },
            Outcome::Unknown(None) => Self { o: Some(Blob::from("unknown")), ..Self::default() },
            Outcome::Unknown(Some(failure)) => {
                Self { o: Some(Blob::from("unknown")), ..Self::failure(failure) }
            }
        };
        Self { r: Some(r), t: Some(t), ..line }
    }

    fn failure(failure: &'a Failure<'a>) -> Self {
        let message = (!failure.message.is_empty()).then(|| Blob::from(&*failure.message));
        Self { e: Some(Blob::from(&*failure.class)), msg: message, ..Self::default() }
    }

    /// The shape of a reply inside of a transaction: without a revision, as the outer one counts.
    fn inner(reply: &'a Reply<'a>) -> Self {
        let line = Self::default();
        let borrow_all = |kvs: &'a [KeyValue<'a>]| kvs.iter().map(KeyValue::borrow).collect::<Vec<_>>();
        match reply {
            Reply::Put { prev, .. } => Self { prev: prev.iter().map(KeyValue::borrow).collect(), ..line },
            Reply::Range { kvs, count, more, .. } => Self {
                kvs: borrow_all(kvs),
                n: (usize::try_from(*count) != Ok(kvs.len())).then_some(*count),
                more: *more,
                ..line
            },
            Reply::Delete { deleted, prev, .. } => Self { del: *deleted, prev: borrow_all(prev), ..line },
            Reply::Txn { succeeded, replies, .. } => {
                Self { succ: Some(*succeeded), res: replies.iter().map(Self::inner).collect(), ..line }
            }
            Reply::Grant { lease, ttl, .. } => Self { lease: *lease, ttl: *ttl, ..line },
            Reply::Revoke { .. } | Reply::Compact { .. } | Reply::Done { .. } => line,
            Reply::KeepAlive { ttl, .. } => Self { ttl: *ttl, ..line },
            Reply::TimeToLive { ttl, granted, keys, .. } => {
                Self { ttl: *ttl, granted: *granted, keys: keys.iter().map(Blob::borrow).collect(), ..line }
            }
            Reply::Watch { cancelled, compacted, .. } => {
                Self { cancel: cancelled.as_deref().map(Blob::from), compacted: *compacted, ..line }
            }
            Reply::Hash { hash, compacted, .. } => Self { hash: *hash, compacted: *compacted, ..line },
            Reply::Status { id, leader, term, applied, .. } => {
                Self { id: *id, leader: *leader, term: *term, applied: *applied, ..line }
            }
            Reply::Leases { leases, .. } => Self { leases: leases.clone(), ..line },
            Reply::Held { key, created, .. } => Self { own: Some(key.borrow()), token: *created, ..line },
            Reply::Leader { kv, .. } => Self { kvs: kv.iter().map(KeyValue::borrow).collect(), ..line },
            Reply::Members { members, .. } => {
                Self { members: members.iter().map(Member::borrow).collect(), ..line }
            }
            Reply::Alarms { alarms, .. } => Self { alarms: alarms.clone(), ..line },
            Reply::Snapshot { bytes, intact, .. } => Self { bytes: *bytes, intact: *intact, ..line },
        }
    }

    /// The outcome of this line, given the call that it answers.
    pub(crate) fn into_outcome(self, call: &Call<'_>) -> Result<Outcome<'a>, ParseLineError> {
        let outcome = self.o.as_ref().ok_or(ParseLineError::Missing("o"))?;
        match outcome.bytes() {
            b"ok" => {
                let revision = self.rev;
                self.into_reply(call, revision).map(Outcome::Ok)
            }
            b"fail" => Ok(Outcome::Failed(self.into_failure().ok_or(ParseLineError::Missing("e"))?)),
            b"unknown" => Ok(Outcome::Unknown(self.into_failure())),
            _ => Err(ParseLineError::UnknownOutcome(outcome.to_string())),
        }
    }

    fn into_failure(self) -> Option<Failure<'a>> {
        let message = self.msg.map_or(Cow::Borrowed(""), Blob::into_text);
        self.e.map(|class| Failure { class: class.into_text(), message })
    }

    fn into_reply(self, call: &Call<'_>, revision: i64) -> Result<Reply<'a>, ParseLineError> {
        Ok(match call {
            Call::Put(_) => Reply::Put { revision, prev: self.prev.into_iter().next() },
            Call::Range(_) => Reply::Range {
                revision,
                count: self.n.unwrap_or_else(|| i64::try_from(self.kvs.len()).unwrap_or(i64::MAX)),
                kvs: self.kvs,
                more: self.more,
            },
            Call::Delete(_) => Reply::Delete { revision, deleted: self.del, prev: self.prev },
            Call::Txn(txn) => {
                let succeeded = self.succ.ok_or(ParseLineError::Missing("succ"))?;
                let calls = if succeeded { &txn.success } else { &txn.failure };
                if calls.len() != self.res.len() {
                    return Err(ParseLineError::ReplyCount { calls: calls.len(), replies: self.res.len() });
                }
                let replies =
                    calls.iter().zip(self.res).map(|(call, reply)| reply.into_reply(call, revision));
                Reply::Txn { revision, succeeded, replies: replies.collect::<Result<_, _>>()? }
            }
            Call::Grant { .. } => Reply::Grant { revision, lease: self.lease, ttl: self.ttl },
            Call::Revoke { .. } => Reply::Revoke { revision },
            Call::KeepAlive { .. } => Reply::KeepAlive { revision, ttl: self.ttl },
            Call::TimeToLive { .. } => {
                Reply::TimeToLive { revision, ttl: self.ttl, granted: self.granted, keys: self.keys }
            }
            Call::Compact { .. } => Reply::Compact { revision },
            Call::Watch(_) => Reply::Watch {
                revision,
                cancelled: self.cancel.map(Blob::into_text),
                compacted: self.compacted,
            },
            Call::Hash { .. } => Reply::Hash { revision, hash: self.hash, compacted: self.compacted },
            Call::Status => Reply::Status {
                revision,
                id: self.id,
                leader: self.leader,
                term: self.term,
                applied: self.applied,
            },
            Call::Leases => Reply::Leases { revision, leases: self.leases },
            Call::Lock { .. } | Call::Campaign { .. } => Reply::Held {
                revision,
                key: self.own.ok_or(ParseLineError::Missing("own"))?,
                created: self.token,
            },
            Call::Leader { .. } => Reply::Leader { revision, kv: self.kvs.into_iter().next() },
            Call::Cluster(cluster) => self.into_cluster(cluster, revision),
            Call::Unlock { .. }
            | Call::Proclaim { .. }
            | Call::Resign { .. }
            | Call::Hold { .. }
            | Call::Auth(_) => Reply::Done { revision },
        })
    }

    fn into_cluster(self, cluster: &Cluster<'_>, revision: i64) -> Reply<'a> {
        match cluster {
            Cluster::Members
            | Cluster::Add { .. }
            | Cluster::Remove { .. }
            | Cluster::Promote { .. }
            | Cluster::Update { .. } => Reply::Members { revision, members: self.members },
            Cluster::Alarms | Cluster::Raise { .. } | Cluster::Disarm { .. } => {
                Reply::Alarms { revision, alarms: self.alarms }
            }
            Cluster::Snapshot => Reply::Snapshot { revision, bytes: self.bytes, intact: self.intact },
            Cluster::MoveLeader { .. } | Cluster::Defragment => Reply::Done { revision },
        }
    }
}

//! Invocation lines, and the calls inside of transactions: one shape, where only the outer one has a number and a time.

mod service;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::ParseLineError;
use crate::{
    Alarm, Blob, Call, Compare, Comparison, Delete, Nanos, Put, Range, Sort, SortBy, Target, Txn, Watch,
};

/// `{"i":3,"t":81234567890,"m":"etcd1","f":"put","k":"a","v":"1"}`; inside of a transaction it begins with `f`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct InvokeLine<'a> {
    /// The operation's number in its file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) i: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) t: Option<Nanos>,
    /// The client inside of the process, 0 when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) c: Option<u32>,
    /// The member that was asked.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(crate) m: Option<Blob<'a>>,
    #[serde(borrow)]
    f: Cow<'a, str>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    k: Option<Blob<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    end: Option<Blob<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    v: Option<Blob<'a>>,
    #[serde(skip_serializing_if = "is_default")]
    lease: i64,
    #[serde(skip_serializing_if = "is_default")]
    prev: bool,
    /// Keep the value, or the lease.
    #[serde(skip_serializing_if = "is_default")]
    keepv: bool,
    #[serde(skip_serializing_if = "is_default")]
    keepl: bool,
    #[serde(skip_serializing_if = "is_default")]
    limit: i64,
    #[serde(skip_serializing_if = "is_default")]
    rev: i64,
    #[serde(skip_serializing_if = "is_default")]
    ser: bool,
    #[serde(skip_serializing_if = "is_default")]
    keys: bool,
    #[serde(skip_serializing_if = "is_default")]
    count: bool,
    #[serde(borrow, rename = "if", skip_serializing_if = "Vec::is_empty")]
    compare: Vec<CompareFields<'a>>,
    #[serde(borrow, rename = "then", skip_serializing_if = "Vec::is_empty")]
    success: Vec<InvokeLine<'a>>,
    #[serde(borrow, rename = "else", skip_serializing_if = "Vec::is_empty")]
    failure: Vec<InvokeLine<'a>>,
    #[serde(skip_serializing_if = "is_default")]
    ttl: i64,
    #[serde(skip_serializing_if = "is_default")]
    phys: bool,
    #[serde(skip_serializing_if = "is_default")]
    noput: bool,
    #[serde(skip_serializing_if = "is_default")]
    nodel: bool,
    #[serde(skip_serializing_if = "is_default")]
    prog: bool,
    /// `key`, `value`, `version`, `create` or `mod`; with a minus before it from the greatest to the least.
    #[serde(skip_serializing_if = "Option::is_none")]
    sort: Option<Sorted>,
    /// The revision of creation of a key that stands for a lock or a leadership.
    #[serde(skip_serializing_if = "is_default")]
    token: i64,
    /// The key that stands for a lock.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    own: Option<Blob<'a>>,
    /// The id of a member.
    #[serde(skip_serializing_if = "is_default")]
    id: u64,
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    peers: Vec<Blob<'a>>,
    #[serde(skip_serializing_if = "is_default")]
    learner: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    alarm: Option<Alarm>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    user: Option<Blob<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    role: Option<Blob<'a>>,
    #[serde(skip_serializing_if = "is_default")]
    read: bool,
    #[serde(skip_serializing_if = "is_default")]
    write: bool,
}

/// `{"k":"a","mod":5}`, or with `"is"` where the comparison is not equality.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct CompareFields<'a> {
    #[serde(borrow)]
    k: Blob<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    end: Option<Blob<'a>>,
    #[serde(skip_serializing_if = "is_default")]
    is: Comparison,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    v: Option<Blob<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ver: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    crt: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#mod: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lease: Option<i64>,
}

/// A [`Sort`] as one word.
#[derive(Debug, Serialize, Deserialize)]
enum Sorted {
    #[serde(rename = "key")]
    Key,
    #[serde(rename = "-key")]
    KeyDown,
    #[serde(rename = "value")]
    Value,
    #[serde(rename = "-value")]
    ValueDown,
    #[serde(rename = "version")]
    Version,
    #[serde(rename = "-version")]
    VersionDown,
    #[serde(rename = "create")]
    Create,
    #[serde(rename = "-create")]
    CreateDown,
    #[serde(rename = "mod")]
    Mod,
    #[serde(rename = "-mod")]
    ModDown,
}

impl From<Sort> for Sorted {
    fn from(Sort { by, descending }: Sort) -> Self {
        match (by, descending) {
            (SortBy::Key, false) => Self::Key,
            (SortBy::Key, true) => Self::KeyDown,
            (SortBy::Value, false) => Self::Value,
            (SortBy::Value, true) => Self::ValueDown,
            (SortBy::Version, false) => Self::Version,
            (SortBy::Version, true) => Self::VersionDown,
            (SortBy::Create, false) => Self::Create,
            (SortBy::Create, true) => Self::CreateDown,
            (SortBy::Mod, false) => Self::Mod,
            (SortBy::Mod, true) => Self::ModDown,
        }
    }
}

impl From<Sorted> for Sort {
    fn from(sorted: Sorted) -> Self {
        let (by, descending) = match sorted {
            Sorted::Key => (SortBy::Key, false),
            Sorted::KeyDown => (SortBy::Key, true),
            Sorted::Value => (SortBy::Value, false),
            Sorted::ValueDown => (SortBy::Value, true),
            Sorted::Version => (SortBy::Version, false),
            Sorted::VersionDown => (SortBy::Version, true),
            Sorted::Create => (SortBy::Create, false),
            Sorted::CreateDown => (SortBy::Create, true),
            Sorted::Mod => (SortBy::Mod, false),
            Sorted::ModDown => (SortBy::Mod, true),
        };
        Self { by, descending }
    }
}

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl<'a> InvokeLine<'a> {
    /// The line of an invocation.
    pub(crate) fn new(i: u64, t: Nanos, client: u32, member: &'a str, call: &'a Call<'a>) -> Self {
        let member = (!member.is_empty()).then(|| Blob::from(member));
        Self { i: Some(i), t: Some(t), c: (client != 0).then_some(client), m: member, ..Self::inner(call) }
    }

    /// The shape of a call inside of a transaction.
    fn inner(call: &'a Call<'a>) -> Self {
        let line = Self { f: Cow::Borrowed(call.name()), ..Self::default() };
        match call {
            Call::Put(put) => Self {
                k: Some(put.key.borrow()),
                v: (!put.ignore_value).then(|| put.value.borrow()),
                lease: put.lease,
                prev: put.prev_kv,
                keepv: put.ignore_value,
                keepl: put.ignore_lease,
                ..line
            },
            Call::Range(range) => Self {
                k: Some(range.key.borrow()),
                end: range.end.as_ref().map(Blob::borrow),
                limit: range.limit,
                rev: range.revision,
                ser: range.serializable,
                keys: range.keys_only,
                count: range.count_only,
                sort: range.sort.map(Sorted::from),
                ..line
            },
            Call::Delete(delete) => Self {
                k: Some(delete.key.borrow()),
                end: delete.end.as_ref().map(Blob::borrow),
                prev: delete.prev_kv,
                ..line
            },
            Call::Txn(txn) => Self {
                compare: txn.compare.iter().map(CompareFields::new).collect(),
                success: txn.success.iter().map(Self::inner).collect(),
                failure: txn.failure.iter().map(Self::inner).collect(),
                ..line
            },
            Call::Grant { ttl, lease } => Self { ttl: *ttl, lease: *lease, ..line },
            Call::Revoke { lease } | Call::KeepAlive { lease } => Self { lease: *lease, ..line },
            Call::TimeToLive { lease, keys } => Self { lease: *lease, keys: *keys, ..line },
            Call::Compact { revision, physical } => Self { rev: *revision, phys: *physical, ..line },
            Call::Watch(watch) => Self {
                k: Some(watch.key.borrow()),
                end: watch.end.as_ref().map(Blob::borrow),
                rev: watch.revision,
                prev: watch.prev_kv,
                noput: watch.no_put,
                nodel: watch.no_delete,
                prog: watch.progress,
                ..line
            },
            Call::Hash { revision } => Self { rev: *revision, ..line },
            Call::Status | Call::Leases => line,
            Call::Lock { name, lease } => Self { k: Some(name.borrow()), lease: *lease, ..line },
            Call::Unlock { key } => Self { k: Some(key.borrow()), ..line },
            Call::Campaign { name, lease, value } => {
                Self { k: Some(name.borrow()), lease: *lease, v: Some(value.borrow()), ..line }
            }
            Call::Proclaim { key, created, value } => {
                Self { k: Some(key.borrow()), token: *created, v: Some(value.borrow()), ..line }
            }
            Call::Resign { key, created } => Self { k: Some(key.borrow()), token: *created, ..line },
            Call::Leader { name } => Self { k: Some(name.borrow()), ..line },
            Call::Hold { name, key, token } => {
                Self { k: Some(name.borrow()), own: Some(key.borrow()), token: *token, ..line }
            }
            Call::Cluster(cluster) => line.cluster(cluster),
            Call::Auth(auth) => line.auth(auth),
        }
    }

    /// The call of this line.
    pub(crate) fn into_call(self) -> Result<Call<'a>, ParseLineError> {
        let key = |k: Option<Blob<'a>>| k.ok_or(ParseLineError::Missing("k"));
        let inner = |lines: Vec<Self>| lines.into_iter().map(Self::into_call).collect::<Result<Vec<_>, _>>();
        Ok(match &*self.f {
            "put" => Call::Put(Put {
                key: key(self.k)?,
                value: match self.v {
                    Some(value) => value,
                    None if self.keepv => Blob::default(),
                    None => return Err(ParseLineError::Missing("v")),
                },
                lease: self.lease,
                prev_kv: self.prev,
                ignore_value: self.keepv,
                ignore_lease: self.keepl,
            }),
            "get" => Call::Range(Range {
                key: key(self.k)?,
                end: self.end,
                limit: self.limit,
                revision: self.rev,
                serializable: self.ser,
                keys_only: self.keys,
                count_only: self.count,
                sort: self.sort.map(Sort::from),
            }),
            "delete" => Call::Delete(Delete { key: key(self.k)?, end: self.end, prev_kv: self.prev }),
            "txn" => Call::Txn(Txn {
                compare: self.compare.into_iter().map(CompareFields::typed).collect::<Result<_, _>>()?,
                success: inner(self.success)?,
                failure: inner(self.failure)?,
            }),
            "grant" => Call::Grant { ttl: self.ttl, lease: self.lease },
            "revoke" => Call::Revoke { lease: self.lease },
            "keepalive" => Call::KeepAlive { lease: self.lease },
            "ttl" => Call::TimeToLive { lease: self.lease, keys: self.keys },
            "compact" => Call::Compact { revision: self.rev, physical: self.phys },
            "watch" => Call::Watch(Watch {
                key: key(self.k)?,
                end: self.end,
                revision: self.rev,
                prev_kv: self.prev,
                no_put: self.noput,
                no_delete: self.nodel,
                progress: self.prog,
            }),
            "hash" => Call::Hash { revision: self.rev },
            "status" => Call::Status,
            "leases" => Call::Leases,
            "lock" => Call::Lock { name: key(self.k)?, lease: self.lease },
            "unlock" => Call::Unlock { key: key(self.k)? },
            "campaign" => Call::Campaign {
                name: key(self.k)?,
                lease: self.lease,
                value: self.v.ok_or(ParseLineError::Missing("v"))?,
            },
            "proclaim" => Call::Proclaim {
                key: key(self.k)?,
                created: self.token,
                value: self.v.ok_or(ParseLineError::Missing("v"))?,
            },
            "resign" => Call::Resign { key: key(self.k)?, created: self.token },
            "leader" => Call::Leader { name: key(self.k)? },
            "hold" => Call::Hold {
                name: key(self.k)?,
                key: self.own.ok_or(ParseLineError::Missing("own"))?,
                token: self.token,
            },
            _ => return self.into_service(),
        })
    }
}

impl<'a> CompareFields<'a> {
    fn new(compare: &'a Compare<'a>) -> Self {
        let fields = Self {
            k: compare.key.borrow(),
            end: compare.end.as_ref().map(Blob::borrow),
            is: compare.comparison,
            ..Self::default()
        };
        match &compare.target {
            Target::Value(value) => Self { v: Some(value.borrow()), ..fields },
            Target::Version(n) => Self { ver: Some(*n), ..fields },
            Target::Create(n) => Self { crt: Some(*n), ..fields },
            Target::Mod(n) => Self { r#mod: Some(*n), ..fields },
            Target::Lease(n) => Self { lease: Some(*n), ..fields },
        }
    }

    fn typed(self) -> Result<Compare<'a>, ParseLineError> {
        let targets = [
            self.v.map(Target::Value),
            self.ver.map(Target::Version),
            self.crt.map(Target::Create),
            self.r#mod.map(Target::Mod),
            self.lease.map(Target::Lease),
        ];
        let mut targets = targets.into_iter().flatten();
        match (targets.next(), targets.next()) {
            (Some(target), None) => Ok(Compare { key: self.k, end: self.end, target, comparison: self.is }),
            _ => Err(ParseLineError::AmbiguousComparison),
        }
    }
}

//! A history in columns: small fixed records instead of calls and replies, keys as numbers in key order.
//!
//! It says what was asked and answered, and judges nothing. Everything the engine touches for each operation is here,
//! so that a history of ten million operations fits into memory and is walked in one direction.

mod build;
mod join;
mod known;
mod packed;
mod quick;
mod recipe;
mod refused;

use history::{Comparison, Sort};
use rustc_hash::FxHashMap;

use self::packed::Packed;

/// A key's rank among all keys and range ends of the history, so that a range of keys is a range of numbers.
pub(super) type Key = u32;

/// No such index.
pub(super) const NONE: u32 = u32::MAX;

/// What another tool did not record: of a key-value its create revision, its version or its lease, of a reply its revision.
pub(super) const UNTOLD: i64 = crate::UNRECORDED;
pub(super) const UNTOLD_LEASE: i64 = crate::UNRECORDED_LEASE;

/// Some consecutive records of a column.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) len: u32,
}

impl Span {
    pub(super) fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.start as usize + self.len as usize
    }
}

/// Keys `from..to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Keys {
    pub(super) from: Key,
    pub(super) to: Key,
}

impl Keys {
    pub(super) fn one(key: Key) -> Self {
        Self { from: key, to: key + 1 }
    }

    /// The key, where it was asked for alone.
    pub(super) fn single(self) -> Option<Key> {
        (self.to == self.from + 1).then_some(self.from)
    }

    pub(super) fn overlaps(self, other: Self) -> bool {
        self.from < other.to && other.from < self.to
    }

    pub(super) fn contains(self, key: Key) -> bool {
        self.from <= key && key < self.to
    }
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Ok,
    Failed,
    Unknown,
}

/// One operation, at the same index as in the history.
#[derive(Clone, Copy, Debug)]
pub(super) struct Op {
    pub(super) invoked: u64,
    /// The end of its interval; the maximum while the outcome is unknown.
    pub(super) deadline: u64,
    /// Of the reply; 0 without one.
    pub(super) revision: i64,
    action: Packed,
    /// Which file's, and whose in it.
    pub(super) file: u32,
    pub(super) client: u32,
    pub(super) ending: Ending,
    /// Its return was not read yet.
    open: bool,
}

impl Op {
    /// Begun, and not told of any more.
    const OPEN: Self = Op {
        invoked: 0,
        deadline: u64::MAX,
        revision: 0,
        action: Packed::OTHER,
        file: 0,
        client: 0,
        ending: Ending::Unknown,
        open: true,
    };
}

/// A request with its answer, where it had one.
#[derive(Clone, Copy, Debug)]
pub(super) enum Action<'a> {
    /// `value` is `None` where the old one is to be kept. `prev` is an index of [`Log::kvs`].
    Put {
        key: Key,
        value: Option<&'a [u8]>,
        lease: i64,
        keep_lease: bool,
        want_prev: bool,
        prev: u32,
    },
    Range {
        keys: Keys,
        limit: u32,
        flags: RangeFlags,
        revision: i64,
        kvs: Span,
        count: u32,
    },
    Delete {
        keys: Keys,
        want_prev: bool,
        deleted: u32,
        prev: Span,
    },
    /// Index of [`Log::txns`].
    Txn(u32),
    /// `asked` is the wished id, 0 for any.
    Grant {
        asked: i64,
        lease: i64,
        ttl: i64,
    },
    Revoke {
        lease: i64,
    },
    KeepAlive {
        lease: i64,
        ttl: i64,
    },
    /// Forget the past below this revision.
    Compact {
        revision: i64,
    },
    /// It did nothing, and why: `about` is a lease or a revision.
    Refused {
        why: Refusal,
        about: i64,
    },
    /// Of the store's own locks: it is held. What put its key is a step of its own, at this index of [`Log::ops`].
    Held {
        key: Key,
        by: u32,
    },
    /// Says nothing about keys.
    Other,
}

impl Action<'_> {
    fn name(&self) -> &'static str {
        match self {
            Self::Put { .. } => "put",
            Self::Range { .. } => "get",
            Self::Delete { .. } => "delete",
            Self::Txn(_) => "txn",
            Self::Grant { .. } => "grant",
            Self::Revoke { .. } => "revoke",
            Self::KeepAlive { .. } => "keepalive",
            Self::Compact { .. } => "compact",
            Self::Refused { .. } => "request",
            Self::Held { .. } => "lock",
            Self::Other => "call",
        }
    }
}

/// Why the store refused a request, where that tells something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is no such lease.
    NoLease,
    /// The revision was compacted.
    Compacted,
    /// The revision is not there yet.
    Future,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RangeFlags {
    pub(super) serializable: bool,
    pub(super) keys_only: bool,
    pub(super) count_only: bool,
    pub(super) more: bool,
    /// The reply is not in the order that was asked for.
    pub(super) disordered: bool,
    /// The reply is cut off, in this order, which is not that of keys.
    pub(super) cut_by: Option<Sort>,
}

/// A transaction. Of an answered one only the branch that was taken is kept, if it was told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Txn {
    pub(super) compares: Span,
    pub(super) success: Span,
    pub(super) failure: Span,
    pub(super) succeeded: Option<bool>,
    /// Answered by one member from its own state.
    pub(super) serializable: bool,
    pub(super) asked: Asked,
}

/// What a client asked for that is done by a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Txn,
    Lock,
    Unlock,
    Campaign,
    Proclaim,
    Resign,
}

impl Asked {
    fn name(self) -> &'static str {
        match self {
            Self::Txn => "txn",
            Self::Lock => "lock",
            Self::Unlock => "unlock",
            Self::Campaign => "campaign",
            Self::Proclaim => "proclaim",
            Self::Resign => "resign",
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Compare<'a> {
    pub(super) keys: Keys,
    pub(super) operand: Operand<'a>,
    pub(super) comparison: Comparison,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Operand<'a> {
    Value(&'a [u8]),
    Version(i64),
    Create(i64),
    Mod(i64),
    Lease(i64),
}

/// A key-value as a reply or a watch showed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kv<'a> {
    pub(super) key: Key,
    /// `None` where only keys were asked for.
    pub(super) value: Option<&'a [u8]>,
    pub(super) create: i64,
    pub(super) modified: i64,
    pub(super) version: i64,
    pub(super) lease: i64,
}

/// What a reply or a watch told about one revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fact<'a> {
    Put(Kv<'a>),
    /// The key was written; with what was not shown.
    Written {
        key: Key,
        revision: i64,
    },
    /// The key was created; its first value was not shown.
    Born {
        key: Key,
        revision: i64,
    },
    Delete {
        key: Key,
        revision: i64,
    },
}

impl Fact<'_> {
    pub(super) fn revision(&self) -> i64 {
        match self {
            Self::Put(kv) => kv.modified,
            Self::Written { revision, .. } | Self::Born { revision, .. } | Self::Delete { revision, .. } => {
                *revision
            }
        }
    }

    pub(super) fn key(&self) -> Key {
        match self {
            Self::Put(kv) => kv.key,
            Self::Written { key, .. } | Self::Born { key, .. } | Self::Delete { key, .. } => *key,
        }
    }

    fn key_mut(&mut self) -> &mut Key {
        match self {
            Self::Put(kv) => &mut kv.key,
            Self::Written { key, .. } | Self::Born { key, .. } | Self::Delete { key, .. } => key,
        }
    }
}

/// A history, ready to be checked.
#[derive(Clone, Debug, Default)]
pub(super) struct Log<'a> {
    /// In order; a [`Key`] is an index of it. Where a range of keys begins, the key is there a second time: that stands
    /// for a key behind it that nobody named, so that a range of one named key is not taken for that key.
    pub(super) keys: Vec<&'a [u8]>,
    /// Those of the history, and then steps that some of them may have taken besides, each with an unknown outcome.
    pub(super) ops: Vec<Op>,
    /// So many are the history's.
    pub(super) recorded: usize,
    /// Of transactions.
    actions: Vec<Packed>,
    /// What is put.
    values: Vec<&'a [u8]>,
    /// Actions that do not fit into a few bytes.
    odd: Vec<Action<'a>>,
    pub(super) txns: Vec<Txn>,
    pub(super) compares: Vec<Compare<'a>>,
    pub(super) kvs: Vec<Kv<'a>>,
    /// What watches told, with the time of arrival.
    pub(super) facts: Vec<(u64, Fact<'a>)>,
    /// Nothing is known to be missing from the files.
    pub(super) complete: bool,
    /// Some use of the store's own locks or elections does not tell its key.
    pub(super) untold: bool,
    /// What comes behind the operations.
    steps: Vec<Op>,
    /// Keys that are made of a name and a lease, and need not stand anywhere in the files.
    made: Vec<(Key, &'a [u8], i64)>,
    ids: FxHashMap<&'a [u8], Key>,
    /// Keys at which ranges begin.
    ranged: Vec<Key>,
    /// The number of the first operation of a part.
    first: u64,
}

impl<'a> Log<'a> {
    /// What operation `op` asked and was answered.
    pub(super) fn action(&self, op: u32) -> Action<'a> {
        self.unpack(self.ops[op as usize].action)
    }

    /// As in the file.
    pub(super) fn name(&self, action: &Action<'_>) -> &'static str {
        match action {
            Action::Txn(txn) => self.txns[*txn as usize].asked.name(),
            action => action.name(),
        }
    }

    /// The action of a transaction at an index.
    pub(super) fn inner(&self, at: usize) -> Action<'a> {
        self.unpack(self.actions[at])
    }

    /// Consecutive actions of a transaction.
    pub(super) fn inners(&self, span: Span) -> impl Iterator<Item = Action<'a>> + '_ {
        self.actions[span.range()].iter().map(|packed| self.unpack(*packed))
    }

    /// All actions with more to them than a key and a value, wherever they are.
    pub(super) fn odd_actions(&self) -> &[Action<'a>] {
        &self.odd
    }

    /// The branch of an answered transaction that was taken.
    pub(super) fn taken(&self, txn: &Txn) -> impl Iterator<Item = Action<'a>> + '_ {
        let branch = if txn.succeeded == Some(true) { txn.success } else { txn.failure };
        self.inners(branch)
    }

    /// What an answered action put to a key.
    pub(super) fn put_of(&self, action: &Action<'a>, wanted: Key) -> Option<Action<'a>> {
        match action {
            Action::Put { key, .. } => (*key == wanted).then_some(*action),
            Action::Txn(txn) => {
                let mut taken = self.taken(&self.txns[*txn as usize]);
                taken.find_map(|action| self.put_of(&action, wanted))
            }
            _ => None,
        }
    }

    /// Whether an answered action that took no revision tells anything about keys.
    pub(super) fn read(&self, action: &Action<'a>) -> bool {
        matches!(action, Action::Range { .. } | Action::Delete { .. } | Action::Txn(_))
    }

    /// Whether an action is answered by one member, from a state that may be old.
    pub(super) fn serializable(&self, action: &Action<'a>) -> bool {
        match action {
            Action::Range { flags, .. } => flags.serializable,
            Action::Txn(txn) => self.txns[*txn as usize].serializable,
            _ => false,
        }
    }

    /// Whether an answered action took a revision. A revoke does not tell.
    pub(super) fn wrote(&self, action: &Action<'a>) -> bool {
        match action {
            Action::Put { .. } => true,
            Action::Delete { deleted, .. } => *deleted > 0,
            Action::Txn(txn) => self.taken(&self.txns[*txn as usize]).any(|action| self.wrote(&action)),
            _ => false,
        }
    }
}

/// Columns have fewer than 2^32 entries: the bytes of a history this long would not fit into memory.
fn index(n: usize) -> u32 {
    u32::try_from(n).expect("fewer than 2^32 records fit into memory")
}

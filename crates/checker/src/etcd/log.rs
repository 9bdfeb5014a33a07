//! A history in columns: small fixed records instead of calls and replies, keys as numbers in key order.
//!
//! It says what was asked and answered, and judges nothing. Everything the engine touches for each operation is here,
//! so that a history of ten million operations fits into memory and is walked in one direction.

use history::{Call, Comparison, Event, History, KeyValue, Outcome, Reply, Target};
use rustc_hash::FxHashMap;

/// A key's rank among all keys and range ends of the history, so that a range of keys is a range of numbers.
pub(super) type Key = u32;

/// No such index.
pub(super) const NONE: u32 = u32::MAX;

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

    /// The key, where the range is of one by construction.
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
pub(super) struct Op<'a> {
    pub(super) invoked: u64,
    /// The end of its interval; the maximum while the outcome is unknown.
    pub(super) deadline: u64,
    /// Of the reply; 0 without one.
    pub(super) revision: i64,
    pub(super) action: Action<'a>,
    pub(super) ending: Ending,
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
    /// Says nothing about keys.
    Other,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RangeFlags {
    pub(super) serializable: bool,
    pub(super) keys_only: bool,
    pub(super) count_only: bool,
    pub(super) more: bool,
}

/// A transaction. Of an answered one only the branch that was taken is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Txn {
    pub(super) compares: Span,
    pub(super) success: Span,
    pub(super) failure: Span,
    pub(super) succeeded: Option<bool>,
    /// Answered by one member from its own state.
    pub(super) serializable: bool,
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
}

/// A history, ready to be checked.
#[derive(Debug, Default)]
pub(super) struct Log<'a> {
    /// In order; a [`Key`] is an index of it.
    pub(super) keys: Vec<&'a [u8]>,
    pub(super) ops: Vec<Op<'a>>,
    /// Of transactions.
    pub(super) actions: Vec<Action<'a>>,
    pub(super) txns: Vec<Txn>,
    pub(super) compares: Vec<Compare<'a>>,
    pub(super) kvs: Vec<Kv<'a>>,
    /// What watches told, with the time of arrival.
    pub(super) facts: Vec<(u64, Fact<'a>)>,
    /// Nothing is known to be missing from the files.
    pub(super) complete: bool,
    ids: FxHashMap<&'a [u8], Key>,
}

impl<'a> Log<'a> {
    pub(super) fn new(history: &'a History<'a>) -> Self {
        let mut log = Self { complete: history.is_complete(), ..Self::default() };
        log.ops.reserve_exact(history.operations.len());
        for operation in &history.operations {
            let (reply, ending) = match &operation.outcome {
                Outcome::Ok(reply) => (Some(reply), Ending::Ok),
                Outcome::Failed(_) => (None, Ending::Failed),
                Outcome::Unknown(_) => (None, Ending::Unknown),
            };
            let op = Op {
                invoked: operation.invoked.0,
                deadline: operation.deadline().0,
                revision: reply.map_or(0, Reply::revision),
                action: log.action(&operation.call, reply),
                ending,
            };
            log.ops.push(op);
        }
        for update in &history.watched {
            for event in &update.events {
                let fact = match event {
                    Event::Put { kv, .. } => Fact::Put(log.kv(kv, false)),
                    Event::Delete { key, revision, .. } => {
                        Fact::Delete { key: log.key(key.bytes()), revision: *revision }
                    }
                };
                log.facts.push((update.t.0, fact));
            }
        }
        log.rank_keys();
        log
    }

    fn key(&mut self, bytes: &'a [u8]) -> Key {
        let next = u32::try_from(self.keys.len()).expect("fewer than 2^32 keys fit into memory");
        *self.ids.entry(bytes).or_insert_with(|| {
            self.keys.push(bytes);
            next
        })
    }

    /// `to` is 0 for a single key, until the keys are ranked.
    fn range(&mut self, key: &'a history::Blob<'_>, end: Option<&'a history::Blob<'_>>) -> Keys {
        let from = self.key(key.bytes());
        let to = match end.map(history::Blob::bytes) {
            None => NONE - 1,
            Some(b"\0") => NONE,
            Some(end) => self.key(end),
        };
        Keys { from, to }
    }

    fn kv(&mut self, kv: &'a KeyValue<'_>, keys_only: bool) -> Kv<'a> {
        Kv {
            key: self.key(kv.key.bytes()),
            value: (!keys_only || !kv.value.bytes().is_empty()).then(|| kv.value.bytes()),
            create: kv.create_revision,
            modified: kv.mod_revision,
            version: kv.version,
            lease: kv.lease,
        }
    }

    fn kvs(&mut self, kvs: &'a [KeyValue<'_>], keys_only: bool) -> Span {
        let start = index(self.kvs.len());
        for kv in kvs {
            let kv = self.kv(kv, keys_only);
            self.kvs.push(kv);
        }
        Span { start, len: index(kvs.len()) }
    }

    fn action(&mut self, call: &'a Call<'_>, reply: Option<&'a Reply<'_>>) -> Action<'a> {
        match call {
            Call::Put(put) => {
                let key = self.key(put.key.bytes());
                let prev = match reply {
                    Some(Reply::Put { prev: Some(kv), .. }) => {
                        self.kvs(std::slice::from_ref(kv), false).start
                    }
                    _ => NONE,
                };
                let value = (!put.ignore_value).then(|| put.value.bytes());
                let keep_lease = put.ignore_lease;
                Action::Put { key, value, lease: put.lease, keep_lease, want_prev: put.prev_kv, prev }
            }
            Call::Range(range) => {
                let keys = self.range(&range.key, range.end.as_ref());
                let mut flags = RangeFlags {
                    serializable: range.serializable,
                    keys_only: range.keys_only,
                    count_only: range.count_only,
                    more: false,
                };
                let (kvs, count) = match reply {
                    Some(Reply::Range { kvs, count, more, .. }) => {
                        flags.more = *more;
                        (self.kvs(kvs, range.keys_only), clamp(*count))
                    }
                    _ => (Span::default(), 0),
                };
                let limit = clamp(range.limit);
                Action::Range { keys, limit, flags, revision: range.revision, kvs, count }
            }
            Call::Delete(delete) => {
                let keys = self.range(&delete.key, delete.end.as_ref());
                let (deleted, prev) = match reply {
                    Some(Reply::Delete { deleted, prev, .. }) => (clamp(*deleted), self.kvs(prev, false)),
                    _ => (0, Span::default()),
                };
                Action::Delete { keys, want_prev: delete.prev_kv, deleted, prev }
            }
            Call::Txn(txn) => self.txn(txn, reply),
            Call::Grant { ttl, lease: asked } => {
                let (lease, ttl) = match reply {
                    Some(Reply::Grant { lease, ttl, .. }) => (*lease, *ttl),
                    _ => (*asked, *ttl),
                };
                Action::Grant { asked: *asked, lease, ttl }
            }
            Call::Revoke { lease } => Action::Revoke { lease: *lease },
            Call::KeepAlive { lease } => match reply {
                Some(Reply::KeepAlive { ttl, .. }) => Action::KeepAlive { lease: *lease, ttl: *ttl },
                _ => Action::KeepAlive { lease: *lease, ttl: 0 },
            },
            _ => Action::Other,
        }
    }

    fn txn(&mut self, txn: &'a history::Txn<'_>, reply: Option<&'a Reply<'_>>) -> Action<'a> {
        let start = index(self.compares.len());
        for compare in &txn.compare {
            let keys = self.range(&compare.key, compare.end.as_ref());
            let operand = match &compare.target {
                Target::Value(value) => Operand::Value(value.bytes()),
                Target::Version(n) => Operand::Version(*n),
                Target::Create(n) => Operand::Create(*n),
                Target::Mod(n) => Operand::Mod(*n),
                Target::Lease(n) => Operand::Lease(*n),
            };
            self.compares.push(Compare { keys, operand, comparison: compare.comparison });
        }
        let compares = Span { start, len: index(txn.compare.len()) };
        let (success, failure, succeeded) = match reply {
            Some(Reply::Txn { succeeded: true, replies, .. }) => {
                (self.branch(&txn.success, Some(replies)), Span::default(), Some(true))
            }
            Some(Reply::Txn { succeeded: false, replies, .. }) => {
                (Span::default(), self.branch(&txn.failure, Some(replies)), Some(false))
            }
            _ => (self.branch(&txn.success, None), self.branch(&txn.failure, None), None),
        };
        // etcd asks the cluster unless every call, of both branches, is a serializable read.
        let serializable = txn
            .success
            .iter()
            .chain(&txn.failure)
            .all(|call| matches!(call, Call::Range(range) if range.serializable));
        self.txns.push(Txn { compares, success, failure, succeeded, serializable });
        Action::Txn(index(self.txns.len() - 1))
    }

    fn branch(&mut self, calls: &'a [Call<'_>], replies: Option<&'a [Reply<'_>]>) -> Span {
        // Nested branches push actions of their own, so a branch is collected before it is laid down in one piece.
        let actions: Vec<Action<'a>> = calls
            .iter()
            .enumerate()
            .map(|(at, call)| self.action(call, replies.and_then(|replies| replies.get(at))))
            .collect();
        let start = index(self.actions.len());
        self.actions.extend(actions);
        Span { start, len: index(calls.len()) }
    }

    /// Turns keys from numbers in order of appearance into ranks.
    fn rank_keys(&mut self) {
        self.ids = FxHashMap::default();
        let mut by_rank: Vec<Key> = (0..index(self.keys.len())).collect();
        by_rank.sort_unstable_by_key(|&id| self.keys[id as usize]);
        let mut rank = vec![0; self.keys.len()];
        for (at, &id) in by_rank.iter().enumerate() {
            rank[id as usize] = index(at);
        }
        self.keys = by_rank.iter().map(|&id| self.keys[id as usize]).collect();
        let last = index(self.keys.len());
        let ranked = |keys: &mut Keys| {
            let from = rank[keys.from as usize];
            let to = match keys.to {
                end if end == NONE - 1 => from + 1,
                NONE => last,
                end => rank[end as usize].max(from),
            };
            *keys = Keys { from, to };
        };
        let own = self.ops.iter_mut().map(|op| &mut op.action);
        for action in own.chain(&mut self.actions) {
            match action {
                Action::Put { key, .. } => *key = rank[*key as usize],
                Action::Range { keys, .. } | Action::Delete { keys, .. } => ranked(keys),
                _ => {}
            }
        }
        self.compares.iter_mut().for_each(|compare| ranked(&mut compare.keys));
        self.kvs.iter_mut().for_each(|kv| kv.key = rank[kv.key as usize]);
        for (_, fact) in &mut self.facts {
            match fact {
                Fact::Put(kv) => kv.key = rank[kv.key as usize],
                Fact::Written { key, .. } | Fact::Born { key, .. } | Fact::Delete { key, .. } => {
                    *key = rank[*key as usize]
                }
            }
        }
    }

    /// The branch of an answered transaction that was taken.
    pub(super) fn taken(&self, txn: &Txn) -> &[Action<'a>] {
        let branch = if txn.succeeded == Some(true) { txn.success } else { txn.failure };
        &self.actions[branch.range()]
    }

    /// What an answered action put to a key.
    pub(super) fn put_of(&self, action: &Action<'a>, wanted: Key) -> Option<Action<'a>> {
        match action {
            Action::Put { key, .. } => (*key == wanted).then_some(*action),
            Action::Txn(txn) => {
                let taken = self.taken(&self.txns[*txn as usize]);
                taken.iter().find_map(|action| self.put_of(action, wanted))
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
            Action::Txn(txn) => self.taken(&self.txns[*txn as usize]).iter().any(|action| self.wrote(action)),
            _ => false,
        }
    }
}

/// Columns have fewer than 2^32 entries: the bytes of a history this long would not fit into memory.
fn index(n: usize) -> u32 {
    u32::try_from(n).expect("fewer than 2^32 records fit into memory")
}

/// Counts and limits beyond 2^32 are as good as endless; negative ones mean nothing.
fn clamp(n: i64) -> u32 {
    u32::try_from(n.max(0)).unwrap_or(u32::MAX)
}

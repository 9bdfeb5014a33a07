//! From calls and replies to columns, in one pass over a history or in parts while files are scanned.

use std::borrow::Cow;

use history::{
    Blob, Call, Event, History, KeyValue, Operation, Others, Outcome, Reply, Sort, SortBy, Target,
    WatchUpdate,
};

use super::packed::{ONE, Packed};
use super::refused::refused;
use super::{
    Action, Asked, Compare, Ending, Fact, Key, Keys, Kv, Log, NONE, Op, Operand, RangeFlags, Span, Txn, index,
};

impl<'a> Log<'a> {
    /// A history in one part, for [`Log::join`].
    pub(in crate::etcd) fn of_history(history: &'a History<'a>) -> Vec<Self> {
        let mut log = Self::default();
        log.ops.reserve_exact(history.operations.len());
        for operation in &history.operations {
            let op = log.op(operation, &|blob| blob.bytes());
            log.ops.push(op);
        }
        history.watched.iter().for_each(|update| log.update(update, &|blob| blob.bytes()));
        vec![log]
    }

    /// What a scan found, for [`Log::join`] and [`Log::in_order`].
    pub(in crate::etcd) fn of_scan(parts: Vec<Self>, others: &'a [Others<'a>]) -> Vec<Self> {
        let mut parts = parts;
        for other in others {
            let mut log = Self::default();
            let mut by_number: Vec<&Operation<'_>> = other.operations.iter().collect();
            by_number.sort_by_key(|operation| operation.number);
            for operation in by_number {
                let op = log.op(operation, &|blob| blob.bytes());
                log.ops.push(op);
            }
            other.watched.iter().for_each(|update| log.update(update, &|blob| blob.bytes()));
            parts.push(log);
        }
        parts
    }

    /// Room for what so many bytes of a file hold.
    pub(in crate::etcd) fn with_room(bytes: usize) -> Self {
        Self {
            ops: Vec::with_capacity(bytes / 180),
            values: Vec::with_capacity(bytes / 240),
            kvs: Vec::with_capacity(bytes / 360),
            ..Self::default()
        }
    }

    pub(super) fn op<'c, 'b>(
        &mut self,
        operation: &'c Operation<'b>,
        lend: &impl Fn(&'c Blob<'b>) -> &'a [u8],
    ) -> Op {
        let (reply, ending) = match &operation.outcome {
            Outcome::Ok(reply) => (Some(reply), Ending::Ok),
            Outcome::Failed(_) => (None, Ending::Failed),
            Outcome::Unknown(_) => (None, Ending::Unknown),
        };
        let refused = refused(operation);
        // A read that was refused is over, whatever else its failure may mean.
        let over = refused.and(operation.returned);
        let action = match (refused, ending) {
            (Some(refused), _) => self.pack(refused),
            _ => self.recipe(operation, lend).unwrap_or_else(|| match ending {
                // What failed did nothing: its arguments do not matter.
                Ending::Failed => Packed::OTHER,
                _ => self.record(&operation.call, reply, lend),
            }),
        };
        Op {
            invoked: operation.invoked.0,
            deadline: over.unwrap_or(operation.deadline()).0,
            revision: reply.map_or(0, Reply::revision),
            action,
            file: index(operation.file),
            client: operation.client,
            ending,
            open: false,
        }
    }

    pub(super) fn update<'c, 'b>(
        &mut self,
        update: &'c WatchUpdate<'b>,
        lend: &impl Fn(&'c Blob<'b>) -> &'a [u8],
    ) {
        for event in &update.events {
            let (fact, prev) = match event {
                Event::Put { kv, prev } => (Fact::Put(self.kv(kv, false, lend)), prev),
                Event::Delete { key, revision, prev } => {
                    (Fact::Delete { key: self.key(lend(key)), revision: *revision }, prev)
                }
            };
            self.facts.push((update.t.0, fact));
            // What was there before had been put, too; without a value where that was not asked for.
            if let Some(kv) = prev {
                let kv = self.kv(kv, true, lend);
                self.facts.push((update.t.0, Fact::Put(kv)));
            }
        }
    }

    pub(super) fn key(&mut self, bytes: &'a [u8]) -> Key {
        let next = u32::try_from(self.keys.len()).expect("fewer than 2^32 keys fit into memory");
        *self.ids.entry(bytes).or_insert_with(|| {
            self.keys.push(bytes);
            next
        })
    }

    /// `to` is 0 for a single key, until the keys are ranked.
    fn range<'c, 'b>(
        &mut self,
        key: &'c Blob<'b>,
        end: Option<&'c Blob<'b>>,
        lend: &impl Fn(&'c Blob<'b>) -> &'a [u8],
    ) -> Keys {
        let from = self.key(lend(key));
        let Some(end) = end.map(lend) else { return Keys { from, to: ONE } };
        if end.strip_suffix(b"\0") != Some(self.keys[from as usize]) {
            self.ranged.push(from);
        }
        let to = if end == b"\0" { NONE } else { self.key(end) };
        Keys { from, to }
    }

    fn kv<'c, 'b>(
        &mut self,
        kv: &'c KeyValue<'b>,
        keys_only: bool,
        lend: &impl Fn(&'c Blob<'b>) -> &'a [u8],
    ) -> Kv<'a> {
        Kv {
            key: self.key(lend(&kv.key)),
            value: (!keys_only || !kv.value.bytes().is_empty()).then(|| lend(&kv.value)),
            create: kv.create_revision,
            modified: kv.mod_revision,
            version: kv.version,
            lease: kv.lease,
        }
    }

    fn kvs<'c, 'b>(
        &mut self,
        kvs: &'c [KeyValue<'b>],
        keys_only: bool,
        lend: &impl Fn(&'c Blob<'b>) -> &'a [u8],
    ) -> Span {
        let start = index(self.kvs.len());
        for kv in kvs {
            let kv = self.kv(kv, keys_only, lend);
            self.kvs.push(kv);
        }
        Span { start, len: index(kvs.len()) }
    }

    fn record<'c, 'b>(
        &mut self,
        call: &'c Call<'b>,
        reply: Option<&'c Reply<'b>>,
        lend: &impl Fn(&'c Blob<'b>) -> &'a [u8],
    ) -> Packed {
        let action = match call {
            Call::Put(put) => {
                let key = self.key(lend(&put.key));
                let prev = match reply {
                    Some(Reply::Put { prev: Some(kv), .. }) => {
                        self.kvs(std::slice::from_ref(kv), false, lend).start
                    }
                    _ => NONE,
                };
                let value = (!put.ignore_value).then(|| lend(&put.value));
                let keep_lease = put.ignore_lease;
                Action::Put { key, value, lease: put.lease, keep_lease, want_prev: put.prev_kv, prev }
            }
            Call::Range(range) => self.listing(range, reply, lend),
            Call::Delete(delete) => {
                let keys = self.range(&delete.key, delete.end.as_ref(), lend);
                let (deleted, prev) = match reply {
                    Some(Reply::Delete { deleted, prev, .. }) => {
                        (clamp(*deleted), self.kvs(prev, false, lend))
                    }
                    _ => (0, Span::default()),
                };
                Action::Delete { keys, want_prev: delete.prev_kv, deleted, prev }
            }
            Call::Txn(txn) => self.txn(txn, reply, lend),
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
            Call::Compact { revision, .. } => Action::Compact { revision: *revision },
            _ => Action::Other,
        };
        self.pack(action)
    }

    fn listing<'c, 'b>(
        &mut self,
        range: &'c history::Range<'b>,
        reply: Option<&'c Reply<'b>>,
        lend: &impl Fn(&'c Blob<'b>) -> &'a [u8],
    ) -> Action<'a> {
        let keys = self.range(&range.key, range.end.as_ref(), lend);
        let mut flags = RangeFlags {
            serializable: range.serializable,
            keys_only: range.keys_only,
            count_only: range.count_only,
            ..RangeFlags::default()
        };
        let by_key = Sort { by: SortBy::Key, descending: false };
        let (kvs, count) = match reply {
            Some(Reply::Range { kvs, count, more, .. }) => {
                flags.more = *more;
                let cut = range.limit > 0 && *count > range.limit;
                flags.cut_by = range.sort.filter(|sort| cut && *sort != by_key);
                let disordered = |sort: Sort| !kvs.is_sorted_by(|a, b| sort.compare(a, b).is_le());
                flags.disordered = range.sort.is_some_and(disordered);
                (self.kvs(kvs, range.keys_only, lend), clamp(*count))
            }
            _ => (Span::default(), 0),
        };
        if range.sort.is_some() {
            let names = &self.keys;
            self.kvs[kvs.range()].sort_by_key(|kv| names[kv.key as usize]);
        }
        let limit = clamp(range.limit);
        Action::Range { keys, limit, flags, revision: range.revision, kvs, count }
    }

    fn txn<'c, 'b>(
        &mut self,
        txn: &'c history::Txn<'b>,
        reply: Option<&'c Reply<'b>>,
        lend: &impl Fn(&'c Blob<'b>) -> &'a [u8],
    ) -> Action<'a> {
        let start = index(self.compares.len());
        for compare in &txn.compare {
            let keys = self.range(&compare.key, compare.end.as_ref(), lend);
            let operand = match &compare.target {
                Target::Value(value) => Operand::Value(lend(value)),
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
                (self.branch(&txn.success, Some(replies), lend), Span::default(), Some(true))
            }
            Some(Reply::Txn { succeeded: false, replies, .. }) => {
                (Span::default(), self.branch(&txn.failure, Some(replies), lend), Some(false))
            }
            _ => (self.branch(&txn.success, None, lend), self.branch(&txn.failure, None, lend), None),
        };
        // etcd asks the cluster unless every call, of both branches, is a serializable read.
        let serializable = txn
            .success
            .iter()
            .chain(&txn.failure)
            .all(|call| matches!(call, Call::Range(range) if range.serializable));
        self.txns.push(Txn { compares, success, failure, succeeded, serializable, asked: Asked::Txn });
        Action::Txn(index(self.txns.len() - 1))
    }

    fn branch<'c, 'b>(
        &mut self,
        calls: &'c [Call<'b>],
        replies: Option<&'c [Reply<'b>]>,
        lend: &impl Fn(&'c Blob<'b>) -> &'a [u8],
    ) -> Span {
        // Nested branches push actions of their own, so a branch is collected before it is laid down in one piece.
        let actions: Vec<Packed> = calls
            .iter()
            .enumerate()
            .map(|(at, call)| self.record(call, replies.and_then(|replies| replies.get(at)), lend))
            .collect();
        let start = index(self.actions.len());
        self.actions.extend(actions);
        Span { start, len: index(calls.len()) }
    }
}

pub(super) fn borrowed<'a>(blob: &Blob<'a>) -> &'a [u8] {
    match blob.0 {
        Cow::Borrowed(bytes) => bytes,
        // A scan reads only lines whose strings it can lend; an empty default is none of them.
        Cow::Owned(_) => &[],
    }
}

/// Counts and limits beyond 2^32 are as good as endless; negative ones mean nothing.
pub(super) fn clamp(n: i64) -> u32 {
    u32::try_from(n.max(0)).unwrap_or(u32::MAX)
}

//! From calls and replies to columns, in one pass over a history or in parts while files are scanned.

use std::borrow::Cow;

use history::{
    Blob, Call, Event, History, KeyValue, Operation, Others, Outcome, Reply, Target, Visitor, WatchUpdate,
};
use rustc_hash::FxHashMap;

use super::{Action, Compare, Ending, Fact, Key, Keys, Kv, Log, NONE, Op, Operand, RangeFlags, Span, Txn};

/// Until the keys are ranked: the end of a range of one key.
const ONE: Key = u32::MAX - 1;

impl<'a> Log<'a> {
    pub(in crate::etcd) fn new(history: &'a History<'a>) -> Self {
        let mut log = Self::default();
        log.ops.reserve_exact(history.operations.len());
        for operation in &history.operations {
            let op = log.op(operation, &|blob| blob.bytes());
            log.ops.push(op);
        }
        history.watched.iter().for_each(|update| log.update(update, &|blob| blob.bytes()));
        Self::join(vec![log], history.is_complete())
    }

    /// What a scan found, in the order of [`History::operations`].
    pub(in crate::etcd) fn of_scan(parts: Vec<Self>, others: &'a [Others<'a>], complete: bool) -> Self {
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
        let mut log = Self::join(parts, complete);
        if !log.ops.is_sorted_by_key(|op| (op.invoked, op.file)) {
            log.ops.sort_by_key(|op| (op.invoked, op.file));
        }
        log
    }

    /// Room for what so many bytes of a file hold.
    pub(in crate::etcd) fn with_room(bytes: usize) -> Self {
        Self { ops: Vec::with_capacity(bytes / 180), kvs: Vec::with_capacity(bytes / 360), ..Self::default() }
    }

    fn op<'c, 'b>(
        &mut self,
        operation: &'c Operation<'b>,
        lend: &impl Fn(&'c Blob<'b>) -> &'a [u8],
    ) -> Op<'a> {
        let (reply, ending) = match &operation.outcome {
            Outcome::Ok(reply) => (Some(reply), Ending::Ok),
            Outcome::Failed(_) => (None, Ending::Failed),
            Outcome::Unknown(_) => (None, Ending::Unknown),
        };
        Op {
            invoked: operation.invoked.0,
            deadline: operation.deadline().0,
            revision: reply.map_or(0, Reply::revision),
            // What failed did nothing: its arguments do not matter.
            action: match ending {
                Ending::Failed => Action::Other,
                _ => self.action(&operation.call, reply, lend),
            },
            file: index(operation.file),
            client: operation.client,
            ending,
        }
    }

    fn update<'c, 'b>(&mut self, update: &'c WatchUpdate<'b>, lend: &impl Fn(&'c Blob<'b>) -> &'a [u8]) {
        for event in &update.events {
            let fact = match event {
                Event::Put { kv, .. } => Fact::Put(self.kv(kv, false, lend)),
                Event::Delete { key, revision, .. } => {
                    Fact::Delete { key: self.key(lend(key)), revision: *revision }
                }
            };
            self.facts.push((update.t.0, fact));
        }
    }

    fn key(&mut self, bytes: &'a [u8]) -> Key {
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
        let to = match end.map(lend) {
            None => ONE,
            Some(b"\0") => NONE,
            Some(end) => self.key(end),
        };
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

    fn action<'c, 'b>(
        &mut self,
        call: &'c Call<'b>,
        reply: Option<&'c Reply<'b>>,
        lend: &impl Fn(&'c Blob<'b>) -> &'a [u8],
    ) -> Action<'a> {
        match call {
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
            Call::Lock { .. }
            | Call::Unlock { .. }
            | Call::Campaign { .. }
            | Call::Proclaim { .. }
            | Call::Resign { .. } => Action::Service,
            _ => Action::Other,
        }
    }

    fn listing<'c, 'b>(
        &mut self,
        range: &'c history::Range<'b>,
        reply: Option<&'c Reply<'b>>,
        lend: &impl Fn(&'c Blob<'b>) -> &'a [u8],
    ) -> Action<'a> {
        let keys = self.range(&range.key, range.end.as_ref(), lend);
        // Of a list in another order that was cut off, this engine looks at the count only.
        let cut = range.sort.is_some() && range.limit != 0;
        let mut flags = RangeFlags {
            serializable: range.serializable,
            keys_only: range.keys_only,
            count_only: range.count_only || cut,
            more: false,
        };
        let (kvs, count) = match reply {
            Some(Reply::Range { count, .. }) if cut => (Span::default(), clamp(*count)),
            Some(Reply::Range { kvs, count, more, .. }) => {
                flags.more = *more;
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
        self.txns.push(Txn { compares, success, failure, succeeded, serializable });
        Action::Txn(index(self.txns.len() - 1))
    }

    fn branch<'c, 'b>(
        &mut self,
        calls: &'c [Call<'b>],
        replies: Option<&'c [Reply<'b>]>,
        lend: &impl Fn(&'c Blob<'b>) -> &'a [u8],
    ) -> Span {
        // Nested branches push actions of their own, so a branch is collected before it is laid down in one piece.
        let actions: Vec<Action<'a>> = calls
            .iter()
            .enumerate()
            .map(|(at, call)| self.action(call, replies.and_then(|replies| replies.get(at)), lend))
            .collect();
        let start = index(self.actions.len());
        self.actions.extend(actions);
        Span { start, len: index(calls.len()) }
    }

    /// Puts parts together: their keys become ranks among all keys, and their indices move behind each other.
    fn join(parts: Vec<Self>, complete: bool) -> Self {
        let mut keys: Vec<&'a [u8]> = parts.iter().flat_map(|part| part.keys.iter().copied()).collect();
        keys.sort_unstable();
        keys.dedup();
        // The first part takes the others in, so that no more than one of them is there twice.
        let (ops, kvs) =
            (parts.iter().map(|part| part.ops.len()).sum(), parts.iter().map(|part| part.kvs.len()).sum());
        let mut parts = parts.into_iter();
        let first = parts.next().unwrap_or_default();
        let mut log = Self { keys, complete, ..Self::default() };
        for (at, mut part) in std::iter::once(first).chain(parts).enumerate() {
            part.ids = FxHashMap::default();
            let rank = |key: &&[u8]| index(log.keys.partition_point(|known| known < key));
            let moved = Moved {
                ranks: part.keys.iter().map(rank).collect(),
                last: index(log.keys.len()),
                actions: index(log.actions.len()),
                txns: index(log.txns.len()),
                compares: index(log.compares.len()),
                kvs: index(log.kvs.len()),
            };
            part.ops.iter_mut().for_each(|op| moved.action(&mut op.action));
            part.actions.iter_mut().for_each(|action| moved.action(action));
            part.txns.iter_mut().for_each(|txn| moved.txn(txn));
            part.compares.iter_mut().for_each(|compare| moved.keys(&mut compare.keys));
            part.kvs.iter_mut().for_each(|kv| moved.key(&mut kv.key));
            part.facts.iter_mut().for_each(|(_, fact)| moved.key(fact.key_mut()));
            if at == 0 {
                let keys = std::mem::take(&mut log.keys);
                log = Self { keys, complete, ..part };
                log.ops.reserve_exact(usize::saturating_sub(ops, log.ops.len()));
                log.kvs.reserve_exact(usize::saturating_sub(kvs, log.kvs.len()));
                continue;
            }
            log.ops.append(&mut part.ops);
            log.actions.append(&mut part.actions);
            log.txns.append(&mut part.txns);
            log.compares.append(&mut part.compares);
            log.kvs.append(&mut part.kvs);
            log.facts.append(&mut part.facts);
        }
        log
    }
}

/// Where the records of a part go.
struct Moved {
    ranks: Vec<Key>,
    last: Key,
    actions: u32,
    txns: u32,
    compares: u32,
    kvs: u32,
}

impl Moved {
    fn key(&self, key: &mut Key) {
        *key = self.ranks[*key as usize];
    }

    fn keys(&self, keys: &mut Keys) {
        let from = self.ranks[keys.from as usize];
        let to = match keys.to {
            ONE => from + 1,
            NONE => self.last,
            end => self.ranks[end as usize].max(from),
        };
        *keys = Keys { from, to };
    }

    fn action(&self, action: &mut Action<'_>) {
        match action {
            Action::Put { key, prev, .. } => {
                self.key(key);
                if *prev != NONE {
                    *prev += self.kvs;
                }
            }
            Action::Range { keys, kvs, .. } => {
                self.keys(keys);
                kvs.start += self.kvs;
            }
            Action::Delete { keys, prev, .. } => {
                self.keys(keys);
                prev.start += self.kvs;
            }
            Action::Txn(txn) => *txn += self.txns,
            _ => {}
        }
    }

    fn txn(&self, txn: &mut Txn) {
        txn.compares.start += self.compares;
        txn.success.start += self.actions;
        txn.failure.start += self.actions;
    }
}

/// A part of a file as it is scanned: its strings are borrowed from the file.
impl<'a> Visitor<'a> for Log<'a> {
    fn begins(&mut self, number: u64) {
        if self.ops.is_empty() {
            self.first = number;
        }
        self.ops.push(Op::OPEN);
    }

    fn operation(&mut self, operation: &Operation<'a>) {
        let op = self.op(operation, &borrowed);
        let at = usize::try_from(operation.number - self.first).unwrap_or(usize::MAX);
        if let Some(slot) = self.ops.get_mut(at) {
            *slot = op;
        }
    }

    fn watched(&mut self, update: &WatchUpdate<'a>) {
        self.update(update, &borrowed);
    }
}

fn borrowed<'a>(blob: &Blob<'a>) -> &'a [u8] {
    match blob.0 {
        Cow::Borrowed(bytes) => bytes,
        // A scan reads only lines whose strings it can lend; an empty default is none of them.
        Cow::Owned(_) => &[],
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

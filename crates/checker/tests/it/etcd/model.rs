//! An etcd in a few lines, obviously right: the judge of every generated history. Slow, and meant to be.
//!
//! It shares nothing with the checker but the types of calls and replies.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use history::{
    Blob, Call, Compare, Comparison, Delete, KeyValue, Put, Range, Reply, Sort, SortBy, Target, Txn,
};

type Kvs = BTreeMap<Vec<u8>, KeyValue<'static>>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Etcd {
    pub(crate) revision: i64,
    pub(crate) kvs: Kvs,
    /// The store behind the latest revisions, oldest first; `past[0]` is revision `first`.
    past: VecDeque<Kvs>,
    first: i64,
    /// So many of them.
    keep: usize,
    pub(crate) leases: BTreeMap<i64, i64>,
    /// Refuses nothing for want of a lease.
    lenient: bool,
    pub(crate) compacted: i64,
    /// Why the last call was refused.
    pub(crate) refusal: &'static str,
}

fn within(key: &[u8], from: &[u8], end: Option<&Blob<'_>>) -> bool {
    match end.map(Blob::bytes) {
        None => key == from,
        Some(b"\0") => key >= from,
        Some(end) => key >= from && key < end,
    }
}

fn ordering(sort: Sort, a: &KeyValue<'_>, b: &KeyValue<'_>) -> Ordering {
    let ordering = match sort.by {
        SortBy::Key => a.key.bytes().cmp(b.key.bytes()),
        SortBy::Value => a.value.bytes().cmp(b.value.bytes()),
        SortBy::Version => a.version.cmp(&b.version),
        SortBy::Create => a.create_revision.cmp(&b.create_revision),
        SortBy::Mod => a.mod_revision.cmp(&b.mod_revision),
    };
    if sort.descending { ordering.reverse() } else { ordering }
}

fn owned(kv: &KeyValue<'_>) -> KeyValue<'static> {
    KeyValue { key: kv.key.clone().into_owned(), value: kv.value.clone().into_owned(), ..*kv }
}

impl Etcd {
    pub(crate) fn new() -> Self {
        Self::with(1, Kvs::new())
    }

    pub(crate) fn with(revision: i64, kvs: Kvs) -> Self {
        let past = VecDeque::from([kvs.clone()]);
        Self {
            revision,
            kvs,
            past,
            first: revision,
            keep: 64,
            leases: BTreeMap::new(),
            lenient: false,
            compacted: 0,
            refusal: "",
        }
    }

    /// One that refuses nothing for want of a lease, or for a compaction.
    pub(crate) fn lenient() -> Self {
        Self { lenient: true, ..Self::new() }
    }

    /// Does a call; `None`: etcd refuses it.
    pub(crate) fn apply(&mut self, call: &Call<'_>) -> Option<Reply<'static>> {
        // Only a transaction can be refused half way.
        let before = matches!(call, Call::Txn(_)).then(|| self.kvs.clone());
        self.refusal = "refused";
        let revision = self.revision + 1;
        let mut wrote = false;
        let Some(reply) = self.call(call, revision, &mut wrote) else {
            self.kvs = before.unwrap_or_else(|| std::mem::take(&mut self.kvs));
            return None;
        };
        if wrote {
            self.revision = revision;
            self.remember();
        }
        Some(stamped(reply, self.revision))
    }

    /// Whether `answer` to a call that was just done is as right as `reply`: of keys that are alike in the order that was
    /// asked for, any may come first.
    pub(crate) fn right(&mut self, call: &Call<'_>, answer: &Reply<'static>, reply: &Reply<'static>) -> bool {
        let (Call::Range(Range { sort: Some(sort), .. }), Reply::Range { kvs, revision, count, more }) =
            (call, answer)
        else {
            return answer == reply;
        };
        let Reply::Range { kvs: due, .. } = reply else { return false };
        let Call::Range(range) = call else { return false };
        let head = Reply::Range { kvs: due.clone(), revision: *revision, count: *count, more: *more };
        let every = Range { limit: 0, keys_only: false, ..range.clone() };
        let Some(Reply::Range { kvs: every, .. }) = self.range(&every) else { return false };
        let whole = |kv: &KeyValue<'_>| every.iter().find(|known| known.key == kv.key);
        let as_good = |(shown, due): (&KeyValue<'static>, &KeyValue<'static>)| {
            let (Some(own), Some(other)) = (whole(shown), whole(due)) else { return false };
            let value = if range.keys_only { Blob::default() } else { own.value.clone() };
            ordering(*sort, own, other).is_eq() && *shown == KeyValue { value, ..own.clone() }
        };
        let keys: BTreeSet<&Blob<'_>> = kvs.iter().map(|kv| &kv.key).collect();
        head == *reply
            && kvs.len() == due.len()
            && keys.len() == kvs.len()
            && kvs.iter().zip(due).all(as_good)
    }

    /// Ends a lease by itself, which takes a revision if it has keys.
    pub(crate) fn expire(&mut self, lease: i64) {
        self.leases.remove(&lease);
        let before = self.kvs.len();
        self.kvs.retain(|_, kv| kv.lease != lease);
        if self.kvs.len() != before {
            self.revision += 1;
            self.remember();
        }
    }

    /// Does without the past, for long histories that do not read it.
    pub(crate) fn forgetful(mut self) -> Self {
        self.keep = 0;
        self
    }

    fn remember(&mut self) {
        self.past.push_back(if self.keep == 0 { Kvs::new() } else { self.kvs.clone() });
        while self.past.len() > self.keep {
            self.past.pop_front();
            self.first += 1;
        }
    }

    fn call(&mut self, call: &Call<'_>, at: i64, wrote: &mut bool) -> Option<Reply<'static>> {
        match call {
            Call::Put(put) => self.put(put, at, wrote),
            Call::Range(range) => self.range(range),
            Call::Delete(delete) => Some(self.delete(delete, wrote)),
            Call::Txn(txn) => {
                let path = self.path(txn);
                self.txn(txn, at, wrote, &mut path.into_iter())
            }
            Call::Grant { ttl, lease } => {
                let taken = self.leases.contains_key(lease);
                if taken && !self.lenient {
                    self.refusal = "lease-exists";
                    return None;
                }
                self.leases.insert(*lease, *ttl);
                Some(Reply::Grant { revision: 0, lease: *lease, ttl: *ttl })
            }
            Call::Revoke { lease } => {
                let gone = self.leases.remove(lease);
                if gone.is_none() && !self.lenient {
                    self.refusal = "lease-not-found";
                    return None;
                }
                let before = self.kvs.len();
                self.kvs.retain(|_, kv| kv.lease != *lease);
                *wrote = self.kvs.len() != before;
                Some(Reply::Revoke { revision: 0 })
            }
            Call::KeepAlive { lease } => {
                let ttl = self.leases.get(lease).copied().unwrap_or(0);
                Some(Reply::KeepAlive { revision: 0, ttl })
            }
            Call::Compact { revision, .. } => {
                let fits = *revision > self.compacted && *revision <= self.revision;
                fits.then(|| {
                    self.compacted = *revision;
                    Reply::Compact { revision: 0 }
                })
            }
            _ => None,
        }
    }

    fn put(&mut self, put: &Put<'_>, at: i64, wrote: &mut bool) -> Option<Reply<'static>> {
        let key = put.key.bytes().to_vec();
        let old = self.kvs.get(&key).cloned();
        if put.lease != 0 && !self.lenient && !self.leases.contains_key(&put.lease) {
            self.refusal = "lease-not-found";
            return None;
        }
        if (put.ignore_value || put.ignore_lease) && old.is_none() {
            return None;
        }
        let kept = old.clone().unwrap_or_default();
        let value = if put.ignore_value { kept.value } else { put.value.clone().into_owned() };
        let lease = if put.ignore_lease { kept.lease } else { put.lease };
        let (create_revision, version) =
            old.as_ref().map_or((at, 1), |old| (old.create_revision, old.version + 1));
        let name = put.key.clone().into_owned();
        self.kvs
            .insert(key, KeyValue { key: name, value, create_revision, mod_revision: at, version, lease });
        *wrote = true;
        Some(Reply::Put { revision: 0, prev: old.filter(|_| put.prev_kv) })
    }

    fn range(&mut self, range: &Range<'_>) -> Option<Reply<'static>> {
        let kvs = match range.revision {
            0 => &self.kvs,
            at if at > self.revision => {
                self.refusal = "future-revision";
                return None;
            }
            at if !self.lenient && at < self.compacted => {
                self.refusal = "compacted";
                return None;
            }
            at if at < self.first => return None,
            at => &self.past[usize::try_from(at - self.first).ok()?],
        };
        let all: Vec<&KeyValue<'_>> =
            kvs.values().filter(|kv| within(kv.key.bytes(), range.key.bytes(), range.end.as_ref())).collect();
        let count = all.len() as i64;
        if range.count_only {
            return Some(Reply::Range { revision: 0, kvs: Vec::new(), count, more: false });
        }
        let mut all = all;
        if let Some(sort) = range.sort {
            all.sort_by(|a, b| ordering(sort, a, b));
        }
        let limit = if range.limit > 0 { range.limit as usize } else { usize::MAX };
        let shown = all.iter().take(limit).map(|kv| {
            let kv = owned(kv);
            if range.keys_only { KeyValue { value: Blob::default(), ..kv } } else { kv }
        });
        Some(Reply::Range { revision: 0, kvs: shown.collect(), count, more: all.len() > limit })
    }

    fn delete(&mut self, delete: &Delete<'_>, wrote: &mut bool) -> Reply<'static> {
        let (gone, kept): (Kvs, Kvs) = std::mem::take(&mut self.kvs)
            .into_iter()
            .partition(|(key, _)| within(key, delete.key.bytes(), delete.end.as_ref()));
        self.kvs = kept;
        *wrote |= !gone.is_empty();
        let deleted = gone.len() as i64;
        let prev = if delete.prev_kv { gone.into_values().collect() } else { Vec::new() };
        Reply::Delete { revision: 0, deleted, prev }
    }

    /// All comparisons, of inner transactions too, see the store as it was before.
    fn path(&self, txn: &Txn<'_>) -> Vec<bool> {
        let holds = txn.compare.iter().all(|compare| self.compare(compare));
        let mut path = vec![holds];
        for call in if holds { &txn.success } else { &txn.failure } {
            if let Call::Txn(inner) = call {
                path.extend(self.path(inner));
            }
        }
        path
    }

    fn compare(&self, compare: &Compare<'_>) -> bool {
        let found: Vec<&KeyValue<'_>> = self
            .kvs
            .values()
            .filter(|kv| within(kv.key.bytes(), compare.key.bytes(), compare.end.as_ref()))
            .collect();
        if found.is_empty() {
            return !matches!(compare.target, Target::Value(_)) && holds(compare, &KeyValue::default());
        }
        found.iter().all(|kv| holds(compare, kv))
    }

    fn txn(
        &mut self,
        txn: &Txn<'_>,
        at: i64,
        wrote: &mut bool,
        path: &mut impl Iterator<Item = bool>,
    ) -> Option<Reply<'static>> {
        let succeeded = path.next()?;
        let mut replies = Vec::new();
        for call in if succeeded { &txn.success } else { &txn.failure } {
            replies.push(match call {
                Call::Txn(inner) => {
                    let mut path: Box<dyn Iterator<Item = bool>> = Box::new(&mut *path);
                    self.txn(inner, at, wrote, &mut path)?
                }
                call => self.call(call, at, wrote)?,
            });
        }
        Some(Reply::Txn { revision: 0, succeeded, replies })
    }
}

fn holds(compare: &Compare<'_>, kv: &KeyValue<'_>) -> bool {
    let ordering = match &compare.target {
        Target::Value(value) => kv.value.bytes().cmp(value.bytes()),
        Target::Version(n) => kv.version.cmp(n),
        Target::Create(n) => kv.create_revision.cmp(n),
        Target::Mod(n) => kv.mod_revision.cmp(n),
        Target::Lease(n) => kv.lease.cmp(n),
    };
    match compare.comparison {
        Comparison::Equal => ordering.is_eq(),
        Comparison::NotEqual => ordering.is_ne(),
        Comparison::Greater => ordering.is_gt(),
        Comparison::Less => ordering.is_lt(),
    }
}

/// The reply with its revision, and inner ones with the same.
fn stamped(reply: Reply<'static>, revision: i64) -> Reply<'static> {
    match reply {
        Reply::Put { prev, .. } => Reply::Put { revision, prev },
        Reply::Range { kvs, count, more, .. } => Reply::Range { revision, kvs, count, more },
        Reply::Delete { deleted, prev, .. } => Reply::Delete { revision, deleted, prev },
        Reply::Txn { succeeded, replies, .. } => {
            let replies = replies.into_iter().map(|reply| stamped(reply, revision)).collect();
            Reply::Txn { revision, succeeded, replies }
        }
        Reply::Grant { lease, ttl, .. } => Reply::Grant { revision, lease, ttl },
        Reply::Revoke { .. } => Reply::Revoke { revision },
        Reply::KeepAlive { ttl, .. } => Reply::KeepAlive { revision, ttl },
        Reply::Compact { .. } => Reply::Compact { revision },
        other => other,
    }
}

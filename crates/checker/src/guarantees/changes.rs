//! The log of writes, as far as a history tells it: which key changed at which revision, to what, and who says so.
//!
//! Acknowledged writes tell most of it. What nobody was told of, reads and watches show.

use history::{Call, Event, History, KeyValue, Reply};
use rustc_hash::FxHashMap;

use super::keys::{Collected, Key, Keys};
use super::record::{answer, done};

/// One key at one revision.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change<'h> {
    pub(super) revision: i64,
    pub(super) key: Key,
    pub(super) what: What<'h>,
    pub(super) source: Source,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What<'h> {
    Put(Put<'h>),
    Delete,
}

/// What a put wrote, as far as it was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Put<'h> {
    pub(super) value: Option<&'h [u8]>,
    pub(super) lease: Option<i64>,
    pub(super) create: Option<i64>,
    pub(super) version: Option<i64>,
}

/// Who told it; earlier ones are believed over later ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    /// The operation that did it was acknowledged.
    Acked(u32),
    /// An operation was shown it.
    Shown(u32),
    /// A watch delivered it: the index of the message.
    Delivered(u32),
}

/// All changes, in the order of revisions.
#[derive(Debug)]
pub(super) struct Changes<'h> {
    list: Vec<Change<'h>>,
    /// For each key, where its changes begin in `of_keys`.
    starts: Vec<u32>,
    of_keys: Vec<u32>,
    /// The acknowledged writer of each revision, and whether all that it changed is known.
    writers: FxHashMap<i64, (u32, bool)>,
}

impl<'h> Put<'h> {
    pub(super) fn of(kv: &'h KeyValue<'h>, value_shown: bool) -> Self {
        Self {
            value: value_shown.then(|| kv.value.bytes()),
            lease: Some(kv.lease),
            create: Some(kv.create_revision),
            version: Some(kv.version),
        }
    }

    fn fill(&mut self, other: &Self) {
        self.value = self.value.or(other.value);
        self.lease = self.lease.or(other.lease);
        self.create = self.create.or(other.create);
        self.version = self.version.or(other.version);
    }

    /// Whether both may be of one put: what both tell is the same.
    pub(super) fn agrees(&self, other: &Self) -> bool {
        fn same<T: PartialEq + Copy>(one: Option<T>, other: Option<T>) -> bool {
            one.is_none() || other.is_none() || one == other
        }
        same(self.value, other.value)
            && same(self.lease, other.lease)
            && same(self.create, other.create)
            && same(self.version, other.version)
    }
}

impl<'h> Changes<'h> {
    /// All changes of these revisions.
    pub(super) fn within(&self, from: i64, to: i64) -> &[Change<'h>] {
        let start = self.list.partition_point(|change| change.revision < from);
        let end = self.list.partition_point(|change| change.revision <= to);
        &self.list[start..end.max(start)]
    }

    /// All changes of a key, oldest first.
    pub(super) fn of_key(&self, key: Key) -> impl DoubleEndedIterator<Item = &Change<'h>> {
        self.indices(key).iter().map(|at| &self.list[*at as usize])
    }

    /// The changes of a key in these revisions, oldest first.
    pub(super) fn of_key_within(
        &self,
        key: Key,
        from: i64,
        to: i64,
    ) -> impl DoubleEndedIterator<Item = &Change<'h>> {
        let indices = self.indices(key);
        let start = indices.partition_point(|at| self.list[*at as usize].revision < from);
        let end = indices.partition_point(|at| self.list[*at as usize].revision <= to);
        indices[start..end.max(start)].iter().map(|at| &self.list[*at as usize])
    }

    /// The last change of a key before a revision.
    pub(super) fn before(&self, key: Key, revision: i64) -> Option<&Change<'h>> {
        let indices = self.indices(key);
        let end = indices.partition_point(|at| self.list[*at as usize].revision < revision);
        indices[..end].last().map(|at| &self.list[*at as usize])
    }

    pub(super) fn at(&self, key: Key, revision: i64) -> Option<&Change<'h>> {
        self.of_key_within(key, revision, revision).next()
    }

    /// The acknowledged writer of a revision, if all that it changed is known.
    pub(super) fn whole(&self, revision: i64) -> Option<u32> {
        self.writers.get(&revision).filter(|(_, whole)| *whole).map(|(op, _)| *op)
    }

    /// The acknowledged writer of a revision.
    pub(super) fn writer(&self, revision: i64) -> Option<u32> {
        self.writers.get(&revision).map(|(op, _)| *op)
    }

    fn indices(&self, key: Key) -> &[u32] {
        let key = key as usize;
        &self.of_keys[self.starts[key] as usize..self.starts[key + 1] as usize]
    }
}

/// Changes while they are collected; their keys are numbers that mean nothing yet.
#[derive(Debug, Default)]
pub(super) struct Collecting<'h> {
    keys: Collected<'h>,
    list: Vec<Change<'h>>,
    found: FxHashMap<(i64, u32), u32>,
    writers: FxHashMap<i64, (u32, bool)>,
}

impl<'h> Collecting<'h> {
    pub(super) fn of(history: &'h History<'h>) -> (Keys<'h>, Changes<'h>) {
        let mut collecting = Self::default();
        for (index, operation) in (0..).zip(&history.operations) {
            if let Some(reply) = answer(operation) {
                collecting.operation(index, &operation.call, reply);
            }
        }
        for (index, update) in (0..).zip(&history.watched) {
            update.events.iter().for_each(|event| collecting.event(index, event));
        }
        collecting.sort()
    }

    fn operation(&mut self, op: u32, call: &'h Call<'h>, reply: &'h Reply<'h>) {
        let revision = reply.revision();
        let (mut wrote, mut whole) = (false, true);
        done(call, reply, &mut |call, reply| match (call, reply) {
            (Call::Put(put), Reply::Put { prev, .. }) => {
                let what = Put {
                    value: (!put.ignore_value).then(|| put.value.bytes()),
                    lease: (!put.ignore_lease).then_some(put.lease),
                    ..Put::default()
                };
                self.add(revision, put.key.bytes(), What::Put(what), Source::Acked(op));
                self.shown(op, prev.as_slice(), true);
                wrote = true;
            }
            (Call::Delete(delete), Reply::Delete { deleted, prev, .. }) if *deleted > 0 => {
                if delete.end.is_none() {
                    self.add(revision, delete.key.bytes(), What::Delete, Source::Acked(op));
                } else {
                    whole &= prev.len() as i64 == *deleted;
                    for kv in prev {
                        self.add(revision, kv.key.bytes(), What::Delete, Source::Acked(op));
                    }
                }
                self.shown(op, prev, true);
                wrote = true;
            }
            (Call::Range(range), Reply::Range { kvs, .. }) => self.shown(op, kvs, !range.keys_only),
            _ => {}
        });
        if wrote {
            self.writers.insert(revision, (op, whole));
        }
    }

    fn shown(&mut self, op: u32, kvs: &'h [KeyValue<'h>], values: bool) {
        kvs.iter().for_each(|kv| self.kv(kv, values, Source::Shown(op)));
    }

    /// A key-value tells of its last write and of its creation.
    fn kv(&mut self, kv: &'h KeyValue<'h>, value: bool, source: Source) {
        let key = kv.key.bytes();
        self.add(kv.mod_revision, key, What::Put(Put::of(kv, value)), source);
        if kv.create_revision < kv.mod_revision && kv.create_revision > 0 {
            let born = Put { create: Some(kv.create_revision), version: Some(1), ..Put::default() };
            self.add(kv.create_revision, key, What::Put(born), source);
        }
    }

    fn event(&mut self, update: u32, event: &'h Event<'h>) {
        match event {
            Event::Put { kv, .. } => self.kv(kv, true, Source::Delivered(update)),
            Event::Delete { key, revision, .. } => {
                self.add(*revision, key.bytes(), What::Delete, Source::Delivered(update));
            }
        }
    }

    fn add(&mut self, revision: i64, key: &'h [u8], what: What<'h>, source: Source) {
        let key = self.keys.id(key);
        let next = u32::try_from(self.list.len()).expect("fewer than 2^32 changes fit into memory");
        let at = *self.found.entry((revision, key)).or_insert(next);
        let Some(known) = self.list.get_mut(at as usize) else {
            self.list.push(Change { revision, key, what, source });
            return;
        };
        let mut other = what;
        if source < known.source {
            other = std::mem::replace(&mut known.what, what);
            known.source = source;
        }
        if let (What::Put(put), What::Put(other)) = (&mut known.what, other) {
            put.fill(&other);
        }
    }

    fn sort(self) -> (Keys<'h>, Changes<'h>) {
        let Self { keys, mut list, writers, .. } = self;
        let (keys, ranks) = keys.rank();
        list.iter_mut().for_each(|change| change.key = ranks[change.key as usize]);
        list.sort_unstable_by_key(|change| (change.revision, change.key));
        let mut starts = vec![0_u32; keys.len() + 1];
        for change in &list {
            starts[change.key as usize + 1] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let mut next = starts.clone();
        let mut of_keys = vec![0; list.len()];
        for (index, change) in (0..).zip(&list) {
            let at = &mut next[change.key as usize];
            of_keys[*at as usize] = index;
            *at += 1;
        }
        (keys, Changes { list, starts, of_keys, writers })
    }
}

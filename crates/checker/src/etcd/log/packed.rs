//! Actions in twelve bytes: the common ones whole, the others as an index of where they are kept.

use super::{Action, Key, Keys, Kv, Log, NONE, RangeFlags, Span};

/// Until the keys are ranked: the end of a range of one key.
pub(super) const ONE: Key = u32::MAX - 1;

#[derive(Clone, Copy, Debug)]
pub(super) struct Packed {
    pub(super) kind: Kind,
    pub(super) a: u32,
    pub(super) b: u32,
}

/// What the numbers of a packed action are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A key, and an index of [`Log::values`].
    Put,
    /// A key, and an index of [`Log::kvs`] or [`NONE`].
    Get,
    /// A key, and how often it was deleted.
    Delete,
    /// An index of [`Log::txns`], and the one key that an answered one is about, or [`NONE`] if that is not known.
    Txn,
    /// As [`Kind::Txn`], answered without a word on whether its comparisons held; of one key.
    Silent,
    /// The key of a lock, and an index of [`Log::steps`].
    Held,
    /// An index of [`Log::odd`].
    Odd,
    Other,
}

impl Packed {
    pub(super) const OTHER: Self = Self { kind: Kind::Other, a: 0, b: 0 };

    pub(super) fn new(kind: Kind, a: u32, b: u32) -> Self {
        Self { kind, a, b }
    }
}

impl<'a> Log<'a> {
    #[inline]
    pub(super) fn unpack(&self, Packed { kind, a, b }: Packed) -> Action<'a> {
        match kind {
            Kind::Put => Action::Put {
                key: a,
                value: Some(self.values[b as usize]),
                lease: 0,
                keep_lease: false,
                want_prev: false,
                prev: NONE,
            },
            Kind::Get => {
                let kvs = if b == NONE { Span::default() } else { Span { start: b, len: 1 } };
                Action::Range {
                    keys: Keys::one(a),
                    limit: 0,
                    flags: RangeFlags::default(),
                    revision: 0,
                    kvs,
                    count: kvs.len,
                }
            }
            Kind::Delete => {
                Action::Delete { keys: Keys::one(a), want_prev: false, deleted: b, prev: Span::default() }
            }
            Kind::Txn | Kind::Silent => Action::Txn(a),
            Kind::Held => Action::Held { key: a, by: super::index(self.recorded) + b },
            Kind::Odd => self.odd[a as usize],
            Kind::Other => Action::Other,
        }
    }

    /// The only key that an answered operation says anything about, where that is told without a look at it.
    #[inline]
    pub(in crate::etcd) fn only_key(&self, op: u32) -> Option<Key> {
        match self.ops[op as usize].action {
            Packed { kind: Kind::Put | Kind::Get | Kind::Delete | Kind::Held, a, .. } => Some(a),
            Packed { kind: Kind::Txn | Kind::Silent, b, .. } if b != NONE => Some(b),
            _ => None,
        }
    }

    /// The key that an answered operation asked for and the key-value that it was shown, if it is a get of one key.
    #[inline]
    pub(in crate::etcd) fn found(&self, op: u32) -> Option<(Key, Option<&Kv<'a>>)> {
        match self.ops[op as usize].action {
            Packed { kind: Kind::Get, a, b } => Some((a, self.kvs.get(b as usize))),
            _ => None,
        }
    }

    /// The values that an answered operation put or was shown, where that is told without a look at more than one record.
    #[inline]
    pub(in crate::etcd) fn values_of(&self, op: u32) -> impl Iterator<Item = &'a [u8]> + '_ {
        let (put, shown) = match self.ops[op as usize].action {
            Packed { kind: Kind::Put, b, .. } => (Some(self.values[b as usize]), Span::default()),
            Packed { kind: Kind::Get, b, .. } if b != NONE => (None, Span { start: b, len: 1 }),
            Packed { kind: Kind::Odd, a, .. } => match self.odd[a as usize] {
                Action::Range { kvs, .. } => (None, kvs),
                _ => (None, Span::default()),
            },
            _ => (None, Span::default()),
        };
        put.into_iter().chain(self.kvs[shown.range()].iter().filter_map(|kv| kv.value))
    }

    /// As [`Log::wrote`], of an answered operation.
    #[inline]
    pub(in crate::etcd) fn op_wrote(&self, op: u32) -> bool {
        match self.ops[op as usize].action {
            Packed { kind: Kind::Put, .. } => true,
            Packed { kind: Kind::Delete, b, .. } => b > 0,
            Packed { kind: Kind::Get | Kind::Silent | Kind::Held | Kind::Other, .. } => false,
            packed => self.wrote(&self.unpack(packed)),
        }
    }

    /// Whether an operation is a put, get or delete of one key, without a lease and in the present.
    #[inline]
    pub(in crate::etcd) fn is_simple(&self, op: u32) -> bool {
        matches!(self.ops[op as usize].action.kind, Kind::Put | Kind::Get | Kind::Delete)
    }

    /// Whether an operation is simple, or a transaction that tells what it did.
    #[inline]
    pub(in crate::etcd) fn is_common(&self, op: u32) -> bool {
        self.is_simple(op) || self.ops[op as usize].action.kind == Kind::Txn
    }

    /// Whether an operation was answered without a word on whether it did anything.
    #[inline]
    pub(in crate::etcd) fn is_silent(&self, op: u32) -> bool {
        self.ops[op as usize].action.kind == Kind::Silent
    }

    /// As [`Log::serializable`], of an operation.
    #[inline]
    pub(in crate::etcd) fn op_serializable(&self, op: u32) -> bool {
        match self.ops[op as usize].action {
            Packed { kind: Kind::Txn | Kind::Odd, .. } => self.serializable(&self.action(op)),
            _ => false,
        }
    }

    /// Whether an answered operation may have asked for a revision of the past.
    #[inline]
    pub(in crate::etcd) fn may_read_past(&self, op: u32) -> bool {
        match self.ops[op as usize].action {
            Packed { kind: Kind::Txn, b: NONE, .. } => !self.odd.is_empty(),
            Packed { kind: Kind::Odd, a, .. } => {
                matches!(self.odd[a as usize], Action::Range { revision, .. } if revision > 0)
            }
            _ => false,
        }
    }

    /// Packs an action whose keys are not ranked yet.
    pub(super) fn pack(&mut self, action: Action<'a>) -> Packed {
        match action {
            Action::Put {
                key,
                value: Some(value),
                lease: 0,
                keep_lease: false,
                want_prev: false,
                prev: NONE,
            } => {
                self.values.push(value);
                Packed::new(Kind::Put, key, super::index(self.values.len() - 1))
            }
            Action::Range { keys: Keys { from, to: ONE }, limit: 0, flags, revision: 0, kvs, count }
                if flags == RangeFlags::default() && kvs.len < 2 && kvs.len == count =>
            {
                Packed::new(Kind::Get, from, if kvs.len == 1 { kvs.start } else { NONE })
            }
            Action::Delete { keys: Keys { from, to: ONE }, want_prev: false, deleted, prev }
                if prev.len == 0 =>
            {
                Packed::new(Kind::Delete, from, deleted)
            }
            Action::Txn(txn) => Packed::new(Kind::Txn, txn, NONE),
            Action::Other => Packed::OTHER,
            _ => {
                self.odd.push(action);
                Packed::new(Kind::Odd, super::index(self.odd.len() - 1), 0)
            }
        }
    }
}

//! What one key holds, as far as that is known, and how it compares.

use std::cmp::Ordering;

use history::{Comparison, Sort, SortBy};

use super::super::log::{Action, Compare, Key, Kv, Operand, UNTOLD, UNTOLD_LEASE};

/// A lease that nobody knows.
pub(in crate::etcd) const ANY_LEASE: i64 = i64::MIN;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::etcd) enum Presence {
    Absent,
    Present,
    /// As it was in the beginning, whatever that is.
    Unseen,
}

/// What a key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::etcd) struct Cell<'a> {
    pub(in crate::etcd) presence: Presence,
    /// `None`: nobody knows.
    pub(in crate::etcd) value: Option<&'a [u8]>,
    /// [`UNTOLD`]: nobody knows. `-f`: either created by the put at `f`, then `version` counts from it, or earlier, in the beginning.
    pub(in crate::etcd) create: i64,
    pub(in crate::etcd) modified: i64,
    /// `-n`: `n` more than it was in the beginning.
    pub(in crate::etcd) version: i64,
    pub(in crate::etcd) lease: i64,
}

impl<'a> Cell<'a> {
    pub(in crate::etcd) const ABSENT: Self =
        Self { presence: Presence::Absent, value: None, create: 0, modified: 0, version: 0, lease: 0 };
    pub(super) const UNSEEN: Self = Self { presence: Presence::Unseen, lease: ANY_LEASE, ..Self::ABSENT };

    /// What a put at `at` makes of it.
    pub(in crate::etcd) fn after_put(&self, action: &Action<'a>, at: i64) -> Self {
        let Action::Put { value, lease, keep_lease, .. } = *action else { return *self };
        let (create, version) = match self.presence {
            Presence::Absent => (at, 1),
            Presence::Unseen => (-at, -1),
            Presence::Present if self.version < 0 => (self.create, self.version - 1),
            Presence::Present => (self.create, self.version + 1),
        };
        let lease = if keep_lease { self.lease } else { lease };
        Self {
            presence: Presence::Present,
            value: value.or(self.value),
            create,
            modified: at,
            version,
            lease,
        }
    }

    /// What it is known to be when it was shown; what was not recorded of that is as it was.
    pub(super) fn shown(&self, kv: &Kv<'a>) -> Self {
        let known = self.presence == Presence::Present && self.version >= 0;
        let or = |told: i64, untold: i64, held: i64, open: i64| match told == untold {
            true if known => held,
            true => open,
            false => told,
        };
        Self {
            presence: Presence::Present,
            value: kv.value.or(self.value),
            create: or(kv.create, UNTOLD, self.create, UNTOLD),
            modified: kv.modified,
            version: or(kv.version, UNTOLD, self.version, self.version),
            lease: match kv.lease {
                UNTOLD_LEASE if self.presence == Presence::Present => self.lease,
                UNTOLD_LEASE => ANY_LEASE,
                lease => lease,
            },
        }
    }

    pub(super) fn certain(&self) -> bool {
        self.presence != Presence::Unseen && self.version >= 0
    }
}

pub(super) fn fits(cell: &Cell<'_>, kv: &Kv<'_>, base: i64) -> bool {
    let value = kv.value.is_none_or(|shown| cell.value.is_none_or(|value| value == shown));
    match cell.presence {
        Presence::Absent => false,
        Presence::Unseen => {
            let created = kv.create >= 1 || kv.create == UNTOLD;
            kv.modified <= base && kv.create <= kv.modified && kv.version >= 1 && created
        }
        Presence::Present => {
            let created = |at: i64| kv.create == at || kv.create == UNTOLD || at == UNTOLD;
            let counts = if cell.version < 0 {
                let fresh = created(-cell.create) && kv.version == -cell.version;
                let older = kv.create <= base && kv.version > -cell.version;
                fresh || older
            } else {
                created(cell.create) && (kv.version == cell.version || kv.version == UNTOLD)
            };
            let lease = cell.lease == ANY_LEASE || kv.lease == UNTOLD_LEASE || cell.lease == kv.lease;
            value && counts && lease && kv.modified == cell.modified
        }
    }
}

pub(in crate::etcd) fn compare_cell(cell: &Cell<'_>, compare: &Compare<'_>, base: i64) -> Option<bool> {
    if cell.presence == Presence::Unseen {
        return None;
    }
    let ordering = match compare.operand {
        Operand::Value(_) if cell.presence == Presence::Absent => return Some(false),
        Operand::Value(value) => cell.value?.cmp(value),
        Operand::Mod(n) => cell.modified.cmp(&n),
        Operand::Lease(_) if cell.lease == ANY_LEASE => return None,
        Operand::Lease(n) => cell.lease.cmp(&n),
        Operand::Version(n) if cell.version >= 0 => cell.version.cmp(&n),
        // At least so many.
        Operand::Version(n) if -cell.version > n => Ordering::Greater,
        Operand::Create(_) if cell.presence == Presence::Present && cell.create == UNTOLD => return None,
        Operand::Create(n) if cell.version >= 0 => cell.create.cmp(&n),
        Operand::Create(n) if n > base && n < -cell.create => {
            return match compare.comparison {
                Comparison::Equal => Some(false),
                Comparison::NotEqual => Some(true),
                _ => None,
            };
        }
        Operand::Create(n) if n > -cell.create => Ordering::Less,
        Operand::Version(_) | Operand::Create(_) => return None,
    };
    Some(match compare.comparison {
        Comparison::Equal => ordering == Ordering::Equal,
        Comparison::NotEqual => ordering != Ordering::Equal,
        Comparison::Greater => ordering == Ordering::Greater,
        Comparison::Less => ordering == Ordering::Less,
    })
}

/// Whether a key certainly comes before one of those that a list in this order shows.
pub(in crate::etcd) fn comes_before(key: Key, cell: &Cell<'_>, shown: &[Kv<'_>], sort: Sort) -> bool {
    if cell.presence != Presence::Present {
        return false;
    }
    shown.iter().any(|kv| {
        let ordering = match sort.by {
            SortBy::Key => Some(key.cmp(&kv.key)),
            SortBy::Value => cell.value.zip(kv.value).map(|(own, shown)| own.cmp(shown)),
            SortBy::Mod => Some(cell.modified.cmp(&kv.modified)),
            SortBy::Version if cell.version < 0 || kv.version == UNTOLD => None,
            SortBy::Version => Some(cell.version.cmp(&kv.version)),
            SortBy::Create if cell.version < 0 || cell.create == UNTOLD || kv.create == UNTOLD => None,
            SortBy::Create => Some(cell.create.cmp(&kv.create)),
        };
        ordering == Some(if sort.descending { Ordering::Greater } else { Ordering::Less })
    })
}

//! One key's windows: a walk through all that is told of it, as if nothing hidden had happened, noting what is missing.

mod compared;

use super::super::log::{Action, Fact, Key, Keys, Kv, Log, NONE, UNTOLD};
use super::super::order::{Order, Role};
use super::super::supply::Supply;
use super::super::timelines::Timelines;
use super::sums::Counted;
use super::{Window, Windows};

/// What the key holds, had it had no hidden changes since `since`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    /// Nobody knows.
    Open,
    Absent,
    Present {
        create: i64,
        version: i64,
        modified: i64,
    },
}

/// What is known of a key besides its windows.
pub(super) struct Seen<'a> {
    /// Revisions that changed it.
    pub(super) writes: Vec<i64>,
    /// Values that were put at some hidden revision behind the first of these, up to the second.
    pub(super) asked: Vec<(&'a [u8], i64, i64)>,
    pub(super) calm: Calm,
}

/// Revisions behind the first up to the second at which a key was hardly deleted, and at which hardly anything hidden
/// happened to it.
#[derive(Debug, Default)]
pub(super) struct Calm {
    alive: Vec<(i64, i64)>,
    untouched: Vec<(i64, i64)>,
}

impl Calm {
    /// It was there all the while.
    pub(super) fn lives(&mut self, from: i64, to: i64) {
        self.alive.push((from, to));
    }

    /// Nothing happened to it.
    pub(super) fn rests(&mut self, from: i64, to: i64) {
        self.alive.push((from, to));
        self.untouched.push((from, to));
    }

    /// Brings them into order.
    pub(super) fn settle(&mut self) {
        for within in [&mut self.alive, &mut self.untouched] {
            within.sort_unstable();
            within.dedup_by(|next, last| {
                let joins = next.0 <= last.1;
                if joins {
                    last.1 = last.1.max(next.1);
                }
                joins
            });
        }
    }

    /// Whether the key can hardly have been put, or deleted, at a revision.
    pub(super) fn forbids(&self, delete: bool, revision: i64) -> bool {
        let within = if delete { &self.alive } else { &self.untouched };
        let at = within.partition_point(|(_, to)| *to < revision);
        within.get(at).is_some_and(|(from, _)| *from < revision)
    }
}

struct Walk<'l, 'a, 'w> {
    log: &'l Log<'a>,
    order: &'l Order,
    supply: &'l Supply<'a>,
    key: Key,
    held: Held,
    /// The last revision at which that was certain.
    since: i64,
    /// Changes that are missing, each within revisions of its own, whose number the next look tells.
    missing: Vec<(i64, i64)>,
    /// Revisions at which the key is known to have been created.
    births: Vec<i64>,
    /// Revisions that are known to have changed the key.
    writes: Vec<i64>,
    windows: &'w mut Windows,
    group: u32,
    /// The key's lease, and the ones that it had, each with where it was put so.
    lease: i64,
    leases: Vec<(i64, i64)>,
    /// Revisions behind the first up to the second, at which nothing can have happened to the key.
    closed: Vec<(i64, i64)>,
    /// The value that was put last, and where, as far as is known.
    put: Option<(i64, &'a [u8])>,
    /// Values that were put at some hidden revision behind the first of these, up to the second.
    asked: Vec<(&'a [u8], i64, i64)>,
    calm: Calm,
}

/// Of what was seen of one revision, the least of these says most.
pub(super) fn rank(fact: &Fact<'_>) -> u8 {
    match fact {
        Fact::Put(_) | Fact::Delete { .. } => 0,
        Fact::Born { .. } => 1,
        Fact::Written { .. } => 2,
    }
}

/// Notes the windows of a key. `told` is what was seen of hidden revisions about it, in order.
pub(super) fn windows<'a>(
    log: &Log<'a>,
    order: &Order,
    supply: &Supply<'a>,
    timelines: &Timelines,
    key: Key,
    told: &[(i64, Fact<'a>)],
    windows: &mut Windows,
) -> Seen<'a> {
    let mut births = Vec::new();
    let own: Vec<u32> = timelines.each(key).collect();
    for &entry in &own {
        shown(log, &log.action(order.entries[entry as usize].op), key, &mut births);
    }
    births.sort_unstable();
    let held = if order.base == 1 { Held::Absent } else { Held::Open };
    let (missing, writes) = (Vec::new(), Vec::new());
    let mut walk = Walk {
        log,
        order,
        supply,
        key,
        held,
        since: order.base,
        missing,
        births,
        writes,
        windows,
        group: 0,
        lease: 0,
        leases: Vec::new(),
        closed: Vec::new(),
        put: None,
        asked: Vec::new(),
        calm: Calm::default(),
    };
    let mut told = told.iter().peekable();
    for entry in own.into_iter().map(|entry| &order.entries[entry as usize]) {
        while let Some((_, fact)) = told.next_if(|(revision, _)| *revision <= entry.revision) {
            walk.fact(fact);
        }
        let action = entry.action(log);
        match entry.role() {
            Role::Old => walk.read(&action, entry.revision),
            Role::Silent => {}
            Role::Read | Role::Write => walk.action(&action, entry.revision, entry.role() == Role::Write),
        }
    }
    told.for_each(|(_, fact)| walk.fact(fact));
    walk.optional(i64::MAX);
    Seen { writes: walk.writes, asked: walk.asked, calm: walk.calm }
}

/// The creations of `key` that an answer shows.
fn shown(log: &Log<'_>, action: &Action<'_>, key: Key, births: &mut Vec<i64>) {
    let kvs = match action {
        Action::Put { prev, .. } if *prev != NONE => std::slice::from_ref(&log.kvs[*prev as usize]),
        Action::Range { kvs, .. } => &log.kvs[kvs.range()],
        Action::Delete { prev, .. } => &log.kvs[prev.range()],
        Action::Txn(txn) => {
            log.taken(&log.txns[*txn as usize]).for_each(|action| shown(log, &action, key, births));
            return;
        }
        _ => return,
    };
    births.extend(kvs.iter().filter(|kv| kv.key == key && kv.create > 0).map(|kv| kv.create));
}

impl<'a> Walk<'_, 'a, '_> {
    fn window(&mut self, from: i64, to: i64, needs: u32, delete: bool) {
        if to > from + 1 {
            let (from, group) = (from + 1, self.group);
            let lease = if delete { self.lease } else { 0 };
            let start = self.windows.holes.len() as u32;
            let holes = self.closed.iter().filter(|(lo, hi)| *hi >= from && *lo < to);
            self.windows.holes.extend(holes);
            let born = !delete && self.held == Held::Absent;
            let holes = (start, self.windows.holes.len() as u32);
            let window = Window::new(self.key, from..to, needs, delete);
            self.windows.list.push(Window { group, lease, holes, born, ..window });
        }
    }

    /// Changes of any number up to `to`, exclusive, among them the ones that are missing.
    fn optional(&mut self, to: i64) {
        for (from, before) in std::mem::take(&mut self.missing) {
            self.window(from, before, 1, false);
        }
        match self.held {
            Held::Present { modified, .. } => {
                self.window(self.since, to, 0, false);
                if self.lease != 0 && self.group == 0 {
                    self.window(modified.max(self.since), to, 0, true);
                }
            }
            // What is there and gone again would take two.
            Held::Absent if to < i64::MAX => {}
            _ => self.window(self.since, to, 0, false),
        }
    }

    fn certain(&mut self, held: Held, since: i64) {
        self.put = if held == Held::Absent { None } else { self.put };
        self.missing.clear();
        self.closed.clear();
        (self.held, self.since) = (held, since);
    }

    fn fact(&mut self, fact: &Fact<'a>) {
        self.writes.push(fact.revision());
        match *fact {
            Fact::Put(kv) => {
                // The write itself is one of those that its version counts.
                self.look(Some(kv), kv.modified, 1);
            }
            Fact::Written { revision, .. } => self.written(revision, 0),
            Fact::Born { revision, .. } => self.born(revision, 0),
            Fact::Delete { revision, .. } => {
                // What was there until then was hardly gone, and came again, meanwhile.
                if let Held::Present { modified, .. } = self.held {
                    self.calm.lives(modified.max(self.since), revision - 1);
                }
                self.deleted(revision, false);
            }
        }
    }

    fn written(&mut self, at: i64, lease: i64) {
        if self.births.binary_search(&at).is_ok() {
            return self.born(at, lease);
        }
        self.leased(at, lease);
        match &mut self.held {
            Held::Open => {}
            Held::Absent => self.held = Held::Present { create: 0, version: 1, modified: at },
            Held::Present { version, modified, .. } => {
                *version += 1;
                *modified = at;
            }
        }
    }

    /// The key was created here, so it was gone before.
    fn born(&mut self, at: i64, lease: i64) {
        if let Held::Present { modified, .. } = self.held {
            self.gone(modified, at);
        }
        self.certain(Held::Present { create: at, version: 1, modified: at }, at);
        self.leased(at, lease);
    }

    fn leased(&mut self, at: i64, lease: i64) {
        self.leases.push((at, lease));
        self.lease = lease;
    }

    /// The key that was there is gone by `before`, exclusive, and nobody says how.
    fn gone(&mut self, modified: i64, before: i64) {
        let from = modified.max(self.since);
        // Whatever else happens to it comes before its deletion.
        self.group = self.windows.list.len() as u32 + 1;
        self.optional(before);
        self.window(from, before, 1, true);
        self.group = 0;
    }

    fn deleted(&mut self, at: i64, alone: bool) {
        self.writes.push(at);
        if alone && self.held == Held::Absent {
            self.missing.push((self.since, at));
        }
        self.optional(at);
        self.certain(Held::Absent, at);
    }

    /// What was shown of the key behind the write of `at`, `own` of whose writes are not in the walk yet.
    fn look(&mut self, kv: Option<Kv<'a>>, at: i64, own: i64) {
        let Some(kv) = kv else {
            if let Held::Present { modified, .. } = self.held {
                self.gone(modified, at + 1);
            } else {
                self.missing.clear();
            }
            if self.held == Held::Absent {
                // To be put and gone again would have taken two.
                self.calm.rests(self.since, at);
            }
            return self.certain(Held::Absent, at);
        };
        let shown = Held::Present { create: kv.create, version: kv.version, modified: kv.modified };
        let to = if own > 0 { kv.modified } else { kv.modified + 1 };
        match self.held {
            Held::Present { create, version, .. }
                if create == kv.create || create == 0 || kv.create == UNTOLD || create == UNTOLD =>
            {
                self.detached(to);
                self.needed(kv.version - version - own, to);
            }
            // A life that began unseen: its first write, and then as many as it has seen.
            Held::Absent => {
                let needs = u32::try_from(kv.version - own).unwrap_or(0);
                if needs > 0 {
                    self.window(self.since.max(kv.create - 1), to, needs, false);
                }
            }
            _ => {}
        }
        if kv.modified < at {
            self.calm.rests(kv.modified, at);
        }
        self.certain(shown, at.max(kv.modified));
        self.leased(kv.modified, kv.lease);
        self.put = kv.value.map(|value| (kv.modified, value));
    }

    /// A key that outlived a lease was put without it before that ended.
    fn detached(&mut self, to: i64) {
        let since = self.leases.partition_point(|(at, _)| *at <= self.since).saturating_sub(1);
        let next = self.leases[since..].iter().skip(1).map(|(at, _)| *at).chain([to]);
        for ((at, lease), next) in self.leases[since..].iter().zip(next) {
            let from = self.since.max(*at);
            let ended = self.supply.revoked_at(self.log, *lease, from + 1..next);
            if let Some(end) = ended.filter(|end| self.supply.hidden.binary_search(end).is_ok())
                && !self.missing.iter().any(|(known, before)| *known >= from && *before <= end)
            {
                self.missing.push((from, end));
            }
        }
    }

    fn read(&mut self, action: &Action<'a>, at: i64) {
        let Action::Range { keys, kvs, count, .. } = *action else { return };
        if !keys.contains(self.key) {
            return;
        }
        self.seen(action, at);
        if count > kvs.len {
            self.count(keys, at, count.into());
        }
    }

    /// So many of these keys were there behind the write of `at`.
    fn count(&mut self, keys: Keys, at: i64, count: i64) {
        let (present, since) = match self.held {
            Held::Open => (None, self.since),
            Held::Absent => (Some(false), self.since),
            Held::Present { modified, .. } => (Some(true), modified.max(self.since)),
        };
        let counted = Counted { key: self.key, present, since, lease: self.lease };
        if keys.single().is_none() {
            self.windows.sums.note(keys, at, count, counted);
        }
    }

    /// What a range shows of the key.
    fn seen(&mut self, action: &Action<'a>, at: i64) {
        let Action::Range { limit, flags, kvs, count, .. } = *action else { return };
        if flags.count_only {
            if count == 0 {
                self.look(None, at, 0);
            }
            return;
        }
        let kvs = &self.log.kvs[kvs.range()];
        if flags.cut_by.is_some() {
            if let Some(kv) = kvs.iter().find(|kv| kv.key == self.key) {
                self.look(Some(*kv), at, 0);
            }
            return;
        }
        if limit > 0 && kvs.len() == limit as usize && kvs.last().is_some_and(|kv| kv.key < self.key) {
            return;
        }
        let kv = kvs.iter().find(|kv| kv.key == self.key).copied();
        self.look(kv, at, 0);
    }

    fn action(&mut self, action: &Action<'a>, at: i64, wrote: bool) {
        let before = if wrote { at - 1 } else { at };
        match *action {
            Action::Put { key, want_prev, prev, value, lease, keep_lease, .. } if key == self.key => {
                if want_prev {
                    self.look((prev != NONE).then(|| self.log.kvs[prev as usize]), before, 0);
                }
                self.writes.push(at);
                self.written(at, if keep_lease { self.lease } else { lease });
                self.put = value.or(self.put.map(|(_, value)| value)).map(|value| (at, value));
            }
            Action::Held { .. } if self.held == Held::Absent => self.missing.push((self.since, at + 1)),
            Action::Range { revision: 0, .. } => self.read(action, before),
            Action::Delete { keys, want_prev, deleted, prev } if keys.contains(self.key) => {
                let kvs = &self.log.kvs[prev.range()];
                if want_prev {
                    self.look(kvs.iter().find(|kv| kv.key == self.key).copied(), before, 0);
                }
                if deleted > 0 && !want_prev {
                    self.count(keys, before, deleted.into());
                }
                match deleted {
                    0 => self.look(None, before, 0),
                    _ if self.held == Held::Absent && keys.single().is_none() => {}
                    _ => self.deleted(at, keys.single().is_some() && !want_prev),
                }
            }
            Action::Txn(txn) => {
                let txn = &self.log.txns[txn as usize];
                self.compares(txn, before);
                let log = self.log;
                for action in log.taken(txn) {
                    self.action(&action, at, wrote);
                }
            }
            _ => {}
        }
    }

    /// So many changes are needed up to `to`, exclusive, those that are missing among them, and none is a deletion.
    fn needed(&mut self, needs: i64, to: i64) {
        if needs == 0 {
            self.calm.rests(self.since, to - 1);
        } else {
            self.calm.lives(self.since, to - 1);
        }
        let mut needs = needs;
        let mut missing = std::mem::take(&mut self.missing);
        missing.sort_unstable_by_key(|(_, before)| *before);
        for (from, before) in missing {
            if needs > 0 {
                self.window(from, before.min(to), 1, false);
                needs -= 1;
            }
        }
        if needs > 0 {
            self.window(self.since, to, u32::try_from(needs).unwrap_or(0), false);
        }
    }
}

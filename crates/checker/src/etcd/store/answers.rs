//! Answers held against the store: what each tells must be what the keys hold.
//!
//! An answer that fits also settles what was uncertain about the keys that it tells of.

use history::{Comparison, Sort};

use super::super::log::{Action, Compare, Keys, Kv, Log, NONE, Operand, RangeFlags, Txn};
use super::cell::{comes_before, compare_cell};
use super::{Cell, Checked, Key, Presence, Problem, Store, fits};

/// What is wrong with an answer that was not asked for.
const UNASKED: &str = "tells what was not asked for";

impl<'a> Store<'a> {
    /// Holds an answered action against the store and changes the store as it says. `at` is the revision it took, or
    /// after whose write it read.
    pub(in crate::etcd) fn replay(&mut self, log: &Log<'a>, action: &Action<'a>, at: i64) -> Checked<'a> {
        match action {
            Action::Txn(txn) => {
                let txn = &log.txns[*txn as usize];
                let before = if log.wrote(action) { at - 1 } else { at };
                self.settle_by_reads(log, txn, before);
                self.check_branch(log, txn, before)?;
                log.taken(txn).try_for_each(|action| self.replay_inner(log, &action, at, before))
            }
            Action::Put { .. } | Action::Delete { .. } => self.replay_inner(log, action, at, at - 1),
            _ => self.replay_inner(log, action, at, at),
        }
    }

    pub(super) fn replay_inner(
        &mut self,
        log: &Log<'a>,
        action: &Action<'a>,
        at: i64,
        before: i64,
    ) -> Checked<'a> {
        match *action {
            Action::Put { key, want_prev, prev, value, keep_lease, .. } => {
                if prev != NONE && (!want_prev || log.kvs[prev as usize].key != key) {
                    return self.mismatch(Problem::Shape { key, what: UNASKED });
                }
                if want_prev {
                    self.look(key, (prev != NONE).then(|| log.kvs[prev as usize]), before)?;
                }
                if (value.is_none() || keep_lease) && self.cell(key).presence == Presence::Absent {
                    return self.mismatch(Problem::Kept(key));
                }
                self.put(action, at);
                Ok(())
            }
            Action::Range { revision, .. } if revision != 0 => Ok(()),
            Action::Range { .. } => self.check_range(log, action, before),
            Action::Delete { keys, want_prev, deleted, prev } => {
                if !want_prev && prev.len > 0 {
                    return self.mismatch(Problem::Shape { key: keys.from, what: UNASKED });
                }
                self.check_delete(keys, want_prev.then(|| &log.kvs[prev.range()]), deleted, before)?;
                // Without an effect it took no revision: it is a look like any other.
                self.delete(keys);
                Ok(())
            }
            Action::Txn(txn) => {
                let mut taken = log.taken(&log.txns[txn as usize]);
                taken.try_for_each(|action| self.replay_inner(log, &action, at, before))
            }
            _ => Ok(()),
        }
    }

    /// Takes an answer that shows of a key just what is known of it, which is the commonest; `false` if there is more to it.
    #[inline]
    pub(in crate::etcd) fn confirm(&mut self, key: Key, shown: Option<&Kv<'a>>, at: i64) -> bool {
        let cell = &self.cells[key as usize];
        let same = match shown {
            None => cell.presence == Presence::Absent,
            Some(kv) => {
                cell.presence == Presence::Present
                    && (kv.key, kv.modified) == (key, cell.modified)
                    && (kv.create, kv.version, kv.lease) == (cell.create, cell.version, cell.lease)
                    && kv.value.is_some()
                    && kv.value == cell.value
            }
        };
        if same {
            self.pin(key, at);
        }
        same
    }

    /// Holds what was shown of one key against its cell, and settles what was uncertain.
    pub(in crate::etcd) fn look(&mut self, key: Key, shown: Option<Kv<'a>>, at: i64) -> Checked<'a> {
        let cell = self.cells[key as usize];
        match (shown, cell.presence) {
            (None, Presence::Absent) => {}
            (None, Presence::Unseen) => self.set(key, Cell::ABSENT),
            (None, Presence::Present) => return self.mismatch(Problem::Missing(key)),
            (Some(kv), Presence::Absent) => return self.mismatch(Problem::Appeared(kv)),
            (Some(kv), Presence::Unseen) if kv.modified > self.base => {
                return self.mismatch(Problem::Appeared(kv));
            }
            (Some(kv), _) => {
                if !fits(&cell, &kv, self.base) {
                    return self.mismatch(Problem::Differs(kv));
                }
                // What is known of the value is not compared again.
                let told = cell.shown(&kv);
                let before = (cell.presence, cell.create, cell.modified, cell.version, cell.lease);
                let after = (told.presence, told.create, told.modified, told.version, told.lease);
                if before != after || cell.value.is_none() && kv.value.is_some() {
                    self.set(key, told);
                }
                if kv.value.is_none() {
                    // Which value it was remains open.
                    return Ok(());
                }
            }
        }
        self.pin(key, at);
        Ok(())
    }

    pub(in crate::etcd) fn check_range(
        &mut self,
        log: &Log<'a>,
        action: &Action<'a>,
        at: i64,
    ) -> Checked<'a> {
        let Action::Range { keys, limit, flags, kvs, count, .. } = *action else { return Ok(()) };
        let kvs = &log.kvs[kvs.range()];
        if let (Some(key), true) = (keys.single(), limit == 0 && flags == RangeFlags::default()) {
            // The commonest: one key, found or not.
            match kvs {
                [] if count == 0 => {
                    if self.cell(key).presence != Presence::Absent {
                        self.look(key, None, at)?;
                    }
                    self.pin(key, at);
                    return Ok(());
                }
                [kv] if count == 1 && kv.key == key => {
                    self.look(key, Some(*kv), at)?;
                    self.pin(key, at);
                    return Ok(());
                }
                _ => {}
            }
        }
        let told_values = flags.keys_only && kvs.iter().any(|kv| kv.value.is_some());
        if told_values || flags.count_only && !kvs.is_empty() {
            return self.mismatch(Problem::Shape { key: keys.from, what: UNASKED });
        }
        if flags.count_only {
            if flags.more {
                return self.mismatch(Problem::Shape { key: keys.from, what: "claims that there was more" });
            }
            return self.check_count(keys, count, at);
        }
        if flags.disordered {
            let what = "is not in the order that was asked for";
            return self.mismatch(Problem::Shape { key: keys.from, what });
        }
        let sorted = kvs.windows(2).all(|pair| pair[0].key < pair[1].key);
        if let Some(kv) = kvs.iter().find(|kv| !sorted || !keys.contains(kv.key)) {
            return self.mismatch(Problem::Shape { key: kv.key, what: "lists keys out of order or range" });
        }
        if let Some(sort) = flags.cut_by {
            self.check_first(keys, kvs, sort, at)?;
            return self.check_cut(keys, kvs, limit, flags, count, at);
        }
        let cut = limit > 0 && count > limit;
        // Behind the last key of a reply that was cut off, only the count tells anything.
        let told = if cut { kvs.last().map_or(keys.from, |kv| kv.key + 1) } else { keys.to };
        let mut shown = kvs.iter().peekable();
        let mut next = self.live.next(keys.from, told);
        loop {
            let kv = shown.peek().copied().copied();
            match (kv, next) {
                (Some(kv), Some(key)) if kv.key > key => self.look(key, None, at)?,
                (Some(kv), _) => {
                    if !self.confirm(kv.key, Some(&kv), at) {
                        self.look(kv.key, Some(kv), at)?;
                    }
                    shown.next();
                    if next != Some(kv.key) {
                        continue;
                    }
                }
                (None, Some(key)) => self.look(key, None, at)?,
                (None, None) => break,
            }
            next = next.and_then(|key| self.live.next(key + 1, told));
        }
        for key in keys.from..told {
            if !flags.keys_only || self.cell(key).presence == Presence::Absent {
                self.pin(key, at);
            }
        }
        self.check_cut(keys, kvs, limit, flags, count, at)
    }

    /// What is shown is there, and nothing that is there comes before it.
    fn check_first(&mut self, keys: Keys, kvs: &[Kv<'a>], sort: Sort, at: i64) -> Checked<'a> {
        kvs.iter().try_for_each(|kv| self.look(kv.key, Some(*kv), at))?;
        let mut next = self.live.next(keys.from, keys.to);
        while let Some(key) = next {
            let left_out = kvs.binary_search_by_key(&key, |kv| kv.key).is_err();
            if left_out && comes_before(key, self.cell(key), kvs, sort) {
                return self.mismatch(Problem::PassedOver(key));
            }
            next = self.live.next(key + 1, keys.to);
        }
        Ok(())
    }

    fn check_cut(
        &mut self,
        keys: Keys,
        kvs: &[Kv<'a>],
        limit: u32,
        flags: RangeFlags,
        count: u32,
        at: i64,
    ) -> Checked<'a> {
        let cut = limit > 0 && count > limit;
        if flags.more != cut {
            let what = if cut { "hides that there was more" } else { "claims that there was more" };
            return self.mismatch(Problem::Shape { key: keys.from, what });
        }
        if !cut && count as usize != kvs.len() || cut && kvs.len() != limit as usize {
            return self.mismatch(Problem::Shape { key: keys.from, what: "counts other keys than it lists" });
        }
        if cut { self.check_count(keys, count, at) } else { Ok(()) }
    }

    fn check_count(&mut self, keys: Keys, found: u32, at: i64) -> Checked<'a> {
        let (certain, unseen) = self.count(keys);
        let unnamed = self.may_hold_unnamed(keys);
        if found < certain || found > certain + unseen && !unnamed {
            return self.mismatch_of(Problem::Count { keys, expected: certain, found }, vec![keys]);
        }
        match found - certain {
            0 => self.settle_unseen(keys),
            _ => self.assumed |= unseen > 0 || unnamed,
        }
        if let Some(key) = keys.single() {
            // Present or absent, but with which value was not told.
            if self.cell(key).presence == Presence::Absent {
                self.pin(key, at);
            }
        }
        Ok(())
    }

    /// Keys that exist, and keys that may.
    pub(super) fn count(&self, keys: Keys) -> (u32, u32) {
        let (mut present, mut unseen) = (0, 0);
        let mut next = self.live.next(keys.from, keys.to);
        while let Some(key) = next {
            if self.cell(key).presence == Presence::Unseen {
                unseen += 1;
            } else {
                present += 1;
            }
            next = self.live.next(key + 1, keys.to);
        }
        (present, unseen)
    }

    /// Whether some of these keys may be none that the history names. A single key was named by whoever asked for it.
    fn may_hold_unnamed(&self, keys: Keys) -> bool {
        self.unnamed && keys.single().is_none()
    }

    /// Whether all of these keys that exist, if any, are ones that the history does not name.
    fn is_bare(&self, keys: Keys) -> bool {
        self.may_hold_unnamed(keys) && self.live.next(keys.from, keys.to).is_none()
    }

    fn settle_unseen(&mut self, keys: Keys) {
        let mut next = self.live.next(keys.from, keys.to);
        while let Some(key) = next {
            if self.cell(key).presence == Presence::Unseen {
                self.set(key, Cell::ABSENT);
            }
            next = self.live.next(key + 1, keys.to);
        }
    }

    fn check_delete(
        &mut self,
        keys: Keys,
        prev: Option<&[Kv<'a>]>,
        deleted: u32,
        before: i64,
    ) -> Checked<'a> {
        if let Some(prev) = prev {
            if prev.len() != deleted as usize {
                let what = "deleted another number of keys than it lists";
                return self.mismatch(Problem::Shape { key: keys.from, what });
            }
            let mut shown = prev.iter().copied().peekable();
            for key in keys.from..keys.to {
                let kv = shown.next_if(|kv| kv.key == key);
                if kv.is_some() || self.cell(key).presence != Presence::Absent {
                    self.look(key, kv, before)?;
                }
            }
            if let Some(kv) = shown.next() {
                let what = "lists keys out of order or range";
                return self.mismatch(Problem::Shape { key: kv.key, what });
            }
            return Ok(());
        }
        let (present, unseen) = self.count(keys);
        let unnamed = self.may_hold_unnamed(keys);
        if deleted < present || deleted > present + unseen && !unnamed {
            return self
                .mismatch_of(Problem::Deleted { keys, expected: present, found: deleted }, vec![keys]);
        }
        if deleted > present && keys.single().is_none() {
            self.assumed |= unnamed || unseen > 0 && deleted < present + unseen;
        }
        if deleted == 0 {
            for key in keys.from..keys.to {
                self.pin(key, before);
            }
        }
        Ok(())
    }

    /// Uncertain cells are settled by what the transaction itself read before it wrote.
    fn settle_by_reads(&mut self, log: &Log<'a>, txn: &Txn, before: i64) {
        for action in log.taken(txn) {
            let Action::Range { keys, revision: 0, flags, kvs, .. } = action else { return };
            for kv in &log.kvs[kvs.range()] {
                if keys.contains(kv.key) && !self.cell(kv.key).certain() {
                    // A contradiction is found where the read is checked.
                    let _ = self.look(kv.key, Some(*kv), before);
                }
            }
            if let (Some(key), true) = (keys.single(), kvs.len == 0 && !flags.count_only) {
                let _ = self.look(key, None, before);
            }
        }
    }

    fn check_branch(&mut self, log: &Log<'a>, txn: &Txn, before: i64) -> Checked<'a> {
        let compares = &log.compares[txn.compares.range()];
        let succeeded = txn.succeeded == Some(true);
        let mut holds = true;
        let mut open = false;
        for compare in compares {
            match self.compare(compare) {
                Some(true) => {}
                Some(false) if succeeded && self.is_bare(compare.keys) => self.assumed = true,
                Some(false) if succeeded => {
                    let problem = Problem::Branch { key: compare.keys.from, succeeded };
                    return self.mismatch_of(problem, vec![compare.keys]);
                }
                Some(false) => holds = false,
                None if succeeded => self.settle_by_compare(compare, before),
                None => open = true,
            }
        }
        if !succeeded && holds {
            if !open && !compares.iter().any(|compare| self.may_hold_unnamed(compare.keys)) {
                let key = compares.first().map_or(0, |compare| compare.keys.from);
                let keys = compares.iter().map(|compare| compare.keys).collect();
                return self.mismatch_of(Problem::Branch { key, succeeded }, keys);
            }
            self.assumed = true;
        }
        for action in log.taken(txn) {
            if let Action::Txn(inner) = action {
                self.check_branch(log, &log.txns[inner as usize], before)?;
            }
        }
        Ok(())
    }

    /// A comparison that held tells what was uncertain.
    fn settle_by_compare(&mut self, compare: &Compare<'a>, before: i64) {
        let absent = match compare.operand {
            Operand::Version(0) | Operand::Create(0) | Operand::Mod(0) => {
                compare.comparison == Comparison::Equal
            }
            Operand::Version(1) | Operand::Create(1) | Operand::Mod(1) => {
                compare.comparison == Comparison::Less
            }
            _ => false,
        };
        match compare.keys.single() {
            Some(key) if absent && self.cell(key).presence == Presence::Unseen => {
                self.set(key, Cell::ABSENT);
                self.pin(key, before);
            }
            _ => self.assumed = true,
        }
    }

    /// `None`: that depends on what nobody knows. Keys that the history does not name are taken not to be there.
    pub(super) fn compare(&self, compare: &Compare<'a>) -> Option<bool> {
        let Keys { from, to } = compare.keys;
        let mut next = self.live.next(from, to);
        if next.is_none() {
            // Without a key, its numbers are 0; a comparison of its value always fails.
            return Some(compare_cell(&Cell::ABSENT, compare, self.base).unwrap_or(false));
        }
        let mut all = Some(true);
        while let Some(key) = next {
            match compare_cell(self.cell(key), compare, self.base) {
                Some(true) => {}
                Some(false) => return Some(false),
                None => all = None,
            }
            next = self.live.next(key + 1, to);
        }
        all
    }
}

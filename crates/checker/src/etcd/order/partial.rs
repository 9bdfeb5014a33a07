//! As much of an order as there is where not all operations have one: for the evidence against those that have none.

use rustc_hash::FxHashSet;

use super::{Ending, Log, Order, Role, place};

/// So many operations are left out before the order is cut off where the next one is wrong.
const LEFT_OUT_MOST: usize = 8;

impl Order {
    /// The order of all but `accused` and what else has none, up to where nothing may come any more because something
    /// that is left out was over by then.
    pub(in crate::etcd) fn partial(log: &Log<'_>, empty: bool, accused: Option<u32>) -> Self {
        let mut entries = Vec::with_capacity(log.ops.len());
        let mut over = accused.map_or(u64::MAX, |op| log.ops[op as usize].deadline);
        for (index, op) in (0..).zip(&log.ops) {
            let before = entries.len();
            if op.ending == Ending::Ok && Some(index) != accused && place(log, index, &mut entries).is_err() {
                entries.truncate(before);
                over = over.min(op.deadline);
            }
        }
        let mut order = Self::of(log, entries, empty);
        order.over = over;
        for left_out in 0.. {
            let Err(disorder) = order.check_times(log) else { break };
            let guilty = disorder.accused();
            if left_out < LEFT_OUT_MOST {
                order.leave_out(log, guilty);
                continue;
            }
            let first = |entry: &super::Entry| entry.op == guilty || Some(entry.op) == disorder.other();
            order.end_at(log, order.entries.iter().position(first).unwrap_or(0));
        }
        order.end_in_time(log);
        order
    }

    /// Leaves an operation out, and what can only come after its end.
    pub(in crate::etcd) fn leave_out(&mut self, log: &Log<'_>, op: u32) {
        self.entries.retain(|entry| entry.op != op);
        self.over = self.over.min(log.ops[op as usize].deadline);
        self.end_in_time(log);
    }

    fn end_in_time(&mut self, log: &Log<'_>) {
        let later = |entry: &super::Entry| {
            let op = &log.ops[entry.op as usize];
            entry.role() != Role::Old && op.invoked > self.over && !log.op_serializable(entry.op)
        };
        let end = self.entries.iter().position(later).unwrap_or(self.entries.len());
        self.end_at(log, end);
    }

    /// Cuts the order off before an entry.
    pub(in crate::etcd) fn end_at(&mut self, log: &Log<'_>, entry: usize) {
        // Of a read of the past, the other entry goes as well.
        let old = self.entries.iter().skip(entry).filter(|entry| entry.role() == Role::Old);
        let old: FxHashSet<u32> = old.map(|entry| entry.op).collect();
        let rest = self.entries.iter().skip(entry).filter(|entry| entry.role() != Role::Old);
        let over = rest.map(|entry| log.ops[entry.op as usize].deadline).min();
        self.over = self.over.min(over.unwrap_or(u64::MAX));
        self.entries.truncate(entry);
        if !old.is_empty() {
            self.entries.retain(|entry| !old.contains(&entry.op));
            let ends = old.iter().map(|op| log.ops[*op as usize].deadline);
            let over = ends.min().unwrap_or(u64::MAX);
            if over < self.over {
                self.over = over;
                return self.end_in_time(log);
            }
        }
        self.head = self.entries.last().map_or(self.base, |entry| entry.revision.max(self.base));
        self.known_by.clear();
    }
}

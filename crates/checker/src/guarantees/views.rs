//! What reads saw: each the state of some keys behind one revision.

use std::ops::Range;

use history::{Call, KeyValue, Reply};

use super::keys::Key;
use super::record::{Record, answer, done, wrote};

/// What one read saw.
#[derive(Debug)]
pub(super) struct View<'h> {
    /// The state behind this revision.
    pub(super) revision: i64,
    pub(super) op: u32,
    pub(super) keys: Range<Key>,
    pub(super) kvs: &'h [KeyValue<'h>],
    /// Nothing was cut off.
    pub(super) whole: bool,
}

/// All answered reads that list keys, in the order of the history.
pub(super) fn views<'h>(record: &Record<'h>) -> Vec<View<'h>> {
    let mut views = Vec::new();
    for (op, operation) in (0..).zip(&record.history.operations) {
        let Some(reply) = answer(operation) else { continue };
        let head = reply.revision();
        // A read inside of a transaction that writes may come before or behind its writes.
        let own = wrote(&operation.call, reply);
        done(&operation.call, reply, &mut |call, reply| {
            let (Call::Range(range), Reply::Range { kvs, more, .. }) = (call, reply) else { return };
            let revision = if range.revision > 0 { range.revision } else { head };
            if range.count_only || own && range.revision == 0 || revision <= 0 {
                return;
            }
            let keys = record.keys.range(&range.key, range.end.as_ref());
            views.push(View { revision, op, keys, kvs, whole: !*more });
        });
    }
    views
}

//! A history with what all checks need of it: its keys in order, the changes it tells of, its watches.

use history::{Call, History, Operation, Outcome, Reply, WatchUpdate};
use rustc_hash::FxHashMap;

use super::Options;
use super::changes::{Changes, Collecting};
use super::keys::Keys;

/// What every check is given.
#[derive(Debug)]
pub(super) struct Record<'h> {
    pub(super) history: &'h History<'h>,
    pub(super) options: &'h Options,
    pub(super) keys: Keys<'h>,
    pub(super) changes: Changes<'h>,
    pub(super) watches: Vec<Watched<'h>>,
    /// By file and number, the operations that opened watches.
    opened: FxHashMap<(usize, u64), usize>,
    /// Nothing is known to be missing from the files.
    pub(super) complete: bool,
}

/// A watch with all that it delivered.
#[derive(Debug)]
pub(super) struct Watched<'h> {
    /// The operation that opened it, by its index in the history.
    pub(super) op: usize,
    pub(super) watch: &'h history::Watch<'h>,
    /// Its messages in the order in which they came, with their index in the history.
    pub(super) updates: Vec<(u32, &'h WatchUpdate<'h>)>,
    /// Nothing is known to be missing from its file.
    pub(super) complete: bool,
}

impl<'h> Record<'h> {
    pub(super) fn new(history: &'h History<'h>, options: &'h Options) -> Self {
        let (keys, changes) = Collecting::of(history);
        let watches = watches(history);
        let opened = watches.iter().map(|watched| {
            let operation = &history.operations[watched.op];
            ((operation.file, operation.number), watched.op)
        });
        let opened = opened.collect();
        Self { history, options, keys, changes, watches, opened, complete: history.is_complete() }
    }

    /// Whether nothing but the history's own operations can have changed the store.
    pub(super) fn alone(&self) -> bool {
        self.options.own_store && self.complete
    }

    /// The operation that opened the watch of a message.
    pub(super) fn watch_of(&self, update: &WatchUpdate<'_>) -> Option<usize> {
        self.opened.get(&(update.file, update.watch)).copied()
    }

    pub(super) fn op(&self, index: usize) -> &'h Operation<'h> {
        &self.history.operations[index]
    }
}

fn watches<'h>(history: &'h History<'h>) -> Vec<Watched<'h>> {
    let mut watches = Vec::new();
    let mut by_number = FxHashMap::default();
    for (op, operation) in history.operations.iter().enumerate() {
        if let Call::Watch(watch) = &operation.call {
            by_number.insert((operation.file, operation.number), watches.len());
            let complete = history.files.get(operation.file).is_none_or(history::FileReport::is_complete);
            watches.push(Watched { op, watch, updates: Vec::new(), complete });
        }
    }
    for (index, update) in (0..).zip(&history.watched) {
        if let Some(at) = by_number.get(&(update.file, update.watch)) {
            let watched: &mut Watched<'_> = &mut watches[*at];
            watched.updates.push((index, update));
        }
    }
    watches
}

/// Takes an answered operation apart: every call that it did, with its reply.
pub(super) fn done<'h>(
    call: &'h Call<'h>,
    reply: &'h Reply<'h>,
    see: &mut impl FnMut(&'h Call<'h>, &'h Reply<'h>),
) {
    if let (Call::Txn(txn), Reply::Txn { succeeded, replies, .. }) = (call, reply) {
        let taken = if *succeeded { &txn.success } else { &txn.failure };
        for (call, reply) in taken.iter().zip(replies) {
            done(call, reply, see);
        }
    } else {
        see(call, reply);
    }
}

/// Every call that an operation may do, whatever its comparisons come to.
pub(super) fn may_do<'h>(call: &'h Call<'h>, see: &mut impl FnMut(&'h Call<'h>)) {
    if let Call::Txn(txn) = call {
        txn.success.iter().chain(&txn.failure).for_each(|call| may_do(call, see));
    } else {
        see(call);
    }
}

/// Whether an answered operation took a revision; a revoke does not tell.
pub(super) fn wrote(call: &Call<'_>, reply: &Reply<'_>) -> bool {
    let mut wrote = false;
    done(call, reply, &mut |_, reply| {
        wrote |= match reply {
            Reply::Put { .. } => true,
            Reply::Delete { deleted, .. } => *deleted > 0,
            _ => false,
        };
    });
    wrote
}

/// The reply of an answered operation.
pub(super) fn answer<'h>(operation: &'h Operation<'h>) -> Option<&'h Reply<'h>> {
    match &operation.outcome {
        Outcome::Ok(reply) => Some(reply),
        _ => None,
    }
}

/// The head revision that an answer told: the store, as the answering member knew it, was there by then.
pub(super) fn told(operation: &Operation<'_>) -> Option<i64> {
    let reply = answer(operation)?;
    let tells = match operation.call {
        // What a watch tells is in its messages.
        Call::Watch(_) | Call::Hold { .. } | Call::Cluster(_) | Call::Auth(_) => false,
        _ => reply.revision() > 0,
    };
    tells.then(|| reply.revision())
}

/// Whether it certainly did nothing, now or later.
pub(super) fn failed(operation: &Operation<'_>) -> bool {
    matches!(operation.outcome, Outcome::Failed(_))
}

/// Whether the answer's revision is the head of the store at one instant between call and return.
pub(super) fn linearizable(call: &Call<'_>) -> bool {
    match call {
        Call::Put(_) | Call::Delete(_) | Call::Grant { .. } | Call::Revoke { .. } => true,
        Call::Range(range) => !range.serializable,
        // etcd asks the cluster unless every call, of both branches, is a serializable read.
        Call::Txn(_) => {
            let mut all = true;
            may_do(call, &mut |call| all &= matches!(call, Call::Range(range) if range.serializable));
            !all
        }
        _ => false,
    }
}

//! What unknown operations offer to do to a key.

use super::super::log::Log;

/// The operations that may change one key, each kind by time of invocation.
#[derive(Debug, Default)]
pub(super) struct Offers {
    /// Puts of values that nobody ever saw or asked for: one is as good as another, so they are used in order.
    pub(super) plain: Stack,
    /// Deletes of this key alone: as above.
    pub(super) deletes: Stack,
    /// Transactions that put such a value if the key does not exist, and otherwise do nothing: as above.
    pub(super) fresh: Stack,
    /// Transactions on this key alone that do nothing unless it was last written at a revision, with that revision.
    pub(super) guarded: Vec<(i64, u32)>,
    pub(super) other: Vec<u32>,
}

impl Offers {
    pub(super) fn stack(&mut self, kind: Kind) -> Option<&mut Stack> {
        match kind {
            Kind::Plain => Some(&mut self.plain),
            Kind::Delete => Some(&mut self.deletes),
            Kind::Fresh => Some(&mut self.fresh),
            Kind::Guarded(_) | Kind::Other => None,
        }
    }
}

/// Operations of which one is as good as another: the first `used` are used.
#[derive(Debug, Default)]
pub(super) struct Stack {
    pub(super) ops: Vec<u32>,
    pub(super) used: usize,
}

impl Stack {
    pub(super) fn next(&self, log: &Log<'_>, known_by: u64) -> Option<u32> {
        self.ops.get(self.used).copied().filter(|&op| log.ops[op as usize].invoked <= known_by)
    }
}

/// What an offer is to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    Delete,
    Fresh,
    Guarded(i64),
    Other,
}

//! Other orders of what is as likely, for searches that begin again.

use std::hash::BuildHasher;

use rustc_hash::FxBuildHasher;

/// Puts what is as likely in another order; number 0 leaves it in its own.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::etcd) struct Shuffle(pub(in crate::etcd) u64);

impl Shuffle {
    /// 0 for all in the order of number 0.
    pub(in crate::etcd) fn place(self, of: u64) -> u64 {
        if self.0 == 0 { 0 } else { FxBuildHasher.hash_one((self.0, of)) }
    }
}

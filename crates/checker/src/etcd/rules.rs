//! What must hold whatever the order of writes: leases that certainly live or are gone, revisions that certainly were
//! compacted, or certainly were there.
//!
//! One-sided: each of these is broken only where the times of requests and answers leave no doubt. What a lease's clock
//! may have done is never held against the store; that it ends late is normal.

mod leases;
mod past;

use super::log::Log;

/// A broken rule, by the operations that show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// `op` succeeded with a lease that nobody had asked for.
    NeverGranted { op: u32, lease: i64 },
    /// `op` was told that a lease is not there, which `refresh` promised to live for longer.
    Alive { op: u32, lease: i64, refresh: u32 },
    /// `op` granted a lease that `refresh` promised to live for longer.
    GrantedAlive { op: u32, lease: i64, refresh: u32 },
    /// `op` succeeded with a lease that was gone for good when `gone` was answered.
    Dead { op: u32, lease: i64, gone: u32 },
    /// `op` read what `compaction` had made the store forget.
    Forgotten { op: u32, read: i64, compaction: u32 },
    /// `op` was told that a revision was compacted, and nobody had asked for that.
    Remembered { op: u32, read: i64 },
    /// `op` was told that a revision is not there yet, which `seen` was answered with.
    There { op: u32, read: i64, seen: u32 },
}

impl Broken {
    /// The operation that was answered wrongly.
    pub(super) fn accused(&self) -> u32 {
        match *self {
            Self::NeverGranted { op, .. }
            | Self::Alive { op, .. }
            | Self::GrantedAlive { op, .. }
            | Self::Dead { op, .. }
            | Self::Forgotten { op, .. }
            | Self::Remembered { op, .. }
            | Self::There { op, .. } => op,
        }
    }
}

/// The first broken rule. `foreign`: others may have asked the store for things that the history does not have.
pub(super) fn broken(log: &Log<'_>, foreign: bool) -> Option<Broken> {
    leases::broken(log, foreign).or_else(|| past::broken(log, foreign))
}

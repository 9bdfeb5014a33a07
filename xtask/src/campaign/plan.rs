//! Which campaigns there are, and what each must come to.

/// The same run with many seeds.
#[derive(Debug)]
pub(super) struct Campaign {
    pub(super) name: &'static str,
    /// What `dt run` is given besides a seed.
    pub(super) arguments: &'static str,
    pub(super) expects: Expects,
    /// One sentence for the track record.
    pub(super) about: &'static str,
}

/// What every seed should come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expects {
    /// The bug is found, and named.
    Found(Bug),
    /// This known defect is found, by name, and nothing else; see `dt run --expect`.
    Known(&'static str),
    /// Nothing is found.
    Clean,
    /// Nothing is found, although faults of each of these kinds were really applied.
    Valid(&'static [&'static str]),
}

/// A known bug of a released version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bug {
    /// etcd-io/etcd issue 14370.
    LostWrite,
    /// etcd-io/etcd issue 13766.
    Diverged,
}

/// Kinds of faults that a run of several members must have met.
const EVERY_CLASS: &[&str] = &["partition", "one-way cut", "kill", "pause", "delay"];

pub(super) const CAMPAIGNS: &[Campaign] = &[
    Campaign {
        name: "lost-write",
        arguments: "etcd --version 3.5.1 --members 1 --profile brutal -t 120",
        expects: Expects::Found(Bug::LostWrite),
        about: "A single member acknowledges a write, is killed, and does not have it when it is back. Two defects of these \
                releases do that: it acknowledges before its log is on disk, and it stores that a write is applied before \
                the write (13766).",
    },
    Campaign {
        name: "diverged",
        arguments: "etcd --version 3.5.1 --members 3 --profile brutal -t 180 --until-violation",
        expects: Expects::Found(Bug::Diverged),
        about: "After members were killed under load, they hold different data for ever.",
    },
    Campaign {
        name: "default",
        arguments: "etcd --version 3.5.30 -t 60",
        expects: Expects::Valid(EVERY_CLASS),
        about: "The newest version with what `dt run etcd` does by default: no false alarm.",
    },
    Campaign {
        name: "brutal-3",
        arguments: "etcd --version 3.5.30 --members 3 --profile brutal -t 60",
        expects: Expects::Valid(EVERY_CLASS),
        about: "The newest version under what diverges 3.5.1: no false alarm.",
    },
    Campaign {
        name: "brutal-1",
        arguments: "etcd --version 3.5.30 --members 1 --profile brutal -t 120",
        expects: Expects::Valid(&["kill", "pause"]),
        about: "The newest version under what makes a single 3.5.1 lose writes: no false alarm.",
    },
    known(
        "18667",
        "old-transactions --version 3.5.30 -t 20",
        "A transaction writes beside a read of a compacted revision, and members go apart. No release before 3.7 is without it.",
    ),
    known(
        "early-lease-revoke",
        "leader-leases --version 3.5.30 -t 90",
        "A leader that was paused ends a lease that the new one has kept alive. No release is known to be without it.",
    ),
    known(
        "18428",
        "former-leaders --version 3.5.30 -t 60",
        "A leader that is cut off keeps a lease alive that was revoked at the new one. No newer release is without it.",
    ),
    known(
        "20221",
        "left-behind --version 3.5.16 -t 90",
        "A watch from the far future is told of the past, once its member was caught up by a snapshot.",
    ),
    known(
        "19179",
        "torn-compactions --version 3.5.16 -t 90",
        "A member is killed while it compacts a deletion, and never delivers it.",
    ),
    known(
        "18089",
        "tombstones --version 3.5.1 -t 20",
        "A deletion at the compacted revision is not delivered.",
    ),
    known(
        "17780",
        "full-batches --version 3.5.1 -t 90",
        "A member is killed while it compacts a deletion, and comes back with an older revision.",
    ),
    known(
        "17529",
        "stalled-watches --version 3.5.1 -t 90",
        "A stream that is not read for a while loses events to a compaction.",
    ),
    known(
        "15271",
        "left-behind --version 3.5.1 -t 90",
        "A watch goes back in time, once its member was caught up by a snapshot.",
    ),
    known("15220", "progress --version 3.5.1 -t 20", "A notification of progress overtakes events."),
    known(
        "21737",
        "moved-learners --version 3.5.30 -t 20",
        "A learner gets another address, and is a voting member.",
    ),
    known(
        "GHSA-xg4h-6gfc-h4m8",
        "permissions --version 3.5.30 -t 20",
        "A user who may read one key watches from there without an end, and is told of all others.",
    ),
    clean("left-behind", "left-behind --version 3.5.30 -t 60"),
    clean("torn-compactions", "torn-compactions --version 3.5.30 -t 60"),
    clean("full-batches", "full-batches --version 3.5.30 -t 60"),
    clean("tombstones", "tombstones --version 3.5.30 -t 20"),
    clean("stalled-watches", "stalled-watches --version 3.5.30 -t 60"),
    clean("progress", "progress --version 3.5.30 -t 20"),
];

/// A run that is to find a known defect.
const fn known(id: &'static str, arguments: &'static str, about: &'static str) -> Campaign {
    Campaign { name: id, arguments, expects: Expects::Known(id), about }
}

/// The same kind of run of a version that has none of the defects it looks for.
const fn clean(name: &'static str, arguments: &'static str) -> Campaign {
    let about = "The newest version where older ones break a promise: no false alarm.";
    Campaign { name, arguments, expects: Expects::Clean, about }
}

impl Campaign {
    /// Whether it is of those that show what the suites of known defects can and cannot see.
    pub(super) fn is_of_sensitivity(&self) -> bool {
        matches!(self.expects, Expects::Known(_) | Expects::Clean)
    }
}

impl Bug {
    /// What it is, with where it is told of.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::LostWrite => {
                "an acknowledged write is lost ([etcd 14370](https://github.com/etcd-io/etcd/issues/14370), and what \
                 makes members diverge)"
            }
            Self::Diverged => "members diverge ([etcd 13766](https://github.com/etcd-io/etcd/issues/13766))",
        }
    }

    /// Which releases of the 3.5 series have it.
    pub(super) fn versions(self) -> &'static str {
        match self {
            Self::LostWrite => "3.5.0 to 3.5.4",
            Self::Diverged => "3.5.0 to 3.5.2",
        }
    }
}

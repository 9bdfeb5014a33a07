//! Which campaigns there are, and what each must come to.

/// The same run with many seeds.
#[derive(Debug)]
pub(super) struct Campaign {
    pub(super) name: &'static str,
    /// What `dt run etcd` is given besides a seed.
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
        arguments: "--version 3.5.1 --members 1 --profile brutal -t 120",
        expects: Expects::Found(Bug::LostWrite),
        about: "A single member acknowledges a write, is killed, and does not have it when it is back. Two defects of these \
                releases do that: it acknowledges before its log is on disk, and it stores that a write is applied before \
                the write (13766).",
    },
    Campaign {
        name: "diverged",
        arguments: "--version 3.5.1 --members 3 --profile brutal -t 180 --until-violation",
        expects: Expects::Found(Bug::Diverged),
        about: "After members were killed under load, they hold different data for ever.",
    },
    Campaign {
        name: "default",
        arguments: "--version 3.5.30 -t 60",
        expects: Expects::Valid(EVERY_CLASS),
        about: "The newest version with what `dt run etcd` does by default: no false alarm.",
    },
    Campaign {
        name: "brutal-3",
        arguments: "--version 3.5.30 --members 3 --profile brutal -t 60",
        expects: Expects::Valid(EVERY_CLASS),
        about: "The newest version under what diverges 3.5.1: no false alarm.",
    },
    Campaign {
        name: "brutal-1",
        arguments: "--version 3.5.30 --members 1 --profile brutal -t 120",
        expects: Expects::Valid(&["kill", "pause"]),
        about: "The newest version under what makes a single 3.5.1 lose writes: no false alarm.",
    },
];

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

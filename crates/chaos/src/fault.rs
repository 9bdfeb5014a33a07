//! What a fault is: a value. It says what is done and to whom, and is the same in plans, journals and logs. Doing it is
//! the business of [`crate::disturb`].

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::shape::Shape;

/// A fault with its targets, ready to be applied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// Its number within the run, from 1.
    pub id: u64,
    /// The name of the monkey it comes from.
    pub monkey: String,
    /// What is done.
    pub kind: Kind,
    /// The members it is done to. For links: first those that the shape sets apart, then the others.
    pub members: Vec<String>,
    /// From its end of being applied to its begin of being healed, in milliseconds; 0 for what happens at once.
    pub lasts_ms: u64,
    /// For what is drawn while it is applied, such as by an exec monkey.
    pub seed: u64,
}

/// What is done. In YAML: `kill`, `{throttle: {stopped_ms: 90, running_ms: 10}}`, ...
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// SIGKILL, and a start at the end. On all members at once it is a power loss.
    Kill,
    /// As `kill`, but not at any moment: as one of the members answers a client, after a moment in which none did. What
    /// has just been acknowledged is what a crash may lose.
    KillAtReply,
    /// SIGTERM and as long as it takes, and a start at the end.
    Stop,
    /// SIGSTOP, and SIGCONT at the end.
    Pause,
    /// Stopped and continued in turn.
    Throttle {
        /// How long it stands still each time.
        stopped_ms: u64,
        /// How long it runs each time.
        running_ms: u64,
    },
    /// SIGKILL, taken out of the cluster, data removed; at the end a new member joins in its place.
    Wipe,
    /// Something about the links between members.
    Links(LinkFault),
    /// Leadership goes to another member.
    MoveLeader,
    /// The member rewrites its database file.
    Defragment,
    /// History before the revision `keep` below the newest is discarded.
    Compact {
        /// How many revisions stay.
        keep: u64,
    },
    /// A snapshot is asked for and read to its end.
    Snapshot,
    /// A program of the suite's own.
    Exec(Exec),
}

/// A disturbance of the links of a shape.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkFault {
    /// Which links.
    pub shape: Shape,
    /// In which direction bytes are disturbed, seen from those whom the shape sets apart.
    pub direction: Direction,
    /// How.
    pub disruption: Disruption,
    /// Whether links to clients are disturbed too; only those of members that the shape sets apart.
    #[serde(default)]
    pub clients: bool,
}

/// In which direction bytes are disturbed, seen from those whom a shape sets apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Both.
    Both,
    /// Only what they would hear.
    In,
    /// Only what they would say.
    Out,
}

/// What happens to bytes on a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disruption {
    /// They are lost without a sign. What a connection has lost, it cannot make good, so it ends when the fault does.
    Cut,
    /// They wait, and all arrive at the end.
    Hold,
    /// Connections are reset, and new ones too.
    Reset,
    /// They arrive later, in order.
    Delay {
        /// How much, at the middle.
        mean_ms: u64,
        /// At most so much more or less.
        jitter_ms: u64,
    },
    /// Some packets are lost by chance, and connections send them again. Below connections only, in containers.
    Loss {
        /// How many of a hundred.
        percent: u32,
    },
    /// They arrive at no more than this pace.
    Bandwidth {
        /// On each connection.
        bytes_per_s: u64,
    },
}

/// A program that the suite names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exec {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Variables on top of those that test commands get.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// When it is killed with all that it started.
    #[serde(default = "ten_seconds")]
    pub deadline_ms: u64,
}

fn ten_seconds() -> u64 {
    10_000
}

impl Fault {
    /// How long it lasts.
    #[must_use]
    pub fn lasts(&self) -> Duration {
        Duration::from_millis(self.lasts_ms)
    }
}

impl Kind {
    /// What people call it: `kill`, `partition`, `one-way cut`, `delay`, ... Coverage is counted by these words.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Kill | Self::KillAtReply => "kill",
            Self::Stop => "stop",
            Self::Pause => "pause",
            Self::Throttle { .. } => "throttle",
            Self::Wipe => "wipe",
            Self::Links(link) => match (link.disruption, link.direction, link.shape) {
                // A ring of three is one-way by its nature, but nobody calls it that.
                (Disruption::Cut, Direction::Both, _) => "partition",
                (Disruption::Cut, ..) => "one-way cut",
                (Disruption::Hold, ..) => "hold",
                (Disruption::Reset, ..) => "reset",
                (Disruption::Loss { .. }, ..) => "loss",
                (Disruption::Delay { .. }, ..) => "delay",
                (Disruption::Bandwidth { .. }, ..) => "bandwidth",
            },
            Self::MoveLeader => "move leader",
            Self::Defragment => "defragment",
            Self::Compact { .. } => "compact",
            Self::Snapshot => "snapshot",
            Self::Exec(_) => "exec",
        }
    }

    /// Whether it is done to members' processes, so that no two may meet on one member.
    #[must_use]
    pub fn is_on_process(&self) -> bool {
        matches!(
            self,
            Self::Kill | Self::KillAtReply | Self::Stop | Self::Pause | Self::Throttle { .. } | Self::Wipe
        )
    }

    /// Whether members are down while it lasts, and have to start again at its end.
    #[must_use]
    pub fn takes_down(&self) -> bool {
        matches!(self, Self::Kill | Self::KillAtReply | Self::Stop | Self::Wipe)
    }

    /// What is nearest to it, for where it cannot be done itself.
    #[must_use]
    pub fn instead(&self) -> Option<Self> {
        matches!(self, Self::KillAtReply).then_some(Self::Kill)
    }

    /// Whether it happens at once and leaves nothing to heal.
    #[must_use]
    pub fn is_instant(&self) -> bool {
        !self.is_on_process() && !matches!(self, Self::Links(_))
    }
}

impl fmt::Display for Kind {
    /// The label and what else there is to know: `partition (halves)`, `delay 50±20 ms (alone, out)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.label())?;
        match self {
            Self::Throttle { stopped_ms, running_ms } => {
                write!(f, " ({stopped_ms} ms of {} stopped)", stopped_ms + running_ms)
            }
            Self::KillAtReply => write!(f, " (as it answers)"),
            Self::Links(link) => write!(f, "{link}"),
            Self::Compact { keep } => write!(f, " (all but the last {keep})"),
            Self::Exec(exec) => write!(f, " ({})", exec.command.join(" ")),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for LinkFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.disruption {
            Disruption::Delay { mean_ms, jitter_ms } => write!(f, " {mean_ms}±{jitter_ms} ms")?,
            Disruption::Bandwidth { bytes_per_s } => write!(f, " {bytes_per_s} B/s")?,
            Disruption::Loss { percent } => write!(f, " {percent} %")?,
            Disruption::Cut | Disruption::Hold | Disruption::Reset => {}
        }
        write!(f, " ({}", self.shape)?;
        match self.direction {
            Direction::Both => {}
            Direction::In => write!(f, ", in")?,
            Direction::Out => write!(f, ", out")?,
        }
        write!(f, "{})", if self.clients { ", with clients" } else { "" })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.kind, self.members.join(", "))
    }
}

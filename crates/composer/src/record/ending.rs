//! The ways in which a command can end, and what each means for the rules. Judges nothing but itself.

use serde::{Deserialize, Serialize};
use std::fmt;

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum Ending {
    /// It returned this code.
    Exited {
        /// 0 to 255.
        code: i32,
    },
    /// A signal ended it that we did not send: its own crash, or somebody else's kill.
    Signalled {
        /// The signal's number.
        signal: i32,
    },
    /// We killed it.
    Killed {
        /// On whose behalf.
        by: Killer,
    },
    /// It could not be started at all.
    NotStarted {
        /// Names the file and what to do.
        reason: String,
    },
}

/// On whose behalf a command was killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Killer {
    /// It ran longer than it may.
    Deadline,
    /// An `eventually_` command was about to start.
    Eventually,
    /// A fault hit the place where it ran.
    Fault,
    /// The timeline is over, and nothing follows that could wait for it.
    End,
    /// The run was cancelled.
    Cancel,
}

/// Signals that a process raises by what it does itself: ILL, TRAP, ABRT, BUS, FPE, SEGV, PIPE, SYS. Every
/// other one is somebody else's doing.
const OWN_SIGNALS: [i32; 8] = [4, 5, 6, 7, 8, 11, 13, 31];
const SIGKILL: i32 = 9;

impl Ending {
    /// Whether nobody else ended it. `finally_` runs only where this holds for every started command. A
    /// crash is an end of one's own, and a command that never came to life was not started.
    pub fn by_itself(&self) -> bool {
        match self {
            Ending::Exited { .. } | Ending::NotStarted { .. } => true,
            Ending::Signalled { signal } => OWN_SIGNALS.contains(signal),
            Ending::Killed { .. } => false,
        }
    }

    /// The code as a shell reports it: 128 and the signal's number for a signal, `None` if it was not
    /// started.
    pub fn return_code(&self) -> Option<i32> {
        match self {
            Ending::Exited { code } => Some(*code),
            Ending::Signalled { signal } => Some(128 + signal),
            Ending::Killed { .. } => Some(128 + SIGKILL),
            Ending::NotStarted { .. } => None,
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ending::Exited { code } => write!(f, "exit code {code}"),
            Ending::Signalled { signal } => write!(f, "ended by signal {signal}"),
            Ending::Killed { by } => write!(f, "killed by {by}"),
            Ending::NotStarted { reason } => write!(f, "not started: {reason}"),
        }
    }
}

impl fmt::Display for Killer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Killer::Deadline => "its deadline",
            Killer::Eventually => "the start of eventually_",
            Killer::Fault => "a fault",
            Killer::End => "the end of the timeline",
            Killer::Cancel => "the cancelling of the run",
        })
    }
}

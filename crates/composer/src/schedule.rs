//! The rules of the seven command kinds, as a state machine: events in, actions out. It does no I/O, reads no
//! clock and owns no randomness; the caller says what time it is and carries out what it is told.
//!
//! ```text
//!            Begin          Drive            duration over,          Healed
//!                                          EndDrive, or the
//!                                            singleton ended
//!     New ────────▶ First ──▶ Ready ────────▶ Drive ──────▶ Driven ────────▶ Drain ──▶ Terminal ──▶ Done
//!                     │         any phase: Cancel ────────▶ Stopping ─────────▶ Done
//!                     └── `first_` was killed or never started ──────────────────────▶ Done
//! ```
//!
//! - `first_` runs alone, before everything, while the caller keeps faults away.
//! - Parallel drivers run beside each other up to the segment's level; a serial driver waits until it is
//!   the only driver, and meanwhile no other driver starts. A singleton is the only driver of its timeline.
//! - Anytime commands run during the drive only; one that is due while too many run is dropped, not queued.
//! - The caller says `Healed` once all faults are undone. Before that nothing terminal starts.
//! - `eventually_` needs a driver that was started; it kills everything that runs, then runs alone.
//! - `finally_` waits for what runs, for a bounded time, and runs only if every started command ended by
//!   itself.
//! - Where a terminal command is not allowed the plan's next one is tried. At most one ever runs.
//!
//! What the platform does after a `first_` that returns non-zero is not documented, only that it has to run
//! to completion first. So a failed exit code is a failed property and the timeline goes on; a `first_`
//! that did not complete ends it.

mod machine;
mod pace;

pub use machine::Schedule;

use crate::kind::Kind;
use crate::record::{Ending, Killer};
use std::fmt;

/// So many anytime commands run beside each other: enough for two checks to meet, too few to starve the
/// drivers.
pub(crate) const MAX_ANYTIME: usize = 2;

/// One execution of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// Counts from 1 in the order of starts.
    pub n: u32,
    /// `template/file`.
    pub command: String,
    /// Its kind.
    pub kind: Kind,
    /// For this execution alone, from the plan.
    pub seed: u64,
}

/// What the caller tells the schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The system is set up and no fault is active: `first_` may run. Counts in [`Phase::New`] only.
    Begin,
    /// Drivers may run, and faults with them. Counts in [`Phase::Ready`] only.
    Drive,
    /// Time has passed.
    Tick,
    /// Stop driving before the duration is over. Counts in [`Phase::Drive`] only.
    EndDrive,
    /// All faults are undone. Counts in [`Phase::Driven`] only.
    Healed,
    /// A started command has ended, and nothing of it is left.
    Ended {
        /// Of the launch.
        n: u32,
        /// How.
        ending: Ending,
    },
    /// End everything now. Counts in any phase.
    Cancel,
}

/// What the caller has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Start a command, and report its end with [`Event::Ended`], also if it cannot be started.
    Start(Launch),
    /// Kill a command with all its processes; its end is still to be reported.
    Kill {
        /// Of the launch.
        n: u32,
        /// On whose behalf.
        by: Killer,
    },
    /// For those who watch: the timeline has entered this phase.
    Enter(Phase),
}

/// Where in its timeline a schedule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Nothing has happened.
    New,
    /// `first_` runs, alone.
    First,
    /// `first_` is through; waits for [`Event::Drive`].
    Ready,
    /// Drivers and anytime commands run, under faults.
    Drive,
    /// Nothing starts any more, some may still run; waits for [`Event::Healed`].
    Driven,
    /// Faults are gone; what runs ends or is killed.
    Drain,
    /// The terminal command runs, alone.
    Terminal,
    /// Cancelled; what runs is being killed.
    Stopping,
    /// Nothing runs, nothing will.
    Done,
}

/// How a timeline ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conclusion {
    /// With a terminal command, whatever it returned.
    Terminal(Launch),
    /// Without one.
    NoTerminal(NoTerminal),
    /// `first_` did not run to completion, so nothing else was started.
    FirstIncomplete,
    /// The run was cancelled.
    Cancelled,
}

/// Why a timeline ended without terminal command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoTerminal {
    /// The plan has none.
    NotPlanned,
    /// `eventually_` was planned, and no driver was ever started.
    NoDriverStarted,
    /// `finally_` was planned, and a command was killed or did not end in time.
    NotAllEnded,
}

impl fmt::Display for NoTerminal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NoTerminal::NotPlanned => "the plan has no terminal command",
            NoTerminal::NoDriverStarted => "eventually_ needs a started driver, and none was started",
            NoTerminal::NotAllEnded => {
                "finally_ needs every command to end by itself, and one was killed or hung"
            }
        })
    }
}

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;

//! What a plan is drawn from besides the commands, and why none can be drawn. Reads no file and no
//! environment.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;
use thiserror::Error;

/// Which terminal command ends the timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TerminalChoice {
    /// One of those that the template has; where the rules forbid it in the end, the other one.
    #[default]
    Auto,
    /// An `eventually_` command or nothing.
    Eventually,
    /// A `finally_` command or nothing.
    Finally,
    /// No terminal command.
    None,
}

/// Everything that the caller decides about a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanConfig {
    /// All draws come from it.
    pub seed: u64,
    /// How long drivers are started.
    pub duration: Duration,
    /// At most so many parallel drivers beside each other.
    pub max_parallel: NonZeroU32,
    /// By file name. What is not here weighs 1; zero leaves a command out.
    pub weights: BTreeMap<String, u32>,
    /// How long one execution of a command may take before it is killed.
    pub deadline: Duration,
    /// Exceptions from `deadline`, by file name.
    pub deadlines: BTreeMap<String, Duration>,
    /// How long to wait for running commands before `finally_`, or before the end of a timeline without
    /// terminal command.
    pub drain: Duration,
    /// Which terminal command ends the timeline.
    pub terminal: TerminalChoice,
}

impl PlanConfig {
    /// A timeline of this length with the usual values for the rest.
    pub fn new(seed: u64, duration: Duration) -> PlanConfig {
        PlanConfig {
            seed,
            duration,
            // A small machine shares its cores among the members and these.
            max_parallel: NonZeroU32::new(4).unwrap_or(NonZeroU32::MIN),
            weights: BTreeMap::new(),
            // Well above what a bounded command needs while a partition lasts.
            deadline: Duration::from_secs(60),
            deadlines: BTreeMap::new(),
            drain: Duration::from_secs(60),
            terminal: TerminalChoice::Auto,
        }
    }
}

/// Why no plan can be drawn.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PlanError {
    /// A weight or deadline for a command that the template does not have.
    #[error("no command {name:?} in this template; it has {}", known.join(", "))]
    UnknownCommand {
        /// As configured.
        name: String,
        /// All file names of the template.
        known: Vec<String>,
    },
    /// Every driver and anytime command weighs nothing, or there is none.
    #[error("no driver or anytime command is left to run; give one of them a weight above zero")]
    NothingToRun,
    /// A terminal command was asked for by kind, and there is none.
    #[error("no {prefix} command to end the timeline with; add one or choose another end")]
    NoSuchTerminal {
        /// The prefix that was asked for.
        prefix: &'static str,
    },
}

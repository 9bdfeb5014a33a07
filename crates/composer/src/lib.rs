//! Test Composer at the desk: what the platform does with a directory of test commands, on one machine.
//!
//! The way through: [`Template::discover`] reads and lints a directory, [`Plan::draw`] decides everything
//! that can be decided from a seed, [`Schedule`] holds the rules of the seven command kinds,
//! [`Composition`] runs the plan as processes, and [`builtin`] turns what happened into the properties that
//! the platform reports by itself.
//!
//! Only [`Composition`] does I/O and reads the clock. The plan, the schedule and the properties are data
//! in, data out. Nothing here knows what system is under test, injects a fault or judges a history.

pub mod builtin;
mod execute;
mod kind;
mod plan;
mod record;
mod schedule;
mod template;

pub use execute::{ComposeError, Composition, Environment, Launcher, LocalProcess, Progress, Settings};
pub use kind::Kind;
pub use plan::{Arrival, Candidate, Pick, Plan, PlanConfig, PlanError, Segment, Shape, Step, TerminalChoice};
pub use record::{CommandLog, CommandRecord, Ending, Finish, Killer, RECORD_FILE};
pub use schedule::{Action, Conclusion, Event, Launch, NoTerminal, Phase, Schedule};
pub use template::{Command, Entry, EntryShape, Finding, Listed, Rule, Template, TemplateError};

//! Carries out a plan: commands as processes, the schedule's word as law, everything written down.
//!
//! Each command leads a process group of its own, gets no standard input, and writes to `commands/<n>.out`
//! and `commands/<n>.err` in the run directory, up to a limit. When it ends, by itself or not, its whole
//! group is killed, so that nothing it left behind lives on. (A process that makes itself the leader of a
//! new session is out of reach of signals to the group; a [`Launcher`] can sweep it up.)
//!
//! This part neither injects nor heals faults: it stops between the phases so that its caller can.

mod composition;
mod launcher;
mod output;
mod process;

pub use composition::Composition;
pub use launcher::{Launcher, LocalProcess};

use crate::record::Finish;
use crate::schedule::{Launch, Phase};
use history::Nanos;
use std::fmt;
use std::path::PathBuf;
use thiserror::Error;
use tokio::sync::watch;

/// Output kept of each stream of each command: enough to see what went wrong, bounded over thousands of
/// commands.
const OUTPUT_LIMIT_BYTES: u64 = 1 << 20;

/// Gives the variables of one execution.
pub type Environment = dyn Fn(&Launch) -> Vec<(String, String)> + Send;

/// What a composition needs besides its template and plan.
pub struct Settings {
    /// Exists already; gets `commands.jsonl` and `commands/`.
    pub run_directory: PathBuf,
    /// Variables that one execution gets on top of this process's own environment.
    pub environment: Box<Environment>,
    /// Is told what happens, as it happens. It must not block.
    pub observer: Box<dyn FnMut(&Progress) + Send>,
    /// How commands become processes.
    pub launcher: Box<dyn Launcher>,
    /// Kept of each stream of each command; what is written beyond it is counted.
    pub output_limit_bytes: u64,
    /// Turns true when everything has to end now.
    pub cancel: watch::Receiver<bool>,
}

impl Settings {
    /// Local processes, nothing in their environment but ours, nobody watching.
    pub fn new(run_directory: PathBuf, cancel: watch::Receiver<bool>) -> Settings {
        Settings {
            run_directory,
            environment: Box::new(|_| Vec::new()),
            observer: Box::new(|_| {}),
            launcher: Box::new(LocalProcess::default()),
            output_limit_bytes: OUTPUT_LIMIT_BYTES,
            cancel,
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("run_directory", &self.run_directory).finish_non_exhaustive()
    }
}

/// What happens, for those who watch. The record holds the same.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// The timeline has entered this phase.
    Entered(Phase),
    /// A command was started.
    Started {
        /// Which.
        launch: Launch,
        /// `None` if no process came to life; its finish follows.
        pid: Option<u32>,
        /// When.
        t: Nanos,
    },
    /// A command has ended, and nothing of it is left.
    Finished {
        /// Which.
        launch: Launch,
        /// When and how.
        finish: Finish,
    },
}

/// Why a composition cannot go on. A command that fails, hangs or cannot be started is no such reason.
#[derive(Debug, Error)]
pub enum ComposeError {
    /// The plan was drawn for another template, or the template has changed since.
    #[error("the plan names {command}, which template {template} does not have; draw a new plan")]
    NotInTemplate {
        /// Full name in the plan.
        command: String,
        /// The template's name.
        template: String,
    },
    /// The run directory cannot take the record or the output of commands.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// From the operating system.
        source: std::io::Error,
    },
    /// The phases were asked for in a wrong order.
    #[error("cannot begin {wanted} in phase {phase:?}; the order is first, drive, terminal")]
    OutOfOrder {
        /// The method that was called.
        wanted: &'static str,
        /// Where the timeline is.
        phase: Phase,
    },
    /// The task that watches over a command broke. Its process was killed.
    #[error("the supervision of a command broke; please report this")]
    Supervision(#[from] tokio::task::JoinError),
}

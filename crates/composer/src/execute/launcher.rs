//! How a command becomes a process: directly, or by a program that starts it somewhere else, such as in a
//! container. A launcher describes programs to run; it does not run them.

use crate::schedule::Launch;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Describes the processes that stand for a command.
pub trait Launcher: fmt::Debug + Send + Sync {
    /// The program that runs the command and ends when it ends, with its exit code. Standard streams and the
    /// process group are set by the caller.
    fn command(&self, launch: &Launch, path: &Path, environment: Vec<(String, String)>) -> Command;

    /// A program that ends what the command left running where a signal to its process group does not
    /// reach, such as inside a container. Runs after every end of a command, for a bounded time.
    fn sweep(&self, launch: &Launch) -> Option<Command> {
        let _ = launch;
        None
    }
}

/// Runs a command as a child of this process.
#[derive(Debug, Clone, Default)]
pub struct LocalProcess {
    /// The working directory; ours if `None`.
    pub directory: Option<PathBuf>,
}

impl Launcher for LocalProcess {
    fn command(&self, _: &Launch, path: &Path, environment: Vec<(String, String)>) -> Command {
        let mut command = Command::new(path);
        command.envs(environment);
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        command
    }
}

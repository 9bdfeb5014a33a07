//! The engine's command line program, and compose in either of its versions.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use super::error::ComposeError;

/// The engine answers within milliseconds; a busy machine makes seconds of it.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// Which compose there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// `docker compose`, version 2.
    Plugin,
    /// `docker-compose`, version 1 or 2.
    Standalone,
}

/// A Docker that answers.
#[derive(Debug, Clone)]
pub struct Docker {
    program: PathBuf,
    standalone: PathBuf,
    tool: Tool,
    mark: Option<(String, String)>,
}

impl Tool {
    /// What users type.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plugin => "docker compose",
            Self::Standalone => "docker-compose",
        }
    }
}

impl Docker {
    /// The Docker of this machine, if it may be used.
    ///
    /// # Errors
    /// What is missing, and what to do about it.
    pub async fn find() -> Result<Self, ComposeError> {
        Self::at(Path::new("docker"), Path::new("docker-compose")).await
    }

    /// The Docker of these two programs.
    ///
    /// # Errors
    /// As [`Self::find`].
    pub async fn at(program: &Path, standalone: &Path) -> Result<Self, ComposeError> {
        let (program, standalone) = (program.to_owned(), standalone.to_owned());
        let docker = Self { program, standalone, tool: Tool::Plugin, mark: None };
        let version = docker.output(&["version", "--format", "{{.Server.Version}}"], ANSWER_WITHIN).await;
        let version = version.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => ComposeError::NoDocker,
            _ => ComposeError::NoDaemon { said: error.to_string() },
        })?;
        if !version.status.success() {
            let said = last_words(&version.stderr);
            let denied = said.to_lowercase().contains("permission denied");
            return Err(if denied {
                ComposeError::NoPermission { said }
            } else {
                ComposeError::NoDaemon { said }
            });
        }
        let plugin = docker.output(&["compose", "version"], ANSWER_WITHIN).await;
        if plugin.is_ok_and(|output| output.status.success()) {
            return Ok(docker);
        }
        let mut alone = Command::new(&docker.standalone);
        alone.arg("version").stdin(Stdio::null()).kill_on_drop(true);
        match timeout(ANSWER_WITHIN, alone.output()).await {
            Ok(Ok(output)) if output.status.success() => Ok(Self { tool: Tool::Standalone, ..docker }),
            _ => Err(ComposeError::NoCompose),
        }
    }

    /// The same, with a variable in the environment of everything that is started, so that it is found when this process is
    /// gone.
    #[must_use]
    pub fn marked(self, mark: (String, String)) -> Self {
        Self { mark: Some(mark), ..self }
    }

    /// The same, but with the other compose.
    #[must_use]
    pub fn with(self, tool: Tool) -> Self {
        Self { tool, ..self }
    }

    /// Which compose it is.
    #[must_use]
    pub fn tool(&self) -> Tool {
        self.tool
    }

    /// The engine's program.
    #[must_use]
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// The engine's program with these arguments.
    pub(super) fn command(&self, words: &[impl AsRef<OsStr>]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(words).stdin(Stdio::null()).kill_on_drop(true);
        command.envs(self.mark.clone());
        command
    }

    /// Compose with these arguments.
    pub(super) fn compose(&self, words: &[impl AsRef<OsStr>]) -> Command {
        let mut command = match self.tool {
            Tool::Plugin => {
                let mut command = Command::new(&self.program);
                command.arg("compose");
                command
            }
            Tool::Standalone => Command::new(&self.standalone),
        };
        command.args(words).stdin(Stdio::null()).kill_on_drop(true);
        command.envs(self.mark.clone()).env("COMPOSE_IGNORE_ORPHANS", "true");
        command
    }

    async fn output(&self, words: &[&str], within: Duration) -> io::Result<Output> {
        timeout(within, self.command(words).output()).await.unwrap_or_else(|_| {
            Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("it said nothing for {} s", within.as_secs()),
            ))
        })
    }

    /// Asks the engine and gives what it printed.
    pub(super) async fn ask(&self, words: &[&str]) -> Result<String, ComposeError> {
        run(self.command(words), ANSWER_WITHIN).await
    }
}

/// Runs a program to its end and gives what it printed, or its last words.
pub(super) async fn run(mut command: Command, within: Duration) -> Result<String, ComposeError> {
    let line = line(&command);
    let refused = |said: String| ComposeError::Refused { command: line.clone(), said };
    let output = timeout(within, command.output()).await;
    let output = output.map_err(|_| refused(format!("it did not end within {} s", within.as_secs())))?;
    let output = output.map_err(|error| refused(error.to_string()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = last_words(&output.stderr);
    Err(refused(if said.is_empty() { output.status.to_string() } else { said }))
}

fn line(command: &Command) -> String {
    let words = std::iter::once(command.as_std().get_program()).chain(command.as_std().get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// The last lines that say something, in one line.
pub(super) fn last_words(said: &[u8]) -> String {
    const LINES: usize = 3;
    let said = String::from_utf8_lossy(said);
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(LINES)..].join(" / ")
}

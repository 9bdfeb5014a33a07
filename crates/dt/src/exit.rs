//! Exit codes, and the one place where an error becomes words on the terminal.

use std::io::{self, Write as _};
use std::process::ExitCode;

use report::Outcome;

/// How `dt` ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Every property held, or there was nothing to judge.
    Valid = 0,
    /// A property failed.
    Invalid = 1,
    /// Not decided, or nothing was put to the test.
    Undecided = 2,
    /// The tool itself failed, or was interrupted.
    Failed = 3,
    /// The command line makes no sense; as in BSD's sysexits.
    Usage = 64,
}

/// An error of the one who typed the command: exit code 64.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct UsageError(pub(crate) String);

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl From<Outcome> for Exit {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Valid => Self::Valid,
            Outcome::Invalid => Self::Invalid,
            Outcome::Unknown | Outcome::Vacuous => Self::Undecided,
        }
    }
}

/// Tells what went wrong, if anything did.
#[expect(clippy::print_stderr, reason = "this is where errors are told")]
pub(crate) fn report(result: anyhow::Result<Exit>) -> Exit {
    match result {
        Ok(exit) => exit,
        Err(error) => {
            eprintln!("dt: {error:#}");
            if error.is::<UsageError>() { Exit::Usage } else { Exit::Failed }
        }
    }
}

/// Writes what was asked for. Who reads no further, as `head` does, has seen enough.
pub(crate) fn show(text: &str) -> anyhow::Result<Exit> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(Exit::Valid),
    }
}

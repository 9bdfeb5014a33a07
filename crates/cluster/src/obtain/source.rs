//! One source of a program: what it needs to know, and why it may not serve.

use std::io;
use std::path::{Path, PathBuf};

use crate::arch::Arch;
use crate::chart::{Source, Sums};
use crate::digest::Sha256;
use crate::obtain::{Notes, archive, debian, wheel};
use crate::template::Template;
use crate::version::Version;
use crate::wiring::Scope;

pub use super::debian::mirror;

/// Why a source did not serve.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// It has no build for this machine.
    #[error("it has no build for {0}")]
    NoBuild(String),
    /// It does not apply to this machine.
    #[error("{0}")]
    NotHere(String),
    /// A transfer failed.
    #[error("{url}: {message}")]
    Transfer {
        /// What was to be transferred.
        url: String,
        /// What went wrong.
        message: String,
    },
    /// What arrived is not what the chart pins. It was removed.
    #[error("{what} has the wrong SHA-256 and was removed: expected {expected}, got {actual}")]
    Digest {
        /// What arrived.
        what: String,
        /// The chart's pin.
        expected: Sha256,
        /// The digest of what arrived.
        actual: Sha256,
    },
    /// A tool of this machine did not do its work.
    #[error("{tool}: {message}")]
    Tool {
        /// The tool's name.
        tool: String,
        /// What it said.
        message: String,
    },
    /// What arrived does not hold the program.
    #[error("{what} holds no {member}")]
    NoMember {
        /// What arrived.
        what: String,
        /// Where the program was expected.
        member: String,
    },
    /// The program that arrived is another version than the source said.
    #[error("it gave version {0}")]
    OtherVersion(Version),
    /// The disk.
    #[error("{}: {source}", path.display())]
    Disk {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Reason {
    pub(crate) fn disk(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Disk { path, source }
    }
}

/// One version that is to be got from a source, and where work on it may be done.
#[derive(Clone)]
pub(crate) struct Order<'a> {
    pub(crate) version: &'a Version,
    /// Where partial downloads stay from one try to the next.
    pub(crate) downloads: &'a Path,
    /// An empty directory that is removed afterwards.
    pub(crate) work: &'a Path,
    pub(crate) apt: &'a Path,
    pub(crate) os_release: &'a Path,
    pub(crate) notes: &'a Notes,
}

impl Order<'_> {
    /// Gets the program from the source; its path is below `work`, and its file may not be executable yet.
    pub(crate) async fn fill(&self, source: &Source) -> Result<PathBuf, Reason> {
        match source {
            Source::Archive(archive) => archive::fill(self, archive).await,
            Source::Wheel(wheel) => wheel::fill(self, wheel).await,
            Source::Debian(debian) => debian::fill(self, debian).await,
        }
    }

    /// The pin for this machine.
    pub(crate) fn pin(sums: Option<&Sums>) -> Result<(Arch, Sha256), Reason> {
        let no_build = || Reason::NoBuild(std::env::consts::ARCH.to_owned());
        let arch = Arch::here().ok_or_else(no_build)?;
        let sum = sums.and_then(|sums| sums.get(&arch)).ok_or_else(no_build)?;
        Ok((arch, *sum))
    }

    /// A template of the chart, filled for this machine.
    pub(crate) fn text(&self, template: &Template, arch: Arch) -> Result<String, Reason> {
        let scope = Scope::of([("version", self.version.to_string()), ("arch", arch.to_string())]);
        template.fill(&|name| scope.value(name)).map_err(|unknown| Reason::NotHere(unknown.to_string()))
    }
}

/// Compares a file with its pin, and removes it where they differ.
pub(crate) fn verify(file: &Path, expected: Sha256) -> Result<(), Reason> {
    let actual = Sha256::of_file(file).map_err(Reason::disk(file))?;
    if actual == expected {
        return Ok(());
    }
    std::fs::remove_file(file).map_err(Reason::disk(file))?;
    let what = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
    Err(Reason::Digest { what, expected, actual })
}

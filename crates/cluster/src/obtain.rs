//! Finding the program of a system under test: the one that the user names, one on the PATH, one in the
//! cache, or a download whose digest the chart pins. Whatever is found is asked for its version before it is
//! used; nothing is downloaded without a digest, and nothing needs root.

mod archive;
mod cache;
mod debian;
mod download;
mod source;
mod tool;
mod wheel;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::chart::Chart;
use crate::config::Places;
use crate::nearest::nearest;
use crate::version::Version;

pub use source::{Reason, mirror};

/// What the user asked for.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// This program and no other.
    pub bin: Option<PathBuf>,
    /// This version and no other.
    pub version: Option<Version>,
}

/// A program that was found.
#[derive(Debug, Clone)]
pub struct Binary {
    /// Where it is.
    pub path: PathBuf,
    /// The version that it told.
    pub version: Version,
    /// Where it was found or came from, as a fragment.
    pub from: String,
    /// What was tried before, in order, and why it did not serve.
    pub tried: Vec<Attempt>,
}

/// A place that did not serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The version it was to give.
    pub version: Version,
    /// What it is called.
    pub source: String,
    /// Why it did not serve.
    pub reason: String,
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, source, reason } = self;
        write!(f, "{version} from {source}: {reason}")
    }
}

/// Something to tell the user while they wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// A source is tried.
    Trying {
        /// The version it is to give.
        version: Version,
        /// What it is called.
        source: String,
    },
    /// A part of a download has arrived.
    Downloaded {
        /// Bytes so far.
        bytes: u64,
        /// Bytes in all, where the server says.
        of: Option<u64>,
    },
    /// A source did not serve; the next is tried.
    Failed(Attempt),
    /// Another run is getting the same version.
    Waiting,
}

/// Where notes go.
pub type Notes = Arc<dyn Fn(Note) + Send + Sync>;

/// Why no program could be had.
#[derive(Debug, thiserror::Error)]
pub enum ObtainError {
    /// The program that the user named cannot be used.
    #[error("cannot use {}: {reason}", path.display())]
    Unusable {
        /// The program.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The program that the user named is not the version that the user named.
    #[error("{} is version {found}, not {wanted}: leave out one of the two", path.display())]
    OtherVersion {
        /// The program.
        path: PathBuf,
        /// What it told.
        found: Version,
        /// What was asked for.
        wanted: Version,
    },
    /// No source has that version.
    #[error("no source has {system} {version}{}; known versions: {}. Another one can be given as a program",
        suggestion(.nearest.as_ref()), listed(known, ", "))]
    UnknownVersion {
        /// The system.
        system: String,
        /// What was asked for.
        version: Version,
        /// The version that was perhaps meant.
        nearest: Option<Version>,
        /// What the sources have.
        known: Vec<Version>,
    },
    /// Every source was tried.
    #[error(
        "{system} could not be had. Tried:\n  {}\nGive a program that is there, or put one on the PATH",
        listed(tried, "\n  ")
    )]
    Nowhere {
        /// The system.
        system: String,
        /// Each source with its reason.
        tried: Vec<Attempt>,
    },
    /// The cache cannot be used.
    #[error("cannot use the cache at {}: {source}", path.display())]
    Cache {
        /// The directory or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

fn suggestion(nearest: Option<&Version>) -> String {
    nearest.map(|version| format!(" (did you mean {version}?)")).unwrap_or_default()
}

fn listed<T: ToString>(items: &[T], separator: &str) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(separator)
}

/// Finds the program of `chart`, in the order: `wanted.bin`, the PATH, and for each version that will do, the
/// cache and then each source. Without a wanted version, those are the ones the chart prefers, in its order.
///
/// # Errors
/// When a named program does not serve, a named version is unknown, or every place was tried in vain.
pub async fn obtain(
    chart: &Chart,
    wanted: &Wanted,
    places: &Places,
    notes: Notes,
) -> Result<Binary, ObtainError> {
    if let Some(path) = &wanted.bin {
        return named(chart, path, wanted.version.as_ref()).await;
    }
    let mut tried = Vec::new();
    if let Some(found) = on_path(chart, wanted.version.as_ref(), places, &mut tried).await {
        return Ok(found);
    }
    let versions = match &wanted.version {
        Some(version) => vec![version.clone()],
        None => chart.binary.prefer.clone(),
    };
    for version in &versions {
        let item = cache::Item { chart, version, places, notes: &notes };
        if let Some(found) = item.cached_or_downloaded(&mut tried).await? {
            return Ok(Binary { tried, ..found });
        }
    }
    Err(match &wanted.version {
        Some(version) if !chart.binary.versions().contains(&version) => unknown(chart, version),
        _ => ObtainError::Nowhere { system: chart.name.clone(), tried },
    })
}

async fn named(chart: &Chart, path: &Path, wanted: Option<&Version>) -> Result<Binary, ObtainError> {
    // Members run in directories of their own, where a relative path would point elsewhere.
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let version = match tool::version(&chart.binary.version, &path).await {
        Ok(version) => version,
        Err(reason) => return Err(ObtainError::Unusable { path, reason: reason.to_string() }),
    };
    if let Some(wanted) = wanted.filter(|wanted| **wanted != version) {
        return Err(ObtainError::OtherVersion { path, found: version, wanted: wanted.clone() });
    }
    Ok(Binary { path, version, from: "the program that was named".into(), tried: Vec::new() })
}

/// The first program on the PATH, where it serves.
async fn on_path(
    chart: &Chart,
    wanted: Option<&Version>,
    places: &Places,
    tried: &mut Vec<Attempt>,
) -> Option<Binary> {
    let candidates = places.path.iter().map(|dir| dir.join(&chart.binary.file));
    let path = candidates.filter(|path| path.is_absolute()).find(|path| path.is_file())?;
    match tool::version(&chart.binary.version, &path).await {
        Ok(version) if wanted.is_none_or(|wanted| *wanted == version) => {
            Some(Binary { path, version, from: "the PATH".into(), tried: Vec::new() })
        }
        Ok(version) => {
            let version_wanted = wanted.cloned().unwrap_or_else(|| version.clone());
            let reason = format!("{} is version {version}", path.display());
            tried.push(Attempt { version: version_wanted, source: "the PATH".into(), reason });
            None
        }
        Err(reason) => {
            let version = wanted.or(chart.binary.prefer.first()).cloned();
            let reason = reason.to_string();
            tried.extend(version.map(|version| Attempt { version, source: "the PATH".into(), reason }));
            None
        }
    }
}

fn unknown(chart: &Chart, version: &Version) -> ObtainError {
    let known = chart.binary.versions();
    let nearest = nearest(version.as_str(), known.iter().map(|version| version.as_str()));
    ObtainError::UnknownVersion {
        system: chart.name.clone(),
        version: version.clone(),
        nearest: nearest.and_then(|version| version.parse().ok()),
        known: known.into_iter().cloned().collect(),
    }
}

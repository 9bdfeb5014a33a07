//! What a chart says about its system in containers.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use crate::template::{Template, UnknownPlaceholder};
use crate::version::Version;

/// A system whose members docker compose starts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComposeSpec {
    /// The compose file, from the directory that has `charts/`.
    pub file: PathBuf,
    /// A program, from the same directory, that makes those images which are not there; with its arguments, in which
    /// `{version}` stands for the system's version.
    #[serde(default)]
    pub build: Vec<Template>,
    /// The version that is taken where none is asked for.
    pub version: Version,
    /// What compose finds in its environment when it reads the file.
    #[serde(default)]
    pub environment: BTreeMap<String, Template>,
    /// The services that are members, by `{index}` from 0.
    pub member: Template,
    /// The port on which clients reach a member.
    pub port: u16,
}

impl ComposeSpec {
    /// The name of a member's service.
    ///
    /// # Errors
    /// When there is a placeholder that nothing stands for.
    pub fn member(&self, index: usize) -> Result<String, UnknownPlaceholder> {
        self.member.fill(&|name| (name == "index").then(|| index.to_string()))
    }

    /// The environment in which compose reads the file, for a version.
    ///
    /// # Errors
    /// As [`Self::member`].
    pub fn environment(&self, version: &Version) -> Result<Vec<(String, String)>, UnknownPlaceholder> {
        let filled = |(name, value): (&String, &Template)| Ok((name.clone(), filled(value, version)?));
        self.environment.iter().map(filled).collect()
    }

    /// The words of the program that builds, for a version.
    ///
    /// # Errors
    /// As [`Self::member`].
    pub fn build(&self, version: &Version) -> Result<Vec<String>, UnknownPlaceholder> {
        self.build.iter().map(|word| filled(word, version)).collect()
    }
}

fn filled(text: &Template, version: &Version) -> Result<String, UnknownPlaceholder> {
    text.fill(&|name| (name == "version").then(|| version.as_str().to_owned()))
}

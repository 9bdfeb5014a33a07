//! What would cost a whole run on the platform, found in a project's files before they get there: templates, their
//! programs and sources, compose files, Dockerfiles.
//!
//! It takes files and gives findings; it reads no disk, starts nothing and asks no Docker. Where it can only guess it
//! keeps quiet: a finding that is wrong costs more than one that is missing.

mod assertions;
mod commands;
mod compose;
mod dockerfile;
mod elf;
mod endless;
mod rule;
mod setup;
mod source;
mod yaml;

use std::fmt;
use std::path::{Path, PathBuf};

pub use commands::{KINDS, is_command, template_of};
pub use compose::images;
pub use rule::Rule;

/// One file of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// From the project's top.
    pub path: PathBuf,
    /// What is in it.
    pub bytes: Vec<u8>,
    /// Whether its owner may execute it.
    pub executable: bool,
}

/// One broken rule at one place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1; 0 for a file as a whole.
    pub line: usize,
    /// The rule.
    pub rule: Rule,
    /// What breaks it, as a fragment.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        write!(f, ": {}: {}; {}", self.rule, self.what, self.rule.remedy())
    }
}

impl File {
    /// The file as text, where it is text.
    pub(crate) fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes).ok()
    }

    pub(crate) fn name(&self) -> &str {
        self.path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
    }

    pub(crate) fn finding(&self, line: usize, rule: Rule, what: impl Into<String>) -> Finding {
        Finding { path: self.path.clone(), line, rule, what: what.into() }
    }
}

/// Everything that is wrong in a project, by file and line.
#[must_use]
pub fn findings(files: &[File]) -> Vec<Finding> {
    let mut found = commands::findings(files);
    found.extend(assertions::findings(files));
    found.extend(setup::findings(files));
    found.extend(compose::findings(files));
    found.extend(dockerfile::findings(files));
    found.sort();
    found.dedup();
    found
}

/// Whether a file is only there for the project's own tests; what is wrong in it is wrong on purpose.
pub(crate) fn is_of_tests(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    path.iter().any(|part| part == "tests") || name.ends_with("_test.go") || name.starts_with("test_")
}

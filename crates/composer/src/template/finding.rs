//! What can be wrong with a template directory, in words that say what to do. Holds no logic of its own.

use crate::kind::Kind;
use std::fmt;
use std::path::PathBuf;
use thiserror::Error;

/// Why a directory is no template.
#[derive(Debug, Error)]
pub enum TemplateError {
    /// The directory cannot be listed.
    #[error("cannot read template directory {}", directory.display())]
    Unreadable {
        /// As given.
        directory: PathBuf,
        /// From the operating system.
        source: std::io::Error,
    },
    /// The platform would reject it.
    #[error("template {} is rejected:{}", directory.display(), bullets(findings))]
    Rejected {
        /// Absolute.
        directory: PathBuf,
        /// All of them, sorted by file name.
        findings: Vec<Finding>,
    },
}

/// One entry of a template directory and the rule that it breaks. Its text is one line with what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The offending entry.
    pub path: PathBuf,
    /// The broken rule.
    pub rule: Rule,
}

/// The rules of a template directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// A file without a known prefix.
    Unrecognised,
    /// A sub-directory that is not a helper.
    UnrecognisedDirectory,
    /// A symbolic link to nothing.
    DanglingLink,
    /// A known prefix on a directory, socket or pipe.
    NotAFile,
    /// A command that this user may not execute.
    NotExecutable,
    /// A command that cannot be read, so that nobody can tell what it is.
    Unreadable,
    /// An executable that is neither an ELF binary nor opens with `#!`.
    NeitherBinaryNorScript,
    /// A file name that is not UTF-8.
    NameNotUtf8,
    /// No driver and no anytime command.
    NothingToSchedule,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Rule::Unrecognised => {
                let prefixes: Vec<_> = Kind::ALL.iter().map(|kind| kind.prefix()).collect();
                return write!(
                    f,
                    "not a test command; begin its name with one of {} and a name of your own, rename it to \
                     helper_..., or move it out of the template",
                    prefixes.join(" ")
                );
            }
            Rule::UnrecognisedDirectory => {
                "a sub-directory that is not a helper; rename it to helper_... or move it out of the template"
            }
            Rule::DanglingLink => "a link to a file that does not exist; restore its target or remove it",
            Rule::NotAFile => "has a command's name but is not a file; rename it to helper_... or remove it",
            Rule::NotExecutable => "not executable by this user; run chmod +x on it",
            Rule::Unreadable => "cannot be read, so nobody can tell what it is; run chmod +r on it",
            Rule::NeitherBinaryNorScript => {
                "neither an ELF binary nor a script with a shebang; begin it with a line such as \
                 #!/usr/bin/env bash"
            }
            Rule::NameNotUtf8 => "its name is not UTF-8; rename it",
            Rule::NothingToSchedule => {
                "nothing to schedule; add a parallel_driver_, serial_driver_, singleton_driver_ or anytime_ \
                 command"
            }
        };
        f.write_str(text)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        write!(f, "{}: {}", name.to_string_lossy(), self.rule)
    }
}

fn bullets(findings: &[Finding]) -> String {
    findings.iter().map(|finding| format!("\n  {finding}")).collect()
}

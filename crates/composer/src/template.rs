//! Reads a template directory as the platform does, and says everything that is wrong with it at once.
//! It looks at names, permissions and first bytes; it starts nothing and changes nothing.

mod finding;

pub use finding::{Finding, Rule, TemplateError};

use crate::kind::Kind;
use rustix::fs::{Access, access};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Files and sub-directories with this prefix belong to the template's author; they are never looked at.
const HELPER_PREFIX: &str = "helper_";

/// What a plan and a property need to know of a command: its full name (`template/file`) and its kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// `template/file`, as the platform's report names it.
    pub command: String,
    /// From the file name.
    pub kind: Kind,
}

/// One executable of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// `template/file`.
    pub name: String,
    /// From the file name.
    pub kind: Kind,
    /// Where the executable lies; links are kept, so that a command that looks at its own name sees this one.
    pub path: PathBuf,
}

/// A directory of commands that the platform would accept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// The directory's name.
    pub name: String,
    /// The directory, absolute.
    pub directory: PathBuf,
    /// Sorted by file name, so that the same directory is the same template on every machine.
    pub commands: Vec<Command>,
}

/// An entry of a template's directory that was looked at by somebody else, such as in an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name in the directory.
    pub file: String,
    /// What it is.
    pub shape: EntryShape,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryShape {
    /// A file, or a link to one.
    File {
        /// Whether it may be executed.
        executable: bool,
        /// Its first bytes, 256 of them where it has so many.
        head: Vec<u8>,
    },
    /// A directory.
    Directory,
    /// A link to nothing.
    Dangling,
    /// A socket or a pipe.
    Other,
}

impl Template {
    /// Reads `directory`. Anything that the platform would reject is an error that lists all findings.
    pub fn discover(directory: &Path) -> Result<Template, TemplateError> {
        let unreadable = |source| TemplateError::Unreadable { directory: directory.to_owned(), source };
        let directory = std::path::absolute(directory).map_err(unreadable)?;
        let name = template_name(&directory).map_err(unreadable)?;
        let mut entries = std::fs::read_dir(&directory)
            .and_then(|listing| listing.map(|entry| entry.map(|e| e.path())).collect::<Result<Vec<_>, _>>())
            .map_err(unreadable)?;
        entries.sort();
        let classified = entries.into_iter().map(|path| (classify(&path), path)).collect();
        Self::of_classified(name, directory, classified)
    }

    /// The template whose directory has these entries, somewhere else. Anything that the platform would reject is an error
    /// that lists all findings.
    pub fn of_entries(directory: &Path, mut entries: Vec<Entry>) -> Result<Template, TemplateError> {
        let name = directory.file_name().unwrap_or_default().to_string_lossy().into_owned();
        entries.sort_by(|a, b| a.file.cmp(&b.file));
        let classified =
            entries.into_iter().map(|entry| (classify_entry(&entry), directory.join(&entry.file))).collect();
        Self::of_classified(name, directory.to_owned(), classified)
    }

    fn of_classified(
        name: String,
        directory: PathBuf,
        entries: Vec<(Classified, PathBuf)>,
    ) -> Result<Template, TemplateError> {
        let (mut commands, mut findings) = (Vec::new(), Vec::new());
        for (classified, path) in entries {
            match classified {
                Ok(Some((file, kind))) => {
                    commands.push(Command { name: format!("{name}/{file}"), kind, path });
                }
                Ok(None) => {}
                Err(rule) => findings.push(Finding { path, rule }),
            }
        }
        // A driver that is rejected is reported as such; that nothing is left to schedule would only repeat
        // it.
        let rejected =
            findings.iter().filter_map(|finding| Kind::of_file_name(finding.path.file_name()?.to_str()?));
        let mut kinds = commands.iter().map(|command| command.kind).chain(rejected);
        if !kinds.any(|kind| kind.is_driver() || kind == Kind::Anytime) {
            findings.push(Finding { path: directory.clone(), rule: Rule::NothingToSchedule });
        }
        if findings.is_empty() {
            Ok(Template { name, directory, commands })
        } else {
            Err(TemplateError::Rejected { directory, findings })
        }
    }

    /// Full names and kinds, for [`crate::Plan::draw`] and [`crate::builtin::properties`].
    pub fn listing(&self) -> Vec<Listed> {
        self.commands.iter().map(|c| Listed { command: c.name.clone(), kind: c.kind }).collect()
    }

    /// The command with this full name.
    pub fn command(&self, name: &str) -> Option<&Command> {
        self.commands.iter().find(|c| c.name == name)
    }
}

/// The last component of the path as given; only `.` and `..` have to be resolved first.
fn template_name(directory: &Path) -> std::io::Result<String> {
    let name = match directory.components().next_back() {
        Some(std::path::Component::Normal(name)) => name.to_owned(),
        _ => std::fs::canonicalize(directory)?.file_name().unwrap_or_default().to_owned(),
    };
    Ok(name.to_string_lossy().into_owned())
}

/// A command's file name and kind, `None` for what the platform ignores, or the rule that the entry breaks.
type Classified = Result<Option<(String, Kind)>, Rule>;

fn classify(path: &Path) -> Classified {
    let name = path.file_name().unwrap_or_default();
    let Some(file) = name.to_str() else { return Err(Rule::NameNotUtf8) };
    if file.starts_with(HELPER_PREFIX) {
        return Ok(None);
    }
    let Ok(metadata) = std::fs::metadata(path) else { return Err(Rule::DanglingLink) };
    let Some(kind) = Kind::of_file_name(file) else {
        return Err(if metadata.is_dir() { Rule::UnrecognisedDirectory } else { Rule::Unrecognised });
    };
    if !metadata.is_file() {
        return Err(Rule::NotAFile);
    }
    if access(path, Access::EXEC_OK).is_err() {
        return Err(Rule::NotExecutable);
    }
    match starts_like_an_executable(path) {
        Ok(true) => Ok(Some((file.to_owned(), kind))),
        Ok(false) => Err(Rule::NeitherBinaryNorScript),
        Err(_) => Err(Rule::Unreadable),
    }
}

fn classify_entry(entry: &Entry) -> Classified {
    let Entry { file, shape } = entry;
    if file.starts_with(HELPER_PREFIX) {
        return Ok(None);
    }
    if *shape == EntryShape::Dangling {
        return Err(Rule::DanglingLink);
    }
    let Some(kind) = Kind::of_file_name(file) else {
        let directory = *shape == EntryShape::Directory;
        return Err(if directory { Rule::UnrecognisedDirectory } else { Rule::Unrecognised });
    };
    match shape {
        EntryShape::File { executable: false, .. } => Err(Rule::NotExecutable),
        EntryShape::File { head, .. } if is_executable(head) => Ok(Some((file.clone(), kind))),
        EntryShape::File { .. } => Err(Rule::NeitherBinaryNorScript),
        _ => Err(Rule::NotAFile),
    }
}

fn is_executable(head: &[u8]) -> bool {
    head.starts_with(b"\x7fELF") || shebang(head).is_some()
}

/// Whether the file is an ELF binary or opens with `#!` and an interpreter.
fn starts_like_an_executable(path: &Path) -> std::io::Result<bool> {
    // The kernel reads no more than this of a script's first line.
    let mut head = Vec::new();
    File::open(path)?.take(256).read_to_end(&mut head)?;
    Ok(is_executable(&head))
}

/// The interpreter that a script's first bytes name.
pub(crate) fn shebang(head: &[u8]) -> Option<String> {
    let line = head.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    String::from_utf8_lossy(line).split_whitespace().next().map(str::to_owned)
}

#[cfg(test)]
mod tests;

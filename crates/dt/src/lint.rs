//! `dt lint`: finds in a project's files what would cost a whole run on the platform. It changes nothing and runs nothing
//! of the project; Docker is asked only for which platform images are that are there.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ::lint::{File, Finding, Rule};
use anyhow::{Context as _, bail};

use crate::cli::LintArgs;
use crate::exit::{Exit, UsageError};
use crate::home::Home;

/// Directories that hold what others wrote, or what was built.
const LEFT_OUT: [&str; 10] =
    [".git", "target", "node_modules", "venv", ".venv", "vendor", "__pycache__", "runs", "dist", "fuzz"];
/// A project of more files is not walked to its end.
const FILES_MAX: usize = 50_000;
/// A source or a compose file is never longer; a program is, and is only looked at in a template.
const TEXT_BYTES_MAX: u64 = 1 << 20;
const PROGRAM_BYTES_MAX: u64 = 1 << 28;

pub(crate) fn run(args: &LintArgs) -> anyhow::Result<Exit> {
    let mut out = std::io::stdout().lock();
    if args.rules {
        for rule in Rule::ALL {
            writeln!(out, "{:<24}{} {}.", rule.name(), rule.meaning(), capital(rule.remedy()))?;
        }
        return Ok(Exit::Valid);
    }
    if !args.dir.is_dir() {
        let dir = args.dir.display();
        return Err(UsageError(format!("{dir} is no directory: name a project's, or a template's")).into());
    }
    let mut files = Vec::new();
    let within = within(&args.dir)?;
    walk(&args.dir, &within, &mut files)?;
    let from_files = files.len();
    files.extend(built(&args.dir)?);
    let mut found = ::lint::findings(&files);
    if !within.as_os_str().is_empty() {
        // Whoever sets up is not in a template.
        found.retain(|finding| finding.rule != Rule::SetupNever);
    }
    found.extend(platforms(&files));
    for finding in &found {
        writeln!(out, "{finding}")?;
    }
    let (files, rules) = (from_files, Rule::ALL.len());
    if found.is_empty() {
        writeln!(out, "{files} files keep to all {rules} rules")?;
        return Ok(Exit::Valid);
    }
    let broken = found.iter().map(|finding| finding.rule).collect::<BTreeSet<_>>().len();
    let counted = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let (findings, rules) = (counted(found.len(), "finding"), counted(broken, "rule"));
    writeln!(out, "{findings}, of {rules}; `dt lint --rules` says what they are for")?;
    Ok(Exit::Invalid)
}

/// What the directory is called from its project's top: of a template given by itself, only the end of its path tells.
fn within(dir: &Path) -> anyhow::Result<PathBuf> {
    let whole = fs::canonicalize(dir).with_context(|| format!("cannot read {}", dir.display()))?;
    let parts: Vec<_> = whole.iter().collect();
    let in_template = parts.windows(2).rposition(|pair| pair[0] == "test" && pair[1] == "v1");
    Ok(in_template.map_or_else(PathBuf::new, |at| parts[at..].iter().collect()))
}

fn walk(dir: &Path, shown: &Path, files: &mut Vec<File>) -> anyhow::Result<()> {
    let cannot = || format!("cannot read {}", dir.display());
    let mut entries =
        fs::read_dir(dir).with_context(cannot)?.collect::<Result<Vec<_>, _>>().with_context(cannot)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, shown) = (entry.path(), shown.join(entry.file_name()));
        // A link into a directory may lead around in a circle; one to a file is a file.
        if entry.file_type().with_context(cannot)?.is_dir() {
            if !LEFT_OUT.iter().any(|name| entry.file_name() == *name) {
                walk(&path, &shown, files)?;
            }
            continue;
        }
        if files.len() >= FILES_MAX {
            bail!("more than {FILES_MAX} files: name a smaller directory");
        }
        files.extend(read(&path, shown));
    }
    Ok(())
}

/// A file as far as the rules look at it; what cannot be read is looked at as empty.
fn read(path: &Path, shown: PathBuf) -> Option<File> {
    let metadata = fs::metadata(path).ok();
    if metadata.as_ref().is_some_and(|metadata| !metadata.is_file()) {
        return None;
    }
    let limit = if ::lint::template_of(&shown).is_some() { PROGRAM_BYTES_MAX } else { TEXT_BYTES_MAX };
    let small = metadata.as_ref().is_some_and(|metadata| metadata.len() <= limit);
    let bytes = if small { fs::read(path).unwrap_or_default() } else { Vec::new() };
    let executable = metadata.is_some_and(|metadata| metadata.permissions().mode() & 0o111 != 0);
    Some(File { path: shown, bytes, executable })
}

/// The commands of this very workspace, which are programs only once they are built.
fn built(dir: &Path) -> anyhow::Result<Vec<File>> {
    let Ok(home) = Home::find() else { return Ok(Vec::new()) };
    let sources = home.templates();
    if fs::canonicalize(dir).ok() != sources.ancestors().nth(3).and_then(|top| fs::canonicalize(top).ok()) {
        return Ok(Vec::new());
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(&sources).with_context(|| format!("cannot read {}", sources.display()))? {
        let name = entry?.file_name();
        let Ok(staged) = home.template(&name.to_string_lossy()) else { continue };
        walk(&staged, &Path::new("opt/antithesis/test/v1").join(&name), &mut files)?;
    }
    Ok(files)
}

/// Images that are there, and are not for the platform.
fn platforms(files: &[File]) -> Vec<Finding> {
    let mut found = Vec::new();
    for (image, at) in ::lint::images(files) {
        let mut inspect = Command::new("docker");
        inspect.args(["image", "inspect", "--format", "{{.Os}}/{{.Architecture}}", &image]);
        let Ok(answer) = inspect.stdin(Stdio::null()).stderr(Stdio::null()).output() else { return found };
        let platform = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
        if answer.status.success() && platform != "linux/amd64" {
            found.push(Finding { what: format!("{image} is for {platform}"), ..at });
        }
    }
    found
}

fn capital(words: &str) -> String {
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

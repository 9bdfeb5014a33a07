//! The rules of ARCHITECTURE.md, held by a program rather than by good will.
//!
//! Each rule is a function from what it looks at to its findings, so that a test can show it something wrong.

mod documents;
mod graph;
mod sources;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::step;

/// One file of the repository: its path from the top, and its text.
#[derive(Debug)]
pub(crate) struct TextFile {
    path: PathBuf,
    text: String,
}

impl TextFile {
    fn starts_with(&self, dir: &str) -> bool {
        self.path.starts_with(dir)
    }

    fn has_extension(&self, extension: &str) -> bool {
        self.path.extension().is_some_and(|found| found == extension)
    }
}

pub(crate) fn run() -> anyhow::Result<()> {
    let files = tracked_files(&step::root())?;
    let metadata = step::output(step::cargo(&["metadata", "--format-version", "1", "--locked"]))?;
    let packages = graph::packages(&metadata)?;
    let mut findings = graph::findings(&packages);
    findings.extend(sources::findings(&files));
    findings.extend(documents::findings(&files, &packages));
    findings.extend(crate::campaign::finding());
    findings.extend(crate::properties::findings()?);
    for finding in &findings {
        step::say(&format!("tidy: {finding}"));
    }
    if !findings.is_empty() {
        bail!("{} findings", findings.len());
    }
    Ok(())
}

/// Every text file that git tracks or would track.
fn tracked_files(root: &Path) -> anyhow::Result<Vec<TextFile>> {
    let mut git = std::process::Command::new("git");
    git.args(["ls-files", "--cached", "--others", "--exclude-standard"]).current_dir(root);
    let list = step::output(git)?;
    let mut files = Vec::new();
    for line in list.lines() {
        let path = root.join(line);
        // Deleted but not yet committed, or not text: nothing to read.
        if !path.is_file() {
            continue;
        }
        let bytes = fs::read(&path).with_context(|| format!("cannot read {line}"))?;
        if let Ok(text) = String::from_utf8(bytes) {
            files.push(TextFile { path: PathBuf::from(line), text });
        }
    }
    Ok(files)
}

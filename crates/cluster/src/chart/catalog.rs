//! The charts of a directory: which there are, and one of them by name.

use std::path::{Path, PathBuf};
use std::{fs, io};

use super::{Chart, check};
use crate::nearest::nearest;
use crate::yaml::{self, YamlError};

/// Why a chart could not be had.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The directory of charts could not be read.
    #[error("cannot read the charts in {}: {source}", dir.display())]
    Directory {
        /// The directory.
        dir: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No chart has that name.
    #[error("no chart is called `{name}`{}; there are: {}", suggestion(.nearest.as_ref()), known.join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
        /// The name that was perhaps meant.
        nearest: Option<String>,
        /// The charts that exist.
        known: Vec<String>,
    },
    /// The chart's file is wrong.
    #[error(transparent)]
    Yaml(#[from] YamlError),
}

fn suggestion(nearest: Option<&String>) -> String {
    nearest.map(|name| format!(" (did you mean `{name}`?)")).unwrap_or_default()
}

/// The names of all charts in a directory, sorted.
///
/// # Errors
/// When the directory cannot be read.
pub fn names(dir: &Path) -> Result<Vec<String>, CatalogError> {
    let unreadable = |source| CatalogError::Directory { dir: dir.to_owned(), source };
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}

/// The chart of that name in a directory.
///
/// # Errors
/// When there is none, or its file is wrong.
pub fn load(dir: &Path, name: &str) -> Result<Chart, CatalogError> {
    let known = names(dir)?;
    if !known.iter().any(|known| known == name) {
        let nearest = nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
        return Err(CatalogError::Unknown { name: name.to_owned(), nearest, known });
    }
    let path = dir.join(format!("{name}.yaml"));
    let text = fs::read_to_string(&path).map_err(|source| YamlError::Read { path: path.clone(), source })?;
    let chart: Chart = yaml::from_text(&path, &text)?;
    match check::problem(&chart, name) {
        None => Ok(chart),
        Some(problem) => {
            Err(yaml::invalid(&path, &text, problem.line, problem.column, &problem.message).into())
        }
    }
}

//! What the commands of one run share: the record of its start, and everybody's histories.
//!
//! Plain files in one directory, safe for many writers: histories are one file for each process, and the start is
//! written by one rename. The directory may hold files of earlier runs; they are told apart, not deleted.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use history::{Header, History, Nanos, ReadError, Sources, clock};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::config::Config;
use crate::recovery::Health;
use crate::session::Session;

/// The head revision of a cluster to which nobody has written.
const NEW_CLUSTER: i64 = 1;
/// A header is a few hundred bytes; a first line that is longer is none.
const HEADER_BYTES_MAX: u64 = 16 * 1024;

/// The start of a run, as its first command saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The run.
    pub run: String,
    /// The boot whose clock stamped it.
    pub boot: String,
    /// Histories begun earlier belong to another run.
    pub t: Nanos,
    /// Head revision of the cluster when the run began.
    pub revision: i64,
    /// The cluster was new: nobody had written to it before the run.
    pub fresh: bool,
}

/// The run's shared files cannot be used.
#[derive(Debug, Error)]
pub enum RunError {
    /// A file or the directory cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// What was read or written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The record of the start is damaged.
    #[error("{path}: {source}; remove the file, or run the first_ command again")]
    Damaged {
        /// The record.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The histories cannot be read.
    #[error(transparent)]
    History(#[from] ReadError),
}

pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> RunError {
    move |source| RunError::Io { path: path.to_owned(), source }
}

impl Start {
    /// Writes down that the run began with `session`, which found the cluster in this health.
    ///
    /// # Errors
    /// When the record cannot be written.
    pub fn record(session: &Session<'_>, health: &Health) -> Result<Self, RunError> {
        let config = session.config();
        let start = Self {
            run: config.run.clone(),
            boot: clock::boot_id(),
            t: session.began(),
            revision: health.revision,
            fresh: health.before == NEW_CLUSTER,
        };
        let path = Self::path(config);
        // A reader sees the old record or the new one, whole.
        let draft = path.with_extension(format!("{:x}.tmp", session.began().0));
        let text = serde_json::to_string(&start)
            .map_err(|source| RunError::Damaged { path: path.clone(), source })?;
        fs::write(&draft, text).map_err(at(&draft))?;
        fs::rename(&draft, &path).map_err(at(&path))?;
        Ok(start)
    }

    /// The start of this process's run; `None` where no first command wrote it down.
    ///
    /// # Errors
    /// When there is a record and it cannot be read.
    pub fn read(config: &Config) -> Result<Option<Self>, RunError> {
        let path = Self::path(config);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(at(&path)(error)),
        };
        let start: Self = serde_json::from_str(&text).map_err(|source| RunError::Damaged { path, source })?;
        Ok((start.run == config.run && start.boot == clock::boot_id()).then_some(start))
    }

    fn path(config: &Config) -> PathBuf {
        config.dir.join("start.json")
    }
}

/// The histories of this process's run, as far as they are written. Files may still grow, and their last lines may be
/// torn.
///
/// # Errors
/// When the directory or a file cannot be read.
pub fn histories(config: &Config) -> Result<Sources, RunError> {
    Ok(Sources::read_files(&files(config)?)?)
}

/// The history files of this process's run, sorted: of the same run, boot and start.
///
/// # Errors
/// When the directory or a file cannot be read.
pub fn files(config: &Config) -> Result<Vec<PathBuf>, RunError> {
    let since = Start::read(config)?.map_or(Nanos(0), |start| start.t);
    let (dir, boot) = (config.history_dir(), clock::boot_id());
    let mut paths = Vec::new();
    for entry in fs::read_dir(&dir).map_err(at(&dir))? {
        let path = entry.map_err(at(&dir))?.path();
        if path.extension().is_none_or(|extension| extension != "jsonl") {
            continue;
        }
        // No header yet: the process has made the file and done nothing.
        let Some(header) = header(&path)? else { continue };
        if header.run == config.run && header.boot == boot && header.t >= since {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn header(path: &Path) -> Result<Option<Header>, RunError> {
    let mut line = String::new();
    let file = File::open(path).map_err(at(path))?;
    // What is not text is no header; the file is then none of this run's.
    if BufReader::new(file.take(HEADER_BYTES_MAX)).read_line(&mut line).is_err() {
        return Ok(None);
    }
    Ok(serde_json::from_str(&line).ok())
}

/// The file of `session` in `history`, by its index.
#[must_use]
pub fn own_file(history: &History<'_>, session: &Session<'_>) -> Option<usize> {
    history.files.iter().position(|file| file.path == session.writer().path())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(dir: &Path, run: &str) -> Config {
        let variable = |name: &str| (name == crate::config::RUN).then(|| run.to_owned());
        let mut config = Config::from_variables("driver", dir, variable).unwrap();
        config.dir = dir.to_owned();
        config
    }

    fn files(config: &Config) -> usize {
        let sources = histories(config).unwrap();
        History::parse(&sources).unwrap().files.len()
    }

    #[test]
    fn files_before_the_start_and_of_other_runs_do_not_count() {
        let dir = tempfile::tempdir().unwrap();
        let (one, other) = (config(dir.path(), "one"), config(dir.path(), "other"));
        let _stale = Session::begin(&one).unwrap();
        let _foreign = Session::begin(&other).unwrap();
        assert_eq!(Start::read(&one).unwrap(), None);
        assert_eq!((files(&one), files(&other)), (1, 1));

        let first = Session::begin(&one).unwrap();
        let health = Health { revision: 42, before: 1, ..Health::default() };
        let start = Start::record(&first, &health).unwrap();
        assert_eq!((start.revision, start.fresh), (42, true));
        let _driver = Session::begin(&one).unwrap();
        assert_eq!(Start::read(&one).unwrap(), Some(start));
        assert_eq!(Start::read(&other).unwrap(), None, "the start of another run");
        assert_eq!((files(&one), files(&other)), (2, 1), "the first command's own file counts");
    }

    #[test]
    fn what_is_no_history_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let config = config(dir.path(), "");
        let _own = Session::begin(&config).unwrap();
        for (name, bytes) in
            [("a.jsonl", &b""[..]), ("b.jsonl", b"{\"hist"), ("c.jsonl", &[0xff]), ("d.txt", b"x")]
        {
            fs::write(config.history_dir().join(name), bytes).unwrap();
        }
        assert_eq!(files(&config), 1);
    }

    #[test]
    fn a_damaged_start_says_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let config = config(dir.path(), "");
        fs::write(dir.path().join("start.json"), "{").unwrap();
        let message = Start::read(&config).unwrap_err().to_string();
        assert!(message.contains("start.json") && message.contains("remove the file"), "{message}");
    }
}

//! Reading histories back: pairing, merging, and an honest account of what could not be read.
//!
//! Nothing is dropped silently: a line that cannot be understood is counted and named, an operation without a return
//! stays open, and whoever judges the history can ask whether it is complete.

mod cut;
mod file;

pub(crate) use file::parse as parse_file;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::{Call, Event, FORMAT_VERSION, Header, Nanos, Outcome};

/// At most so many troubles of a file are kept in words; all are counted.
const TROUBLES_KEPT: usize = 20;

/// Files from this size on are read by two threads.
const LARGE: usize = 32 << 20;

/// The bytes of a run's history files, to be borrowed from by a [`History`].
#[derive(Debug)]
pub struct Sources {
    pub(crate) files: Vec<Source>,
}

#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
    /// Lines that it is known to have had and has no more.
    pub(crate) lost: u64,
}

/// All operations of a run on one clock, and what is known about their files.
#[derive(Debug)]
pub struct History<'a> {
    /// Sorted by invocation.
    pub operations: Vec<Operation<'a>>,
    /// Sorted by time.
    pub watched: Vec<WatchUpdate<'a>>,
    /// One for each file, in the order of their names.
    pub files: Vec<FileReport>,
}

/// One client call, with its invocation and its outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation<'a> {
    /// Index of its file in [`History::files`].
    pub file: usize,
    /// Its number in that file.
    pub number: u64,
    /// The client inside of the process that wrote the file; a client does one thing at a time.
    pub client: u32,
    /// The member that was asked; empty where that is not known.
    pub member: Cow<'a, str>,
    /// What was asked.
    pub call: Call<'a>,
    /// When, before the request left.
    pub invoked: Nanos,
    /// When the outcome was known; `None` while it is open.
    pub returned: Option<Nanos>,
    /// How it ended; open operations are [`Outcome::Unknown`] with nothing known.
    pub outcome: Outcome<'a>,
}

/// One message of a watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchUpdate<'a> {
    /// Index of its file in [`History::files`].
    pub file: usize,
    /// The number of the operation that opened the watch.
    pub watch: u64,
    /// When it arrived.
    pub t: Nanos,
    /// The revision the store reported with it.
    pub revision: i64,
    /// Its events; none in a progress notification.
    pub events: Vec<Event<'a>>,
}

/// What reading one file came to.
#[derive(Clone, Debug)]
pub struct FileReport {
    /// The file.
    pub path: PathBuf,
    /// Its first line; `None` where it could not be read.
    pub header: Option<Header>,
    /// Operations found.
    pub operations: usize,
    /// Of these, the ones without a return.
    pub open: usize,
    /// The file ends with its footer: its process closed it in order.
    pub closed: bool,
    /// The last line was cut off and could not be understood.
    pub torn: bool,
    /// Other lines that could not be understood, or that fit nothing.
    pub broken: usize,
    /// Operations that the footer promises and the file does not have.
    pub missing: u64,
    /// Lines that it is known to have had and has no more; see [`Sources::having_had`].
    pub lost: u64,
    /// The first of these troubles, in words.
    pub troubles: Vec<Trouble>,
}

/// A line that could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Line number, from 1.
    pub line: usize,
    /// What is wrong with it, with the column where that is known.
    pub message: String,
}

/// The files cannot be read as one history.
#[derive(Debug, Error)]
pub enum ReadError {
    /// A file or the directory could not be read.
    #[error("{path}: {source}")]
    Io {
        /// What was read.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is nothing to read.
    #[error("no history files (*.jsonl) in {path}")]
    Empty {
        /// The directory.
        path: PathBuf,
    },
    /// Written by another version of the format.
    #[error("{path}: format version {found}, this program reads version {FORMAT_VERSION}")]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// Stamps of two boots share no order, so the files do not merge.
    #[error("{path} was written on another boot or host than {other}: their times cannot be compared")]
    Boots {
        /// One file.
        path: PathBuf,
        /// A file of the other boot.
        other: PathBuf,
    },
}

impl Sources {
    /// Reads all `*.jsonl` files of `dir`, in the order of their names.
    ///
    /// # Errors
    /// When the directory or a file cannot be read, or there is none.
    pub fn read_dir(dir: &Path) -> Result<Self, ReadError> {
        let error = |source| ReadError::Io { path: dir.to_owned(), source };
        let mut paths = Vec::new();
        for entry in fs::read_dir(dir).map_err(error)? {
            let path = entry.map_err(error)?.path();
            if path.extension().is_some_and(|extension| extension == "jsonl") {
                paths.push(path);
            }
        }
        if paths.is_empty() {
            return Err(ReadError::Empty { path: dir.to_owned() });
        }
        paths.sort();
        Self::read_files(&paths)
    }

    /// Reads these files.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn read_files(paths: &[PathBuf]) -> Result<Self, ReadError> {
        let read = |path: &PathBuf| match read_file(path) {
            Ok(bytes) => Ok((path.clone(), bytes)),
            Err(source) => Err(ReadError::Io { path: path.clone(), source }),
        };
        Ok(Self::from_bytes(paths.iter().map(read).collect::<Result<_, _>>()?))
    }

    /// Takes files that are in memory already.
    #[must_use]
    pub fn from_bytes(files: Vec<(PathBuf, Vec<u8>)>) -> Self {
        let source = |(path, bytes)| Source { path, bytes, lost: 0 };
        Self { files: files.into_iter().map(source).collect() }
    }

    /// Says how many lines each file is known to have had, by its name. A file that was cut between two lines, or that
    /// is gone, looks like one that never had more: only this tells that the history lacks something.
    #[must_use]
    pub fn having_had(mut self, lines: &BTreeMap<String, u64>) -> Self {
        let mut gone = lines.clone();
        for file in &mut self.files {
            let had = file.path.file_name().and_then(|name| gone.remove(&*name.to_string_lossy()));
            let has = || file.bytes.split_inclusive(|byte| *byte == b'\n').count() as u64;
            file.lost = had.map_or(0, |had| had.saturating_sub(has()));
        }
        let gone = gone.into_iter().map(|(name, lost)| Source { path: name.into(), bytes: Vec::new(), lost });
        self.files.extend(gone);
        self
    }

    /// Bytes of all files.
    #[must_use]
    pub fn len(&self) -> usize {
        self.files.iter().map(|file| file.bytes.len()).sum()
    }

    /// True when there is not a byte in any file.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'a> History<'a> {
    /// Pairs and merges the files of `sources`.
    ///
    /// # Errors
    /// When the files are of another format version or of different boots. Damaged lines are no error; they are in
    /// [`History::files`].
    pub fn parse(sources: &'a Sources) -> Result<Self, ReadError> {
        let mut history = Self { operations: Vec::new(), watched: Vec::new(), files: Vec::new() };
        for (index, Source { path, bytes, .. }) in sources.files.iter().enumerate() {
            let file = file::parse(index, path, bytes);
            history.operations.extend(file.operations);
            history.watched.extend(file.watched);
            history.files.push(file.report);
        }
        note_lost(&mut history.files, sources);
        check_headers(&history.files)?;
        history.operations.sort_by_key(|op| (op.invoked, op.file, op.number));
        history.watched.sort_by_key(|update| (update.t, update.file, update.watch));
        Ok(history)
    }

    /// True when every line of every file was read and no file is known to lack operations. In an incomplete history
    /// a value that nobody wrote may have been written by what is missing.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.files.iter().all(FileReport::is_complete)
    }
}

/// A large file in two halves at once: half of the time of reading is that of its memory being made.
fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let file = fs::File::open(path)?;
    let len = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    if len < LARGE {
        return fs::read(path);
    }
    let mut bytes = vec![0; len];
    let (first, second) = bytes.split_at_mut(len / 2);
    let other = std::thread::scope(|scope| {
        let other = scope.spawn(|| file.read_exact_at(second, len as u64 / 2));
        file.read_exact_at(first, 0)?;
        other.join().unwrap_or_else(|_| Err(io::Error::other("a reading thread panicked")))
    });
    other.map(|()| bytes)
}

/// Enters in the reports what is known of the files besides their bytes.
pub(crate) fn note_lost(files: &mut [FileReport], sources: &Sources) {
    for (report, source) in files.iter_mut().zip(&sources.files) {
        report.lost = source.lost;
    }
}

/// All files must be of this format's version and of one boot.
pub(crate) fn check_headers(files: &[FileReport]) -> Result<(), ReadError> {
    let mut first: Option<(&Path, &str)> = None;
    for file in files {
        let Some(header) = &file.header else { continue };
        if header.history != FORMAT_VERSION {
            return Err(ReadError::Version { path: file.path.clone(), found: header.history });
        }
        match first {
            None => first = Some((&file.path, &header.boot)),
            Some((other, boot)) if boot != header.boot => {
                return Err(ReadError::Boots { path: file.path.clone(), other: other.to_owned() });
            }
            Some(_) => {}
        }
    }
    Ok(())
}

impl FileReport {
    /// True when nothing of this file is known to be missing. A file without a footer can be complete: its process
    /// may have been killed, and wrote all that it did before it did it.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        !self.torn && self.broken == 0 && self.missing == 0 && self.lost == 0 && self.header.is_some()
    }
}

impl Operation<'_> {
    /// The end of its interval: an unknown outcome may take effect at any later time.
    #[must_use]
    pub fn deadline(&self) -> Nanos {
        match (&self.outcome, self.returned) {
            (Outcome::Ok(_) | Outcome::Failed(_), Some(returned)) => returned,
            _ => Nanos::MAX,
        }
    }
}

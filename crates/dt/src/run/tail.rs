//! Counting operations by outcome while the history files grow, for the progress line. Never a verdict.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

/// At most so many new bytes of a file are looked at in one go; the rest waits for the next.
const BYTES_AT_ONCE: u64 = 4 << 20;

/// Returns seen so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) ok: u64,
    pub(crate) failed: u64,
    pub(crate) unknown: u64,
}

/// Follows all files of a directory.
#[derive(Debug)]
pub(crate) struct Tail {
    dir: PathBuf,
    read: HashMap<PathBuf, u64>,
    counts: Counts,
}

impl Tail {
    pub(crate) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), read: HashMap::new(), counts: Counts::default() }
    }

    /// Looks at what is new. What cannot be read now is read later, or counted by the check at the end.
    pub(crate) fn counts(&mut self) -> Counts {
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let path = entry.path();
            let from = self.read.get(&path).copied().unwrap_or(0);
            if entry.metadata().is_ok_and(|metadata| metadata.len() > from) {
                let read = self.file(&path, from).unwrap_or(0);
                self.read.insert(path, from + read);
            }
        }
        self.counts
    }

    /// Counts the whole lines after `from`; returns how many bytes they are.
    fn file(&mut self, path: &Path, from: u64) -> std::io::Result<u64> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(BYTES_AT_ONCE).read_to_end(&mut bytes)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        for line in bytes[..whole].split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"{\"r\":")) {
            let has = |outcome: &[u8]| line.windows(outcome.len()).take(64).any(|part| part == outcome);
            if has(b"\"o\":\"ok\"") {
                self.counts.ok += 1;
            } else if has(b"\"o\":\"fail\"") {
                self.counts.failed += 1;
            } else {
                self.counts.unknown += 1;
            }
        }
        Ok(whole as u64)
    }
}

#[cfg(test)]
mod tests {
    use history::{Call, Failure, Outcome, Reply, Writer};

    use super::*;

    #[test]
    fn growing_files_are_counted_once() {
        let dir = tempfile::tempdir().unwrap();
        let writer = Writer::create(dir.path(), "r", "main/x", 1).unwrap();
        let mut tail = Tail::new(dir.path());
        assert_eq!(tail.counts(), Counts::default());
        let failure = || Failure { class: "c".into(), message: "\"o\":\"ok\"".into() };
        let outcomes = [
            Outcome::Ok(Reply::Compact { revision: 1 }),
            Outcome::Failed(failure()),
            Outcome::Unknown(Some(failure())),
        ];
        for round in 1..=3 {
            for outcome in &outcomes {
                let id = writer.invoke(0, "", &Call::Compact { revision: 1, physical: false }).unwrap();
                writer.finish(id, outcome).unwrap();
            }
            assert_eq!(tail.counts(), Counts { ok: round, failed: round, unknown: round });
        }
    }
}

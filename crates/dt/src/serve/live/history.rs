//! Observing history files while they grow. Never a verdict: lines that make no sense are passed over here, and counted
//! by the check at the end.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use history::Nanos;
use report::{Ended, Observed, Observer, Sighting};
use serde::Deserialize;

/// At most so many new bytes of a file are looked at in one go; the rest waits for the next.
const BYTES_AT_ONCE: u64 = 8 << 20;
/// Operations of a file that are open at once; a client has one.
const OPEN_MAX: usize = 10_000;

/// Follows all files of a run.
#[derive(Debug)]
pub(super) struct Growing {
    dir: PathBuf,
    files: HashMap<PathBuf, Position>,
    observer: Observer<'static>,
}

#[derive(Debug, Default)]
struct Position {
    read: u64,
    open: HashMap<u64, Open>,
}

#[derive(Debug)]
struct Open {
    invoked: Nanos,
    call: usize,
    member: String,
}

/// An invocation or a return, as far as it is looked at.
#[derive(Deserialize)]
struct Line<'a> {
    i: Option<u64>,
    r: Option<u64>,
    t: Option<Nanos>,
    #[serde(borrow)]
    f: Option<Cow<'a, str>>,
    #[serde(borrow)]
    m: Option<Cow<'a, str>>,
    #[serde(borrow)]
    o: Option<Cow<'a, str>>,
    #[serde(borrow)]
    e: Option<Cow<'a, str>>,
    #[serde(default)]
    rev: i64,
    #[serde(default)]
    term: u64,
}

impl Growing {
    pub(super) fn new(dir: &Path) -> Self {
        Self { dir: dir.join("history"), files: HashMap::new(), observer: Observer::new(&[]) }
    }

    /// Looks at what is new.
    pub(super) fn observed(&mut self) -> Observed {
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let path = entry.path();
            let position = self.files.entry(path.clone()).or_default();
            if entry.metadata().is_ok_and(|metadata| metadata.len() > position.read) {
                // What cannot be read now is read later.
                let _ = follow(&path, position, &mut self.observer);
            }
        }
        self.observer.finish()
    }
}

fn follow(path: &Path, position: &mut Position, observer: &mut Observer<'_>) -> std::io::Result<()> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(position.read))?;
    let mut bytes = Vec::new();
    file.take(BYTES_AT_ONCE).read_to_end(&mut bytes)?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    for line in bytes[..whole].split(|byte| *byte == b'\n') {
        if let Ok(line) = serde_json::from_slice(line) {
            take(line, position, observer);
        }
    }
    position.read += whole as u64;
    Ok(())
}

fn take(line: Line<'_>, position: &mut Position, observer: &mut Observer<'_>) {
    if let (Some(number), Some(invoked), Some(call)) = (line.i, line.t, &line.f) {
        let call = report::call(call);
        if position.open.len() < OPEN_MAX {
            let member = line.m.unwrap_or_default().into_owned();
            position.open.insert(number, Open { invoked, call, member });
        }
    } else if let Some(open) = line.r.and_then(|number| position.open.remove(&number)) {
        let ended = match line.o.as_deref() {
            Some("ok") => Ended::Ok,
            Some("fail") => Ended::Failed,
            _ => Ended::Unknown,
        };
        observer.saw(&Sighting {
            call: open.call,
            member: &open.member,
            invoked: open.invoked,
            returned: line.t,
            ended,
            revision: if ended == Ended::Ok { line.rev } else { 0 },
            term: if ended == Ended::Ok { line.term } else { 0 },
            class: line.e.as_deref(),
        });
    }
}

#[cfg(test)]
mod tests {
    use history::{Call, Outcome, Put, Reply, Writer};

    use super::*;

    #[test]
    fn growing_files_are_seen_once_and_as_the_report_sees_them() {
        let dir = tempfile::tempdir().unwrap();
        let writer = Writer::create(&dir.path().join("history"), "r", "main/x", 1).unwrap();
        let mut growing = Growing::new(dir.path());
        for n in 1..=3 {
            let id =
                writer.invoke(0, "etcd1", &Call::Put(Put { key: "k".into(), ..Put::default() })).unwrap();
            writer.finish(id, &Outcome::Ok(Reply::Put { revision: n, prev: None })).unwrap();
            assert_eq!(growing.observed().outcomes.ok, n as u64);
        }
        let _open = writer.invoke(0, "etcd1", &Call::Status).unwrap();
        let live = growing.observed();
        let sources = history::Sources::read_dir(&dir.path().join("history")).unwrap();
        let whole = Observed::read(&sources, &[], &[]).unwrap();
        assert_eq!((live.outcomes.ok, live.members), (whole.outcomes.ok, whole.members));
        assert_eq!(live.columns.last().map(|c| c.revisions.clone()), Some(vec![3]));
    }
}

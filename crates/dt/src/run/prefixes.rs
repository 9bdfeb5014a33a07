//! Checking while a run goes on: from time to time all of its history up to that moment, in a thread of its own. What it
//! costs is bounded: the longer a look takes, the longer nobody looks again, and long histories wait for the end.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use history::clock;

use super::violations::Violations;
use crate::check::prefix::{self, Looked};
use crate::record::RunRecord;

/// Looks are at least so far apart.
const REST_LEAST: Duration = Duration::from_secs(3);
/// A look is followed by a rest of so many times its length: at most a twentieth of one processor goes into looks.
const REST_FACTOR: u32 = 19;
/// Of longer histories, nothing more is read before the end: a look holds all of it in memory.
const BYTES_MAX: u64 = 256 << 20;

/// The thread: no look begins after this is dropped. One that goes on then is not waited for, as it only reads.
#[derive(Debug)]
pub(super) struct Prefixes {
    /// Nothing is ever sent: the thread ends when nobody can.
    _alive: Option<SyncSender<()>>,
}

impl Prefixes {
    /// Begins to look at the run in `dir`, if its history can be judged; the first violation goes to `violations`.
    pub(super) fn start(dir: &Path, violations: &Arc<Violations>) -> std::io::Result<Self> {
        let Some(run) = RunRecord::read(dir).ok().flatten().filter(prefix::can_be_judged) else {
            return Ok(Self { _alive: None });
        };
        let (alive, ended) = sync_channel(0);
        let (dir, violations) = (dir.to_owned(), Arc::clone(violations));
        let work = move || look_again_and_again(&dir, &run, &violations, &ended);
        std::thread::Builder::new().name("prefixes".to_owned()).spawn(work)?;
        Ok(Self { _alive: Some(alive) })
    }
}

fn look_again_and_again(dir: &Path, run: &RunRecord, violations: &Violations, ended: &Receiver<()>) {
    let (mut rest, mut seen) = (REST_LEAST, 0);
    while ended.recv_timeout(rest) == Err(RecvTimeoutError::Timeout) && violations.first().borrow().is_none()
    {
        let size = size(dir);
        if size > BYTES_MAX {
            return;
        }
        if size == seen {
            continue;
        }
        seen = size;
        let began = clock::now();
        // What cannot be read now may be readable later; the check at the end tells what was wrong.
        if let Ok(Looked { operations, broken: Some((property, sentence)) }) = prefix::look(dir, run, began) {
            violations.disproved(property, sentence, operations);
        }
        rest = REST_LEAST.max(clock::now().since(began) * REST_FACTOR);
    }
}

fn size(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir.join("history")).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum()
}

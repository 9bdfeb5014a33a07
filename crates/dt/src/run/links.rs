//! What goes over each link while a run goes on, in `links.json`: of the last second only, for who watches. What matters
//! of links in the end is in the log of faults.

use std::fs;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use chaos::{LinkRow, Links};
use history::{Nanos, clock};
use serde::{Deserialize, Serialize};

/// The file's name in a run's directory.
pub(crate) const FILE: &str = "links.json";
/// How often it is renewed.
const EVERY: Duration = Duration::from_secs(1);

/// What went over the links.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Second {
    /// Until when.
    pub(crate) t: Nanos,
    /// How long it was, in nanoseconds.
    pub(crate) ns: u64,
    /// All links.
    pub(crate) links: Vec<LinkRow>,
}

/// Renews the file until it is dropped.
#[derive(Debug)]
pub(super) struct Watching {
    /// Nothing is ever sent: the thread ends when nobody can.
    _alive: Sender<()>,
}

impl Watching {
    pub(super) fn start(dir: &Path, links: &Links) -> std::io::Result<Self> {
        let (alive, ended) = channel();
        let (path, links) = (dir.join(FILE), links.clone());
        let work = move || watch(&path, &links, &ended);
        std::thread::Builder::new().name("links".to_owned()).spawn(work)?;
        Ok(Self { _alive: alive })
    }
}

fn watch(path: &Path, links: &Links, ended: &Receiver<()>) {
    let fresh = path.with_extension("new");
    let (mut before, mut then) = (links.matrix(), clock::now());
    while ended.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
        let (now, t) = (links.matrix(), clock::now());
        let rows = now
            .iter()
            .zip(&before)
            .map(|(now, before)| LinkRow { counts: now.counts - before.counts, ..now.clone() });
        let ns = u64::try_from(t.since(then).as_nanos()).unwrap_or(u64::MAX);
        let second = Second { t, ns, links: rows.collect() };
        // Whoever watches sees the last one a little longer when this cannot be written.
        let _ = serde_json::to_vec(&second)
            .map_err(std::io::Error::from)
            .and_then(|text| fs::write(&fresh, text))
            .and_then(|()| fs::rename(&fresh, path));
        (before, then) = (now, t);
    }
    let _ = fs::remove_file(path);
}

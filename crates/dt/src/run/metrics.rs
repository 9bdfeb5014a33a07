//! What members tell of themselves, sampled into `metrics.jsonl` while a run goes on: a first line that says what is
//! sampled, then a line for each member at each moment. A member that does not answer in time has no line.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use cluster::chart::MetricsSpec;
use cluster::{Endpoints, metrics};
use history::clock;
use serde_json::json;

/// The file's name in a run's directory.
pub(crate) const FILE: &str = "metrics.jsonl";
/// How often members are asked; a question costs them a millisecond.
const EVERY: Duration = Duration::from_secs(1);
/// A member that is paused or busy is asked again at the next moment.
const WITHIN: Duration = Duration::from_millis(300);

/// Samples until it is dropped.
#[derive(Debug)]
pub(super) struct Sampling {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Sampling {
    /// Begins to sample `members` into the run's directory.
    pub(super) fn start(dir: &Path, spec: &MetricsSpec, members: Endpoints) -> anyhow::Result<Self> {
        let path = dir.join(FILE);
        let failed = || format!("cannot write {}", path.display());
        let mut file = OpenOptions::new().create(true).append(true).open(&path).with_context(failed)?;
        writeln!(file, "{}", json!({"metrics": spec.show})).with_context(failed)?;
        let (stop, stopped) = channel();
        let (path, names) = (
            spec.path.clone(),
            spec.show.iter().flat_map(cluster::chart::MetricSpec::samples).collect::<Vec<_>>(),
        );
        // A thread of its own: members that hang must not hold up the run.
        let thread = std::thread::Builder::new().name("metrics".to_owned()).spawn(move || {
            sample(&path, &names, &members, &stopped, |line| {
                // A disk that is full is told by those whose lines matter.
                let _ = file.write_all(line.as_bytes());
            });
        });
        Ok(Self { stop: Some(stop), thread: Some(thread.context("cannot start a thread")?) })
    }
}

fn sample(
    path: &str,
    names: &[String],
    members: &Endpoints,
    stopped: &Receiver<()>,
    mut write: impl FnMut(String),
) {
    loop {
        for member in &members.0 {
            if let Ok(values) = metrics::scrape(&member.url, path, names, WITHIN) {
                write(format!("{}\n", json!({"t": clock::now(), "m": member.name, "v": values})));
            }
        }
        if stopped.recv_timeout(EVERY) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}

impl Drop for Sampling {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It has nothing to say that is not in the file.
            let _ = thread.join();
        }
    }
}

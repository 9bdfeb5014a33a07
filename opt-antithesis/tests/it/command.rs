//! Running a command and reading what it left: its output, the SDK's records, the history.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use history::{History, Sources};
use serde_json::Value;

pub(crate) const FIRST: &str = env!("CARGO_BIN_EXE_first_check_cluster");
pub(crate) const DRIVER: &str = env!("CARGO_BIN_EXE_parallel_driver_generate_traffic");
pub(crate) const CROWD: &str = env!("CARGO_BIN_EXE_parallel_driver_crowd_writes");
pub(crate) const ANYTIME: &str = env!("CARGO_BIN_EXE_anytime_check_acknowledged_writes");
pub(crate) const EVENTUALLY: &str = env!("CARGO_BIN_EXE_eventually_cluster_recovers");
pub(crate) const FINALLY: &str = env!("CARGO_BIN_EXE_finally_check_history");
pub(crate) const TRANSACTIONS: &str = env!("CARGO_BIN_EXE_parallel_driver_run_transactions");
pub(crate) const WATCHES: &str = env!("CARGO_BIN_EXE_parallel_driver_watch_changes");
pub(crate) const LEASES: &str = env!("CARGO_BIN_EXE_parallel_driver_keep_leases");
pub(crate) const LOCKS: &str = env!("CARGO_BIN_EXE_parallel_driver_hold_locks");
pub(crate) const MAINTENANCE: &str = env!("CARGO_BIN_EXE_serial_driver_maintain_cluster");
pub(crate) const MEMBERS: &str = env!("CARGO_BIN_EXE_serial_driver_change_members");
pub(crate) const SERVICE: &str = env!("CARGO_BIN_EXE_parallel_driver_ask_for_locks");
pub(crate) const EVERYTHING: &str = env!("CARGO_BIN_EXE_singleton_driver_everything_at_once");
pub(crate) const REPLICAS: &str = env!("CARGO_BIN_EXE_anytime_read_replicas");
/// What makes puts and gets of its own; the others do what the run's swarm configuration says.
pub(crate) const ALL: [&str; 6] = [FIRST, DRIVER, CROWD, ANYTIME, EVENTUALLY, FINALLY];
pub(crate) const WORKLOADS: [&str; 9] =
    [TRANSACTIONS, WATCHES, LEASES, LOCKS, SERVICE, MAINTENANCE, MEMBERS, EVERYTHING, REPLICAS];

/// What goes to one corner each. Those that find something in the newest etcd are left out: they are run by suites.
pub(crate) const CORNERS: [&str; 8] = [
    env!("CARGO_BIN_EXE_parallel_driver_compact_full_batches"),
    env!("CARGO_BIN_EXE_parallel_driver_watch_deletions"),
    env!("CARGO_BIN_EXE_parallel_driver_ask_progress"),
    env!("CARGO_BIN_EXE_parallel_driver_stall_watches"),
    env!("CARGO_BIN_EXE_parallel_driver_keep_at_leader"),
    env!("CARGO_BIN_EXE_parallel_driver_renew_revoked"),
    env!("CARGO_BIN_EXE_parallel_driver_watch_ahead"),
    env!("CARGO_BIN_EXE_serial_driver_fill_space"),
];

/// Where a command is run: its members, its shared directory, the file for the SDK's records.
pub(crate) struct Place {
    pub(crate) dir: PathBuf,
    pub(crate) endpoints: String,
}

impl Place {
    pub(crate) fn new(dir: &Path, name: &str, endpoints: &str) -> Self {
        Self { dir: dir.join(name), endpoints: endpoints.to_owned() }
    }

    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        std::fs::create_dir_all(&self.dir).unwrap();
        command
            .env("ETCD_TRAFFIC_ENDPOINTS", &self.endpoints)
            .env("ETCD_TRAFFIC_DIR", self.dir.join("shared"))
            .env("ETCD_TRAFFIC_REQUESTS", "10")
            .env("ETCD_TRAFFIC_WAIT_MS", "30000")
            .env("ANTITHESIS_SDK_LOCAL_OUTPUT", self.sdk())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs a command to its end, which must be a good one.
    pub(crate) fn run(&self, program: &str) -> String {
        succeeded(&self.command(program).output().unwrap())
    }

    fn sdk(&self) -> PathBuf {
        self.dir.join("sdk.jsonl")
    }

    pub(crate) fn sources(&self) -> Sources {
        Sources::read_dir(&self.dir.join("shared/history")).unwrap()
    }

    /// The SDK's records so far, by message.
    pub(crate) fn properties(&self) -> BTreeMap<String, Property> {
        let mut properties: BTreeMap<String, Property> = BTreeMap::new();
        for line in std::fs::read_to_string(self.sdk()).unwrap().lines() {
            let record: Value = serde_json::from_str(line).unwrap();
            let Some(assertion) = record.get("antithesis_assert") else { continue };
            let name = assertion["message"].as_str().unwrap().to_owned();
            let property = properties.entry(name).or_default();
            match (assertion["hit"].as_bool().unwrap(), assertion["condition"].as_bool().unwrap()) {
                (false, _) => property.catalogued = true,
                (true, true) => property.held.push(assertion["details"].clone()),
                (true, false) => property.failed.push(assertion["details"].clone()),
            }
        }
        properties
    }
}

/// What the SDK recorded about one message: the first evaluation of each kind in each process, with its details.
#[derive(Debug, Default)]
pub(crate) struct Property {
    pub(crate) catalogued: bool,
    pub(crate) held: Vec<Value>,
    pub(crate) failed: Vec<Value>,
}

pub(crate) fn succeeded(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{out}\n{err}", output.status);
    assert_eq!(err, "", "nothing to complain about");
    out.into_owned()
}

/// Reads the history; every line of it must make sense.
pub(crate) fn parse(sources: &Sources) -> History<'_> {
    let history = History::parse(sources).unwrap();
    for file in &history.files {
        assert!(file.is_complete(), "{file:?}");
    }
    history
}

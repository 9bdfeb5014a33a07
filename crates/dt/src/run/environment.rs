//! What a command is told by its environment.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use composer::Launch;

/// What is the same for all commands of a run.
#[derive(Clone, Debug)]
pub(super) struct Environment {
    /// The run's name.
    pub(super) run: String,
    /// Its directory.
    pub(super) dir: PathBuf,
    /// The chart's variable for endpoints.
    pub(super) variable: String,
    /// Its value for each client.
    pub(super) endpoints: Vec<String>,
    /// By which processes of the run are found when `dt` is gone.
    pub(super) mark: (String, String),
    /// The executable that pauses faults, once there are any.
    pub(super) stop_faults: Arc<OnceLock<PathBuf>>,
}

impl Environment {
    /// The variables of one execution. Commands take turns in being each client.
    pub(super) fn of(&self, launch: &Launch) -> Vec<(String, String)> {
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        let sdk = self.dir.join("sdk").join(format!("{}.jsonl", launch.n));
        let client = usize::try_from(launch.n).unwrap_or(0) % self.endpoints.len().max(1);
        let endpoints = self.endpoints.get(client).cloned().unwrap_or_default();
        let variables = [
            (self.variable.as_str(), endpoints),
            ("ETCD_TRAFFIC_DIR", text(self.dir.clone())),
            ("ETCD_TRAFFIC_RUN", self.run.clone()),
            ("ETCD_TRAFFIC_COMMAND", launch.command.clone()),
            ("ETCD_TRAFFIC_NUMBER", launch.n.to_string()),
            ("ETCD_TRAFFIC_SEED", launch.seed.to_string()),
            ("ANTITHESIS_SDK_LOCAL_OUTPUT", text(sdk)),
            (self.mark.0.as_str(), self.mark.1.clone()),
            ("NO_COLOR", "1".to_owned()),
        ];
        let stop_faults = self.stop_faults.get().map(|path| ("ANTITHESIS_STOP_FAULTS", text(path.clone())));
        variables.into_iter().chain(stop_faults).map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

//! What a command is told by its environment.

use std::path::Path;

use composer::Launch;

/// The variables of one execution; `endpoints` is the chart's own.
pub(super) fn of(
    run: &str,
    dir: &Path,
    endpoints: &(String, String),
    launch: &Launch,
) -> Vec<(String, String)> {
    let sdk = dir.join("sdk").join(format!("{}.jsonl", launch.n));
    [
        (endpoints.0.as_str(), endpoints.1.clone()),
        ("ETCD_TRAFFIC_DIR", dir.to_string_lossy().into_owned()),
        ("ETCD_TRAFFIC_RUN", run.to_owned()),
        ("ETCD_TRAFFIC_COMMAND", launch.command.clone()),
        ("ETCD_TRAFFIC_NUMBER", launch.n.to_string()),
        ("ETCD_TRAFFIC_SEED", launch.seed.to_string()),
        ("ANTITHESIS_SDK_LOCAL_OUTPUT", sdk.to_string_lossy().into_owned()),
        ("NO_COLOR", "1".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

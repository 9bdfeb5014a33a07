//! What this crate takes from the environment; nothing else in it may.

/// Set at the desk, where nobody else decides the draws.
const SEED: &str = "ETCD_TRAFFIC_SEED";
/// The command's number in its run, set by whoever started it: two commands of one seed must not draw the same.
const NUMBER: &str = "ETCD_TRAFFIC_NUMBER";

/// The text that seeds this process's draws: its run's seed and its own number. `None` without a seed.
#[expect(clippy::disallowed_methods, reason = "this is the config module")]
pub(crate) fn seed() -> Option<String> {
    let seed = std::env::var(SEED).ok().filter(|seed| !seed.is_empty())?;
    let number = std::env::var(NUMBER).unwrap_or_default();
    Some(format!("{seed}/{number}"))
}

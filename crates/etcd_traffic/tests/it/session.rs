//! Sessions and draws for tests.

use std::path::Path;
use std::time::Duration;

use etcd_traffic::{Config, Event, config};
use history::{History, Operation, Sources};

/// A configuration as commands get it, with short limits.
pub(crate) fn config(endpoints: &str, dir: &Path) -> Config {
    let variable = |name: &str| match name {
        config::ENDPOINTS => Some(endpoints.to_owned()),
        config::DIR => Some(dir.join("shared").display().to_string()),
        config::REQUESTS => Some("20".to_owned()),
        _ => None,
    };
    let mut config = Config::from_variables("test", dir, variable).unwrap();
    config.limits.wait = Duration::from_secs(30);
    config
}

/// Different draws, the same in every test.
pub(crate) fn draws() -> impl FnMut() -> u64 {
    let mut n = 0_u64;
    move || {
        n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
        (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
    }
}

/// Nobody watches.
pub(crate) fn quiet(_: &Event<'_>) {}

/// All operations that are on disk.
pub(crate) fn recorded(config: &Config) -> Vec<Operation<'static>> {
    // Leaked, so that tests can look at operations without their files; a test ends soon.
    let sources = Box::leak(Box::new(Sources::read_dir(&config.history_dir()).unwrap()));
    let history = History::parse(sources).unwrap();
    assert!(history.is_complete());
    history.operations
}

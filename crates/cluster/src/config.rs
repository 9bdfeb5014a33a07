//! The only module of this crate that reads the environment: where the cache is and where programs are.

use std::env;
use std::path::PathBuf;

/// Directories of this machine that the crate works with. Tests make their own.
#[derive(Debug, Clone)]
pub struct Places {
    /// Downloaded binaries, side by side by version.
    pub cache: PathBuf,
    /// Directories to look for an installed binary in, in order.
    pub path: Vec<PathBuf>,
    /// Where the machine's package sources are described.
    pub apt: PathBuf,
    /// The file that names the machine's distribution.
    pub os_release: PathBuf,
}

/// No directory for the cache is known.
#[derive(Debug, thiserror::Error)]
#[error("neither XDG_CACHE_HOME nor HOME is set: set one, so that downloads have a place to stay")]
pub struct NoCache;

impl Places {
    /// The places this process' environment names: `$XDG_CACHE_HOME/etcd-traffic`, else
    /// `~/.cache/etcd-traffic`, and `$PATH`.
    ///
    /// # Errors
    /// When neither variable is set.
    #[expect(clippy::disallowed_methods, reason = "this is the config module")]
    pub fn from_environment() -> Result<Self, NoCache> {
        let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let base = absolute("XDG_CACHE_HOME")
            .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
            .ok_or(NoCache)?;
        let path = env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default();
        Ok(Self { cache: base.join("etcd-traffic"), path, ..Self::of_machine() })
    }

    fn of_machine() -> Self {
        Self {
            cache: PathBuf::new(),
            path: Vec::new(),
            apt: "/etc/apt".into(),
            os_release: "/etc/os-release".into(),
        }
    }
}

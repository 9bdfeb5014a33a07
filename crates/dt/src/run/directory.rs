//! A run's directory: `runs/<time>-<suite>-<seed>/`, with a link `latest` beside it.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use history::Nanos;

/// Runs of one suite and seed that begin within one second.
const SAME_SECOND_MAX: u32 = 100;

/// Makes the directory of a run; its last component is the run's name.
pub(super) fn create(runs: &Path, suite: &str, seed: u64, wall: Nanos) -> anyhow::Result<PathBuf> {
    let hint =
        || format!("cannot make a run's directory in {}: use --runs DIR for another place", runs.display());
    fs::create_dir_all(runs).with_context(hint)?;
    let seconds = i64::try_from(wall.0 / 1_000_000_000).unwrap_or(0);
    let time = jiff::Timestamp::from_second(seconds)?.strftime("%Y%m%dT%H%M%SZ").to_string();
    for n in 1..=SAME_SECOND_MAX {
        let suffix = if n == 1 { String::new() } else { format!("-{n}") };
        let dir = runs.join(format!("{time}-{suite}-{seed}{suffix}"));
        match fs::create_dir(&dir) {
            Ok(()) => {
                for part in ["history", "sdk"] {
                    fs::create_dir(dir.join(part)).with_context(hint)?;
                }
                return Ok(dir);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(hint),
        }
    }
    bail!("{SAME_SECOND_MAX} runs began in one second in {}", runs.display())
}

/// Makes this run the latest. A convenience: a run is not worse for a link that could not be made.
pub(super) fn link_latest(dir: &Path) {
    let (Some(name), Some(runs)) = (dir.file_name(), dir.parent()) else { return };
    let link = runs.join("latest");
    let fresh = runs.join(format!(".latest-{}", std::process::id()));
    let _ = symlink(name, &fresh).and_then(|()| fs::rename(&fresh, &link));
}

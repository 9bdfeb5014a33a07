//! How commands ask for quiet: an executable whose path they find in `ANTITHESIS_STOP_FAULTS`, as on the platform. It
//! puts a request into a directory, which the runner looks into, and waits until the request is taken: then every
//! fault is healed. It is a shell script that needs nothing of this crate, so it works wherever the directory is seen.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often the runner looks: nobody asks for less than a second, and an empty directory costs nothing to read.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Requests that are taken at once; the others are taken at the next look.
const TAKEN_MAX: usize = 100;
/// Longer is no pause but an end.
const SECONDS_MAX: f64 = 3_600.0;

/// The directory of requests.
#[derive(Debug)]
pub(crate) struct Requests {
    directory: PathBuf,
    command: PathBuf,
}

/// Requests that are known and not yet taken.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    files: Vec<PathBuf>,
    /// The longest of them.
    pub(crate) lasts: Duration,
}

impl Requests {
    /// Makes the directory and the command.
    pub(crate) fn create(run_dir: &Path) -> io::Result<Self> {
        let directory = run_dir.join("quiet");
        fs::create_dir_all(&directory)?;
        let command = run_dir.join("stop-faults");
        let script = SCRIPT.replace("@DIRECTORY@", &quoted(&directory));
        OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o755)
            .open(&command)?
            .write_all(script.as_bytes())?;
        Ok(Self { directory, command })
    }

    /// The command's path.
    pub(crate) fn command(&self) -> &Path {
        &self.command
    }

    /// What is asked for now.
    pub(crate) fn look(&self) -> io::Result<Asked> {
        let mut asked = Asked::default();
        for entry in fs::read_dir(&self.directory)?.take(TAKEN_MAX) {
            let path = entry?.path();
            if path.extension().is_none_or(|extension| extension != "request") {
                continue;
            }
            // The script has checked it; what somebody else put there counts for nothing.
            let seconds: f64 = fs::read_to_string(&path)?.trim().parse().unwrap_or(0.0);
            if seconds.is_finite() && seconds > 0.0 {
                asked.lasts = asked.lasts.max(Duration::from_secs_f64(seconds.min(SECONDS_MAX)));
            }
            asked.files.push(path);
        }
        Ok(asked)
    }
}

impl Asked {
    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Adds requests that came later.
    pub(crate) fn merge(&mut self, other: Self) {
        self.lasts = self.lasts.max(other.lasts);
        for file in other.files {
            if !self.files.contains(&file) {
                self.files.push(file);
            }
        }
    }

    /// Lets the commands that asked go on.
    pub(crate) fn take(self) -> io::Result<()> {
        for file in self.files {
            match fs::remove_file(file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

/// A path as one word of a POSIX shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.to_string_lossy().replace('\'', r"'\''"))
}

const SCRIPT: &str = r#"#!/bin/sh
# Pauses all faults of this run for the given number of seconds. Returns when they are healed; members that were down
# are started by then, but need not be ready.
case $# in 1) ;; *) echo "usage: $0 SECONDS" >&2; exit 64 ;; esac
case $1 in
    '' | *[!0-9.]* | *.*.* | .) echo "$0: \`$1\` is no number of seconds" >&2; exit 64 ;;
esac
directory=@DIRECTORY@
name=$directory/$$-$(date +%s%N)
if ! echo "$1" 2>/dev/null >"$name.new" || ! mv "$name.new" "$name.request"; then
    echo "$0: the run is over: cannot write to $directory" >&2
    exit 1
fi
tries=0
while [ -e "$name.request" ]; do
    tries=$((tries + 1))
    if [ "$tries" -gt 1200 ]; then
        rm -f "$name.request"
        echo "$0: nobody took the request within a minute" >&2
        exit 1
    fi
    sleep 0.05
done
"#;

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn the_command_waits_until_its_request_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let odd = dir.path().join("it's a run");
        fs::create_dir(&odd).unwrap();
        let requests = Requests::create(&odd).unwrap();
        assert!(requests.look().unwrap().is_empty());
        let mut short = Command::new(requests.command()).arg("1").spawn().unwrap();
        let mut long = Command::new(requests.command()).arg("2.5").spawn().unwrap();
        let mut asked = Asked::default();
        while asked.files.len() < 2 {
            asked.merge(requests.look().unwrap());
        }
        assert_eq!(asked.lasts, Duration::from_millis(2_500), "the longest counts");
        assert!(short.try_wait().unwrap().is_none() && long.try_wait().unwrap().is_none());
        asked.take().unwrap();
        assert!(short.wait().unwrap().success() && long.wait().unwrap().success());
    }

    #[test]
    fn nonsense_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let requests = Requests::create(dir.path()).unwrap();
        for wrong in [vec![], vec!["soon"], vec!["1", "2"], vec!["-1"], vec!["1.2.3"], vec!["."], vec![""]] {
            let status =
                Command::new(requests.command()).args(&wrong).stderr(Stdio::null()).status().unwrap();
            assert_eq!(status.code(), Some(64), "{wrong:?}");
        }
        fs::remove_dir_all(dir.path().join("quiet")).unwrap();
        let status = Command::new(requests.command()).arg("1").stderr(Stdio::null()).status().unwrap();
        assert_eq!(status.code(), Some(1), "a run that is over gives no quiet, and says so");
    }
}

//! Running the `dt` that was just built, with the commands that were just built beside it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

pub(crate) fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

/// `dt`, to be run in `dir`.
pub(crate) fn dt(dir: &Path, args: &[&str]) -> Command {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| built("opt-antithesis"));
    dt_alone(dir, args)
}

/// `dt` for what starts no test command.
pub(crate) fn dt_alone(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dt"));
    command.args(args).current_dir(dir).env("DT_HOME", home()).stdin(Stdio::null());
    command
}

/// Builds a package beside `dt`: needed when this package is tested alone, and done already by `cargo xtask test`.
#[expect(clippy::disallowed_methods, reason = "tests are told by their environment what is there")]
pub(crate) fn built(package: &str) {
    if std::env::var_os("ETCD_TRAFFIC_TEST_BUILT").is_some() {
        return;
    }
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--locked", "-p", package]).current_dir(home());
    assert!(build.status().unwrap().success(), "{package} does not build");
}

/// Runs `dt` to its end: exit code, standard output, standard error.
pub(crate) fn ran(mut command: Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

/// A real etcd, or `None` where there is none and that is fine.
#[expect(clippy::disallowed_methods, reason = "tests are told by their environment where etcd is")]
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
pub(crate) fn etcd() -> Option<PathBuf> {
    let etcd = std::env::var_os("ETCD_TRAFFIC_TEST_ETCD").map(PathBuf::from);
    if etcd.is_none() {
        assert!(
            std::env::var_os("CI").is_none(),
            "ETCD_TRAFFIC_TEST_ETCD is not set: use `cargo xtask test`"
        );
        eprintln!("SKIPPED: needs an etcd; use `cargo xtask test`, or set ETCD_TRAFFIC_TEST_ETCD to one");
    }
    etcd
}

/// The Python that has the packages of the test's command, or `None` where there is none and that is fine.
#[expect(clippy::disallowed_methods, reason = "tests are told by their environment where Python is")]
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
pub(crate) fn python() -> Option<PathBuf> {
    let python = std::env::var_os("ETCD_TRAFFIC_TEST_PYTHON").map(PathBuf::from);
    if python.is_none() {
        assert!(
            std::env::var_os("CI").is_none(),
            "ETCD_TRAFFIC_TEST_PYTHON is not set: use `cargo xtask test`"
        );
        eprintln!("SKIPPED: needs a Python with packages; use `cargo xtask test`");
    }
    python
}

/// Whether there is a Docker with the images that tests need; where there is none, that is fine, but not where `CI` is set.
#[expect(clippy::disallowed_methods, reason = "tests are told by their environment where they run")]
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
pub(crate) fn docker() -> bool {
    let output = Command::new("docker").args(["image", "inspect", "debian:bookworm-slim"]).output();
    let there = output.is_ok_and(|output| output.status.success());
    if !there {
        assert!(
            std::env::var_os("CI").is_none(),
            "no Docker answers here, or it lacks debian:bookworm-slim: use `cargo xtask test`"
        );
        eprintln!("SKIPPED: needs Docker with debian:bookworm-slim; see compose/base-images");
    }
    there
}

/// A scratch directory on the disk that cargo builds on.
pub(crate) fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// Processes whose command line or environment names `needle`: what a run has left behind.
pub(crate) fn left_behind(needle: &Path) -> Vec<String> {
    let needle = needle.to_string_lossy().into_owned();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let read = |file: &str| std::fs::read(entry.path().join(file)).unwrap_or_default();
        let is_process = entry.file_name().to_string_lossy().bytes().all(|byte| byte.is_ascii_digit());
        let is_this = entry.file_name().to_string_lossy() == std::process::id().to_string();
        if !is_process || is_this {
            continue;
        }
        let text = [read("cmdline"), read("environ")].concat();
        if String::from_utf8_lossy(&text).contains(&needle) {
            found.push(String::from_utf8_lossy(&read("cmdline")).replace('\0', " "));
        }
    }
    found
}

/// Ends a child at the latest when the test ends.
#[derive(Debug)]
pub(crate) struct Ended(pub(crate) Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Polls until `condition` gives something; panics with `what` after a while.
#[expect(clippy::disallowed_methods, reason = "this is where tests wait")]
pub(crate) fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    for _ in 0..600 {
        if let Some(found) = condition() {
            return found;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("waited 30 s for {what}");
}

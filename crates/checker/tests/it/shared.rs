//! The recorded histories that lie beside the repository, in `../shared/testdata`, for want of a licence of their own.

use std::path::PathBuf;

/// The directory; `None`, with a visible line, where it is missing on a laptop.
///
/// # Panics
/// Where it is missing in CI: there a test that is passed over is a defect.
pub(crate) fn testdata() -> Option<PathBuf> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/testdata");
    if directory.is_dir() {
        return Some(directory);
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "whether a missing file is a failure depends on where the test runs"
    )]
    let ci = std::env::var_os("CI").is_some();
    assert!(!ci, "{} is missing", directory.display());
    #[expect(clippy::print_stderr, reason = "a test that is passed over says so")]
    {
        eprintln!("skipped: {} is missing", directory.display());
    }
    None
}

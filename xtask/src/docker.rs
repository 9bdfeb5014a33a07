//! Docker for the tests that need it: tools and base images out of packages, where they are missing.

use std::process::{Command, Stdio};

use anyhow::bail;

use crate::step;

/// Makes the images that tests need, where `CI` is set with the tools for that, which are installed; elsewhere, what is
/// missing is told and the machine is left as it is.
pub(crate) fn prepare() -> anyhow::Result<()> {
    if !answers() {
        if step::in_ci() {
            bail!("no Docker answers here, and CI is set: these tests must not be skipped");
        }
        step::skip("tests in containers, as no Docker answers here".to_owned());
        return Ok(());
    }
    if step::in_ci() {
        step::run(script("compose/install-tools"))?;
        return step::run(script("compose/base-images"));
    }
    if let Err(error) = step::run(script("compose/base-images")) {
        step::skip(format!("tests in containers that need what compose/install-tools installs: {error:#}"));
    }
    Ok(())
}

/// The tests of the project that uses our crates with the crate `testcontainers`. It is none of this workspace, as nothing
/// else needs what it is made of.
pub(crate) fn test_example() -> anyhow::Result<()> {
    if !answers() {
        return Ok(());
    }
    let mut image = script("compose/images");
    image.arg("--only-etcd").env("PROGRAMS_DIR", step::target().join("debug"));
    step::run(image)?;
    let mut tests =
        step::cargo(&["test", "--locked", "--manifest-path", "examples/testcontainers/Cargo.toml"]);
    // What both are made of is built once.
    tests.env("CARGO_TARGET_DIR", step::target());
    step::run(tests)
}

/// What the platform's own client says of our containers. Building that takes longer than all of our own programs, so it is
/// asked where somebody has it.
pub(crate) fn validate() -> anyhow::Result<()> {
    let mut version = Command::new("snouty");
    version.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if !answers() || !version.status().is_ok_and(|status| status.success()) {
        step::skip("`snouty validate compose`, as it is not here: cargo install snouty".to_owned());
        return Ok(());
    }
    let mut images = script("compose/images");
    images.env("PROGRAMS_DIR", step::target().join("debug"));
    step::run(images)?;
    let mut validate = Command::new("snouty");
    validate.args(["validate", "compose"]).current_dir(step::root());
    step::run(validate)
}

fn answers() -> bool {
    let mut info = Command::new("docker");
    let answers = info.arg("info").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    answers.is_ok_and(|status| status.success())
}

fn script(path: &str) -> Command {
    let mut command = Command::new(step::root().join(path));
    command.current_dir(step::root());
    command
}

//! Docker for the tests that need it: tools and base images out of packages where they are missing, and the packages of the
//! tests' Python command for an image.

use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

use crate::{python, step};

/// Where the Python packages for an image are.
const PACKAGES: &str = "target/image/python";

/// Makes what tests need; says so where there is no Docker, and fails where `CI` is set.
pub(crate) fn prepare() -> anyhow::Result<()> {
    let mut info = Command::new("docker");
    let answers = info.arg("info").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !answers.is_ok_and(|status| status.success()) {
        if step::in_ci() {
            bail!("no Docker answers here, and CI is set: these tests must not be skipped");
        }
        step::say("SKIPPED: tests in containers, as no Docker answers here");
        return Ok(());
    }
    let prepared = step::run(script("compose/install-tools", &[]))
        .and_then(|()| step::run(script("compose/base-images", &["--python"])))
        .and_then(|()| packages());
    match prepared {
        Err(error) if !step::in_ci() => {
            step::say(&format!("SKIPPED: tests in containers that need what is missing: {error:#}"));
            Ok(())
        }
        prepared => prepared,
    }
}

fn script(path: &str, words: &[&str]) -> Command {
    let mut command = Command::new(step::root().join(path));
    command.args(words).current_dir(step::root());
    command
}

/// Downloads the packages for the Python of the image, whatever Python there is here.
fn packages() -> anyhow::Result<()> {
    let list = step::root().join(python::REQUIREMENTS);
    let wanted = fs::read_to_string(&list).with_context(|| format!("cannot read {}", list.display()))?;
    let dir = step::root().join(PACKAGES);
    let installed = dir.join("installed.txt");
    if fs::read_to_string(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    if dir.exists() {
        fs::remove_dir_all(&dir)?;
    }
    let python = python::environment()?;
    let mut freeze = Command::new(&python);
    freeze.args(["-m", "pip", "freeze", "--disable-pip-version-check"]);
    let list = step::root().join("target/image/python.txt");
    fs::create_dir_all(step::root().join("target/image"))?;
    fs::write(&list, step::output(freeze)?)?;
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--python-version", "3.11"]);
    // For another Python than the one that installs, nothing may be resolved: the list has everything.
    pip.args(["--platform", "manylinux2014_x86_64", "--platform", "manylinux_2_28_x86_64", "--no-deps"]);
    pip.arg("--target").arg(&dir).arg("-r").arg(&list);
    step::run(pip).context("cannot get the packages of the tests' Python command for an image")?;
    fs::write(installed, wanted)?;
    Ok(())
}

//! A Python with the packages that tests need, in a virtual environment below the target directory. It is made once for
//! each list of packages.

use std::fs;
use std::process::Command;

use anyhow::Context as _;

use crate::step;

/// The list of packages, from the workspace's top.
const REQUIREMENTS: &str = "crates/dt/tests/python/requirements.txt";
/// The list as it was installed, in the environment.
const INSTALLED: &str = "installed.txt";

/// The environment's Python; made where it is missing or its packages are others.
pub(crate) fn environment() -> anyhow::Result<String> {
    let list = step::root().join(REQUIREMENTS);
    let wanted = fs::read_to_string(&list).with_context(|| format!("cannot read {REQUIREMENTS}"))?;
    let dir = step::root().join("target/python");
    let python = dir.join("bin/python3");
    if fs::read_to_string(dir.join(INSTALLED)).is_ok_and(|installed| installed == wanted) && python.is_file()
    {
        return Ok(python.display().to_string());
    }
    let mut make = Command::new("python3");
    make.args(["-m", "venv", "--clear"]).arg(&dir);
    step::run(make).context("tests need Python 3 with venv (on Debian: apt install python3-venv)")?;
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]).arg(&list);
    step::run(install).context("cannot install the packages that the tests' Python command needs")?;
    fs::write(dir.join(INSTALLED), wanted)?;
    Ok(python.display().to_string())
}

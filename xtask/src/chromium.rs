//! A browser for the tests of pages, and the rules by which they are judged to be accessible. Neither is part of what is
//! shipped.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use browser::Programs;

use crate::step;

/// Debian's names.
const PACKAGES: [&str; 2] = ["chromium", "chromium-driver"];
/// A package that carries axe-core as one file; nothing else of it is used.
const AXE: &str = "axe-playwright-python==0.1.8";
/// The file in it.
const RULES: &str = "axe_playwright_python/axe.min.js";

/// Sees to it that there is a browser. Where one is missing, a build machine gets it; a person is told how to.
pub(crate) fn ensure(install: bool) -> anyhow::Result<()> {
    if Programs::find().is_some() {
        return Ok(());
    }
    let by_hand = format!("apt-get install --no-install-recommends {}", PACKAGES.join(" "));
    if !install {
        step::skip(format!("looking at pages, as there is no chromium with its driver: {by_hand}"));
        return Ok(());
    }
    let apt = |words: &[&str]| {
        let mut command = if is_root()? { Command::new("apt-get") } else { Command::new("sudo") };
        if !is_root()? {
            command.args(["-n", "apt-get"]);
        }
        command.args(words).env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null());
        step::run(command).with_context(|| format!("tests of pages need a browser: {by_hand}"))
    };
    apt(&["update", "-qq"])?;
    apt(&[&["install", "-y", "-qq", "--no-install-recommends"], &PACKAGES[..]].concat())?;
    if Programs::find().is_none() {
        bail!("{by_hand} was carried out, and there is still no chromium with its driver on the PATH");
    }
    Ok(())
}

fn is_root() -> anyhow::Result<bool> {
    let mut command = Command::new("id");
    command.arg("-u");
    Ok(step::output(command)?.trim() == "0")
}

/// The file with the rules of accessibility; fetched once, by the tests' own Python.
pub(crate) fn rules(python: &str) -> anyhow::Result<PathBuf> {
    let dir = step::root().join("target/axe");
    let (rules, installed) = (dir.join(RULES), dir.join("installed.txt"));
    if rules.is_file() && fs::read_to_string(&installed).is_ok_and(|installed| installed == AXE) {
        return Ok(rules);
    }
    let mut install = Command::new(python);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]);
    install.args(["--upgrade", "--root-user-action=ignore", "--target"]).arg(&dir).arg(AXE);
    step::run(install).context("cannot fetch the rules of accessibility")?;
    fs::write(installed, AXE)?;
    Ok(rules)
}

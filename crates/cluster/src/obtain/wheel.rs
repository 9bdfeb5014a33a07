//! The program inside a wheel that `pip` downloads by the package's name, from wherever this machine's `pip`
//! is set up to download from.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::chart::Wheel;
use crate::obtain::source::{Order, Reason, verify};
use crate::obtain::tool::{PACKAGE_WITHIN, run};

pub(crate) async fn fill(order: &Order<'_>, wheel: &Wheel) -> Result<PathBuf, Reason> {
    let (arch, sum) = Order::pin(wheel.versions.get(order.version))?;
    let member = order.text(&wheel.member, arch)?;
    let pip = ["-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"];
    let only =
        ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--retries=1", "--timeout=15", "--dest"];
    let requirement = format!("{}=={}", wheel.package, order.version);
    let mut download = Command::new("python3");
    download.args(pip).args(only).arg(order.work).arg(requirement).current_dir(order.work);
    run(&mut download, PACKAGE_WITHIN).await?;

    let file = with_extension(order.work, "whl")?;
    verify(&file, sum)?;
    let out = order.work.join("wheel");
    let mut unpack = Command::new("python3");
    unpack.args(["-m", "zipfile", "-e"]).arg(&file).arg(&out);
    run(&mut unpack, PACKAGE_WITHIN).await?;
    let program = out.join(&member);
    if program.is_file() {
        Ok(program)
    } else {
        Err(Reason::NoMember { what: file.display().to_string(), member })
    }
}

/// The one file of that kind in a directory.
pub(crate) fn with_extension(dir: &Path, extension: &str) -> Result<PathBuf, Reason> {
    let entries = std::fs::read_dir(dir).map_err(Reason::disk(dir))?;
    let mut paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let found = paths.find(|path| path.extension().is_some_and(|found| found == extension));
    found.ok_or_else(|| Reason::NotHere(format!("no .{extension} file was downloaded")))
}

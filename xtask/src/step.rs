//! Running one program as a step of a task: said before it is done, judged by its exit code.

use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, bail};

/// The workspace's top directory.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(PathBuf::new, PathBuf::from)
}

/// Where cargo puts what it builds: this program is in one of its profiles' directories.
pub(crate) fn target() -> PathBuf {
    let here = std::env::current_exe().ok();
    here.as_deref()
        .and_then(|exe| exe.ancestors().nth(2))
        .map_or_else(|| root().join("target"), PathBuf::from)
}

/// The same cargo that runs this task, without what that told the task about its own package: build scripts look at that,
/// and everything behind them would be built again.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.args(args).current_dir(root());
    for name in own_package() {
        command.env_remove(name);
    }
    command
}

fn own_package() -> impl Iterator<Item = String> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    names.filter(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
}

/// Whether nothing may be skipped here.
#[expect(clippy::disallowed_methods, reason = "a task is told by its environment where it runs")]
pub(crate) fn in_ci() -> bool {
    std::env::var_os("CI").is_some()
}

/// Says what it does, does it, and fails if that failed.
pub(crate) fn run(mut command: Command) -> anyhow::Result<()> {
    say(&format!("$ {}", line(&command)));
    let status = command.status().with_context(|| format!("cannot run `{}`", line(&command)))?;
    if !status.success() {
        bail!("`{}` failed ({status})", line(&command));
    }
    Ok(())
}

/// Runs a program quietly and returns its standard output.
pub(crate) fn output(mut command: Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("cannot run `{}`", line(&command)))?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` failed ({}): {}", line(&command), output.status, words.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn line(command: &Command) -> String {
    let program = PathBuf::from(command.get_program());
    let name = program.file_name().unwrap_or(command.get_program()).to_string_lossy().into_owned();
    let args = command.get_args().map(|arg| arg.to_string_lossy().into_owned());
    std::iter::once(name).chain(args).collect::<Vec<_>>().join(" ")
}

/// A line for the developer.
#[expect(clippy::print_stderr, reason = "a task talks to the developer's terminal")]
pub(crate) fn say(words: &str) {
    eprintln!("{words}");
}

/// What was left out so far.
static SKIPPED: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Says what is left out, and why.
pub(crate) fn skip(words: String) {
    say(&format!("SKIPPED: {words}"));
    SKIPPED.lock().unwrap_or_else(PoisonError::into_inner).push(words);
}

/// Says again at the end what was left out: hundreds of lines ago is as good as not at all.
pub(crate) fn say_skipped() {
    for words in SKIPPED.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        say(&format!("test: SKIPPED: {words}"));
    }
}

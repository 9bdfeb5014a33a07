//! Running other programs with a deadline: package tools, and the found program itself for its version.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::chart::VersionCommand;
use crate::obtain::source::Reason;
use crate::version::Version;

/// A program tells its version in milliseconds; a busy machine makes that a second.
const VERSION_WITHIN: Duration = Duration::from_secs(10);
/// An index of packages is about 10 MB and a package 12 MB: half a minute on a slow line.
pub(crate) const PACKAGE_WITHIN: Duration = Duration::from_secs(180);

/// Runs a program and gives what it printed.
pub(crate) async fn run(command: &mut Command, within: Duration) -> Result<String, Reason> {
    let program = command.as_std().get_program().to_owned();
    let tool = Path::new(&program).file_name().unwrap_or(&program).to_string_lossy().into_owned();
    let failed = |message: String| Reason::Tool { tool: tool.clone(), message };
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    // What a tool says is shown to the user, so it should be in one language.
    command.env("LC_ALL", "C");
    let output = tokio::time::timeout(within, command.output())
        .await
        .map_err(|_| failed(format!("did not finish within {} s", within.as_secs())))?
        .map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(failed(format!("{}: {}", output.status, last_words(&said))))
}

/// The last lines that say something, in one line.
fn last_words(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(3)..].join(" / ")
}

/// Asks a program for its version.
pub(crate) async fn version(how: &VersionCommand, program: &Path) -> Result<Version, Reason> {
    let printed = run(Command::new(program).args(&how.arguments), VERSION_WITHIN).await?;
    find(&printed, &how.after).ok_or_else(|| Reason::Tool {
        tool: program.display().to_string(),
        message: format!("prints no version after `{}`", how.after),
    })
}

fn find(printed: &str, after: &str) -> Option<Version> {
    let (_, rest) = printed.split_once(after)?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{find, last_words};

    #[test]
    fn versions_are_found_where_the_chart_says() {
        let etcd = "etcd Version: 3.5.30\nGit SHA: abc\n";
        assert_eq!(find(etcd, "etcd Version: ").unwrap().as_str(), "3.5.30");
        let redis = "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc\n";
        assert_eq!(find(redis, "v=").unwrap().as_str(), "7.0.15");
        assert_eq!(find("hello", "etcd Version: "), None);
        assert_eq!(find("etcd Version: ", "etcd Version: "), None);
    }

    #[test]
    fn the_last_lines_are_shown() {
        assert_eq!(last_words("a\nb\n\nc\nd\n"), "b / c / d");
        assert_eq!(last_words(""), "");
    }
}

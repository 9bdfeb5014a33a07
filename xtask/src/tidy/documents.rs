//! Documents that say what is there: links that lead somewhere, and parts that are described.

use std::path::{Component, Path, PathBuf};

use super::TextFile;
use super::graph::Packages;

/// What breaks the rules.
pub(crate) fn findings(files: &[TextFile], packages: &Packages) -> Vec<String> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.has_extension("md")) {
        findings.extend(dead_links(file, files));
    }
    let architecture = files.iter().find(|file| file.path.as_os_str() == "ARCHITECTURE.md");
    let text = architecture.map_or("", |file| &file.text);
    for package in packages.keys().filter(|name| !text.contains(&format!("`{name}`"))) {
        findings.push(format!("ARCHITECTURE.md: does not describe `{package}`"));
    }
    findings
}

/// Links within the repository that lead to nothing.
fn dead_links(file: &TextFile, files: &[TextFile]) -> Vec<String> {
    let dir = file.path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
    let targets = file.text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let local =
        targets.filter(|target| !target.contains("://") && !target.starts_with('#') && !target.contains(' '));
    local
        .filter_map(|target| {
            let path = plain(&dir.join(target.split('#').next().unwrap_or(target)));
            let found = files.iter().any(|other| other.path == path || other.path.starts_with(&path));
            (!found).then(|| format!("{}: link to `{target}` leads nowhere", file.path.display()))
        })
        .collect()
}

/// A path without `.` and `..`; what leads out of the repository leads nowhere.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if !plain.pop() => return PathBuf::from(".."),
            Component::ParentDir => {}
            part => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> TextFile {
        TextFile { path: PathBuf::from(path), text: text.to_owned() }
    }

    #[test]
    fn each_rule_can_be_broken() {
        let packages =
            Packages::from([("a".to_owned(), Default::default()), ("b".to_owned(), Default::default())]);
        let files = [
            file(
                "ARCHITECTURE.md",
                "only `a`; [x](docs/gone.md) [y](docs/here.md#top) [z](docs) [w](https://x/y)",
            ),
            file("docs/here.md", "[back](here.md) [up](../docs/./here.md) [out](../../docs/here.md)"),
        ];
        assert_eq!(
            findings(&files, &packages),
            [
                "ARCHITECTURE.md: link to `docs/gone.md` leads nowhere",
                "docs/here.md: link to `../../docs/here.md` leads nowhere",
                "ARCHITECTURE.md: does not describe `b`",
            ]
        );
    }
}

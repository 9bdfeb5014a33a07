//! The program inside a package that `apt-get` downloads as an ordinary user: from the mirror that the
//! machine's own package sources name, from the suite that the chart names, with state of its own, so that
//! the machine's package lists stay as they are.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::chart::Debian;
use crate::obtain::source::{Order, Reason, verify};
use crate::obtain::tool::{PACKAGE_WITHIN, run};
use crate::obtain::wheel::with_extension;

pub(crate) async fn fill(order: &Order<'_>, debian: &Debian) -> Result<PathBuf, Reason> {
    let build = debian.versions.get(order.version);
    let (arch, sum) = Order::pin(build.map(|build| &build.sums))?;
    let build = build.ok_or_else(|| Reason::NoBuild(arch.to_string()))?;
    let member = order.text(&debian.member, arch)?;
    let mirror = own_mirror(order.apt, order.os_release)?;

    let config = write_config(order.work, &mirror.line(&build.suite))?;
    let apt = || {
        let mut apt = Command::new("apt-get");
        apt.arg("-c").arg(&config).arg("-q").current_dir(order.work);
        apt
    };
    run(apt().arg("update"), PACKAGE_WITHIN).await?;
    let package = format!("{}={}", debian.package, build.revision);
    run(apt().arg("download").arg(&package), PACKAGE_WITHIN).await.map_err(|reason| match reason {
        // The suite has moved on; that is no fault of the tool.
        Reason::Tool { message, .. } if message.contains("not found") => {
            Reason::NotHere(format!("{package} is not available in {} any more", build.suite))
        }
        other => other,
    })?;

    let file = with_extension(order.work, "deb")?;
    verify(&file, sum)?;
    let out = order.work.join("package");
    run(Command::new("dpkg-deb").arg("-x").arg(&file).arg(&out), PACKAGE_WITHIN).await?;
    let program = out.join(&member);
    if program.is_file() {
        Ok(program)
    } else {
        Err(Reason::NoMember { what: file.display().to_string(), member })
    }
}

/// Directories and a configuration that keep apt away from the machine's own state. It also leaves out the
/// hooks that machines run after an update, which would work on that state, and indexes nobody needs here.
fn write_config(work: &Path, source: &str) -> Result<PathBuf, Reason> {
    for dir in ["state/lists/partial", "cache/archives/partial"] {
        let dir = work.join(dir);
        std::fs::create_dir_all(&dir).map_err(Reason::disk(&dir))?;
    }
    let list = work.join("sources.list");
    std::fs::write(&list, source).map_err(Reason::disk(&list))?;
    let config = work.join("apt.conf");
    let text = format!(
        "Dir::State \"{work}/state\";\nDir::Cache \"{work}/cache\";\n\
         Dir::Etc::sourcelist \"{work}/sources.list\";\nDir::Etc::sourceparts \"/dev/null\";\n\
         APT::Sandbox::User \"\";\nAcquire::Retries \"1\";\nAcquire::http::Timeout \"15\";\n\
         Acquire::https::Timeout \"15\";\nAcquire::Languages \"none\";\n\
         #clear APT::Update::Post-Invoke;\n#clear APT::Update::Post-Invoke-Success;\n\
         #clear Acquire::IndexTargets::deb::DEP-11;\n",
        work = work.display()
    );
    std::fs::write(&config, text).map_err(Reason::disk(&config))?;
    Ok(config)
}

/// Where a Debian machine gets its packages from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    uri: String,
    /// The keyring that signs it, where the machine's sources name one.
    signed_by: Option<String>,
}

impl Mirror {
    /// A line of a source list for a suite of this mirror.
    fn line(&self, suite: &str) -> String {
        let options = self.signed_by.as_ref().map(|key| format!("[signed-by={key}] ")).unwrap_or_default();
        format!("deb {options}{} {suite} main\n", self.uri)
    }
}

fn own_mirror(apt: &Path, os_release: &Path) -> Result<Mirror, Reason> {
    let release = std::fs::read_to_string(os_release).unwrap_or_default();
    if !release.lines().any(|line| line == "ID=debian") {
        return Err(Reason::NotHere("this machine is not a Debian".to_owned()));
    }
    let parts = std::fs::read_dir(apt.join("sources.list.d")).into_iter().flatten();
    let mut files: Vec<_> = parts.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    files.sort();
    files.insert(0, apt.join("sources.list"));
    let found = files.iter().find_map(|path| {
        let text = std::fs::read_to_string(path).ok()?;
        let kind = path.extension()?.to_str()?;
        mirror(&text, kind)
    });
    found.ok_or_else(|| Reason::NotHere(format!("no Debian mirror is named below {}", apt.display())))
}

/// The first mirror of Debian's own packages in a file of package sources; `kind` is the file's extension.
/// Security and other partial archives do not count, as they lack most packages.
#[must_use]
pub fn mirror(text: &str, kind: &str) -> Option<Mirror> {
    match kind {
        "list" => text.lines().find_map(one_line),
        "sources" => text.split("\n\n").find_map(stanza),
        _ => None,
    }
}

/// `deb [options] uri suite component...`
fn one_line(line: &str) -> Option<Mirror> {
    let rest = line.trim().strip_prefix("deb ")?.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    let mut words = rest.split_whitespace();
    let (uri, suite) = (words.next()?, words.next()?);
    let signed_by = options.split_whitespace().find_map(|option| option.strip_prefix("signed-by="));
    let serves = is_whole(uri, suite) && words.any(|component| component == "main");
    serves.then(|| Mirror { uri: uri.to_owned(), signed_by: signed_by.map(str::to_owned) })
}

/// A paragraph of `Name: value` lines.
fn stanza(text: &str) -> Option<Mirror> {
    let field = |name: &str| {
        let mut lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
    };
    let has =
        |name: &str, word: &str| field(name).is_some_and(|value| value.split(' ').any(|one| one == word));
    let uri = field("URIs")?.split(' ').next()?;
    let suites = field("Suites")?;
    let serves = has("Types", "deb")
        && has("Components", "main")
        && field("Enabled") != Some("no")
        && suites.split(' ').any(|suite| is_whole(uri, suite));
    // A key may also be written out in the file; then the machine's trusted keys have to do.
    let signed_by = field("Signed-By").filter(|key| key.starts_with('/')).map(str::to_owned);
    serves.then(|| Mirror { uri: uri.to_owned(), signed_by })
}

/// Whether a suite is a whole distribution of Debian.
fn is_whole(uri: &str, suite: &str) -> bool {
    uri.trim_end_matches('/').ends_with("/debian") && !suite.contains(['/', '-'])
}

#[cfg(test)]
mod tests {
    use super::{Mirror, mirror};

    #[test]
    fn the_machines_own_mirror_is_found() {
        let whole = Mirror { uri: "http://mirror.example/debian".into(), signed_by: Some("/k.gpg".into()) };
        let sources = "Types: deb\nURIs: http://mirror.example/debian-security\nSuites: a-security\n\
                       Components: main\n\nTypes: deb\n# a remark\nURIs: http://mirror.example/debian\n\
                       Suites: a a-updates\nComponents: main contrib\nSigned-By: /k.gpg\n";
        assert_eq!(mirror(sources, "sources"), Some(whole.clone()));
        assert_eq!(mirror(&format!("Enabled: no\n{sources}").replace("\n\n", "\n"), "sources"), None);
        let list = "# deb http://other.example/debian a main\n\
                    deb http://mirror.example/debian a-updates main\n\
                    deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/debian a main\n";
        assert_eq!(mirror(list, "list"), Some(whole.clone()));
        assert_eq!(mirror("deb http://mirror.example/debian a contrib\n", "list"), None);
        assert_eq!(mirror("deb http://node.example/deb nodistro main\n", "list"), None);
        assert_eq!(mirror(list, "bak"), None);
        assert_eq!(whole.line("sid"), "deb [signed-by=/k.gpg] http://mirror.example/debian sid main\n");
    }
}

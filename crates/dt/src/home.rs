//! Where charts, suites and templates are: next to this program's workspace, or where `DT_HOME` says.
//!
//! This is the only module of `dt` that reads the environment.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

/// The directory with `charts/`, `suites/` and `opt-antithesis/`.
#[derive(Clone, Debug)]
pub(crate) struct Home(PathBuf);

impl Home {
    /// `$DT_HOME`; else the nearest directory above the current one, or above this program, that has charts and suites.
    #[expect(clippy::disallowed_methods, reason = "this is where the environment is read")]
    pub(crate) fn find() -> anyhow::Result<Self> {
        if let Some(home) = env::var_os("DT_HOME") {
            // Links to what is in it are made elsewhere.
            let home = std::path::absolute(home).context("DT_HOME names no directory")?;
            if !is_home(&home) {
                bail!("DT_HOME is {}, which has no charts/ and suites/", home.display());
            }
            return Ok(Self(home));
        }
        let starts = [env::current_dir().ok(), env::current_exe().ok()];
        let found = starts.iter().flatten().flat_map(|start| start.ancestors()).find(|dir| is_home(dir));
        let Some(home) = found else {
            bail!(
                "found no charts/ and suites/ above the current directory: go to your clone, or set DT_HOME to it"
            );
        };
        Ok(Self(home.to_owned()))
    }

    pub(crate) fn charts(&self) -> PathBuf {
        self.0.join("charts")
    }

    pub(crate) fn suites(&self) -> PathBuf {
        self.0.join("suites")
    }

    /// What is at this place in it.
    pub(crate) fn join(&self, path: &Path) -> PathBuf {
        self.0.join(path)
    }

    /// The sources of all templates.
    pub(crate) fn templates(&self) -> PathBuf {
        self.0.join("opt-antithesis/test/v1")
    }

    /// The directory of a template's executables, with the files named as the image has them.
    ///
    /// Sources are in `opt-antithesis/test/v1/<name>/`; cargo puts the programs beside this one. They are linked
    /// together in a directory that looks as it does in the image. Other runs use such directories at the same time, so
    /// none is ever changed: another set of links gets another directory.
    pub(crate) fn template(&self, name: &str) -> anyhow::Result<PathBuf> {
        let sources = self.templates().join(name);
        let listed = fs::read_dir(&sources)
            .with_context(|| format!("there is no template `{name}`: cannot read {}", sources.display()))?;
        let programs = env::current_exe().context("cannot tell where this program is")?;
        let programs = programs.parent().context("this program is in no directory")?;
        let mut links = BTreeMap::new();
        for entry in listed {
            let source = entry?.path();
            let (Some(stem), Some(file)) = (source.file_stem(), source.file_name()) else { continue };
            let is_rust = source.extension().is_some_and(|extension| extension == "rs");
            let (target, link) = if is_rust { (programs.join(stem), stem) } else { (source.clone(), file) };
            if !target.exists() {
                bail!("{} is not built: run `cargo build -p opt-antithesis`", stem.display());
            }
            links.insert(link.to_owned(), target);
        }
        stage(&programs.join("staged"), name, &links)
    }
}

/// The directory called `name` in `all` that has exactly these links. It is made where missing, whole in one step.
fn stage(all: &Path, name: &str, links: &BTreeMap<OsString, PathBuf>) -> anyhow::Result<PathBuf> {
    let mut hasher = DefaultHasher::new();
    links.hash(&mut hasher);
    let set = all.join(format!("{:016x}", hasher.finish()));
    let staged = set.join("opt/antithesis/test/v1").join(name);
    if staged.is_dir() {
        return Ok(staged);
    }
    let fresh = set.join(format!(".{name}.{}", std::process::id()));
    let at = |path: &Path| format!("cannot make {}", path.display());
    for dir in [staged.parent().unwrap_or(&set), &fresh] {
        fs::create_dir_all(dir).with_context(|| at(dir))?;
    }
    for (link, target) in links {
        symlink(target, fresh.join(link)).with_context(|| format!("cannot link {}", target.display()))?;
    }
    if let Err(error) = fs::rename(&fresh, &staged) {
        // Another run was faster, with the same links.
        fs::remove_dir_all(&fresh).with_context(|| format!("cannot remove {}", fresh.display()))?;
        if !staged.is_dir() {
            return Err(error).with_context(|| at(&staged));
        }
    }
    Ok(staged)
}

/// The library that seeds the draws of commands, where it was built beside this program.
pub(crate) fn voidstar() -> Option<PathBuf> {
    let library = env::current_exe().ok()?.with_file_name("libvoidstar.so");
    library.is_file().then_some(library)
}

/// The directory that this program is in, with the others that were built with it.
pub(crate) fn programs() -> Option<PathBuf> {
    Some(env::current_exe().ok()?.parent()?.to_owned())
}

/// Whether the user has set this variable.
#[expect(clippy::disallowed_methods, reason = "this is where the environment is read")]
pub(crate) fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// How the user calls this program: `DT_NAME`, which the launcher sets, or plainly.
#[expect(clippy::disallowed_methods, reason = "this is where the environment is read")]
pub(crate) fn own_name() -> String {
    env::var("DT_NAME").unwrap_or_else(|_| "dt".to_owned())
}

/// What requests to the service must show: `DT_TOKEN`, where words on a command line would be seen by others.
#[expect(clippy::disallowed_methods, reason = "this is where the environment is read")]
pub(crate) fn token() -> Option<String> {
    env::var("DT_TOKEN").ok().filter(|token| !token.is_empty())
}

/// A path as one would type it here.
pub(crate) fn shown(path: &Path) -> String {
    let here = env::current_dir().unwrap_or_default();
    path.strip_prefix(&here).unwrap_or(path).display().to_string()
}

fn is_home(dir: &Path) -> bool {
    dir.join("charts").is_dir() && dir.join("suites").is_dir()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    fn links(names: &[&str]) -> BTreeMap<OsString, PathBuf> {
        names.iter().map(|name| (OsString::from(name), PathBuf::from("/bin").join(name))).collect()
    }

    #[test]
    fn a_staged_template_stays_as_it_is_whatever_others_stage() {
        let dir = tempfile::tempdir().unwrap();
        let stage = |names: &[&str]| stage(dir.path(), "main", &links(names)).unwrap();
        let listed = |dir: &Path| {
            let mut names: Vec<_> =
                fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        let first = stage(&["sh", "ls"]);
        let made = fs::metadata(&first).unwrap();
        let more = stage(&["sh", "ls", "cat"]);
        assert_ne!(first, more, "a run that uses the first must not see the second's commands");
        assert_eq!(stage(&["sh", "ls"]), first);
        let again = fs::metadata(&first).unwrap();
        assert_eq!(
            (made.ino(), made.ctime_nsec()),
            (again.ino(), again.ctime_nsec()),
            "not even for a moment"
        );
        assert_eq!((listed(&first).len(), listed(&more).len()), (2, 3));
        assert!(first.ends_with("opt/antithesis/test/v1/main"), "{}", first.display());
    }
}

//! Where charts, suites and templates are: next to this program's workspace, or where `DT_HOME` says.
//!
//! This is the only module of `dt` that reads the environment.

use std::env;
use std::fs;
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
            let home = PathBuf::from(home);
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

    /// The directory of a template's executables, with the files named as the image has them.
    ///
    /// Sources are in `opt-antithesis/test/v1/<name>/`; cargo puts the programs beside this one. They are linked
    /// together in a directory that looks as it does in the image, anew each time, so that no deleted command stays.
    pub(crate) fn template(&self, name: &str) -> anyhow::Result<PathBuf> {
        let sources = self.0.join("opt-antithesis/test/v1").join(name);
        let listed = fs::read_dir(&sources)
            .with_context(|| format!("there is no template `{name}`: cannot read {}", sources.display()))?;
        let programs = env::current_exe().context("cannot tell where this program is")?;
        let programs = programs.parent().context("this program is in no directory")?;
        let staged = programs.join("opt/antithesis/test/v1").join(name);
        let fresh = programs.join(format!("opt/antithesis/test/v1/.{name}.{}", std::process::id()));
        fs::create_dir_all(&fresh).with_context(|| format!("cannot make {}", fresh.display()))?;
        for entry in listed {
            let source = entry?.path();
            let (Some(stem), Some(file)) = (source.file_stem(), source.file_name()) else { continue };
            let is_rust = source.extension().is_some_and(|extension| extension == "rs");
            let (target, link) = if is_rust { (programs.join(stem), stem) } else { (source.clone(), file) };
            if !target.exists() {
                bail!("{} is not built: run `cargo build -p opt-antithesis`", stem.display());
            }
            symlink(&target, fresh.join(link))
                .with_context(|| format!("cannot link {}", target.display()))?;
        }
        replace_dir(&fresh, &staged)?;
        Ok(staged)
    }
}

/// Puts `fresh` in the place of `old`; another run may be doing the same, with the same content.
fn replace_dir(fresh: &Path, old: &Path) -> anyhow::Result<()> {
    for _ in 0..10 {
        if fs::rename(fresh, old).is_ok() {
            return Ok(());
        }
        let aside = fresh.with_extension("old");
        if fs::rename(old, &aside).is_ok() {
            fs::remove_dir_all(&aside).with_context(|| format!("cannot remove {}", aside.display()))?;
        }
    }
    bail!("cannot put {} in its place", old.display())
}

fn is_home(dir: &Path) -> bool {
    dir.join("charts").is_dir() && dir.join("suites").is_dir()
}

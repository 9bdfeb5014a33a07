//! The cache: one directory for each version of a system, made whole in one step, so that runs at the same
//! time and runs that were cut off leave either a program or nothing.
//!
//! ```text
//! <cache>/<system>/<version>/<program>   the program
//! <cache>/<system>/<version>/origin      the source it came from
//! <cache>/<system>/<version>.lock        held while the version is got
//! <cache>/<system>/<version>.work/       removed afterwards
//! <cache>/<system>/downloads/            unfinished downloads
//! ```

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::FlockOperation;
use rustix::io::Errno;
use tokio::time::sleep;

use crate::chart::{Chart, Source};
use crate::config::Places;
use crate::obtain::source::{Order, Reason};
use crate::obtain::{Attempt, Binary, Note, Notes, ObtainError, tool};
use crate::version::Version;

/// How often a lock that another run holds is tried.
const TRY_LOCK_EVERY: Duration = Duration::from_millis(100);
/// How often at most: ten minutes, which is more than all sources together may take.
const TRY_LOCK_TIMES: usize = 6_000;

/// One version of a system, in the cache or on its way there.
pub(crate) struct Item<'a> {
    pub(crate) chart: &'a Chart,
    pub(crate) version: &'a Version,
    pub(crate) places: &'a Places,
    pub(crate) notes: &'a Notes,
}

impl Item<'_> {
    /// The program, from the cache or from the first source that serves; sources that did not are added to
    /// `tried`.
    pub(crate) async fn cached_or_downloaded(
        &self,
        tried: &mut Vec<Attempt>,
    ) -> Result<Option<Binary>, ObtainError> {
        let sources = self.sources();
        let home = self.path("");
        // A cache that is written to only when something can come of it can be shared read-only.
        if let Some(found) = self.cached(&home, tried).await {
            return Ok(Some(found));
        }
        if sources.is_empty() {
            return Ok(None);
        }
        let _lock = self.lock().await?;
        if let Some(found) = self.cached(&home, &mut Vec::new()).await {
            return Ok(Some(found));
        }
        for source in sources {
            let title = source.title();
            (self.notes)(Note::Trying { version: self.version.clone(), source: title.clone() });
            match self.install(source, &home).await {
                Ok(()) => {
                    let path = home.join(&self.chart.binary.file);
                    let version = self.version.clone();
                    return Ok(Some(Binary { path, version, from: title, tried: Vec::new() }));
                }
                Err(reason) => {
                    let attempt = self.attempt(title, &reason);
                    (self.notes)(Note::Failed(attempt.clone()));
                    tried.push(attempt);
                }
            }
        }
        Ok(None)
    }

    fn sources(&self) -> Vec<&Source> {
        let sources = self.chart.binary.sources.iter();
        sources.filter(|source| source.versions().any(|version| version == self.version)).collect()
    }

    fn attempt(&self, source: String, reason: &Reason) -> Attempt {
        Attempt { version: self.version.clone(), source, reason: reason.to_string() }
    }

    fn path(&self, suffix: &str) -> PathBuf {
        self.places.cache.join(&self.chart.name).join(format!("{}{suffix}", self.version))
    }

    /// The program in the cache, where it is there and is what it claims to be.
    async fn cached(&self, home: &Path, tried: &mut Vec<Attempt>) -> Option<Binary> {
        let path = home.join(&self.chart.binary.file);
        if !path.is_file() {
            return None;
        }
        match self.check(&path).await {
            Ok(()) => {
                let origin = fs::read_to_string(home.join("origin")).unwrap_or_default();
                let from = format!("the cache (it came from {})", origin.trim());
                Some(Binary { path, version: self.version.clone(), from, tried: Vec::new() })
            }
            Err(reason) => {
                tried.push(self.attempt("the cache".into(), &reason));
                None
            }
        }
    }

    async fn check(&self, program: &Path) -> Result<(), Reason> {
        let version = tool::version(&self.chart.binary.version, program).await?;
        if version == *self.version { Ok(()) } else { Err(Reason::OtherVersion(version)) }
    }

    /// Gets the program from a source and puts it into the cache in one step.
    async fn install(&self, source: &Source, home: &Path) -> Result<(), Reason> {
        let work = self.path(".work");
        let _cleaned = Work::new(&work)?;
        let scratch = work.join("scratch");
        let whole = work.join("whole");
        for dir in [&scratch, &whole] {
            fs::create_dir(dir).map_err(Reason::disk(dir))?;
        }
        let downloads = self.places.cache.join(&self.chart.name).join("downloads");
        let order = Order {
            version: self.version,
            downloads: &downloads,
            work: &scratch,
            apt: &self.places.apt,
            os_release: &self.places.os_release,
            notes: self.notes,
        };
        let got = order.fill(source).await?;
        let program = whole.join(&self.chart.binary.file);
        fs::rename(&got, &program).map_err(Reason::disk(&program))?;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).map_err(Reason::disk(&program))?;
        self.check(&program).await?;
        fs::write(whole.join("origin"), source.title()).map_err(Reason::disk(&whole))?;
        // What is there did not pass its check.
        if home.exists() {
            fs::remove_dir_all(home).map_err(Reason::disk(home))?;
        }
        fs::rename(&whole, home).map_err(Reason::disk(home))
    }

    /// Keeps other runs from getting the same version at the same time.
    async fn lock(&self) -> Result<File, ObtainError> {
        let path = self.path(".lock");
        let cache = |source| ObtainError::Cache { path: path.clone(), source };
        fs::create_dir_all(path.parent().unwrap_or(&self.places.cache)).map_err(cache)?;
        let file = File::options().create(true).append(true).open(&path).map_err(cache)?;
        for at in 0..TRY_LOCK_TIMES {
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(file),
                Err(Errno::WOULDBLOCK | Errno::INTR) => {}
                Err(error) => return Err(cache(error.into())),
            }
            if at == 0 {
                (self.notes)(Note::Waiting);
            }
            sleep(TRY_LOCK_EVERY).await;
        }
        Err(cache(std::io::Error::other("another run has held this lock for ten minutes: end it")))
    }
}

/// A directory that is empty at the beginning and gone at the end, also where the work is cut short.
struct Work(PathBuf);

impl Work {
    fn new(path: &Path) -> Result<Self, Reason> {
        if path.exists() {
            fs::remove_dir_all(path).map_err(Reason::disk(path))?;
        }
        fs::create_dir_all(path).map_err(Reason::disk(path))?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // What stays is removed by the next run that gets this version.
        let _ = fs::remove_dir_all(&self.0);
    }
}

//! A compose project, read by compose itself: includes, extensions and variables are its business. What is kept is the whole
//! document, and of each service what a run has to know.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::docker::{Docker, run};
use super::error::ComposeError;

/// Reading a file takes compose a second, or several on a busy machine.
const READ_WITHIN: Duration = Duration::from_secs(60);
/// Labels and annotations by which a project leaves a container out of faults; the spelling differs by who reads them.
const EXCLUDED: [&str; 2] = ["com.antithesis.exclude.faults", "com.antithesis.exclude_from_faults"];

/// A compose project.
#[derive(Debug, Clone)]
pub struct Project {
    pub(super) file: PathBuf,
    pub(super) document: Value,
    services: BTreeMap<String, Service>,
}

/// A service, as far as a run has to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its image.
    pub image: String,
    /// Whether compose knows how to build that.
    pub is_built: bool,
    /// What of this machine is mounted in it: here, and there.
    pub mounts: Vec<(PathBuf, PathBuf)>,
    /// Whether the project says that it shall not be disturbed.
    pub excluded: bool,
}

impl Project {
    /// Reads a compose file, with these variables for compose to put into it.
    ///
    /// # Errors
    /// When it is not there, or compose does not understand it.
    pub async fn read(
        docker: &Docker,
        file: &Path,
        environment: &[(String, String)],
    ) -> Result<Self, ComposeError> {
        let disk = |source| ComposeError::Disk { path: file.to_owned(), source };
        if !file.is_file() {
            return Err(ComposeError::NoFile(file.to_owned()));
        }
        let file = std::path::absolute(file).map_err(disk)?;
        let refused =
            |said| ComposeError::File { path: file.clone(), tool: docker.tool().name().to_owned(), said };
        let mut config = docker.compose(&["-f", &file.to_string_lossy(), "config"]);
        config.envs(environment.iter().cloned());
        let text = run(config, READ_WITHIN).await.map_err(|error| match error {
            ComposeError::Refused { said, .. } => refused(said),
            other => other,
        })?;
        Self::of_document(&file, &text).map_err(refused)
    }

    /// Takes what compose says the project is, as YAML.
    pub(super) fn of_document(file: &Path, text: &str) -> Result<Self, String> {
        let mut document: Value = crate::yaml::from_text(file, text).map_err(|error| error.to_string())?;
        let named =
            file.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
        let Some(all) = document.get_mut("services").and_then(Value::as_object_mut) else {
            return Err("it has no services".to_owned());
        };
        let mut services = BTreeMap::new();
        for (name, service) in all {
            if service.get("image").and_then(Value::as_str).is_none() {
                // What compose builds without a name would be called after the run's project, and built again in each.
                service["image"] = format!("{}-{name}", named.to_lowercase()).into();
            }
            services.insert(name.clone(), read_service(service));
        }
        Ok(Self { file: file.to_owned(), document, services })
    }

    /// The compose file.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// All services by name.
    #[must_use]
    pub fn services(&self) -> &BTreeMap<String, Service> {
        &self.services
    }

    /// The services that may be disturbed, where no chart says which are members: all but those that commands run in and
    /// those that the project leaves out.
    #[must_use]
    pub fn disturbable(&self, clients: &BTreeSet<String>) -> Vec<String> {
        let may = |(name, service): &(&String, &Service)| !service.excluded && !clients.contains(*name);
        self.services.iter().filter(may).map(|(name, _)| name.clone()).collect()
    }
}

fn read_service(service: &Value) -> Service {
    let excluded = |place: &str| {
        let labels = service.get(place).and_then(Value::as_object);
        labels.is_some_and(|labels| EXCLUDED.iter().any(|label| labels.contains_key(*label)))
    };
    Service {
        image: service["image"].as_str().unwrap_or_default().to_owned(),
        is_built: service.get("build").is_some_and(|build| !build.is_null()),
        mounts: service["volumes"].as_array().into_iter().flatten().filter_map(mount).collect(),
        excluded: excluded("labels") || excluded("annotations"),
    }
}

/// A directory or file of this machine that is mounted; version 1 writes it as `here:there:rw`.
fn mount(volume: &Value) -> Option<(PathBuf, PathBuf)> {
    let (here, there) = match volume {
        Value::String(text) => {
            let mut parts = text.split(':');
            (parts.next()?, parts.next()?)
        }
        volume if volume["type"] == "bind" => (volume["source"].as_str()?, volume["target"].as_str()?),
        _ => return None,
    };
    here.starts_with('/').then(|| (here.into(), there.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1: &str = "services:\n  a:\n    image: x:1\n    labels: {com.antithesis.exclude.faults: all}\n    volumes:\n    - /here:/there:rw\n    - data:/d:rw\n  b:\n    build: {context: /p}\n";
    const V2: &str = "name: p\nservices:\n  a:\n    image: x:1\n    labels: {com.antithesis.exclude.faults: all}\n    volumes:\n    - {type: bind, source: /here, target: /there}\n    - {type: volume, source: data, target: /d}\n  b:\n    build: {context: /p}\n";

    #[test]
    fn both_versions_of_compose_are_understood() {
        for text in [V1, V2] {
            let project = Project::of_document(Path::new("/some/Thing/docker-compose.yaml"), text).unwrap();
            let a = &project.services()["a"];
            assert_eq!(a.mounts, [(PathBuf::from("/here"), PathBuf::from("/there"))]);
            assert!(a.excluded && !a.is_built);
            let b = &project.services()["b"];
            assert_eq!((b.image.as_str(), b.is_built, b.excluded), ("thing-b", true, false));
            assert_eq!(project.disturbable(&BTreeSet::new()), ["b"]);
            assert_eq!(project.disturbable(&BTreeSet::from(["b".to_owned()])), Vec::<String>::new());
        }
    }
}

//! Images that a project needs: those that are missing are built where compose knows how, else pulled.

use std::time::Duration;

use super::docker::{Docker, run};
use super::error::ComposeError;
use super::project::Project;

/// Compiling in an image takes minutes, and so does a large download.
const WITHIN: Duration = Duration::from_secs(3_600);

impl Project {
    /// Builds or pulls the images that are not here.
    ///
    /// # Errors
    /// The first that cannot be had.
    pub async fn get_images(&self, docker: &Docker, say: &dyn Fn(String)) -> Result<(), ComposeError> {
        for (name, service) in self.services() {
            let image = &service.image;
            if is_here(docker, image).await {
                continue;
            }
            let (action, result) = if service.is_built {
                say(format!("building {image} for {name}"));
                ("built", self.build(docker, name).await)
            } else {
                say(format!("pulling {image} for {name}"));
                ("pulled", run(docker.command(&["pull", "--quiet", image]), WITHIN).await.map(|_| ()))
            };
            result.map_err(|error| {
                let said = match error {
                    ComposeError::Refused { said, .. } => said,
                    other => other.to_string(),
                };
                ComposeError::Image { image: image.clone(), service: name.clone(), action, said }
            })?;
        }
        Ok(())
    }

    /// Builds a service's image under the name that this program gave it, where it had none.
    async fn build(&self, docker: &Docker, service: &str) -> Result<(), ComposeError> {
        let scratch = scratch_dir()?;
        let path = scratch.join("compose.json");
        let disk = |source| ComposeError::Disk { path: path.clone(), source };
        std::fs::write(&path, self.document.to_string()).map_err(disk)?;
        let words = ["-f", &path.to_string_lossy(), "-p", "dt-build", "build", service].map(str::to_owned);
        let built = run(docker.compose(&words), WITHIN).await.map(|_| ());
        std::fs::remove_dir_all(&scratch).map_err(disk)?;
        built
    }
}

/// A directory of this process's own.
fn scratch_dir() -> Result<std::path::PathBuf, ComposeError> {
    let path = std::env::temp_dir().join(format!("dt-build-{}", std::process::id()));
    std::fs::create_dir_all(&path).map_err(|source| ComposeError::Disk { path: path.clone(), source })?;
    Ok(path)
}

async fn is_here(docker: &Docker, image: &str) -> bool {
    docker.ask(&["image", "inspect", "--format", "{{.Id}}", image]).await.is_ok()
}

//! The containers of one run: started from a project, watched, asked for their logs, removed.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::docker::{Docker, last_words, run};
use super::error::ComposeError;
use super::fitting::Fitting;
use super::project::Project;
use super::watch::Watch;
use crate::cluster::Dead;

/// The label on containers, networks and volumes of a run; its value is the run's directory.
pub const RUN_LABEL: &str = "etcd-traffic.run";

/// Members that wait for each other's health take a while to start, more on a busy machine.
const UP_WITHIN: Duration = Duration::from_secs(300);
/// How often it is looked whether somebody has said that commands may start.
const LOOK: Duration = Duration::from_millis(50);
/// Lines of a log that are shown.
const LOG_LINES: &str = "15";

/// The containers of a run.
#[derive(Debug)]
pub struct Stack {
    docker: Docker,
    project: Project,
    fitting: Fitting,
    watch: Watch,
}

/// How a container is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    status: String,
    exit_code: i64,
    health: String,
}

impl Stack {
    /// Starts a project as it was fitted to a run, and waits until compose has started every container.
    ///
    /// # Errors
    /// When a file cannot be written, compose fails, or a container does not stay up. Containers may be left then: see
    /// [`remove`].
    pub async fn up(docker: Docker, project: Project, fitting: Fitting) -> Result<Self, ComposeError> {
        for service in project.services().keys() {
            let sdk = fitting.sdk(service);
            let directory = sdk.parent().unwrap_or(&fitting.run_dir);
            let disk = |source| ComposeError::Disk { path: directory.to_owned(), source };
            fs::create_dir_all(directory).map_err(disk)?;
            // Whoever a container runs as writes here.
            fs::set_permissions(directory, fs::Permissions::from_mode(0o777)).map_err(disk)?;
        }
        let file = fitting.run_dir.join("compose.json");
        let disk = |source| ComposeError::Disk { path: file.clone(), source };
        let text =
            serde_json::to_string_pretty(&fitting.applied(&project)).map_err(|error| disk(error.into()))?;
        fs::write(&file, text).map_err(disk)?;
        let watch = Watch::start(&docker, &fitting)?;
        let stack = Self { docker, project, fitting, watch };
        let directory =
            stack.project.file().parent().unwrap_or(Path::new("/")).to_string_lossy().into_owned();
        let file = file.to_string_lossy().into_owned();
        let words = [
            "--project-directory",
            &directory,
            "-f",
            &file,
            "-p",
            &stack.fitting.project,
            "up",
            "-d",
            "--no-build",
        ];
        let up = run(stack.docker.compose(&words), UP_WITHIN).await;
        if let Err(error) = up {
            let said = match error {
                ComposeError::Refused { said, .. } => said,
                other => other.to_string(),
            };
            return Err(ComposeError::Up { said, containers: stack.conditions().await });
        }
        Ok(stack)
    }

    /// Waits until some container has said that commands may start.
    ///
    /// # Errors
    /// When nobody says so in time, or a container that must stay up has ended.
    pub async fn set_up(&self, within: Duration) -> Result<(), ComposeError> {
        let deadline = Instant::now() + within;
        loop {
            self.stays_up().await?;
            if self.said_complete()? {
                return self.clients_run().await;
            }
            if Instant::now() >= deadline {
                return Err(ComposeError::NotSetUp { within, containers: self.conditions().await });
            }
            sleep(LOOK).await;
        }
    }

    fn said_complete(&self) -> Result<bool, ComposeError> {
        for service in self.project.services().keys() {
            let path = self.fitting.sdk(service);
            match fs::read_to_string(&path) {
                Ok(text) if text.lines().any(says_complete) => return Ok(true),
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(ComposeError::Disk { path, source: error });
                }
                _ => {}
            }
        }
        Ok(false)
    }

    /// A container that commands run in has to be there; another one that failed will not say anything any more.
    async fn stays_up(&self) -> Result<(), ComposeError> {
        for dead in self.watch.ended() {
            if dead.failed || self.fitting.clients.contains(&dead.service) {
                let log = self.log_end(&dead.service).await;
                let log = log.iter().map(|line| format!("\n    {line}")).collect();
                return Err(ComposeError::EndedAtOnce { service: dead.service, status: dead.status, log });
            }
        }
        Ok(())
    }

    /// What the engine tells of ends may come late, so it is asked.
    async fn clients_run(&self) -> Result<(), ComposeError> {
        for service in &self.fitting.clients {
            let state = self.state(service).await;
            if state.as_ref().is_none_or(|state| state.status != "running") {
                let status =
                    state.map_or_else(|| "gone".to_owned(), |state| format!("exit code {}", state.exit_code));
                let log = self.log_end(service).await.iter().map(|line| format!("\n    {line}")).collect();
                return Err(ComposeError::EndedAtOnce { service: service.clone(), status, log });
            }
        }
        Ok(())
    }

    /// How each container is, a line each, with the end of its log where it has ended or is not healthy.
    async fn conditions(&self) -> Vec<String> {
        let mut conditions = Vec::new();
        for service in self.project.services().keys() {
            let Some(state) = self.state(service).await else {
                conditions.push(format!("{service}: was never made"));
                continue;
            };
            let health = if state.health.is_empty() { String::new() } else { format!(", {}", state.health) };
            let mut line = match state.status.as_str() {
                "exited" => format!("{service}: ended with exit code {}", state.exit_code),
                status => format!("{service}: {status}{health}"),
            };
            if state.status != "running" || state.health == "unhealthy" {
                for log in self.log_end(service).await.iter().rev().take(5).rev() {
                    line.push_str(&format!("\n    {log}"));
                }
            }
            conditions.push(line);
        }
        conditions
    }

    async fn state(&self, service: &str) -> Option<State> {
        let container = self.fitting.container(service);
        let told = self.docker.ask(&["inspect", "--type", "container", &container]).await.ok()?;
        let told: Value = serde_json::from_str(&told).ok()?;
        let state = &told[0]["State"];
        Some(State {
            status: state["Status"].as_str().unwrap_or_default().to_owned(),
            exit_code: state["ExitCode"].as_i64().unwrap_or(-1),
            health: state["Health"]["Status"].as_str().unwrap_or_default().to_owned(),
        })
    }

    /// The last lines that a container logged.
    async fn log_end(&self, service: &str) -> Vec<String> {
        let container = self.fitting.container(service);
        let mut logs = self.docker.command(&["logs", "--tail", LOG_LINES, &container]);
        let Ok(output) = logs.output().await else { return Vec::new() };
        let text = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&text).lines().map(str::to_owned).collect()
    }

    /// The container of each of these services, by service.
    #[must_use]
    pub fn containers(&self, services: impl IntoIterator<Item = String>) -> BTreeMap<String, String> {
        let named = |service: String| (service.clone(), self.fitting.container(&service));
        services.into_iter().map(named).collect()
    }

    /// The engine.
    #[must_use]
    pub fn docker(&self) -> &Docker {
        &self.docker
    }

    /// The project as it was read.
    #[must_use]
    pub fn project(&self) -> &Project {
        &self.project
    }

    /// What is different about it in this run.
    #[must_use]
    pub fn fitting(&self) -> &Fitting {
        &self.fitting
    }

    /// Containers that failed although nobody asked them to end.
    #[must_use]
    pub fn crashed(&self) -> Vec<Dead> {
        self.watch.crashed()
    }

    /// The first container that commands run in and that has ended.
    ///
    /// # Errors
    /// When there is one.
    pub fn clients_stay(&self) -> Result<(), ComposeError> {
        let lost = self.watch.ended().into_iter().find(|dead| self.fitting.clients.contains(&dead.service));
        match lost {
            Some(dead) => Err(ComposeError::LostClient { service: dead.service, status: dead.status }),
            None => Ok(()),
        }
    }

    /// Writes what every container logged to `members/` in the run's directory.
    ///
    /// # Errors
    /// When that cannot be written, or the engine does not tell.
    pub async fn write_logs(&self) -> Result<(), ComposeError> {
        write_logs(&self.docker, &self.fitting).await
    }

    /// Removes everything of this run.
    ///
    /// # Errors
    /// When something stays.
    pub async fn down(self) -> Result<(), ComposeError> {
        let Self { docker, fitting, watch, .. } = self;
        drop(watch);
        remove(&docker, &fitting.label.1).await.map(|_| ())
    }
}

async fn write_logs(docker: &Docker, fitting: &Fitting) -> Result<(), ComposeError> {
    let members = fitting.run_dir.join("members");
    let disk = |path: &Path| {
        let path: PathBuf = path.to_owned();
        move |source| ComposeError::Disk { path: path.clone(), source }
    };
    fs::create_dir_all(&members).map_err(disk(&members))?;
    let label = format!("label={}={}", fitting.label.0, fitting.label.1);
    let listed = docker.ask(&["ps", "--all", "--filter", &label, "--format", "{{.Names}}"]).await?;
    for container in listed.split_whitespace() {
        let service = container.strip_prefix(&format!("{}-", fitting.project)).unwrap_or(container);
        let path = members.join(format!("{service}.log"));
        let file = fs::File::create(&path).map_err(disk(&path))?;
        let both = file.try_clone().map_err(disk(&path))?;
        let mut logs = docker.command(&["logs", container]);
        let status = logs.stdout(file).stderr(both).status().await.map_err(disk(&path))?;
        if !status.success() {
            let said = fs::read(&path).unwrap_or_default();
            let command = format!("docker logs {container}");
            return Err(ComposeError::Refused { command, said: last_words(&said) });
        }
    }
    Ok(())
}

/// Removes all containers, networks and volumes that bear this run's label; says what they were. Doing it twice does nothing
/// more.
///
/// # Errors
/// When something stays.
pub async fn remove(docker: &Docker, run: &str) -> Result<Vec<String>, ComposeError> {
    let label = format!("label={RUN_LABEL}={run}");
    let mut removed = Vec::new();
    let kinds: [(&str, &[&str], &[&str]); 3] = [
        ("container", &["ps", "--all", "--format", "{{.Names}}"], &["rm", "--force", "--volumes"]),
        ("network", &["network", "ls", "--format", "{{.Name}}"], &["network", "rm"]),
        ("volume", &["volume", "ls", "--format", "{{.Name}}"], &["volume", "rm", "--force"]),
    ];
    for (kind, list, remove) in kinds {
        let listed = docker.ask(&[list, &["--filter", &label]].concat()).await?;
        let names: Vec<&str> = listed.split_whitespace().collect();
        if !names.is_empty() {
            docker.ask(&[remove, names.as_slice()].concat()).await?;
        }
        removed.extend(names.iter().map(|name| format!("{kind} {name}")));
    }
    Ok(removed)
}

fn says_complete(line: &str) -> bool {
    let record: Value = serde_json::from_str(line).unwrap_or_default();
    record["antithesis_setup"]["status"] == "complete"
}

#[cfg(test)]
mod tests {
    use super::says_complete;

    #[test]
    fn only_the_record_of_setup_counts() {
        assert!(says_complete(r#"{"antithesis_setup":{"status":"complete","details":{}}}"#));
        assert!(!says_complete(r#"{"antithesis_setup":{"status":"begun"}}"#));
        assert!(!says_complete(r#"{"x":"antithesis_setup complete"}"#));
        assert!(!says_complete("{"));
    }
}

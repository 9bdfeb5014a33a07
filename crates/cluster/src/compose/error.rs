//! What can go wrong with containers, in words that say what to do.

use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

/// Why a project could not be started, or what ended it.
#[derive(Debug, Error)]
pub enum ComposeError {
    /// The engine's program is missing.
    #[error(
        "docker is not installed: install Docker Engine (on Debian: apt install docker.io), or use the process backend"
    )]
    NoDocker,
    /// The engine does not run.
    #[error("no Docker daemon answers ({said}): start it, such as by `sudo systemctl start docker`")]
    NoDaemon {
        /// What docker said.
        said: String,
    },
    /// The engine's socket belongs to others.
    #[error(
        "this user may not use Docker's socket ({said}): join its group by `sudo usermod -aG docker $USER`, and log in again"
    )]
    NoPermission {
        /// What docker said.
        said: String,
    },
    /// Neither version of compose is there.
    #[error(
        "docker is here, but neither `docker compose` nor `docker-compose`: install one (on Debian: apt install \
         docker-compose)"
    )]
    NoCompose,
    /// Compose does not understand the file.
    #[error("{tool} cannot read {}: {said}{}", path.display(), advice(tool))]
    File {
        /// The compose file.
        path: PathBuf,
        /// Which compose.
        tool: String,
        /// What it said.
        said: String,
    },
    /// There is no such file.
    #[error("{} is no file: name the project's docker-compose.yaml", .0.display())]
    NoFile(PathBuf),
    /// An image is not there and cannot be had.
    #[error(
        "the image {image} of service {service} is not here and cannot be {action} ({said}): {}",
        remedy(action)
    )]
    Image {
        /// Its name.
        image: String,
        /// Who needs it.
        service: String,
        /// `pulled` or `built`.
        action: &'static str,
        /// What was said.
        said: String,
    },
    /// The program that builds images has failed.
    #[error("`{command}` failed: {said}")]
    Build {
        /// What was run.
        command: String,
        /// Its last words.
        said: String,
    },
    /// No image has a template of that name, or any.
    #[error(
        "no service of {} has {directory} in it, neither in its image nor mounted (looked in {}): put test commands there",
        file.display(), services.join(", ")
    )]
    NoTemplate {
        /// The compose file.
        file: PathBuf,
        /// The directory.
        directory: String,
        /// The services that were looked into.
        services: Vec<String>,
    },
    /// The project has no service that a chart says is a member.
    #[error("{} has no service {member}, which the chart says is a member", file.display())]
    NoMember {
        /// The compose file.
        file: PathBuf,
        /// The service.
        member: String,
    },
    /// Compose could not start the project.
    #[error("the containers could not be started ({said}){}", listed(containers))]
    Up {
        /// What compose said.
        said: String,
        /// How each container is, with the end of its log where it has ended.
        containers: Vec<String>,
    },
    /// A container ended as soon as it was started.
    #[error(
        "the container of {service} ended at once ({status}): it must stay up, such as by `sleep infinity`; its log ends \
         with:{log}"
    )]
    EndedAtOnce {
        /// Whose.
        service: String,
        /// How.
        status: String,
        /// The end of its log, each line after a line break.
        log: String,
    },
    /// Nobody has said that commands may start.
    #[error(
        "no container has said setup_complete within {} s: on the platform nothing would be tested; one of them must say it \
         through an SDK once the system is usable{}",
        within.as_secs(), listed(containers)
    )]
    NotSetUp {
        /// How long was waited.
        within: Duration,
        /// How each container is.
        containers: Vec<String>,
    },
    /// A container that commands run in has ended.
    #[error(
        "the container of {service} ended ({status}) while commands were to run in it: let nobody stop it, and leave it out of \
         faults"
    )]
    LostClient {
        /// Whose.
        service: String,
        /// How.
        status: String,
    },
    /// The engine did not do what it was asked for.
    #[error("`{command}`: {said}")]
    Refused {
        /// What was asked.
        command: String,
        /// What it said.
        said: String,
    },
    /// A file could not be written or read.
    #[error("{}: {source}", path.display())]
    Disk {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

fn remedy(action: &str) -> &'static str {
    match action {
        "pulled" => "build it, load it by `docker load`, or name another one in the compose file",
        _ => "look at its Dockerfile",
    }
}

/// The older compose knows less.
fn advice(tool: &str) -> &'static str {
    if tool.starts_with("docker-compose") { " (version 2, `docker compose`, reads more)" } else { "" }
}

fn listed(containers: &[String]) -> String {
    containers.iter().map(|container| format!("\n  {container}")).collect()
}

//! Images under the repository's names. The config image says in its `.env` which they are, so that what the platform starts
//! is what was pushed.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;

use super::ImageArgs;
use crate::step;

/// The version of etcd that the compose file names.
pub(super) const ETCD: &str = "3.5.30";

/// The names of all images.
pub(super) struct Images {
    repository: String,
    tag: String,
    etcd_version: String,
}

impl Images {
    pub(super) fn new(args: &ImageArgs, repository: &str) -> Self {
        let (tag, etcd_version) = (args.tag.clone(), args.etcd_version.clone());
        Self { repository: repository.to_owned(), tag, etcd_version }
    }

    fn named(&self, name: &str, tag: &str) -> String {
        format!("{}/etcd-traffic-{name}:{tag}", self.repository)
    }

    /// The image that tells the platform what to start.
    pub(super) fn config(&self) -> String {
        self.named("config", &self.tag)
    }

    fn etcd(&self) -> String {
        self.named("etcd", &format!("v{}", self.etcd_version))
    }

    fn all(&self) -> [String; 4] {
        [self.named("client", &self.tag), self.named("health-checker", &self.tag), self.etcd(), self.config()]
    }

    /// What compose reads beside its file.
    fn env(&self) -> String {
        let [client, health_checker, etcd, _] = self.all();
        format!("ETCD_IMAGE={etcd}\nCLIENT_IMAGE={client}\nHEALTH_CHECKER_IMAGE={health_checker}\n")
    }
}

pub(super) fn build(args: &ImageArgs, repository: &str) -> anyhow::Result<()> {
    let images = Images::new(args, repository);
    let [client, health_checker, etcd, config] = images.all();
    let official = format!("quay.io/coreos/etcd:v{}", images.etcd_version);
    let context = PathBuf::from("target/antithesis/config");
    let mut steps = Vec::new();
    for (file, image) in [("Dockerfile.client", &client), ("Dockerfile.health-checker", &health_checker)] {
        let mut build = vec!["build", "--platform", "linux/amd64", "-f", file, "-t", image];
        if args.coverage {
            build.extend(["--build-arg", "COVERAGE=1"]);
        }
        steps.push([build, vec!["."]].concat());
    }
    let context_name = context.to_string_lossy();
    steps.push(vec!["pull", "--platform", "linux/amd64", &official]);
    steps.push(vec!["tag", &official, &etcd]);
    steps.push(vec![
        "build",
        "--platform",
        "linux/amd64",
        "-f",
        "compose/Dockerfile.config",
        "-t",
        &config,
        &context_name,
    ]);
    if args.dry_run {
        step::say(&format!("{}/.env:\n{}", context.display(), images.env().trim_end()));
        return dry(&steps);
    }
    let context = step::root().join(&context);
    fs::create_dir_all(&context).with_context(|| format!("cannot make {}", context.display()))?;
    fs::copy(step::root().join("compose/docker-compose.yaml"), context.join("docker-compose.yaml"))?;
    fs::write(context.join(".env"), images.env())?;
    for words in steps {
        // An image that was made here, or loaded, needs no registry.
        if words.first() == Some(&"pull") && is_here(&official) {
            continue;
        }
        step::run(docker(&words))?;
    }
    Ok(())
}

pub(super) fn push(args: &ImageArgs, repository: &str) -> anyhow::Result<()> {
    let images = Images::new(args, repository).all();
    let steps: Vec<_> = images.iter().map(|image| vec!["push", image.as_str()]).collect();
    if args.dry_run {
        return dry(&steps);
    }
    for words in steps {
        step::run(docker(&words))
            .context("log in to the registry first, with the key that the platform gave you")?;
    }
    Ok(())
}

fn dry(steps: &[Vec<&str>]) -> anyhow::Result<()> {
    for words in steps {
        step::say(&format!("$ docker {}", words.join(" ")));
    }
    Ok(())
}

fn docker(words: &[&str]) -> Command {
    let mut command = Command::new("docker");
    command.args(words).current_dir(step::root());
    command
}

fn is_here(image: &str) -> bool {
    step::output(docker(&["image", "inspect", "--format", "{{.Id}}", image])).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_config_names_what_is_pushed() {
        let args =
            ImageArgs { dry_run: true, tag: "t2".into(), etcd_version: "3.5.1".into(), coverage: false };
        let images = Images::new(&args, "registry.example/repository");
        let env = images.env();
        for (image, variable) in
            images.all().iter().zip(["CLIENT_IMAGE", "HEALTH_CHECKER_IMAGE", "ETCD_IMAGE"])
        {
            assert!(env.contains(&format!("{variable}={image}\n")), "{env}");
        }
        let compose = fs::read_to_string(step::root().join("compose/docker-compose.yaml")).unwrap();
        for variable in ["CLIENT_IMAGE", "HEALTH_CHECKER_IMAGE", "ETCD_IMAGE"] {
            assert!(
                compose.contains(&format!("${{{variable}:-")),
                "the compose file does not ask for {variable}"
            );
        }
        assert!(compose.contains(&format!("etcd:v{ETCD}")), "the version here is not the compose file's");
        assert_eq!(images.config(), "registry.example/repository/etcd-traffic-config:t2");
    }
}

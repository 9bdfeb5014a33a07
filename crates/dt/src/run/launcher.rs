//! Commands inside containers: `docker exec` stands for the command, and ends with its exit code. What it leaves running in
//! the container is out of reach of a signal, so it is looked for there, by a mark in its environment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use composer::{Launch, Launcher};

/// In the environment of everything that belongs to one execution.
const EXECUTION: &str = "DT_EXECUTION";

/// Ends, inside a container, every process whose environment has the word that it is given.
const SWEEP: &str = r#"cd /proc || exit
for process in [0-9]*; do
    if grep -qsF "$1" "$process/environ"; then kill -9 "$process"; fi
done"#;

/// Starts commands where their files are.
#[derive(Debug)]
pub(super) struct InContainers {
    pub(super) docker: PathBuf,
    /// By command: the containers that have it.
    pub(super) homes: BTreeMap<String, Vec<String>>,
    /// The run's name.
    pub(super) run: String,
    /// By which processes of the run are found when `dt` is gone.
    pub(super) mark: (String, String),
}

impl InContainers {
    /// Executions take turns where several containers have the command.
    fn container(&self, launch: &Launch) -> &str {
        let homes = self.homes.get(&launch.command).map(Vec::as_slice).unwrap_or_default();
        let turn = usize::try_from(launch.n).unwrap_or(0) % homes.len().max(1);
        homes.get(turn).map_or("", String::as_str)
    }

    /// The slash ends the number: no other execution's mark begins with it.
    fn execution(&self, launch: &Launch) -> String {
        format!("{}/{}/", self.run, launch.n)
    }
}

impl Launcher for InContainers {
    fn command(&self, launch: &Launch, path: &Path, environment: Vec<(String, String)>) -> Command {
        let mut command = Command::new(&self.docker);
        command.arg("exec");
        let execution = (EXECUTION.to_owned(), self.execution(launch));
        for (name, value) in environment.into_iter().chain([execution, self.mark.clone()]) {
            command.arg("--env").arg(format!("{name}={value}"));
        }
        command.arg(self.container(launch)).arg(path).envs([self.mark.clone()]);
        command
    }

    fn sweep(&self, launch: &Launch) -> Option<Command> {
        let mut command = Command::new(&self.docker);
        let word = format!("{EXECUTION}={}", self.execution(launch));
        command.args(["exec", "--user", "0", self.container(launch), "sh", "-c", SWEEP, "sweep", &word]);
        command.envs([self.mark.clone()]);
        Some(command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch(n: u32) -> Launch {
        Launch { n, command: "main/anytime_a".into(), kind: composer::Kind::Anytime, seed: 1 }
    }

    fn words(command: &Command) -> String {
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn executions_take_turns_in_the_containers_that_have_the_command() {
        let launcher = InContainers {
            docker: "docker".into(),
            homes: BTreeMap::from([("main/anytime_a".into(), vec!["c1".into(), "c2".into()])]),
            run: "run".into(),
            mark: ("MARK".into(), "/r".into()),
        };
        let path = Path::new("/opt/antithesis/test/v1/main/anytime_a");
        let told = |n| words(&launcher.command(&launch(n), path, vec![("A".into(), "b c".into())]));
        assert_eq!(
            told(3),
            "docker exec --env A=b c --env DT_EXECUTION=run/3/ --env MARK=/r c2 \
             /opt/antithesis/test/v1/main/anytime_a"
        );
        assert!(told(4).contains(" c1 /opt"));
        let sweep = words(&launcher.sweep(&launch(3)).unwrap());
        assert!(sweep.starts_with("docker exec --user 0 c2 sh -c "), "{sweep}");
        assert!(sweep.ends_with("sweep DT_EXECUTION=run/3/"), "{sweep}");
    }
}

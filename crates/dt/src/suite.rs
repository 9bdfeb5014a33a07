//! Suites: what is run against a chart, as their YAML files say.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::exit::UsageError;

/// A suite's file, `suites/<name>/suite.yaml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Suite {
    /// The name users say; the same as its directory's.
    pub(crate) name: String,
    /// One sentence, for lists.
    pub(crate) about: String,
    /// The system under test.
    pub(crate) chart: String,
    /// The directory of commands.
    pub(crate) template: String,
    /// How many members the system has.
    #[serde(default = "three")]
    pub(crate) members: usize,
    /// What members run with beside what the chart gives them, such as how often they take snapshots.
    #[serde(default)]
    pub(crate) environment: BTreeMap<String, String>,
    /// How long drivers are started.
    #[serde(default = "thirty")]
    pub(crate) seconds: u64,
    /// At most so many drivers beside each other.
    #[serde(default = "four")]
    pub(crate) parallel: u32,
    /// By file name: share among the commands of its kind; 0 leaves a command out.
    #[serde(default)]
    pub(crate) weights: BTreeMap<String, u32>,
    /// The same of drivers and `anytime_` commands that are not named.
    #[serde(default = "one")]
    pub(crate) others: u32,
    /// Which faults disturb it: a shipped profile's name.
    #[serde(default = "high_availability")]
    pub(crate) profile: String,
    /// By profile: what is different under it.
    #[serde(default)]
    pub(crate) profiles: BTreeMap<String, Under>,
    /// Monkeys of the suite's own, beside those of the profile.
    #[serde(default)]
    pub(crate) monkeys: Vec<chaos::Monkey>,
    /// What histories are judged by.
    pub(crate) check: Check,
}

/// What is different under one profile of faults. What is not given stays as it is without it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Under {
    /// At most so many drivers beside each other.
    pub(crate) parallel: Option<u32>,
    /// Weights in place of, or beside, those of the suite.
    pub(crate) weights: BTreeMap<String, u32>,
}

impl Suite {
    /// What a template that belongs to no suite is run by: no chart, and no judge but the assertions of its commands.
    pub(crate) fn of_template(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            about: "somebody's own test commands".to_owned(),
            chart: String::new(),
            template: name.to_owned(),
            members: three(),
            environment: BTreeMap::new(),
            seconds: thirty(),
            parallel: four(),
            weights: BTreeMap::new(),
            others: one(),
            profile: "none".to_owned(),
            profiles: BTreeMap::new(),
            monkeys: Vec::new(),
            check: Check::None,
        }
    }

    /// What a compose project is run by that belongs to no suite. Its containers are started for the run, so they may be
    /// disturbed.
    pub(crate) fn of_project(template: &str) -> Self {
        Self { profile: high_availability(), ..Self::of_template(template) }
    }

    /// Becomes what it is under this profile.
    pub(crate) fn be_under(&mut self, profile: &str) {
        let Under { parallel, weights } = self.profiles.remove(profile).unwrap_or_default();
        self.parallel = parallel.unwrap_or(self.parallel);
        self.weights.extend(weights);
    }
}

/// What histories are judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Check {
    /// The store's revisions order all writes, and every reply must fit that order.
    EtcdRevisions,
    /// Histories are not judged, only properties.
    None,
}

fn one() -> u32 {
    1
}

fn three() -> usize {
    3
}

fn thirty() -> u64 {
    30
}

fn high_availability() -> String {
    "high_availability".to_owned()
}

fn four() -> u32 {
    4
}

/// The names of all suites, sorted.
pub(crate) fn names(dir: &Path) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))? {
        let path = entry?.path();
        if path.join("suite.yaml").is_file() {
            names.extend(path.file_name().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}

/// The suite of that name.
pub(crate) fn load(dir: &Path, name: &str) -> anyhow::Result<Suite> {
    let known = names(dir)?;
    if !known.iter().any(|found| found == name) {
        let nearest = cluster::nearest::nearest(name, known.iter().map(String::as_str));
        let hint = nearest.map_or_else(String::new, |nearest| format!(" (did you mean `{nearest}`?)"));
        let known = known.join(", ");
        return Err(UsageError(format!("no suite is called `{name}`{hint}; there are: {known}")).into());
    }
    let path = dir.join(name).join("suite.yaml");
    let mut suite: Suite = cluster::yaml::from_file(&path)?;
    if suite.name != name {
        anyhow::bail!("{}: the suite calls itself `{}`, its directory `{name}`", path.display(), suite.name);
    }
    find_programs(&mut suite.monkeys, &dir.join(name))?;
    Ok(suite)
}

/// Programs that monkeys name by a path are sought in the suite's directory; the others are on the PATH.
fn find_programs(monkeys: &mut [chaos::Monkey], dir: &Path) -> anyhow::Result<()> {
    for monkey in monkeys {
        let name = monkey.called();
        let chaos::Deed::Exec(exec) = &mut monkey.fault else { continue };
        let Some(program) = exec.command.first_mut().filter(|program| program.contains('/')) else {
            continue;
        };
        let path = std::path::absolute(dir.join(&*program))?;
        let refused = |reason: &str| {
            let path = path.display();
            UsageError(format!("the monkey `{name}` is refused: {path} {reason}"))
        };
        let found = fs::metadata(&path).map_err(|_| refused("does not exist"))?;
        if !found.is_file() || found.permissions().mode() & 0o111 == 0 {
            return Err(refused("cannot be executed: use `chmod +x`").into());
        }
        *program = path.to_string_lossy().into_owned();
    }
    Ok(())
}

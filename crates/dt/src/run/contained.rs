//! Runs in containers: a compose project is looked at before anything of it runs, and then started as a copy for the run.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, bail};
use chaos::{Abilities, Containers, Journal};
use cluster::compose::{ComposeError, ComposeSpec, Docker, Fitting, Project, RUN_LABEL, Stack, scan};
use cluster::ports::{Port, Ports};
use cluster::{Attached, Chart, Endpoint, Endpoints, Version};
use composer::{Entry, EntryShape, Template};

use super::progress::say;
use crate::cli::{Backend, RunArgs};
use crate::exit::UsageError;
use crate::home::{self, Home};
use crate::suite::{self, Suite};

/// A compose project, and which of its services are what.
#[derive(Debug)]
pub(crate) struct Contained {
    docker: Docker,
    project: Project,
    /// By command: the services that have it.
    homes: BTreeMap<String, Vec<String>>,
    pub(super) clients: BTreeSet<String>,
    pub(super) members: Vec<String>,
    /// Where members listen to clients, if that is known.
    port: Option<u16>,
    packets: Abilities,
}

/// The containers of a run.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) stack: Stack,
    /// Who to ask whether members are ready, where that is known.
    pub(super) asked: Option<Attached>,
    members: Vec<String>,
    homes: BTreeMap<String, Vec<String>>,
    _ports: Vec<Port>,
}

/// What a run in containers is made of.
pub(super) struct Parts {
    pub(super) suite: Suite,
    pub(super) chart: Option<Chart>,
    pub(super) template: Template,
    pub(super) contained: Contained,
}

/// Whether the command line asks for containers.
pub(super) fn is_asked_for(args: &RunArgs) -> bool {
    args.compose.is_some() || args.backend == Some(Backend::Compose)
}

/// Looks at the project that the command line names, and gets its images.
pub(super) async fn parts(args: &RunArgs) -> anyhow::Result<Parts> {
    let known = match &args.suite {
        None => None,
        Some(name) => {
            let home = Home::find()?;
            let suite = suite::load(&home.suites(), name)?;
            let chart = cluster::chart::load(&home.charts(), &suite.chart)?;
            Some((home, suite, chart))
        }
    };
    let spec = known.as_ref().and_then(|(home, _, chart)| Some((home, chart.compose.as_ref()?)));
    let docker = Docker::find().await?;
    let project = project(args, spec, &docker).await?;
    let templates = scan::templates(&docker, &project).await?;
    let wanted = args.template.as_ref().map(|name| name.to_string_lossy().into_owned());
    let wanted = wanted.or_else(|| known.as_ref().map(|(_, suite, _)| suite.template.clone()));
    let name = chosen(&project, &templates, wanted.as_deref())?;
    let (template, homes) = template(&templates, &name)?;
    let clients: BTreeSet<String> = homes.values().flatten().cloned().collect();
    let members = match spec {
        Some((_, spec)) => members(&project, spec)?,
        None => project.disturbable(&clients),
    };
    let port = spec.map(|(_, spec)| spec.port);
    let packets = Abilities::probe().await;
    let contained = Contained { docker, project, homes, clients, members, port, packets };
    let (suite, chart) = match known {
        Some((_, mut suite, chart)) => {
            suite.members = contained.members.len();
            suite.weights.retain(|file, _| template.command(&format!("{}/{file}", template.name)).is_some());
            (suite, Some(chart))
        }
        None => (Suite::of_project(&template.name), None),
    };
    Ok(Parts { suite, chart, template, contained })
}

/// The project with its images, those that are missing built or pulled.
async fn project(
    args: &RunArgs,
    spec: Option<(&Home, &ComposeSpec)>,
    docker: &Docker,
) -> anyhow::Result<Project> {
    let version = args.version.as_deref().map(str::parse::<Version>).transpose();
    let version = version.map_err(|error| UsageError(format!("--version: {error}")))?;
    let version = version.or_else(|| spec.map(|(_, spec)| spec.version.clone()));
    let environment = match (spec, &version) {
        (Some((_, spec)), Some(version)) => spec.environment(version)?,
        _ => Vec::new(),
    };
    let file = match (&args.compose, spec) {
        (Some(file), _) => file.clone(),
        (None, Some((home, spec))) => home.join(&spec.file),
        (None, None) => {
            let suite = args.suite.as_deref().unwrap_or_default();
            let words = format!("the chart of `{suite}` says nothing of containers: give --compose FILE");
            return Err(UsageError(words).into());
        }
    };
    if args.compose.is_some() && !file.is_file() {
        let words = format!("--compose: {} is no file: name a project's docker-compose.yaml", file.display());
        return Err(UsageError(words).into());
    }
    let project = Project::read(docker, &file, &environment).await?;
    if let (None, Some((home, spec)), Some(version)) = (&args.compose, spec, &version) {
        build(home, &spec.build(version)?).await?;
    }
    project.get_images(docker, &|words| say(&words)).await?;
    Ok(project)
}

/// Runs what a chart says makes images out of the programs beside this one; it leaves alone what is there. What it says goes
/// to the terminal.
async fn build(home: &Home, words: &[String]) -> anyhow::Result<()> {
    let Some((program, arguments)) = words.split_first() else { return Ok(()) };
    let mut command = tokio::process::Command::new(home.join(Path::new(program)));
    command.args(arguments).current_dir(home.join(Path::new(""))).stdin(Stdio::null()).kill_on_drop(true);
    // What people read is on standard error; standard output is for the verdict.
    command.stdout(Stdio::null()).envs(home::programs().map(|dir| ("PROGRAMS_DIR", dir)));
    let line = words.join(" ");
    let status = command.status().await.with_context(|| format!("cannot run `{line}`"))?;
    if !status.success() {
        bail!("`{line}` failed ({status}); what it said is above");
    }
    Ok(())
}

/// The template that is asked for, or the only one there is.
fn chosen(
    project: &Project,
    templates: &BTreeMap<String, scan::Templates>,
    wanted: Option<&str>,
) -> anyhow::Result<String> {
    let all: BTreeSet<&String> = templates.values().flat_map(BTreeMap::keys).collect();
    let none = |directory: String| ComposeError::NoTemplate {
        file: project.file().to_owned(),
        directory,
        services: project.services().keys().cloned().collect(),
    };
    let listed = || all.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
    match (wanted, all.iter().next()) {
        (Some(wanted), Some(_)) if all.iter().any(|name| *name == wanted) => Ok(wanted.to_owned()),
        (Some(wanted), Some(_)) => Err(UsageError(format!(
            "no service of {} has a template {wanted}: there are {}",
            project.file().display(),
            listed()
        ))
        .into()),
        (None, Some(only)) if all.len() == 1 => Ok((*only).clone()),
        (None, Some(_)) => {
            Err(UsageError(format!("there are the templates {}: choose one by --template", listed())).into())
        }
        (Some(wanted), None) => Err(none(format!("{}/{wanted}", scan::TEMPLATES)).into()),
        (None, None) => Err(none(scan::TEMPLATES.to_owned()).into()),
    }
}

/// The commands of a template that several services may have parts of, and who has which.
fn template(
    templates: &BTreeMap<String, scan::Templates>,
    name: &str,
) -> anyhow::Result<(Template, BTreeMap<String, Vec<String>>)> {
    let mut homes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut entries: BTreeMap<&str, Entry> = BTreeMap::new();
    for (service, templates) in templates {
        for (file, entry) in templates.get(name).into_iter().flatten() {
            homes.entry(format!("{name}/{file}")).or_default().push(service.clone());
            let shape = match entry.clone() {
                scan::Entry::File { executable, head } => EntryShape::File { executable, head },
                scan::Entry::Directory => EntryShape::Directory,
                scan::Entry::Dangling => EntryShape::Dangling,
                scan::Entry::Other => EntryShape::Other,
            };
            entries.entry(file).or_insert_with(|| Entry { file: file.clone(), shape });
        }
    }
    let directory = Path::new(scan::TEMPLATES).join(name);
    let template = Template::of_entries(&directory, entries.into_values().collect())?;
    homes.retain(|command, _| template.command(command).is_some());
    Ok((template, homes))
}

/// The services that are members: as many as there are, from 0.
fn members(project: &Project, spec: &ComposeSpec) -> anyhow::Result<Vec<String>> {
    let mut members = Vec::new();
    loop {
        let member = spec.member(members.len())?;
        if !project.services().contains_key(&member) {
            if members.is_empty() {
                return Err(ComposeError::NoMember { file: project.file().to_owned(), member }.into());
            }
            return Ok(members);
        }
        members.push(member);
    }
}

impl Contained {
    /// What chaos can disturb here.
    pub(super) fn environment(&self, chart: Option<&Chart>) -> chaos::Environment {
        let named = |services: &mut dyn Iterator<Item = &String>| {
            services.map(|service| (service.clone(), service.clone())).collect::<BTreeMap<_, _>>()
        };
        let (members, clients) = (named(&mut self.members.iter()), named(&mut self.clients.iter()));
        let containers = Containers::new(self.docker.program(), members, clients);
        let admin = chart.and_then(|chart| chart.admin_api.clone());
        chaos::Environment::of_containers(&containers, self.packets.clone(), admin)
    }

    /// The images of members, in one line.
    pub(super) fn images(&self) -> String {
        let images: BTreeSet<&str> =
            self.members.iter().map(|member| self.project.services()[member].image.as_str()).collect();
        images.into_iter().collect::<Vec<_>>().join(", ")
    }

    /// Starts it. What was started when this fails is found by the journal.
    pub(super) async fn start(
        &self,
        chart: Option<&Chart>,
        (suite, seed): (&str, u64),
        environment: &BTreeMap<String, String>,
        journal: &Journal,
    ) -> anyhow::Result<Running> {
        journal.containers(self.docker.program())?;
        let docker = self.docker.clone().marked(journal.mark());
        let run_dir = journal.directory().to_owned();
        let (mut ports, mut led, mut held, mut endpoints) =
            (Ports::outside_ephemeral(), BTreeMap::new(), Vec::new(), Vec::new());
        if let Some(there) = self.port {
            for member in &self.members {
                let port = ports.claim()?;
                led.insert(member.clone(), (port.address().port(), there));
                endpoints.push(Endpoint { name: member.clone(), url: format!("http://{}", port.address()) });
                held.push(port);
            }
        }
        let given = self.members.iter().filter(|_| !environment.is_empty());
        let environment = given.map(|member| (member.clone(), environment.clone())).collect();
        let fitting = Fitting {
            project: project_name(suite, seed, &run_dir),
            label: (RUN_LABEL.to_owned(), run_dir.to_string_lossy().into_owned()),
            clients: self.clients.clone(),
            ports: led,
            environment,
            voidstar: home::voidstar(),
            run_dir,
            seed,
        };
        let stack = Stack::up(docker, self.project.clone(), fitting).await?;
        let asked = (!endpoints.is_empty()).then(|| Attached::new(chart, Endpoints(endpoints)));
        let (members, homes) = (self.members.clone(), self.homes.clone());
        Ok(Running { stack, asked, members, homes, _ports: held })
    }

    /// Removes what was started of a run, however far that came.
    pub(super) async fn remove(&self, run_dir: &Path) -> anyhow::Result<()> {
        cluster::compose::remove(&self.docker, &run_dir.to_string_lossy()).await?;
        Ok(())
    }
}

/// The name of a run's copy of a project: another one for each run of this machine, in the letters that compose allows.
fn project_name(suite: &str, seed: u64, run_dir: &Path) -> String {
    let mut hasher = DefaultHasher::new();
    run_dir.hash(&mut hasher);
    let letters =
        suite.to_lowercase().chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect::<String>();
    format!("dt-{letters}-{seed}-{:06x}", hasher.finish() & 0xff_ffff)
}

impl Running {
    /// What chaos works on.
    pub(super) fn containers(&self) -> Containers {
        let clients = self.stack.fitting().clients.iter().cloned();
        Containers::new(
            self.stack.docker().program(),
            self.stack.containers(self.members.iter().cloned()),
            self.stack.containers(clients),
        )
    }

    /// Where members listen, from outside of their network.
    pub(super) fn endpoints(&self) -> Endpoints {
        self.asked.as_ref().map_or_else(|| Endpoints(Vec::new()), |asked| asked.endpoints().clone())
    }

    /// The version that each member tells, or `unknown`.
    pub(super) async fn versions(&self) -> Vec<(String, Result<String, String>)> {
        match &self.asked {
            Some(asked) => asked.versions().await,
            None => self.members.iter().map(|name| (name.clone(), Err("nobody says".to_owned()))).collect(),
        }
    }

    /// Whether the desk's library is in the containers.
    pub(super) fn has_library(&self) -> bool {
        self.stack.fitting().voidstar.is_some()
    }

    /// The containers of each command.
    pub(super) fn homes(&self) -> BTreeMap<String, Vec<String>> {
        let named = |services: &Vec<String>| {
            services.iter().map(|service| self.stack.fitting().container(service)).collect::<Vec<_>>()
        };
        self.homes.iter().map(|(command, services)| (command.clone(), named(services))).collect()
    }

    /// The engine's program.
    pub(super) fn program(&self) -> PathBuf {
        self.stack.docker().program().to_owned()
    }
}

//! `dt doctor`: what this machine has and lacks for a run, each with what to do about it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use chaos::Abilities;
use cluster::Places;
use cluster::compose::Docker;

use crate::exit::Exit;
use crate::home::Home;
use crate::suite;

/// One line of the answer: `Ok` has words about what is there, `Err` about what to do.
type Finding = (&'static str, Result<String, String>);

pub(crate) fn run() -> anyhow::Result<Exit> {
    let findings = [
        ("clone", home()),
        ("suites and charts", definitions()),
        ("test commands", commands()),
        ("etcd", etcd()),
        ("run directories", writable()),
        ("open files", open_files()),
    ];
    let exit = print(&findings)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    containers(&runtime.block_on(abilities()))?;
    Ok(exit)
}

fn print(findings: &[Finding]) -> anyhow::Result<Exit> {
    let mut out = std::io::stdout().lock();
    let mut fine = true;
    for (what, finding) in findings {
        match finding {
            Ok(words) => writeln!(out, "ok       {what}: {words}")?,
            Err(words) => {
                fine = false;
                writeln!(out, "missing  {what}: {words}")?;
            }
        }
    }
    Ok(if fine { Exit::Valid } else { Exit::Failed })
}

/// What there is for runs in containers, and which faults they can have. Runs as processes need none of it, so that it is
/// missing is no failure.
async fn abilities() -> Vec<(String, Result<String, String>)> {
    let docker = match Docker::find().await {
        Ok(docker) => docker,
        Err(error) => return vec![("containers".to_owned(), Err(error.to_string()))],
    };
    let found = format!("Docker answers, with {}", docker.tool().name());
    let mut lines =
        vec![("containers".to_owned(), Ok(found)), ("images".to_owned(), base_image(docker.program()))];
    for kind in ["kill", "stop", "pause", "throttle"] {
        lines.push((format!("{kind} in containers"), Ok("by Docker".to_owned())));
    }
    for (fault, ability) in Abilities::probe().await.all() {
        let told = match ability {
            Ok(()) => Ok("by rules in the container's network".to_owned()),
            Err(reason) => Err(reason.clone()),
        };
        lines.push((format!("{fault} in containers"), told));
    }
    lines
}

/// Every image of a run is made from this one.
fn base_image(docker: &Path) -> Result<String, String> {
    const IMAGE: &str = "debian:bookworm-slim";
    let inspect = Command::new(docker).args(["image", "inspect", IMAGE]).output();
    if inspect.is_ok_and(|inspect| inspect.status.success()) {
        return Ok(format!("{IMAGE} is here"));
    }
    Err(format!(
        "{IMAGE} is not here: the first run pulls it, or makes it where compose/install-tools was run"
    ))
}

fn containers(lines: &[(String, Result<String, String>)]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for (what, told) in lines {
        match told {
            Ok(words) => writeln!(out, "ok       {what}: {words}")?,
            Err(words) => writeln!(out, "without  {what}: {words}")?,
        }
    }
    Ok(())
}

fn home() -> Result<String, String> {
    Home::find()
        .map(|home| home.charts().parent().unwrap_or(&home.charts()).display().to_string())
        .map_err(words)
}

fn definitions() -> Result<String, String> {
    let home = Home::find().map_err(words)?;
    let suites = suite::names(&home.suites()).map_err(words)?;
    let mut charts = BTreeSet::new();
    for name in &suites {
        let suite = suite::load(&home.suites(), name).map_err(words)?;
        charts.insert(
            cluster::chart::load(&home.charts(), &suite.chart).map_err(|error| error.to_string())?.name,
        );
    }
    Ok(format!("{} on {}", suites.join(", "), Vec::from_iter(charts).join(", ")))
}

fn commands() -> Result<String, String> {
    let home = Home::find().map_err(words)?;
    let suites = suite::names(&home.suites()).map_err(words)?;
    let mut found = BTreeMap::new();
    for name in &suites {
        let suite = suite::load(&home.suites(), name).map_err(words)?;
        let dir = home.template(&suite.template).map_err(words)?;
        let template = composer::Template::discover(&dir).map_err(|error| error.to_string())?;
        found.insert(template.name, template.commands.len());
    }
    let found: Vec<String> =
        found.into_iter().map(|(name, commands)| format!("{commands} in template {name}")).collect();
    Ok(found.join(", "))
}

/// Looks without downloading anything.
fn etcd() -> Result<String, String> {
    let places = Places::from_environment().map_err(|error| error.to_string())?;
    let chart =
        Home::find().and_then(|home| Ok(cluster::chart::load(&home.charts(), "etcd")?)).map_err(words)?;
    let on_path = places.path.iter().map(|dir| dir.join(&chart.binary.file)).find(|file| file.is_file());
    let cache = places.cache.join(&chart.name);
    let cached = chart.binary.versions().into_iter().filter(|version| cache.join(version.as_str()).is_dir());
    let found: Vec<String> = on_path
        .map(|file| file.display().to_string())
        .into_iter()
        .chain(cached.map(|version| format!("{version} in the cache")))
        .collect();
    if found.is_empty() {
        return Ok("none here yet; the first run gets one, or name one with --bin".to_owned());
    }
    Ok(found.join(", "))
}

fn writable() -> Result<String, String> {
    let dir = std::path::Path::new("runs");
    let probe = dir.join(format!(".probe-{}", std::process::id()));
    std::fs::create_dir_all(dir)
        .and_then(|()| std::fs::write(&probe, ""))
        .and_then(|()| std::fs::remove_file(&probe))
        .map(|()| "runs/ can be written".to_owned())
        .map_err(|error| {
            format!("runs/ cannot be written ({error}): go to another directory, or use --runs DIR")
        })
}

/// Each member holds a few hundred files and sockets under load.
fn open_files() -> Result<String, String> {
    const WANTED: u64 = 1024;
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap_or_default();
    let soft = line.split_whitespace().nth(3).unwrap_or("unlimited");
    match soft.parse::<u64>() {
        Ok(soft) if soft < WANTED => Err(format!("the limit is {soft}; raise it with `ulimit -n {WANTED}`")),
        _ => Ok(format!("the limit is {soft}")),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn words(error: anyhow::Error) -> String {
    format!("{error:#}")
}

//! `dt run --server`: the run is asked for, followed and told as if it were here. Its directory is the service's.

use std::io::Write as _;
use std::time::Duration;

use anyhow::{Context as _, bail};
use history::{Nanos, clock};
use report::{Outcome, Summary};
use serde_json::Value;

use super::Remote;
use crate::check;
use crate::cli::RunArgs;
use crate::exit::Exit;
use crate::run::say;
use crate::serve::{QueueState, RunEntry, RunRequest, Waiting};

/// How often a service is asked for what it has no stream of.
const ASK_EVERY: Duration = Duration::from_millis(250);
/// A line of progress is told so often.
const TELL_EVERY: Duration = Duration::from_secs(5);
/// A run that has ended is judged within this, however long its history.
const JUDGED_WITHIN: Duration = Duration::from_secs(300);

pub(crate) fn run(args: &RunArgs, server: &str) -> anyhow::Result<Exit> {
    let remote = Remote::new(server)?;
    let waiting: Waiting = remote.post("/api/runs", &request(args))?;
    let name = begun(&remote, waiting.id)?;
    say(&format!("run {name} at {server}/runs/{name}"));
    followed(&remote, &name)?;
    let entry = judged(&remote, waiting.id, &name)?;
    let summary: Summary = remote.get(&format!("/api/runs/{name}/files/verdict.json"))?;
    let mut out = std::io::stdout().lock();
    write!(out, "\n{}", report::table(&summary, check::detail(args.all)))
        .context("cannot print the verdict")?;
    writeln!(out, "\nreport: {server}/runs/{name}")?;
    // As at a terminal: whoever stopped it, what it came to is not what was asked for.
    Ok(entry.verdict.filter(|_| entry.has_ended()).map_or(Exit::Failed, Outcome::into))
}

fn request(args: &RunArgs) -> RunRequest {
    RunRequest {
        suite: args.suite.clone().unwrap_or_default(),
        seconds: args.seconds,
        seed: args.seed,
        version: args.version.clone(),
        members: args.members,
        profile: args.profile.clone(),
        terminal: args.terminal.map(|terminal| format!("{terminal:?}").to_lowercase()),
        parallel: args.parallel,
        until_violation: args.until_violation,
        strict: args.strict,
    }
}

/// Waits for its turn, and until it has a directory.
fn begun(remote: &Remote, id: u64) -> anyhow::Result<String> {
    let mut told = false;
    loop {
        let queue: QueueState = remote.get("/api/queue")?;
        if let Some(run) = started(&queue, id)? {
            return Ok(run);
        }
        if let Some(place) = queue.waiting.iter().position(|waiting| waiting.id == id)
            && !std::mem::replace(&mut told, true)
        {
            say(&match place {
                0 => "waiting for its turn; it is the next".to_owned(),
                before => format!("waiting for its turn; {before} others wait before this one"),
            });
        }
        pause();
    }
}

/// Its name, once it has a directory.
fn started(queue: &QueueState, id: u64) -> anyhow::Result<Option<String>> {
    let Some(started) = queue.started.iter().find(|started| started.id == id) else { return Ok(None) };
    match &started.failure {
        Some(failure) => bail!("the run could not begin: {failure}"),
        None => Ok(started.run.clone()),
    }
}

fn followed(remote: &Remote, name: &str) -> anyhow::Result<()> {
    let mut last: Option<Nanos> = None;
    let mut failing = Vec::new();
    remote.events(&format!("/api/runs/{name}/live"), |kind, data| {
        if kind != "head" {
            return kind != "done";
        }
        let now = clock::now();
        if last.is_none_or(|last| now.since(last) >= TELL_EVERY) {
            last = Some(now);
            say(&line(data));
        }
        for property in data["failing"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !failing.iter().any(|known| known == property) {
                say(&format!("a promise is broken: {property}"));
                failing.push(property.to_owned());
            }
        }
        data["running"] != false
    })
}

/// As the run itself would tell.
fn line(head: &Value) -> String {
    let count = |name: &str| head[name].as_u64().unwrap_or(0);
    let faults: Vec<&str> =
        head["faults"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let faults = if faults.is_empty() { String::new() } else { format!("  faults: {}", faults.join(", ")) };
    format!(
        "{:>4.0} s  {:<10}  {} ok, {} failed, {} unknown{faults}",
        head["seconds"].as_f64().unwrap_or(0.0),
        head["phase"].as_str().unwrap_or_default(),
        count("ok"),
        count("failed"),
        count("unknown"),
    )
}

/// Waits until its process has ended, which judges before that.
fn judged(remote: &Remote, id: u64, name: &str) -> anyhow::Result<RunEntry> {
    let began = clock::now();
    loop {
        let entry: RunEntry = remote.get(&format!("/api/runs/{name}"))?;
        if !entry.is_running() {
            if entry.verdict.is_some() {
                return Ok(entry);
            }
            started(&remote.get("/api/queue")?, id)?;
            bail!(
                "{name} was ended before it was judged: `dt check` judges what there is, in the service's directory of runs"
            );
        }
        if clock::now().since(began) > JUDGED_WITHIN {
            bail!("{name} is still not judged: look at it at the service");
        }
        pause();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a service is asked again after a while; it pushes only what is live"
)]
fn pause() {
    std::thread::sleep(ASK_EVERY);
}

//! The service's answers to programs: JSON, and one stream of events. Everything comes from the runs' directories.

use std::convert::Infallible;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, KeepAlive};
use axum::response::{IntoResponse, Response, Sse};
use futures_util::stream::{self, Stream};
use rustix::process::{Pid, Signal, kill_process};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::live::{self, Watched};
use super::runs::{self, RunEntry};
use super::starter::{self, QueueState, RunRequest, Waiting};
use super::{Service, compare, lock, metrics, openapi};
use crate::run::KEEP_FILE;
use crate::{check, suite};

/// Files of a run that are handed out, with their types. Others hold the machine's own paths, or are no one's business.
const FILES: [(&str, &str); 9] = [
    ("report.html", "text/html; charset=utf-8"),
    ("verdict.json", "application/json"),
    ("junit.xml", "application/xml"),
    ("trace.json", "application/json"),
    ("run.json", "application/json"),
    ("faults.jsonl", "application/jsonl"),
    ("commands.jsonl", "application/jsonl"),
    ("events.jsonl", "application/jsonl"),
    ("metrics.jsonl", "application/jsonl"),
];
/// A larger file is not read into memory for a browser.
const FILE_MAX: u64 = 64 << 20;
/// How long the command that stops faults may take; it gives up by itself after a minute.
const QUIET_WITHIN: Duration = Duration::from_secs(65);

/// An answer that is no success.
pub(super) struct Refused(pub(super) StatusCode, pub(super) String);

/// What goes wrong, in words.
#[derive(Serialize, JsonSchema)]
pub(super) struct ErrorBody {
    /// One sentence.
    error: String,
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, Json(ErrorBody { error: self.1 })).into_response()
    }
}

type Answer<T> = Result<Json<T>, Refused>;

fn failed(error: impl std::fmt::Display) -> Refused {
    Refused(StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}"))
}

pub(super) async fn nothing_there() -> Refused {
    Refused(StatusCode::NOT_FOUND, "there is nothing here; /api/openapi.json says what there is".to_owned())
}

/// Reading directories is work for another thread than that of all requests.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refused> {
    tokio::task::spawn_blocking(work).await.map_err(failed)
}

pub(super) fn dir(service: &Service, name: &str) -> Result<PathBuf, Refused> {
    let missing = || Refused(StatusCode::NOT_FOUND, "there is no run of that name".to_owned());
    runs::path(&service.runs, name).ok_or_else(missing)
}

pub(super) async fn openapi() -> Json<Value> {
    Json(openapi::document())
}

/// What can be started.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct Choices {
    /// Suites.
    pub(crate) suites: Vec<Choice>,
    /// Profiles of faults.
    pub(crate) profiles: Vec<Choice>,
}

/// A name and a sentence.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct Choice {
    /// The name.
    pub(crate) name: String,
    /// The sentence.
    pub(crate) about: String,
}

pub(super) fn choices(service: &Service) -> anyhow::Result<Choices> {
    let dir = service.home.suites();
    let names = suite::names(&dir)?;
    let suites = names.into_iter().map(|name| Ok(Choice { about: suite::load(&dir, &name)?.about, name }));
    let profiles = chaos::Profile::list()?.into_iter().map(|(name, about)| Choice { name, about });
    Ok(Choices { suites: suites.collect::<anyhow::Result<_>>()?, profiles: profiles.collect() })
}

pub(super) async fn suites(State(service): State<Service>) -> Answer<Choices> {
    blocking(move || choices(&service)).await?.map(Json).map_err(failed)
}

/// Which runs are listed.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Filter {
    suite: Option<String>,
    verdict: Option<String>,
    limit: Option<usize>,
}

pub(super) async fn list(
    State(service): State<Service>,
    Query(filter): Query<Filter>,
) -> Answer<Vec<RunEntry>> {
    let mut listed = blocking(move || lock(&service.catalog).list(&service.runs)).await?;
    let word = |run: &RunEntry| json!(run.verdict).as_str().unwrap_or_default().to_owned();
    listed.retain(|run| filter.suite.as_ref().is_none_or(|suite| *suite == run.suite));
    listed.retain(|run| filter.verdict.as_ref().is_none_or(|verdict| *verdict == word(run)));
    listed.truncate(filter.limit.unwrap_or(usize::MAX));
    Ok(Json(listed))
}

pub(super) async fn start(
    State(service): State<Service>,
    Json(request): Json<RunRequest>,
) -> Result<(StatusCode, Json<Waiting>), Refused> {
    let asked = blocking(move || starter::ask(&service, request)).await?;
    let waiting = asked.map_err(|why| Refused(StatusCode::UNPROCESSABLE_ENTITY, why))?;
    Ok((StatusCode::ACCEPTED, Json(waiting)))
}

pub(super) async fn queue(State(service): State<Service>) -> Json<QueueState> {
    Json(starter::state(&service))
}

pub(super) async fn take_back(
    State(service): State<Service>,
    Path(id): Path<u64>,
) -> Result<StatusCode, Refused> {
    if starter::take_back(&service, id) {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Refused(StatusCode::NOT_FOUND, format!("no run {id} waits")))
}

pub(super) async fn one(State(service): State<Service>, Path(name): Path<String>) -> Answer<RunEntry> {
    let dir = dir(&service, &name)?;
    Ok(Json(blocking(move || runs::entry(&dir, &name)).await?))
}

pub(super) async fn file(
    State(service): State<Service>,
    Path((name, file)): Path<(String, String)>,
) -> Result<Response, Refused> {
    let dir = dir(&service, &name)?;
    let known = FILES.iter().find(|(known, _)| *known == file);
    let missing = |what: String| Refused(StatusCode::NOT_FOUND, what);
    let (file, kind) = known.ok_or_else(|| missing(format!("a run has no file {file:?} to hand out")))?;
    let path = dir.join(file);
    let read = blocking(move || {
        if std::fs::metadata(&path).is_ok_and(|metadata| metadata.len() > FILE_MAX) {
            return Err(std::io::Error::other("it is too large to be handed out"));
        }
        std::fs::read(path)
    });
    let bytes = read.await?.map_err(|error| missing(format!("{file}: {error}")))?;
    Ok(([(header::CONTENT_TYPE, *kind)], Body::from(bytes)).into_response())
}

/// How a run is stopped.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Stop {
    /// Whether members go on, until the run is stopped once more.
    keep: bool,
}

pub(super) async fn stop(
    State(service): State<Service>,
    Path(name): Path<String>,
    Query(stop): Query<Stop>,
) -> Answer<Value> {
    let dir = dir(&service, &name)?;
    let pid = running(dir.clone()).await?;
    if stop.keep {
        blocking(move || std::fs::write(dir.join(KEEP_FILE), "")).await?.map_err(failed)?;
    }
    kill_process(pid, Signal::INT).map_err(failed)?;
    Ok(Json(json!({"stopping": name, "keeps_members": stop.keep})))
}

async fn running(dir: PathBuf) -> Result<Pid, Refused> {
    let holder = blocking(move || runs::holder(&dir)).await?;
    let pid = holder.and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
    pid.ok_or_else(|| Refused(StatusCode::CONFLICT, "the run does not go on".to_owned()))
}

/// For how long faults are paused.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Quiet {
    /// Seconds; up to an hour.
    pub(super) seconds: f64,
}

pub(super) async fn quiet(
    State(service): State<Service>,
    Path(name): Path<String>,
    Json(quiet): Json<Quiet>,
) -> Answer<Value> {
    if !(quiet.seconds > 0.0 && quiet.seconds <= 3_600.0) {
        return Err(Refused(
            StatusCode::UNPROCESSABLE_ENTITY,
            "seconds must be above 0 and at most 3600".to_owned(),
        ));
    }
    let dir = dir(&service, &name)?;
    running(dir.clone()).await?;
    stop_faults(dir, quiet.seconds).await?;
    Ok(Json(json!({"quiet": name, "seconds": quiet.seconds})))
}

/// What commands call to be left alone, too. It returns when every fault is healed.
async fn stop_faults(dir: PathBuf, seconds: f64) -> Result<(), Refused> {
    let mut command = tokio::process::Command::new(dir.join("stop-faults"));
    command.arg(format!("{seconds:.3}")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let output =
        tokio::time::timeout(QUIET_WITHIN, command.kill_on_drop(true).output()).await.map_err(failed)?;
    let output = output
        .map_err(|error| Refused(StatusCode::CONFLICT, format!("faults have not begun yet: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Refused(StatusCode::CONFLICT, String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

/// While a run goes on, its faults are healed at once; of one whose process is gone, what it left behind is ended.
pub(super) async fn heal(State(service): State<Service>, Path(name): Path<String>) -> Answer<Value> {
    let dir = dir(&service, &name)?;
    if running(dir.clone()).await.is_ok() {
        stop_faults(dir, 1.0).await?;
        return Ok(Json(json!({"healed": name})));
    }
    let healed = blocking(move || chaos::leftovers::heal(&dir)).await?.map_err(failed)?;
    Ok(Json(json!({"healed": name, "undone": healed.undone, "ended": healed.ended})))
}

/// Judges a run again and renews its report.
pub(super) async fn judge(State(service): State<Service>, Path(name): Path<String>) -> Answer<RunEntry> {
    let dir = dir(&service, &name)?;
    if running(dir.clone()).await.is_ok() {
        return Err(Refused(StatusCode::CONFLICT, "the run still goes on".to_owned()));
    }
    let judged = blocking(move || check::judge_and_write(&dir).map(|_| runs::entry(&dir, &name)));
    judged.await?.map(Json).map_err(failed)
}

pub(super) async fn view(
    State(service): State<Service>,
    Path(name): Path<String>,
) -> Result<Response, Refused> {
    let dir = dir(&service, &name)?;
    let view = blocking(move || check::view(&dir)).await?.map_err(failed)?;
    Ok(Json(view).into_response())
}

pub(super) async fn live(
    State(service): State<Service>,
    Path(name): Path<String>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Refused> {
    let dir = dir(&service, &name)?;
    let watched = live::watch(&service, &name, &dir);
    let stream = stream::unfold(Sender::new(watched), |mut sender| async move {
        let event = sender.next().await?;
        Some((Ok(event), sender))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::default()))
}

/// What one watcher has been sent.
struct Sender {
    watched: Watched,
    first: bool,
    done: bool,
    sent: Vec<(&'static str, String)>,
    waiting: Vec<Event>,
}

impl Sender {
    fn new(watched: Watched) -> Self {
        Self { watched, first: true, done: false, sent: Vec::new(), waiting: Vec::new() }
    }

    /// The next event; `None` once the run is over and that has been said.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop() {
                return Some(event);
            }
            if self.done {
                return None;
            }
            if !std::mem::take(&mut self.first) {
                self.done = self.watched.changed().await.is_err();
            }
            self.look();
        }
    }

    fn look(&mut self) {
        let look = self.watched.borrow_and_update().clone();
        let mut events = Vec::new();
        let order: Vec<&str> = look.sections.iter().map(|section| section.id).collect();
        for section in &look.sections {
            let known = self.sent.iter_mut().find(|(id, _)| *id == section.id);
            match known {
                Some((_, body)) if *body == section.body => continue,
                Some((_, body)) => body.clone_from(&section.body),
                None => self.sent.push((section.id, section.body.clone())),
            }
            let data =
                json!({"id": section.id, "title": section.title, "html": section.body, "order": order});
            events.push(Event::default().event("section").data(data.to_string()));
        }
        if !look.sections.is_empty() {
            events.push(Event::default().event("moments").data(json!({"html": look.moments}).to_string()));
        }
        events.push(Event::default().event("head").data(json!(look.head).to_string()));
        self.done |= !look.head.running;
        if self.done {
            events.push(Event::default().event("done").data("{}"));
        }
        events.reverse();
        self.waiting = events;
    }
}

/// Two runs.
#[derive(Deserialize)]
pub(super) struct Pair {
    pub(super) a: String,
    pub(super) b: String,
}

pub(super) async fn compare(
    State(service): State<Service>,
    Query(pair): Query<Pair>,
) -> Answer<compare::Comparison> {
    let (a, b) = (dir(&service, &pair.a)?, dir(&service, &pair.b)?);
    blocking(move || compare::compare(&a, &b)).await?.map(Json).map_err(failed)
}

pub(super) async fn openmetrics(State(service): State<Service>) -> Result<Response, Refused> {
    let text = blocking(move || metrics::text(&service)).await?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

/// Whether a page shows a run as it goes on, or its report.
pub(super) fn goes_on(entry: &RunEntry) -> bool {
    entry.is_running()
}

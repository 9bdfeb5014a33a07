//! A run while it goes on: its files are followed once for all who watch, and each watcher is sent what has changed. Who
//! is slow misses steps in between, and holds up nobody.

mod events;
mod history;
mod links;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ::history::clock;
use report::html::{self, Section};
use report::{Example, Group, Material, Note, Outcome, Property, Status, Summary, View};
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use self::history::Growing;
use super::runs;
use super::{Service, lock};
use crate::check::gather;
use crate::material;
use crate::record::{self, Event, RunRecord};

/// How often a run is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Assertions are scored at every so many looks: there is a file for each command.
const SCORE_EVERY: u64 = 3;
/// The phase after the last command.
const JUDGING: &str = "judging";
/// After so many looks that nobody waits for, following ends.
const ALONE_MAX: u32 = 30;

/// How a run is watched: the newest look at it.
pub(super) type Watched = watch::Receiver<Arc<Look>>;

/// A run as it is at one moment.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// In few words, for programs.
    pub(super) head: Head,
    /// The sections of its page.
    pub(super) sections: Vec<Section>,
    /// For the moment under the cursor.
    pub(super) moments: String,
}

/// A run as it is at one moment, in few words.
#[derive(Clone, Debug, Default, PartialEq, Serialize, schemars::JsonSchema)]
pub(super) struct Head {
    /// Whether it goes on. Once it does not, nothing follows.
    pub(super) running: bool,
    /// `first`, `drivers`, `eventually`, `finally`, `judging`, or nothing before all that.
    pub(super) phase: String,
    /// Since it began.
    pub(super) seconds: f64,
    /// Operations until now, by outcome.
    pub(super) ok: u64,
    /// See `ok`.
    pub(super) failed: u64,
    /// See `ok`.
    pub(super) unknown: u64,
    /// Faults in effect.
    pub(super) faults: Vec<String>,
    /// Properties that are broken already.
    pub(super) failing: Vec<String>,
    /// Where members keep running after the run was stopped.
    pub(super) kept: Vec<String>,
}

/// Begins to follow the run, if nobody does yet.
pub(super) fn watch(service: &Service, name: &str, dir: &Path) -> Watched {
    let mut watched = lock(&service.watched);
    if let Some(known) = watched.get(name).filter(|known| known.has_changed().is_ok()) {
        return known.clone();
    }
    let (tell, told) =
        watch::channel(Arc::new(Look { head: Head { running: true, ..Head::default() }, ..Look::default() }));
    watched.retain(|_, known| known.has_changed().is_ok());
    watched.insert(name.to_owned(), told.clone());
    tokio::spawn(follow(tell, Follower::new(dir)));
    told
}

async fn follow(tell: watch::Sender<Arc<Look>>, mut follower: Follower) {
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut alone = 0;
    while alone < ALONE_MAX {
        look.tick().await;
        let looked = tokio::task::spawn_blocking(move || {
            let look = follower.look();
            (follower, look)
        });
        let Ok((back, seen)) = looked.await else { return };
        follower = back;
        let running = seen.head.running;
        tell.send_replace(Arc::new(seen));
        if !running {
            return;
        }
        // One receiver is kept for those who come later.
        alone = if tell.receiver_count() > 1 { 0 } else { alone + 1 };
    }
}

/// Follows the files of one run.
struct Follower {
    dir: PathBuf,
    looks: u64,
    growing: Growing,
    properties: Vec<Property>,
}

impl Follower {
    fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), looks: 0, growing: Growing::new(dir), properties: Vec::new() }
    }

    fn look(&mut self) -> Look {
        // Before anything is read: what is written after it is read at the next look.
        let running = runs::holder(&self.dir).is_some();
        let dir = &self.dir;
        if self.looks.is_multiple_of(SCORE_EVERY) {
            self.properties = gather::so_far(dir);
        }
        let (events, _) = record::read_events(dir).unwrap_or_default();
        let (disproved, kept) = (disproved(&events), kept(&events));
        if let Some((name, how)) = &disproved
            && self.properties.iter().all(|property| property.name != *name)
        {
            self.properties.push(broken(name, how));
        }
        self.looks += 1;
        let run = RunRecord::read(dir).ok().flatten();
        let (faults, refused) = material::faults(dir);
        let mut material = Material {
            run: run.as_ref().map(|run| material::facts(dir, run)),
            commands: material::commands(dir),
            faults,
            refused,
            metrics: material::metrics::read(dir),
            observed: self.growing.observed(),
            until: Some(clock::now()),
            ..Material::default()
        };
        let subject =
            material.run.as_ref().map_or_else(|| "the system".to_owned(), |run| run.subject.clone());
        material.summary = Some(so_far(&subject, &self.properties, &material));
        let mut view = View::new(&material);
        view.verdict = None;
        let phase = if kept.is_none() && recorded(&events) { JUDGING.to_owned() } else { phase(&view) };
        view.sentence = match phase.as_str() {
            "" => format!("{subject} is being started"),
            JUDGING => format!("{subject} was tested, and its history is being judged"),
            _ => format!("{subject} is being tested: {phase}"),
        };
        let failing: Vec<String> =
            self.properties.iter().filter(|p| p.status == Status::Failing).map(|p| p.name.clone()).collect();
        if let Some(first) =
            disproved.map(|(_, how)| how).or_else(|| Some(format!("\"{}\"", failing.first()?)))
        {
            view.verdict = Some(Outcome::Invalid);
            view.sentence = format!("{subject} broke a promise already: {first}");
        }
        if kept.is_some()
            && let Some(summary) = runs::summary(dir)
        {
            (view.verdict, view.sentence) = (Some(summary.verdict), summary.sentence);
        }
        let mut sections = html::sections(&view);
        let before = |section: &Section| ["verdict", "timeline", "members"].contains(&section.id);
        let at = sections.iter().rposition(before).map_or(0, |last| last + 1);
        sections.insert(at, events::section(dir, &material));
        let links = links::section(dir);
        if !links.body.is_empty() {
            sections.insert(at, links);
        }
        let outcomes = material.observed.outcomes;
        let head = Head {
            running,
            phase,
            seconds: view.timeline.as_ref().map_or(0.0, |timeline| timeline.seconds),
            ok: outcomes.ok,
            failed: outcomes.failed,
            unknown: outcomes.unknown,
            faults: material.faults.iter().filter(|f| f.until.is_none()).map(|f| f.label.clone()).collect(),
            failing,
            kept: kept.unwrap_or_default(),
        };
        Look { head, sections, moments: html::moments(&view).into_string() }
    }
}

/// Properties as far as they are known, with a verdict that says nothing yet.
fn so_far(subject: &str, properties: &[Property], material: &Material) -> Summary {
    let mut properties = properties.to_vec();
    properties.sort_by(|a, b| (a.status, a.group, &a.name).cmp(&(b.status, b.group, &b.name)));
    Summary {
        verdict: Outcome::Unknown,
        sentence: String::new(),
        subject: subject.to_owned(),
        operations: usize::try_from(material.observed.outcomes.total()).unwrap_or(usize::MAX),
        properties,
        known: Vec::new(),
        notes: vec![Note("the history is judged when the run has ended".to_owned())],
    }
}

/// The promise that the history is known to contradict, and how.
fn disproved(events: &[Event]) -> Option<(String, String)> {
    events.iter().find_map(|event| match event {
        Event::Disproved { property, sentence, .. } => Some((property.clone(), sentence.clone())),
        _ => None,
    })
}

/// Where members keep running, if they do.
fn kept(events: &[Event]) -> Option<Vec<String>> {
    events.iter().find_map(|event| match event {
        Event::Kept { members } => Some(members.clone()),
        _ => None,
    })
}

/// Whether nothing more comes to the history.
fn recorded(events: &[Event]) -> bool {
    events.iter().any(|event| matches!(event, Event::Recorded { .. }))
}

fn broken(name: &str, how: &str) -> Property {
    let mut property = Property::new(name, Group::History, "parts of the history");
    property.status = Status::Failing;
    property.saw(false, Example { command: String::new(), number: None, details: how.into() });
    property
}

/// The phase that began last.
fn phase(view: &View) -> String {
    let phases = view.timeline.iter().flat_map(|timeline| &timeline.phases);
    phases.last().map_or_else(String::new, |phase| phase.label.clone())
}

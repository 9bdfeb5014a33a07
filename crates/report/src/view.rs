//! The view model: everything a page shows, chosen, counted and written out. Data in, data out; a page only arranges it.
//!
//! A page is small however long the run: what is drawn is bounded here, and what is left out is counted.

mod commands;
mod faults;
mod lanes;
mod members;
mod numbers;
mod properties;
mod recovery;
mod timeline;
mod violation;

use serde::Serialize;

pub use commands::{Bar, CommandRow, Commands};
pub(crate) use faults::marks;
pub use faults::{FaultRow, Faults, MatrixRow, Share};
pub use lanes::{Block, Lane, Lanes, Stretch, Tick};
pub use members::{MemberRow, Members};
pub(crate) use numbers::bytes;
pub use properties::{IdleGroup, PropertyGroup, PropertyRow};
pub use timeline::{Band, Latency, LatencyRow, Line, MemberStrip, Plot, Timeline};
pub use violation::{LogRow, OperationRow, ViolationView};

use crate::material::Material;
use crate::{Outcome, Status, Summary};

/// A run as it is shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct View {
    /// The run's name.
    pub run: String,
    /// What was tested.
    pub subject: String,
    /// `None` while the run goes on.
    pub verdict: Option<Outcome>,
    /// The verdict and its reason in one sentence.
    pub sentence: String,
    /// When it began, where that is known.
    pub began: String,
    /// What to type to repeat it; empty where that is not known.
    pub repeat: String,
    /// What to type to judge it again; empty where that is not known.
    pub judge: String,
    /// The run in numbers.
    pub facts: Vec<Fact>,
    /// What it was made of.
    pub setup: Vec<Fact>,
    /// What else a reader must know.
    pub notes: Vec<String>,
    /// What was not put to the test.
    pub idle: Vec<IdleGroup>,
    /// Why the history is invalid.
    pub violation: Option<ViolationView>,
    /// All properties, by group.
    pub properties: Vec<PropertyGroup>,
    /// What happened over time; `None` without a single operation, command or fault.
    pub timeline: Option<Timeline>,
    /// How fast calls were answered.
    pub latency: Latency,
    /// All faults.
    pub faults: Faults,
    /// All commands.
    pub commands: Commands,
    /// What members told last.
    pub members: Members,
}

/// A name and a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
    /// More about it, in small print.
    pub more: String,
}

impl Fact {
    fn new(name: &str, value: impl Into<String>, more: impl Into<String>) -> Self {
        Self { name: name.to_owned(), value: value.into(), more: more.into() }
    }
}

impl View {
    /// Everything that is shown of a run.
    #[must_use]
    pub fn new(material: &Material) -> Self {
        let clock = timeline::Clock::of(material);
        let summary = material.summary.as_ref();
        let run = material.run.clone().unwrap_or_default();
        let subject = summary.map_or(run.subject.clone(), |summary| summary.subject.clone());
        let faults = faults::faults(material, &clock);
        let commands = commands::commands(material, &clock);
        Self {
            verdict: summary.map(|summary| summary.verdict),
            sentence: sentence(summary, &subject),
            subject,
            began: run.began_text.clone(),
            repeat: run.command_line.clone(),
            judge: run.judge_line.clone(),
            facts: facts(material, &clock),
            setup: setup(material),
            notes: summary
                .map_or(Vec::new(), |summary| summary.notes.iter().map(|note| note.0.clone()).collect()),
            idle: properties::idle(material),
            violation: violation::violation(material, &clock),
            properties: properties::groups(material, &clock),
            timeline: timeline::timeline(material, &clock),
            latency: timeline::latency(material),
            faults,
            commands,
            members: members::members(material),
            run: run.run,
        }
    }
}

fn sentence(summary: Option<&Summary>, subject: &str) -> String {
    summary.map_or_else(|| format!("{subject} is being tested"), |summary| summary.sentence.clone())
}

fn facts(material: &Material, clock: &timeline::Clock) -> Vec<Fact> {
    let outcomes = material.observed.outcomes;
    let not_ok = outcomes.failed + outcomes.unknown;
    let share = if outcomes.total() == 0 { 0.0 } else { outcomes.ok as f64 / outcomes.total() as f64 };
    let operations = if not_ok == 0 {
        "all answered".to_owned()
    } else {
        format!(
            "{} answered, {} failed, {} unknown",
            numbers::percent(share),
            numbers::count(outcomes.failed),
            numbers::count(outcomes.unknown)
        )
    };
    let seconds = clock.length_s();
    let rate = if seconds > 0.0 { outcomes.total() as f64 / seconds } else { 0.0 };
    let effective = material.faults.iter().filter(|fault| fault.effect).count();
    let faults = match (material.faults.len(), effective) {
        (0, _) => "nobody disturbed it".to_owned(),
        (all, seen) if all == seen => "each with an effect seen".to_owned(),
        (_, seen) => format!("{seen} with an effect seen"),
    };
    let mut facts = vec![
        Fact::new("Operations", numbers::count(outcomes.total()), operations),
        Fact::new(
            "Watched for",
            numbers::duration_s(seconds),
            format!("{} operations a second", numbers::rate(rate)),
        ),
        Fact::new("Faults", numbers::count(material.faults.len() as u64), faults),
    ];
    let wrong = material.commands.iter().filter(|run| run.class == crate::material::Ending::Wrong).count();
    let commands =
        if wrong == 0 { "none ended wrongly".to_owned() } else { format!("{wrong} ended wrongly") };
    facts.push(Fact::new("Commands run", numbers::count(material.commands.len() as u64), commands));
    if let Some(summary) = &material.summary {
        let of = |status| summary.properties.iter().filter(|property| property.status == status).count();
        let mut more = Vec::new();
        for (status, words) in [
            (Status::Failing, "failing"),
            (Status::Unknown, "undecided"),
            (Status::NotExercised, "not exercised"),
        ] {
            if of(status) > 0 {
                more.push(format!("{} {words}", of(status)));
            }
        }
        let more = if more.is_empty() { "nothing else".to_owned() } else { more.join(", ") };
        facts.push(Fact::new("Properties held", numbers::count(of(Status::Passing) as u64), more));
    }
    facts
}

fn setup(material: &Material) -> Vec<Fact> {
    let Some(run) = &material.run else { return Vec::new() };
    let mut versions: Vec<String> =
        run.versions.iter().map(|(member, version)| format!("{member} {version}")).collect();
    versions.sort();
    [
        Fact::new("Suite", &run.suite, format!("template {}, {} s of drivers", run.template, run.seconds)),
        Fact::new("Faults", &run.profile, "profile"),
        Fact::new("Seed", run.seed.to_string(), "decides commands and faults"),
        Fact::new("Members", versions.join(", "), ""),
        Fact::new("Program", &run.program, ""),
    ]
    .into_iter()
    .filter(|fact| !fact.value.is_empty())
    .collect()
}

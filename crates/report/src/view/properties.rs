//! Properties as the platform shows them: by group, with what was seen of each, by whom and when.

use serde::Serialize;

use super::numbers;
use super::timeline::Clock;
use crate::material::Material;
use crate::{Example, Group, Property, Status};

/// Longer details are cut; they are whole in `verdict.json`.
const DETAILS_MAX: usize = 1_500;

/// Properties of one group.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PropertyGroup {
    /// Its name.
    pub group: String,
    /// What properties of this group promise.
    pub about: String,
    /// Failing ones first.
    pub rows: Vec<PropertyRow>,
}

/// One property.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PropertyRow {
    /// The sentence.
    pub name: String,
    /// What was seen of it.
    pub status: Status,
    /// Times it held and times it did not, in words.
    pub seen: String,
    /// What these count.
    pub counted: String,
    /// The commands that can exercise it.
    pub commands: Vec<String>,
    /// Known defects that it looks like: in words, and where they are told of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub known: Vec<(String, String)>,
    /// Times it held: by whom, when, and with what.
    pub examples: Vec<(String, String)>,
    /// Times it did not.
    pub counterexamples: Vec<(String, String)>,
}

/// What was not put to the test, of one group.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct IdleGroup {
    /// The group's name.
    pub group: String,
    /// What is missing.
    pub names: Vec<String>,
}

const ORDER: [(Group, &str); 9] = [
    (Group::History, "Judged from every call that was recorded"),
    (Group::Always, "Must hold each time they are looked at, and be looked at"),
    (Group::AlwaysOrUnreachable, "Must hold each time they are looked at"),
    (Group::Sometimes, "Must hold at least once: they show that the test has teeth"),
    (Group::Reachable, "Places that must be reached"),
    (Group::Unreachable, "Places that must not be reached"),
    (Group::System, "What must be true of the members themselves"),
    (Group::Faults, "That the members were really disturbed"),
    (Group::TestComposer, "What must be true of every test command"),
];

pub(super) fn groups(material: &Material, clock: &Clock) -> Vec<PropertyGroup> {
    let Some(summary) = &material.summary else { return Vec::new() };
    let mut groups = Vec::new();
    for (group, about) in ORDER {
        let mut found: Vec<&Property> =
            summary.properties.iter().filter(|property| property.group == group).collect();
        found.sort_by(|a, b| (a.status, &a.name).cmp(&(b.status, &b.name)));
        if !found.is_empty() {
            groups.push(PropertyGroup {
                group: group.to_string(),
                about: about.to_owned(),
                rows: found.into_iter().map(|property| row(property, material, clock)).collect(),
            });
        }
    }
    groups
}

pub(super) fn idle(material: &Material) -> Vec<IdleGroup> {
    let Some(summary) = &material.summary else { return Vec::new() };
    let names = |group| -> Vec<String> {
        let idle = |property: &&Property| property.status == Status::NotExercised && property.group == group;
        summary.properties.iter().filter(idle).map(|property| property.name.clone()).collect()
    };
    let groups = ORDER.iter().map(|(group, _)| IdleGroup { group: group.to_string(), names: names(*group) });
    groups.filter(|group| !group.names.is_empty()).collect()
}

fn row(property: &Property, material: &Material, clock: &Clock) -> PropertyRow {
    let told = |examples: &[Example]| examples.iter().map(|example| told(example, material, clock)).collect();
    let (passed, failed) = (numbers::count(property.passed), numbers::count(property.failed));
    let seen = match (property.passed, property.failed) {
        (0, 0) if property.status == Status::Passing => "nothing against it".to_owned(),
        (0, 0) => "never seen".to_owned(),
        (_, 0) => format!("{passed} true"),
        (0, _) => format!("{failed} false"),
        _ => format!("{passed} true, {failed} false"),
    };
    PropertyRow {
        name: property.name.clone(),
        status: property.status,
        seen,
        counted: property.counted.clone(),
        commands: property.commands.iter().cloned().collect(),
        known: known(property, material),
        examples: told(&property.examples),
        counterexamples: told(&property.counterexamples),
    }
}

fn known(property: &Property, material: &Material) -> Vec<(String, String)> {
    let all = material.summary.iter().flat_map(|summary| &summary.known);
    let named = all.filter(|named| property.known.contains(&named.id));
    named.map(|named| (named.to_string(), named.link.clone())).collect()
}

/// Who and when, and with what.
fn told(example: &Example, material: &Material, clock: &Clock) -> (String, String) {
    let run = example.number.and_then(|number| material.commands.iter().find(|run| run.n == number));
    let when = run.map_or(String::new(), |run| {
        let end = run.ended.map_or("the end".to_owned(), |ended| numbers::moment_s(clock.s(ended)));
        format!(", {} to {end}", numbers::moment_s(clock.s(run.started)))
    });
    let who = match example.number {
        Some(number) => format!("{} #{number}{when}", example.command),
        None => example.command.clone(),
    };
    let details = match &example.details {
        serde_json::Value::Null => String::new(),
        serde_json::Value::String(words) => words.clone(),
        serde_json::Value::Object(fields) if fields.is_empty() => String::new(),
        other => other.to_string(),
    };
    (who, cut(details))
}

fn cut(text: String) -> String {
    match text.char_indices().nth(DETAILS_MAX) {
        None => text,
        Some((end, _)) => format!("{}… ({} bytes in all, in verdict.json)", &text[..end], text.len()),
    }
}

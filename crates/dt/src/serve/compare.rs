//! Two runs beside each other: what differs in their verdicts, their properties and their numbers.

use std::path::Path;

use report::{Status, View};
use schemars::JsonSchema;
use serde::Serialize;

use super::runs;
use crate::check;

/// Two runs beside each other.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub(super) struct Comparison {
    /// Their names.
    pub(super) runs: [String; 2],
    /// Their sentences.
    pub(super) sentences: [String; 2],
    /// A number of each, by what it is.
    pub(super) numbers: Vec<Pair>,
    /// Properties whose status is not the same.
    pub(super) properties: Vec<Pair>,
}

/// What one thing is in each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(super) struct Pair {
    /// The thing.
    pub(super) name: String,
    /// In the first.
    pub(super) a: String,
    /// In the second.
    pub(super) b: String,
}

pub(super) fn compare(a: &Path, b: &Path) -> anyhow::Result<Comparison> {
    let views = [check::view(a)?, check::view(b)?];
    let statuses = [a, b].map(statuses);
    let name = |dir: &Path| dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut properties = joined(&statuses[0], &statuses[1], "not there");
    properties.retain(|pair| pair.a != pair.b);
    Ok(Comparison {
        runs: [name(a), name(b)],
        sentences: [views[0].sentence.clone(), views[1].sentence.clone()],
        numbers: joined(&numbers(&views[0]), &numbers(&views[1]), "–"),
        properties,
    })
}

fn statuses(dir: &Path) -> Vec<(String, String)> {
    let summary = runs::summary(dir);
    let properties = summary.into_iter().flat_map(|summary| summary.properties);
    properties.map(|property| (property.name, Status::to_string(&property.status))).collect()
}

fn numbers(view: &View) -> Vec<(String, String)> {
    let facts = view.facts.iter().chain(&view.setup).map(|fact| (fact.name.clone(), fact.value.clone()));
    let mut numbers: Vec<(String, String)> = facts.collect();
    for row in &view.latency.rows {
        for (name, at) in [("p50", 0), ("p99", 2), ("longest", 4)] {
            numbers.push((format!("{} {name}", row.call), row.quantiles[at].clone()));
        }
    }
    if let Some((under, free)) = &view.faults.availability {
        numbers.push(("Answered under faults".to_owned(), under.clone()));
        numbers.push(("Answered without".to_owned(), free.clone()));
    }
    numbers
}

/// What is in either, in the order of the first.
fn joined(a: &[(String, String)], b: &[(String, String)], missing: &str) -> Vec<Pair> {
    let value = |side: &[(String, String)], name: &str| {
        side.iter().find(|(known, _)| known == name).map_or(missing.to_owned(), |(_, value)| value.clone())
    };
    let mut names: Vec<&String> = a.iter().map(|(name, _)| name).collect();
    names.extend(b.iter().map(|(name, _)| name).filter(|name| !a.iter().any(|(known, _)| known == *name)));
    names.into_iter().map(|name| Pair { name: name.clone(), a: value(a, name), b: value(b, name) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_either_is_told_once() {
        let side = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<Vec<_>>()
        };
        let pairs = joined(&side(&[("x", "1"), ("y", "2")]), &side(&[("y", "3"), ("z", "4")]), "–");
        let told: Vec<String> =
            pairs.iter().map(|pair| format!("{} {} {}", pair.name, pair.a, pair.b)).collect();
        assert_eq!(told, ["x 1 –", "y 2 3", "z – 4"]);
    }
}

//! Members now, or as they were last: what each told of itself.

use serde::Serialize;

use super::numbers;
use super::timeline;
use crate::material::{Material, Unit};

/// A table of members and what they told last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Members {
    /// What is told, a column each.
    pub columns: Vec<String>,
    /// By member.
    pub rows: Vec<MemberRow>,
}

/// One member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MemberRow {
    /// Its name.
    pub member: String,
    /// Its version, as it told.
    pub version: String,
    /// Whether it told that it leads.
    pub leads: bool,
    /// The highest term that it told; empty where nobody asked.
    pub term: String,
    /// Faults on it that are not healed.
    pub faults: Vec<String>,
    /// In the order of the columns; empty where nothing was told.
    pub cells: Vec<String>,
}

fn term(material: &Material, member: &str) -> String {
    let observed = &material.observed;
    let place = observed.members.iter().position(|name| name == member);
    let term = place.and_then(|place| observed.terms.get(place)).filter(|term| **term > 0);
    term.map_or(String::new(), |term| numbers::count(*term))
}

pub(super) fn members(material: &Material) -> Members {
    let shown = || material.metrics.iter().filter(|metric| metric.unit != Unit::Flag);
    let last = |points: &[(history::Nanos, f64)]| points.last().map(|(_, value)| *value);
    let of = |metric: &crate::Metric, member: &str| {
        metric.members.iter().find(|(name, _)| name == member).and_then(|(_, points)| last(points))
    };
    let version = |member: &str| {
        let versions = material.run.iter().flat_map(|run| &run.versions);
        versions
            .into_iter()
            .find(|(name, _)| name == member)
            .map_or(String::new(), |(_, version)| version.clone())
    };
    let row = |member: String| MemberRow {
        version: version(&member),
        leads: material
            .metrics
            .iter()
            .any(|metric| metric.unit == Unit::Flag && of(metric, &member) == Some(1.0)),
        term: term(material, &member),
        faults: (material.faults.iter())
            .filter(|fault| fault.until.is_none() && fault.members.contains(&member))
            .map(|fault| fault.label.clone())
            .collect(),
        cells: shown()
            .map(|metric| {
                of(metric, &member).map_or(String::new(), |value| numbers::metric(metric.unit, value))
            })
            .collect(),
        member,
    };
    Members {
        columns: shown().map(|metric| metric.title.clone()).collect(),
        rows: timeline::member_names(material).into_iter().map(row).collect(),
    }
}

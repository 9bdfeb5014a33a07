//! Known defects of released versions: which can explain what a run has seen. The table is `known/etcd.yaml`.
//!
//! A known violation is one all the same: it is named, and never forgiven. It counts as explained only where the version
//! that was tested has the defect, what it needs has happened in the run, and the property is one that it makes fail.

mod traces;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use traces::{Trace, Traces};

use crate::{Property, Status};

const ETCD: &str = include_str!("known/etcd.yaml");

/// One defect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// What it is called, as people name it.
    pub named: Named,
    /// Which versions have it.
    pub affected: Vec<Affected>,
    /// What must have happened for it to be the cause.
    pub needs: Vec<Trace>,
    /// Of these properties one must have failed: the others that it makes fail have many causes.
    pub marks: Vec<String>,
    /// The sentences of the properties that it makes fail.
    pub shows: Vec<String>,
}

/// How a defect is told of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Named {
    /// Such as `18667`: the number of its issue, where it has one.
    pub id: String,
    /// What it does, in some words.
    pub title: String,
    /// Where it is told of.
    pub link: String,
    /// The first versions without it; empty where there is none.
    pub fixed: Vec<String>,
}

/// Versions from one on, and before another.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Affected {
    /// The first one that has it.
    pub from: String,
    /// The first one of its series that has it no more.
    pub before: Option<String>,
}

/// The table cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the table of known defects: {0}")]
pub struct KnownError(String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    shows: BTreeMap<String, Vec<String>>,
    known: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    title: String,
    link: String,
    affected: Vec<Affected>,
    #[serde(default)]
    needs: Vec<Trace>,
    marks: Vec<String>,
    shows: String,
}

impl Known {
    /// All known defects of a system; none of one that there is no table of.
    ///
    /// # Errors
    /// When the table is broken.
    pub fn of(system: &str) -> Result<Vec<Self>, KnownError> {
        if system != "etcd" {
            return Ok(Vec::new());
        }
        let table: Table = serde_saphyr::from_str(ETCD).map_err(|error| KnownError(error.to_string()))?;
        table.known.into_iter().map(|row| row.known(&table.shows)).collect()
    }

    /// Whether one of these versions has it, and the run has had what it needs.
    #[must_use]
    pub fn is_possible<'v>(&self, versions: impl IntoIterator<Item = &'v str>, traces: &Traces) -> bool {
        versions.into_iter().any(|version| self.is_in(version))
            && self.needs.iter().all(|trace| traces.has(*trace))
    }

    /// Whether that version has it; of one that is no version nobody knows.
    #[must_use]
    pub fn is_in(&self, version: &str) -> bool {
        let Some(version) = number(version) else { return false };
        let from = |affected: &Affected| number(&affected.from).is_some_and(|from| from <= version);
        let before = |affected: &Affected| {
            affected.before.as_deref().is_none_or(|before| number(before).is_some_and(|b| version < b))
        };
        self.affected.iter().any(|affected| from(affected) && before(affected))
    }
}

impl Row {
    fn known(self, shows: &BTreeMap<String, Vec<String>>) -> Result<Known, KnownError> {
        let Row { id, title, link, affected, needs, marks, shows: name } = self;
        let sentences = shows.get(&name).cloned();
        let shows = sentences.ok_or_else(|| KnownError(format!("{id}: nothing is called `{name}`")))?;
        for version in affected.iter().flat_map(|one| std::iter::once(&one.from).chain(&one.before)) {
            if number(version).is_none() {
                return Err(KnownError(format!("{id}: `{version}` is no version")));
            }
        }
        let fixed = affected.iter().filter_map(|one| one.before.clone()).collect();
        Ok(Known { named: Named { id, title, link, fixed }, affected, needs, marks, shows })
    }
}

impl std::fmt::Display for Affected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.before {
            Some(before) => write!(f, "{} up to below {before}", self.from),
            None => write!(f, "{} and all since", self.from),
        }
    }
}

impl std::fmt::Display for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { id, title, fixed, .. } = self;
        let fixed = match fixed.as_slice() {
            [] => "mended in no release yet".to_owned(),
            [one] => format!("mended in {one}"),
            [more @ .., last] => format!("mended in {} and {last}", more.join(", ")),
        };
        write!(f, "{id} ({title}; {fixed})")
    }
}

/// Names what each failing property looks like, and gives all that were named.
pub(crate) fn name(properties: &mut [Property], possible: &[Known]) -> Vec<Named> {
    let broken = |property: &Property| property.status == Status::Failing && property.failed > 0;
    let names: Vec<String> =
        properties.iter().filter(|one| broken(one)).map(|property| property.name.clone()).collect();
    let marked = |known: &&Known| known.marks.iter().any(|mark| names.contains(mark));
    let possible: Vec<&Known> = possible.iter().filter(marked).collect();
    for property in properties.iter_mut().filter(|property| broken(property)) {
        let explains = |known: &&&Known| known.shows.contains(&property.name);
        property.known = possible.iter().filter(explains).map(|known| known.named.id.clone()).collect();
    }
    let used = |known: &&&Known| properties.iter().any(|property| property.known.contains(&known.named.id));
    possible.iter().filter(used).map(|known| known.named.clone()).collect()
}

/// Whether all that failed looks like this one defect, and something did.
#[must_use]
pub fn is_exactly(properties: &[Property], id: &str) -> bool {
    let mut failing = properties.iter().filter(|property| property.status == Status::Failing).peekable();
    failing.peek().is_some() && failing.all(|property| property.known.iter().any(|known| known == id))
}

/// The three numbers of a version; what follows them does not matter.
fn number(version: &str) -> Option<(u32, u32, u32)> {
    let version = version.strip_prefix('v').unwrap_or(version);
    let mut parts = version.splitn(3, '.');
    let (major, minor) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let patch = parts.next()?;
    let digits = patch.find(|c: char| !c.is_ascii_digit()).unwrap_or(patch.len());
    Some((major, minor, patch[..digits].parse().ok()?))
}

#[cfg(test)]
mod tests;

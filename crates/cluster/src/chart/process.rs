//! The part of a chart that says how members are started as processes on loopback.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Probe;
use crate::template::Template;

/// How members are started as processes.
///
/// Placeholders in arguments and environment: `{name}`, `{index}`, `{data_dir}`, the chart's lists, and for
/// each port P: `{P.listen}` and `{P.listen_url}` (where the member listens), `{P.host}` and `{P.port}` (the
/// same, in two parts), `{P.advertised}` and `{P.url}` (how others call it). `{first.…}` is the first
/// member's.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessSpec {
    /// How many members there may be.
    pub sizes: Vec<usize>,
    /// Why other numbers are refused, as a fragment.
    pub sizes_because: String,
    /// A member's name; knows only `{index}`, from 0.
    pub member: Template,
    /// The ports each member listens on, with the scheme of their URLs.
    pub ports: BTreeMap<String, String>,
    /// Texts that name all members at once.
    #[serde(default)]
    pub lists: BTreeMap<String, JoinedList>,
    /// What a member must answer before the next is started; without it they are started all at once.
    pub next_when: Option<NextWhen>,
    /// The arguments of every member.
    pub arguments: Vec<Template>,
    /// Further arguments of every member but the first.
    #[serde(default)]
    pub arguments_after_first: Vec<Template>,
    /// Further arguments of a member that lost its data and joins the others again.
    #[serde(default)]
    pub arguments_to_rejoin: Vec<Template>,
    /// A member's whole environment: it inherits none, because the user's shell may hold settings of the
    /// system.
    #[serde(default)]
    pub environment: BTreeMap<String, Template>,
    /// Added to the environment of members that shall miss a leader sooner than they usually would.
    #[serde(default)]
    pub environment_when_swift: BTreeMap<String, String>,
}

/// A text with one part for each member.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JoinedList {
    /// A member's part.
    pub each: Template,
    /// What stands between parts.
    pub separator: String,
}

/// What a starting member must answer, on one of its ports.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NextWhen {
    /// Of [`ProcessSpec::ports`].
    pub port: String,
    /// What it is asked.
    pub probe: Probe,
}

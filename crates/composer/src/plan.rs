//! A plan: everything about a timeline that is decided before it begins, as a value that can be printed,
//! stored and run again. The same commands, configuration and seed give the same plan on every machine.
//!
//! A plan says what to start and with which pause before it. It does not say when a command will really
//! start: that depends on how long the others take, and [`crate::Schedule`] decides it by the rules. Time
//! is cut into segments, each with its own number of drivers beside each other and its own pace, since bugs
//! differ in how much of a crowd they need. Each segment is drawn from a stream of its own, so that a
//! command that hangs in one segment changes nothing in the next.

mod config;
mod draw;
mod show;

pub use config::{PlanConfig, PlanError, TerminalChoice};

use crate::kind::Kind;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// One chosen command with the seed that this execution of it gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pick {
    /// Full name, `template/file`.
    pub command: String,
    /// Its kind.
    pub kind: Kind,
    /// Below 2^53, as `jq` and browsers read JSON numbers as doubles.
    pub seed: u64,
}

/// A command that a plan may draw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Full name, `template/file`.
    pub command: String,
    /// Its kind.
    pub kind: Kind,
    /// Share among the commands it is drawn with; zero leaves it out.
    pub weight: u32,
    /// How long one execution may take before it is killed.
    pub deadline_ms: u64,
}

/// What the driver commands of a timeline are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// One singleton driver, once, and no other driver.
    Singleton(Pick),
    /// Serial and parallel drivers over time.
    Mixture,
    /// The template has no driver: only anytime commands run.
    AnytimeOnly,
}

/// One driver to start, after a pause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Since the previous driver's start, or since the segment's beginning.
    pub pause_ms: u64,
    /// What to start.
    pub pick: Pick,
}

/// One anytime command to start, at a moment of its segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// Since the segment's beginning.
    pub at_ms: u64,
    /// What to start.
    pub pick: Pick,
}

/// A stretch of the timeline with one level of parallelism.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// How many parallel drivers run beside each other at most.
    pub parallel: u32,
    /// More than fit into the segment when nothing waits; what is left at its end is dropped.
    pub steps: Vec<Step>,
    /// In order of time.
    pub arrivals: Vec<Arrival>,
}

/// A timeline before it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The template's name.
    pub template: String,
    /// All draws of this plan come from it.
    pub seed: u64,
    /// How long drivers are started.
    pub duration_ms: u64,
    /// The length of each segment.
    pub segment_ms: u64,
    /// How long to wait for running commands before a terminal phase that needs them to end by themselves.
    pub drain_ms: u64,
    /// The highest level of parallelism that a segment may draw.
    pub max_parallel: u32,
    /// All commands of the template, sorted by name.
    pub commands: Vec<Candidate>,
    /// The chosen `first_` command, if the template has one.
    pub first: Option<Pick>,
    /// What the drivers are.
    pub shape: Shape,
    /// The first segments, enough for the duration unless it is long; [`Plan::segment`] draws further ones.
    pub segments: Vec<Segment>,
    /// Terminal commands in order of preference: the first that the rules allow runs, the others never do.
    pub terminal: Vec<Pick>,
}

impl Plan {
    /// The segment with this index: as stored, or drawn from the seed.
    pub fn segment(&self, index: u32) -> Cow<'_, Segment> {
        match self.segments.get(index as usize) {
            Some(stored) => Cow::Borrowed(stored),
            None => Cow::Owned(draw::segment(self, index)),
        }
    }

    /// How many segments the duration has.
    pub fn segment_count(&self) -> u32 {
        u32::try_from(self.duration_ms.div_ceil(self.segment_ms.max(1))).unwrap_or(u32::MAX)
    }

    /// How long one execution of the command may take; `None` for a command that the plan does not have.
    pub fn deadline_ms(&self, command: &str) -> Option<u64> {
        self.commands.iter().find(|c| c.command == command).map(|c| c.deadline_ms)
    }
}

#[cfg(test)]
mod tests;

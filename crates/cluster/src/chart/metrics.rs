//! Which of the numbers that members tell of themselves are sampled, and how they are shown.

use serde::{Deserialize, Serialize};

/// Numbers in the text format of Prometheus.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsSpec {
    /// Appended to the member's URL.
    pub path: String,
    /// What is sampled.
    pub show: Vec<MetricSpec>,
}

/// One number of each member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricSpec {
    /// What it is, for people.
    pub title: String,
    /// Its name; series of one name with different labels are added up.
    pub name: String,
    /// What is shown is measured in this.
    pub unit: MetricUnit,
    /// What is made of the samples.
    #[serde(default)]
    pub kind: MetricKind,
}

/// What a number is measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MetricUnit {
    /// Things.
    Count,
    /// Things per second.
    PerSecond,
    /// Bytes.
    Bytes,
    /// Seconds.
    Seconds,
    /// Percent of one processor.
    Percent,
    /// 1 for the member that leads, 0 for others.
    Flag,
}

/// What is made of the samples.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MetricKind {
    /// The number itself.
    #[default]
    Value,
    /// How much it grew in a second.
    Rate,
    /// Of a histogram: the mean of what came since the last sample.
    Mean,
}

impl MetricSpec {
    /// The names that have to be sampled for it.
    #[must_use]
    pub fn samples(&self) -> Vec<String> {
        match self.kind {
            MetricKind::Value | MetricKind::Rate => vec![self.name.clone()],
            MetricKind::Mean => vec![format!("{}_sum", self.name), format!("{}_count", self.name)],
        }
    }
}

//! A system that somebody else runs: it can be addressed and asked, never started or ended.

use std::time::Duration;

use crate::chart::Chart;
use crate::endpoints::Endpoints;
use crate::readiness::{self, NotReady};

/// A system at given endpoints.
#[derive(Debug, Clone)]
pub struct Attached {
    chart: Chart,
    endpoints: Endpoints,
}

impl Attached {
    /// Nothing is asked yet: see [`Self::ready`].
    #[must_use]
    pub fn new(chart: &Chart, endpoints: Endpoints) -> Self {
        Self { chart: chart.clone(), endpoints }
    }

    /// How commands call the members.
    #[must_use]
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Waits until every member answers the chart's probe.
    ///
    /// # Errors
    /// Who did not answer in time, and what each said last.
    pub async fn ready(&self, within: Duration) -> Result<(), NotReady> {
        readiness::wait(&self.chart.ready, &self.endpoints, within, || None).await
    }

    /// The version that each member tells, or why it is not known.
    pub async fn versions(&self) -> Vec<(String, Result<String, String>)> {
        readiness::versions(self.chart.reported_version.as_ref(), &self.endpoints).await
    }
}

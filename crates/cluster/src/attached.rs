//! A system that somebody else runs: it can be addressed and asked, never started or ended.

use std::time::Duration;

use crate::chart::{Chart, Probe, TcpProbe, VersionProbe};
use crate::endpoints::Endpoints;
use crate::readiness::{self, NotReady};

/// A system at given endpoints.
#[derive(Debug, Clone)]
pub struct Attached {
    ready: Probe,
    reported_version: Option<VersionProbe>,
    endpoints: Endpoints,
}

/// How long a member of which nothing is known may take to accept a connection.
const ACCEPTS_WITHIN_MS: u64 = 2_000;

impl Attached {
    /// Nothing is asked yet: see [`Self::ready`]. Without a chart a member is ready that accepts a connection.
    #[must_use]
    pub fn new(chart: Option<&Chart>, endpoints: Endpoints) -> Self {
        let accepts = TcpProbe { send: String::new(), expect: String::new(), within_ms: ACCEPTS_WITHIN_MS };
        Self {
            ready: chart.map_or(Probe::Tcp(accepts), |chart| chart.ready.clone()),
            reported_version: chart.and_then(|chart| chart.reported_version.clone()),
            endpoints,
        }
    }

    /// How commands call the members.
    #[must_use]
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Waits until every member answers as it should.
    ///
    /// # Errors
    /// Who did not answer in time, and what each said last.
    pub async fn ready(&self, within: Duration) -> Result<(), NotReady> {
        readiness::wait(&self.ready, &self.endpoints, within, || None).await
    }

    /// The version that each member tells, or why it is not known.
    pub async fn versions(&self) -> Vec<(String, Result<String, String>)> {
        readiness::versions(self.reported_version.as_ref(), &self.endpoints).await
    }
}

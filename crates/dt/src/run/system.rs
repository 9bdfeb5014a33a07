//! The system under test of a run: started for it and stopped after it, or there before and left alone.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use chaos::{Journal, Links};
use cluster::ports::Ports;
use cluster::{Attached, Binary, Chart, Cluster, Endpoints, Launch, Note, Places, Version, Wanted, Wiring};

use super::config::Target;
use super::contained::Running;
use super::progress::say;

/// Commands take turns in being these clients, as they would in two containers.
const CLIENTS: &[&str] = &["client1", "client2"];
/// The variable for endpoints where no chart names one.
pub(super) const ENDPOINTS: &str = "DT_ENDPOINTS";
/// How long members may take until each answers a linearizable read.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How long it may take until a container has said that commands may start, and members in containers until they answer.
const SET_UP_WITHIN: Duration = Duration::from_secs(120);
/// How long members that run already may take to answer: they have nothing to start.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How long members may take to end when asked. The last one waits in vain for somebody to lead after it.
const STOP_GRACE: Duration = Duration::from_secs(1);

/// What is tested.
#[derive(Debug)]
pub(super) enum System {
    /// Ours, with a proxy on every link.
    Started { cluster: Cluster, links: Links, program: String },
    /// Somebody else's.
    Attached(Box<Attached>),
    /// In containers of ours.
    Contained(Box<Running>),
}

impl System {
    /// Starts what is to be started, its members with these variables. It may not be ready yet.
    pub(super) async fn start(
        chart: Option<&Chart>,
        target: &Target,
        (suite, seed): (&str, u64),
        environment: &BTreeMap<String, String>,
        journal: &Journal,
    ) -> anyhow::Result<Self> {
        match (target, chart) {
            (Target::Compose(contained), _) => Ok(Self::Contained(Box::new(
                contained.start(chart, (suite, seed), environment, journal).await?,
            ))),
            (Target::Attach(endpoints), _) => {
                Ok(Self::Attached(Box::new(Attached::new(chart, endpoints.clone()))))
            }
            (Target::Start { .. }, None) => bail!("nothing can be started without a chart"),
            (Target::Start { members, bin, version }, Some(chart)) => {
                let binary = obtain(chart, bin.clone(), version.clone()).await?;
                say(&format!("{} {} from {}", chart.name, binary.version, binary.from));
                let mut ports = Ports::outside_ephemeral();
                let mut wiring = Wiring::direct(chart, *members, &mut ports)?;
                let links = Links::wire(chart, &mut wiring, &mut ports, CLIENTS)?;
                wiring.give(environment);
                journal.mark_members(&mut wiring);
                let launch = Launch::new(chart, &binary.path, journal.directory(), wiring)?;
                let program = format!("{} from {}", binary.path.display(), binary.from);
                Ok(Self::Started { cluster: Cluster::start(launch).await?, links, program })
            }
        }
    }

    pub(super) async fn ready(&self) -> anyhow::Result<()> {
        match self {
            Self::Started { cluster, .. } => Ok(cluster.ready(READY_WITHIN).await?),
            Self::Attached(attached) => Ok(attached.ready(ANSWER_WITHIN).await?),
            Self::Contained(running) => {
                running.stack.set_up(SET_UP_WITHIN).await?;
                match &running.asked {
                    Some(asked) => Ok(asked.ready(READY_WITHIN).await?),
                    None => Ok(()),
                }
            }
        }
    }

    /// How each client calls the members: each has links of its own, which can be disturbed by themselves.
    pub(super) fn endpoints(&self) -> Vec<Endpoints> {
        match self {
            Self::Started { links, .. } => {
                CLIENTS.iter().filter_map(|client| links.endpoints(client)).cloned().collect()
            }
            Self::Attached(attached) => vec![attached.endpoints().clone()],
            // The compose file tells commands where members are.
            Self::Contained(_) => Vec::new(),
        }
    }

    /// The version each member tells; one that does not tell is `unknown`.
    pub(super) async fn versions(&self) -> Vec<(String, String)> {
        let told = match self {
            Self::Started { cluster, .. } => cluster.versions().await,
            Self::Attached(attached) => attached.versions().await,
            Self::Contained(running) => running.versions().await,
        };
        told.into_iter()
            .map(|(member, version)| (member, version.unwrap_or_else(|_| "unknown".to_owned())))
            .collect()
    }

    /// The variable that tells where members listen, past every proxy.
    pub(super) fn direct(&self, chart: Option<&Chart>) -> (String, String) {
        let variable = chart.map_or(ENDPOINTS, |chart| &chart.address.environment);
        (variable.to_owned(), self.direct_endpoints().to_string())
    }

    fn direct_endpoints(&self) -> Endpoints {
        match self {
            Self::Started { cluster, .. } => cluster.wiring().listened(cluster.chart()),
            Self::Attached(attached) => attached.endpoints().clone(),
            Self::Contained(running) => running.endpoints(),
        }
    }

    /// Where members hear an admin API that faults know, if they have one.
    pub(super) fn admin(&self, chart: Option<&Chart>) -> Option<Endpoints> {
        chart.filter(|chart| chart.admin_api.is_some()).map(|_| self.direct_endpoints())
    }

    /// Where members listen, past every proxy.
    pub(super) fn listened(&self, chart: &Chart) -> Endpoints {
        match self {
            Self::Started { cluster, .. } => cluster.wiring().listened(chart),
            Self::Attached(attached) => attached.endpoints().clone(),
            Self::Contained(running) => running.endpoints(),
        }
    }

    /// Whether commands can still be run.
    pub(super) fn has_clients(&self) -> anyhow::Result<()> {
        match self {
            Self::Contained(running) => Ok(running.stack.clients_stay()?),
            _ => Ok(()),
        }
    }

    pub(super) fn crashed(&self) -> Vec<cluster::cluster::Dead> {
        match self {
            Self::Started { cluster, .. } => cluster.crashed(),
            Self::Attached(_) => Vec::new(),
            Self::Contained(running) => running.stack.crashed(),
        }
    }

    /// Ends what was started.
    pub(super) async fn stop(self) -> anyhow::Result<()> {
        match self {
            Self::Started { cluster, .. } => {
                cluster.stop(STOP_GRACE).await.context("cannot stop the members")
            }
            Self::Attached(_) => Ok(()),
            Self::Contained(running) => {
                let written = running.stack.write_logs().await.context("cannot get the logs of containers");
                let removed =
                    running.stack.down().await.context("cannot remove the containers; use `dt heal`");
                removed.and(written)
            }
        }
    }
}

/// Finds or gets a chart's program, and says what it does meanwhile.
pub(crate) async fn obtain(
    chart: &Chart,
    bin: Option<PathBuf>,
    version: Option<Version>,
) -> anyhow::Result<Binary> {
    let places = Places::from_environment()?;
    let notes = Arc::new(|note: Note| match note {
        Note::Trying { version, source } => say(&format!("trying {version} from {source}")),
        Note::Failed(attempt) => say(&format!("  {attempt}")),
        Note::Waiting => say("waiting for another run that gets the same version"),
        Note::Downloaded { .. } => {}
    });
    Ok(cluster::obtain(chart, &Wanted { bin, version }, &places, notes).await?)
}

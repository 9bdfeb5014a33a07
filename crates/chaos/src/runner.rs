//! Carries out a plan: each fault in a task of its own, none beyond the plan's bounds, everything written down, and
//! everything healed whenever somebody asks for it.
//!
//! What goes wrong with the system under test is a finding, written to the log, and the run goes on; what goes wrong
//! with the tool itself shows in [`Chaos::failure`], and the run is worth nothing.

mod act;
mod drive;
mod hours;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cluster::{Attached, Cluster, Endpoints};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::containers::Containers;
use crate::disturb::{Ground, Record, Samples};
use crate::gateway::Gateway;
use crate::journal::Journal;
use crate::links::Links;
use crate::log::{Line, Log, LogError};
use crate::plan::Plan;
use crate::quiet::Requests;

/// Orders that wait for the runner; each is waited for by whoever gave it.
const ORDERS: usize = 16;

/// Is told each line of the log as it is written. It must not block.
pub type Observer = Box<dyn FnMut(&Line) + Send>;

/// What is needed to carry out a plan.
pub struct Settings {
    /// What is to be done.
    pub plan: Plan,
    /// The members, where they are ours.
    pub cluster: Option<Cluster>,
    /// The proxies on their links, where there are any.
    pub links: Option<Links>,
    /// Their containers, where they run in some.
    pub containers: Option<Containers>,
    /// Who to ask whether members are ready, where they are not processes of ours.
    pub attached: Option<Attached>,
    /// Where the members themselves listen, for those that speak an admin API that is known; else `None`.
    pub admin: Option<Endpoints>,
    /// The claim on the run's directory, where the log goes.
    pub journal: Arc<Journal>,
    /// The run's name.
    pub run: String,
    /// What programs of the suite get in their environment.
    pub environment: Vec<(String, String)>,
    /// Is told what happens.
    pub observer: Observer,
}

/// A plan that is being carried out. When this is dropped, everything is healed in the background; [`Self::stop`] does
/// the same and waits for it.
#[derive(Debug)]
pub struct Chaos {
    orders: mpsc::Sender<Order>,
    failure: watch::Receiver<Option<String>>,
    stop_faults: PathBuf,
    task: JoinHandle<()>,
}

#[derive(Debug)]
enum Order {
    Quiet { lasts: Duration, healed: oneshot::Sender<()> },
    Down { down: oneshot::Sender<()> },
    HealAll { within: Duration, done: oneshot::Sender<Recovery> },
}

/// How the members came back after everything was healed.
#[derive(Debug)]
pub struct Recovery {
    /// From the end of the last healing until all members were ready, or who was not. A finding, not a failure of the
    /// tool.
    pub ready: Result<Duration, NotRecovered>,
    /// How many faults were applied in all, and how many really had an effect.
    pub applied: u64,
    /// See `applied`.
    pub really_applied: u64,
}

/// The members did not come back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotRecovered(pub String);

/// Why chaos cannot begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum ChaosError {
    /// The log cannot be written.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The command for quiet cannot be made.
    #[error("cannot make the command that stops faults in {path}: {source}")]
    Quiet {
        /// The run's directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something broke on the way.
    #[error("chaos broke: {0}")]
    Broken(String),
}

impl Chaos {
    /// Begins to carry out a plan, in a task of the current runtime.
    ///
    /// # Errors
    /// When its files cannot be made in the run's directory.
    pub fn start(settings: Settings) -> Result<Self, ChaosError> {
        let Settings {
            plan,
            cluster,
            links,
            containers,
            attached,
            admin,
            journal,
            run,
            environment,
            observer,
        } = settings;
        let run_dir = journal.directory().to_owned();
        let log = Log::create(&run_dir, &run, plan.seed)?;
        let requests = Requests::create(&run_dir)
            .map_err(|source| ChaosError::Quiet { path: run_dir.clone(), source })?;
        let stop_faults = requests.command().to_owned();
        let members = plan.members.clone();
        let (gateway, samples) = (admin.map(Gateway::new), Samples::new());
        let record = Record::new(&run_dir, &run);
        let ground = Ground {
            cluster,
            links,
            containers,
            attached,
            gateway,
            journal,
            run_dir,
            environment,
            members,
            samples,
            record,
        };
        let (orders, received) = mpsc::channel(ORDERS);
        let (tell, failure) = watch::channel(None);
        let driver = drive::Driver::new(plan, Arc::new(ground), log, requests, observer);
        let task = tokio::spawn(async move {
            if let Err(reason) = driver.run(received).await {
                tell.send_replace(Some(reason));
            }
        });
        Ok(Self { orders, failure, stop_faults, task })
    }

    /// The executable that commands find in `ANTITHESIS_STOP_FAULTS`: called with a number of seconds, it pauses all
    /// faults for so long. Requests that overlap merge to the longest.
    #[must_use]
    pub fn stop_faults(&self) -> &std::path::Path {
        &self.stop_faults
    }

    /// Becomes the reason when the tool itself has failed: a proxy died, or a file cannot be written.
    #[must_use]
    pub fn failure(&self) -> watch::Receiver<Option<String>> {
        self.failure.clone()
    }

    /// Pauses all faults for so long; returns when all are healed.
    ///
    /// # Errors
    /// When the tool itself has failed.
    pub async fn quiet(&self, lasts: Duration) -> Result<(), ChaosError> {
        let (healed, done) = oneshot::channel();
        self.order(Order::Quiet { lasts, healed }).await?;
        done.await.map_err(|_| self.broken())
    }

    /// Returns when a fault has taken some member down and not brought it back yet. The plan may not have one any more:
    /// wait only so long.
    ///
    /// # Errors
    /// When the tool itself has failed.
    pub async fn down(&self) -> Result<(), ChaosError> {
        let (down, done) = oneshot::channel();
        self.order(Order::Down { down }).await?;
        done.await.map_err(|_| self.broken())
    }

    /// Heals everything, applies no more faults, and waits until all members are ready.
    ///
    /// # Errors
    /// When the tool itself has failed. Members that do not come back are part of the answer.
    pub async fn heal_all(&self, within: Duration) -> Result<Recovery, ChaosError> {
        let (tell, done) = oneshot::channel();
        self.order(Order::HealAll { within, done: tell }).await?;
        done.await.map_err(|_| self.broken())
    }

    /// Heals everything, waits for nobody, and ends.
    ///
    /// # Errors
    /// When the tool itself has failed.
    pub async fn stop(self) -> Result<(), ChaosError> {
        let Self { orders, failure, task, .. } = self;
        drop(orders);
        task.await.map_err(|error| ChaosError::Broken(error.to_string()))?;
        let reason = failure.borrow().clone();
        reason.map_or(Ok(()), |reason| Err(ChaosError::Broken(reason)))
    }

    async fn order(&self, order: Order) -> Result<(), ChaosError> {
        self.orders.send(order).await.map_err(|_| self.broken())
    }

    fn broken(&self) -> ChaosError {
        let reason = self.failure.borrow().clone();
        ChaosError::Broken(reason.unwrap_or_else(|| "its task has ended".to_owned()))
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").field("plan", &self.plan).field("run", &self.run).finish_non_exhaustive()
    }
}

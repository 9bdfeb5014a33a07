//! Applies and heals faults. What a fault has changed is kept in [`Effect`] until it is undone, with what shows that it
//! really had one. When and why is the business of [`crate::runner`].

mod admin;
mod container;
mod exec;
mod network;
mod process;
mod record;
mod samples;
mod wipe;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cluster::member::MemberError;
use cluster::{Attached, Cluster};
use serde_json::{Map, Value};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::containers::{AppliedRules, Containers};
use crate::fault::{Fault, Kind};
use crate::gateway::{Gateway, GatewayError};
use crate::journal::{Journal, JournalError, Undo};
use crate::links::{LinkRow, Links};
use crate::log::LinkUse;
pub(crate) use network::difference;
pub(crate) use record::Record;
pub(crate) use samples::Samples;

/// What faults work on.
#[derive(Debug)]
pub(crate) struct Ground {
    /// `None` for a system that is not ours: only what an admin may do is left then.
    pub(crate) cluster: Option<Cluster>,
    pub(crate) links: Option<Links>,
    /// Where members run in containers.
    pub(crate) containers: Option<Containers>,
    /// Members that are only asked.
    pub(crate) attached: Option<Attached>,
    pub(crate) gateway: Option<Gateway>,
    pub(crate) journal: Arc<Journal>,
    pub(crate) run_dir: PathBuf,
    /// What programs of the suite get in their environment.
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) members: Vec<String>,
    pub(crate) samples: Samples,
    pub(crate) record: Record,
}

/// What a fault has done.
#[derive(Debug, Default)]
pub(crate) struct Effect {
    held: Held,
    /// Whether it had an effect, as far as is known.
    pub(crate) really_applied: bool,
    /// What shows it.
    pub(crate) details: Map<String, Value>,
    /// For faults on links.
    pub(crate) links: Vec<LinkUse>,
}

/// What is needed to undo a fault.
#[derive(Debug, Default)]
enum Held {
    #[default]
    Nothing,
    Throttle(process::Throttle),
    Links {
        before: Vec<LinkRow>,
        begin: Vec<LinkRow>,
    },
    Program(exec::Program),
    Rules(AppliedRules),
}

/// Why a fault could not be applied or healed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// It has no effect, and that is nobody's failure.
    #[error("{0}")]
    NotApplied(String),
    /// The system under test did not take back what it should.
    #[error("{0}")]
    NotHealed(String),
    /// The tool itself failed.
    #[error(transparent)]
    Member(#[from] MemberError),
    /// The tool itself failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The tool itself failed.
    #[error(transparent)]
    Record(#[from] history::WriteError),
    /// The tool itself failed.
    #[error("the supervision of a fault broke: {0}")]
    Broken(String),
}

impl From<GatewayError> for Trouble {
    fn from(error: GatewayError) -> Self {
        Self::NotApplied(error.to_string())
    }
}

impl Ground {
    /// How the fault is undone.
    pub(crate) fn undo(&self, fault: &Fault) -> Undo {
        if let Some(containers) = self.containers_for(fault) {
            return containers.undo(&fault.members);
        }
        match &fault.kind {
            Kind::Kill | Kind::KillAtReply | Kind::Stop => Undo::Start(fault.members.clone()),
            Kind::Pause | Kind::Throttle { .. } => Undo::Resume(fault.members.clone()),
            Kind::Wipe => Undo::Rejoin(fault.members.join(", ")),
            Kind::Links(_) => Undo::ReleaseLinks,
            Kind::Exec(_) => Undo::EndProgram,
            Kind::MoveLeader | Kind::Defragment | Kind::Compact { .. } | Kind::Snapshot => Undo::Nothing,
        }
    }

    /// Applies a fault that is in the journal. Where this fails, the fault has no effect.
    pub(crate) async fn apply(&self, fault: &Fault) -> Result<Effect, Trouble> {
        if let Some(containers) = self.containers_for(fault) {
            return container::apply(containers, fault).await;
        }
        match &fault.kind {
            Kind::Kill => process::end(self, fault, None).await,
            Kind::KillAtReply => process::kill_at_reply(self, fault).await,
            Kind::Stop => process::end(self, fault, Some(process::STOP_GRACE)).await,
            Kind::Pause => process::pause(self, fault).await,
            &Kind::Throttle { stopped_ms, running_ms } => {
                let times = (Duration::from_millis(stopped_ms), Duration::from_millis(running_ms));
                process::throttle(self, fault, times)
            }
            Kind::Wipe => wipe::apply(self, fault).await,
            Kind::Links(link) => network::apply(self, fault, link),
            Kind::MoveLeader => admin::move_leader(self, fault).await,
            Kind::Defragment => admin::defragment(self, fault).await,
            &Kind::Compact { keep } => admin::compact(self, fault, keep).await,
            Kind::Snapshot => admin::snapshot(self, fault).await,
            Kind::Exec(exec) => exec::start(self, fault, exec),
        }
    }

    /// Lets a fault have its time, or until `heal` says that it shall end.
    pub(crate) async fn last(&self, fault: &Fault, effect: &mut Effect, heal: &mut watch::Receiver<bool>) {
        let over = async {
            match (&mut effect.held, &fault.kind) {
                (Held::Program(program), Kind::Exec(exec)) => {
                    // Whether it ended or its time did, is seen when it is healed.
                    let _ = timeout(Duration::from_millis(exec.deadline_ms), program.ended()).await;
                }
                _ => sleep(fault.lasts()).await,
            }
        };
        tokio::select! {
            () = over => {}
            // A runner that is gone wants nothing to go on.
            _ = heal.wait_for(|heal| *heal) => {}
        }
    }

    /// Undoes what the fault has done. Doing so again does nothing more.
    pub(crate) async fn heal(&self, fault: &Fault, effect: &mut Effect) -> Result<(), Trouble> {
        match (std::mem::take(&mut effect.held), &fault.kind) {
            (Held::Throttle(throttle), _) => process::end_throttle(self, fault, &throttle, effect)?,
            (Held::Links { before, begin }, Kind::Links(link)) => {
                network::heal(self, fault, link, (before, begin), effect);
            }
            (Held::Program(program), _) => program.end(effect).await.map_err(Trouble::Broken)?,
            (Held::Rules(rules), _) => container::lift(rules, effect).await?,
            _ if let Some(containers) = self.containers_for(fault) => {
                container::heal(containers, fault).await?;
            }
            (_, Kind::Kill | Kind::KillAtReply | Kind::Stop) => process::start(self, fault)?,
            (_, Kind::Pause) => process::resume(self, fault)?,
            (_, Kind::Wipe) => wipe::heal(self, fault).await?,
            _ => {}
        }
        Ok(())
    }

    /// The containers, for a fault that is done to them and their network.
    fn containers_for(&self, fault: &Fault) -> Option<&Containers> {
        self.containers.as_ref().filter(|_| !fault.kind.is_instant())
    }

    fn cluster(&self) -> Result<&Cluster, Trouble> {
        self.cluster.as_ref().ok_or_else(|| Trouble::NotApplied("the members are not ours".to_owned()))
    }

    fn gateway(&self) -> Result<&Gateway, Trouble> {
        self.gateway.as_ref().ok_or_else(|| Trouble::NotApplied("there is no admin API".to_owned()))
    }
}

impl Effect {
    fn note(&mut self, name: &str, value: impl Into<Value>) {
        self.details.insert(name.to_owned(), value.into());
    }
}

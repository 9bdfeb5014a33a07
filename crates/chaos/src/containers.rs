//! Members that run in containers, as faults see them. What is done to a container goes through its engine; what is done
//! to packets is rules inside its network namespace, which need root and end with the namespace. Nothing here starts or
//! removes a container for good.

mod abilities;
mod engine;
mod namespace;
mod rules;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

pub use abilities::Abilities;
pub use engine::{Engine, EngineError};
pub use namespace::{Namespace, RuleError};
use rules::{Filter, Network, Rules, Shaping};

use crate::fault::{Disruption, LinkFault};
use crate::journal::Undo;
use crate::shape::Pair;

/// A container that was asked to end, and does not, is killed after so long.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// The containers of a run. Members are disturbed; clients are only who members are cut off from.
#[derive(Debug, Clone)]
pub struct Containers {
    engine: Engine,
    /// Id or name of the container, by the member's name.
    members: BTreeMap<String, String>,
    clients: BTreeMap<String, String>,
}

/// Rules that are in effect.
#[derive(Debug, Default)]
pub struct AppliedRules(Vec<(Namespace, Rules)>);

/// Why a container, or its network, could not be disturbed or healed.
#[derive(Debug, thiserror::Error)]
pub enum ContainerError {
    /// There is no container for it.
    #[error("there is no container for {0}")]
    Unknown(String),
    /// It does not run, so it has no network.
    #[error("the container of {0} does not run")]
    NotRunning(String),
    /// The engine refused.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A rule could not be made or taken back.
    #[error(transparent)]
    Rule(#[from] RuleError),
}

impl Containers {
    /// Containers by the names of members and clients, under the engine whose command line program this is, such as
    /// `docker`.
    #[must_use]
    pub fn new(
        program: impl Into<PathBuf>,
        members: BTreeMap<String, String>,
        clients: BTreeMap<String, String>,
    ) -> Self {
        Self { engine: Engine::new(program), members, clients }
    }

    /// The names of the members.
    #[must_use]
    pub fn members(&self) -> Vec<String> {
        self.members.keys().cloned().collect()
    }

    /// The names of the clients.
    pub(crate) fn clients(&self) -> impl Iterator<Item = &str> {
        self.clients.keys().map(String::as_str)
    }

    /// Kills them, all at the same time.
    ///
    /// # Errors
    /// When one is not there, or the engine refuses; some may be killed then.
    pub async fn kill(&self, members: &[String]) -> Result<(), ContainerError> {
        Ok(self.engine.kill(&self.ids(members)?).await?)
    }

    /// Asks them to end, and kills those that do not within seconds.
    ///
    /// # Errors
    /// As [`Self::kill`].
    pub async fn stop(&self, members: &[String]) -> Result<(), ContainerError> {
        Ok(self.engine.stop(&self.ids(members)?, STOP_GRACE).await?)
    }

    /// Starts those that do not run.
    ///
    /// # Errors
    /// As [`Self::kill`].
    pub async fn start(&self, members: &[String]) -> Result<(), ContainerError> {
        Ok(self.engine.start(&self.ids(members)?).await?)
    }

    /// Freezes them.
    ///
    /// # Errors
    /// As [`Self::kill`].
    pub async fn pause(&self, members: &[String]) -> Result<(), ContainerError> {
        Ok(self.engine.pause(&self.ids(members)?).await?)
    }

    /// Lets those go on that are frozen.
    ///
    /// # Errors
    /// As [`Self::kill`].
    pub async fn resume(&self, members: &[String]) -> Result<(), ContainerError> {
        Ok(self.engine.resume(&self.ids(members)?).await?)
    }

    /// Gives them so many thousandths of one processor; `None` for no limit.
    ///
    /// # Errors
    /// As [`Self::kill`].
    pub async fn limit_cpu(&self, members: &[String], permille: Option<u64>) -> Result<(), ContainerError> {
        Ok(self.engine.limit_cpu(&self.ids(members)?, permille).await?)
    }

    /// Which of them run, and are not frozen.
    ///
    /// # Errors
    /// As [`Self::kill`].
    pub async fn running(&self, members: &[String]) -> Result<BTreeMap<String, bool>, ContainerError> {
        let seen = self.engine.inspect_all(&self.ids(members)?).await?;
        let runs = seen.iter().map(|seen| seen.running && !seen.paused);
        Ok(members.iter().cloned().zip(runs).collect())
    }

    /// Whether the processor time of all of them is limited.
    ///
    /// # Errors
    /// As [`Self::kill`].
    pub async fn limited(&self, members: &[String]) -> Result<bool, ContainerError> {
        for member in members {
            if !self.engine.inspect(self.id(member)?).await?.limited {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Disturbs directed links by rules in the namespaces of those members that run. `id` names the rules.
    ///
    /// # Errors
    /// When no rule could be made: what was made until then is taken back.
    pub async fn disturb(
        &self,
        id: u64,
        link: &LinkFault,
        pairs: &[Pair],
    ) -> Result<AppliedRules, ContainerError> {
        let (namespaces, network) = self.network().await?;
        let all = match link.disruption {
            Disruption::Cut | Disruption::Hold => rules::filter(id, Filter::Drop, pairs, &network),
            Disruption::Reset => rules::filter(id, Filter::Reset, pairs, &network),
            Disruption::Loss { percent } => rules::filter(id, Filter::Lose { percent }, pairs, &network),
            Disruption::Delay { mean_ms, jitter_ms } => {
                rules::shape(Shaping::Delay { mean_ms, jitter_ms }, pairs, &network)
            }
            Disruption::Bandwidth { bytes_per_s } => {
                rules::shape(Shaping::Bandwidth { bytes_per_s }, pairs, &network)
            }
        };
        let mut applied = AppliedRules::default();
        for rules in all {
            let Some(namespace) = namespaces.get(&rules.member) else {
                applied.lift().await?;
                return Err(ContainerError::NotRunning(rules.member));
            };
            if let Err(error) = namespace.apply(&rules).await {
                applied.lift().await?;
                return Err(error.into());
            }
            applied.0.push((*namespace, rules));
        }
        Ok(applied)
    }

    /// The namespaces of running members, and the addresses of everybody who has one.
    async fn network(&self) -> Result<(BTreeMap<String, Namespace>, Network), ContainerError> {
        let mut namespaces = BTreeMap::new();
        let mut network = Network::default();
        for (name, id) in self.members.iter().chain(&self.clients) {
            let seen = self.engine.inspect(id).await?;
            let Some((pid, address)) = seen.pid.zip(seen.address) else { continue };
            network.addresses.insert(name.clone(), address);
            if self.members.contains_key(name) {
                let namespace = Namespace::of(pid);
                network.devices.insert(name.clone(), namespace.device().await?);
                namespaces.insert(name.clone(), namespace);
            }
        }
        Ok((namespaces, network))
    }

    /// Brings members back to how they were before any fault: no rules, no limit, not frozen, running. For after a crash,
    /// when nobody knows what was done; doing it again does nothing more. One that was removed needs no healing.
    ///
    /// # Errors
    /// When one does not let itself be healed.
    pub async fn reset(&self) -> Result<(), ContainerError> {
        for (member, id) in &self.members {
            let seen = match self.engine.inspect(id).await {
                Err(error) if error.is_of_no_container() => continue,
                seen => seen?,
            };
            let member = std::slice::from_ref(member);
            if seen.paused {
                self.resume(member).await?;
            }
            if let Some(pid) = seen.pid {
                Namespace::of(pid).clear().await?;
            }
            if seen.limited {
                self.limit_cpu(member, None).await?;
            }
            if !seen.running {
                self.start(member).await?;
            }
        }
        Ok(())
    }

    /// What a sweep needs to bring members back after a crash.
    pub(crate) fn undo(&self, members: &[String]) -> Undo {
        let known = |member: &String| Some((member.clone(), self.members.get(member)?.clone()));
        Undo::Reset {
            engine: self.engine.program().to_owned(),
            containers: members.iter().filter_map(known).collect(),
        }
    }

    fn ids(&self, members: &[String]) -> Result<Vec<String>, ContainerError> {
        members.iter().map(|member| Ok(self.id(member)?.to_owned())).collect()
    }

    fn id(&self, member: &str) -> Result<&str, ContainerError> {
        let id = self.members.get(member).map(String::as_str);
        id.ok_or_else(|| ContainerError::Unknown(member.to_owned()))
    }
}

impl AppliedRules {
    /// How many packets the rules have caught so far.
    ///
    /// # Errors
    /// When a namespace that is still there does not tell.
    pub async fn packets(&self) -> Result<u64, RuleError> {
        let mut packets = 0;
        for (namespace, rules) in &self.0 {
            packets += namespace.packets(rules).await?;
        }
        Ok(packets)
    }

    /// Takes the rules back. A namespace that is gone has taken its rules with it.
    ///
    /// # Errors
    /// When a rule cannot be taken back; the others are.
    pub async fn lift(&mut self) -> Result<(), RuleError> {
        let mut result = Ok(());
        for (namespace, rules) in self.0.drain(..) {
            result = result.and(namespace.lift(&rules).await);
        }
        result
    }
}

/// An address of the network that the rules of this part can name.
fn address(text: &str) -> Option<Ipv4Addr> {
    text.parse().ok()
}

#[cfg(test)]
mod tests;

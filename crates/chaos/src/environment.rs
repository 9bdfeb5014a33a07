//! What a run can be disturbed by. A fault that cannot be applied here is refused while planning, with the reason.

use cluster::Chart;
use cluster::template::UnknownPlaceholder;

use crate::fault::{Disruption, Kind};
use crate::gateway;
use crate::target::Target;

/// Where members run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// As processes of this one.
    Process,
    /// Somewhere else, started by somebody else.
    Attached,
}

/// What is known about a system before it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// Where members run.
    pub backend: Backend,
    /// The members' names.
    pub members: Vec<String>,
    /// Whether the links between members go through proxies of ours.
    pub peer_links: bool,
    /// Whether the links between clients and members do.
    pub client_links: bool,
    /// The admin API that members speak.
    pub admin_api: Option<String>,
    /// Whether a member that lost its data knows how to join again.
    pub can_rejoin: bool,
}

/// Why a fault cannot be applied, as a fragment with what would help where something does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub String);

impl Environment {
    /// `size` members of `chart` as processes, with proxies on all links that the chart says how to lead.
    ///
    /// # Errors
    /// When the chart's member name has a placeholder that nothing stands for; a chart that was loaded has none.
    pub fn of_processes(chart: &Chart, size: usize) -> Result<Self, UnknownPlaceholder> {
        let name =
            |index: usize| chart.process.member.fill(&|name| (name == "index").then(|| index.to_string()));
        Ok(Self {
            backend: Backend::Process,
            members: (0..size).map(name).collect::<Result<_, _>>()?,
            peer_links: chart.peer_links.is_some(),
            client_links: true,
            admin_api: chart.admin_api.clone(),
            can_rejoin: !chart.process.arguments_to_rejoin.is_empty(),
        })
    }

    /// Members that somebody else runs: they can be asked, and told what an admin may tell them.
    #[must_use]
    pub fn attached(chart: Option<&Chart>, endpoints: &cluster::Endpoints) -> Self {
        Self {
            backend: Backend::Attached,
            members: endpoints.0.iter().map(|endpoint| endpoint.name.clone()).collect(),
            peer_links: false,
            client_links: false,
            admin_api: chart.and_then(|chart| chart.admin_api.clone()),
            can_rejoin: false,
        }
    }
}

impl Kind {
    /// Whether this can be done to `target` here.
    ///
    /// # Errors
    /// Why not.
    pub fn available(&self, target: &Target, here: &Environment) -> Result<(), Unavailable> {
        let refused = |reason: &str| Err(Unavailable(reason.to_owned()));
        target_exists(target, here)?;
        if (self.is_on_process() || matches!(self, Self::Links(_))) && here.backend == Backend::Attached {
            return refused("the members are not ours: run without --attach");
        }
        let speaks_gateway = here.admin_api.as_deref() == Some(gateway::API);
        let needs_gateway = target.needs_leader()
            || matches!(
                self,
                Self::Wipe | Self::MoveLeader | Self::Defragment | Self::Compact { .. } | Self::Snapshot
            );
        if needs_gateway && !speaks_gateway {
            return Err(Unavailable(format!(
                "it needs an admin API that is known: `admin_api: {}`",
                gateway::API
            )));
        }
        let size = here.members.len();
        match self {
            Self::Wipe if !here.can_rejoin => refused("the chart has no arguments_to_rejoin"),
            Self::Wipe if size < 3 => refused("fewer than 3 members have none to spare"),
            Self::Wipe if !target.is_single() => {
                refused("one member at a time can join again: use `on: one` or `on: leader`")
            }
            Self::MoveLeader if size < 2 => refused("a single member always leads"),
            Self::Throttle { stopped_ms: 0, .. } | Self::Throttle { running_ms: 0, .. } => {
                refused("both of its times must be above zero")
            }
            Self::Links(link) => {
                let least = link.shape.least_members();
                if size < least {
                    return Err(Unavailable(format!("the shape needs {least} members")));
                }
                if !here.peer_links {
                    return refused("the chart does not say how links between members are led (peer_links)");
                }
                if link.clients && !here.client_links {
                    return refused("links to clients go through no proxy here");
                }
                match link.disruption {
                    Disruption::Bandwidth { bytes_per_s: 0 } => refused("no bandwidth at all is a cut"),
                    Disruption::Delay { mean_ms, jitter_ms } if jitter_ms > mean_ms => {
                        refused("the jitter is above the mean, and nothing arrives before it was sent")
                    }
                    _ => Ok(()),
                }
            }
            Self::Exec(exec) if exec.command.is_empty() => refused("its command is empty"),
            _ => Ok(()),
        }
    }
}

fn target_exists(target: &Target, here: &Environment) -> Result<(), Unavailable> {
    let all = here.members.join(", ");
    match target {
        Target::Minority if here.members.len() < 3 => {
            Err(Unavailable("fewer than 3 members have no minority".to_owned()))
        }
        Target::Followers if here.members.len() < 2 => {
            Err(Unavailable("a single member has no followers".to_owned()))
        }
        Target::Named(names) if names.is_empty() => Err(Unavailable("it names no member".to_owned())),
        Target::Named(names) => match names.iter().find(|name| !here.members.contains(name)) {
            Some(unknown) => Err(Unavailable(format!("there is no member {unknown}; there are {all}"))),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{Direction, LinkFault};
    use crate::shape::Shape;

    fn here(size: usize) -> Environment {
        Environment {
            backend: Backend::Process,
            members: (0..size).map(|index| format!("m{index}")).collect(),
            peer_links: true,
            client_links: true,
            admin_api: Some(gateway::API.to_owned()),
            can_rejoin: true,
        }
    }

    fn reason(kind: &Kind, target: &Target, here: &Environment) -> String {
        kind.available(target, here).map_or_else(|reason| reason.to_string(), |()| String::new())
    }

    #[test]
    fn what_cannot_be_done_is_refused_with_the_reason() {
        let cut = |shape| {
            let (direction, disruption) = (Direction::Both, Disruption::Cut);
            Kind::Links(LinkFault { shape, direction, disruption, clients: false })
        };
        assert_eq!(reason(&Kind::Kill, &Target::All, &here(1)), "");
        assert_eq!(reason(&Kind::Wipe, &Target::One, &here(3)), "");
        assert_eq!(reason(&cut(Shape::Ring), &Target::One, &here(3)), "");
        assert!(reason(&cut(Shape::Ring), &Target::One, &here(1)).contains("3 members"));
        assert!(reason(&Kind::Wipe, &Target::One, &here(1)).contains("none to spare"));
        assert!(reason(&Kind::Wipe, &Target::All, &here(3)).contains("one member at a time"));
        assert!(reason(&Kind::Kill, &Target::Minority, &here(1)).contains("no minority"));
        assert!(reason(&Kind::Kill, &Target::Named(vec!["x".into()]), &here(1)).contains("no member x"));

        let mut redis = here(3);
        (redis.admin_api, redis.peer_links, redis.can_rejoin) = (None, false, false);
        assert_eq!(reason(&Kind::Pause, &Target::One, &redis), "");
        assert!(reason(&Kind::Pause, &Target::Leader, &redis).contains("admin API"));
        assert!(reason(&Kind::Defragment, &Target::One, &redis).contains("admin API"));
        assert!(reason(&cut(Shape::Alone), &Target::One, &redis).contains("peer_links"));

        let attached = Environment { backend: Backend::Attached, ..here(3) };
        assert!(reason(&Kind::Kill, &Target::One, &attached).contains("--attach"));
        assert_eq!(reason(&Kind::Defragment, &Target::One, &attached), "");
    }
}

//! Where members listen and how others call them, decided before anything starts. Whoever puts proxies on
//! links changes what is advertised and what a member's environment holds, and leaves alone where it listens.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use crate::chart::Chart;
use crate::endpoints::{Endpoint, Endpoints};
use crate::ports::{Port, Ports, PortsError};
use crate::template::UnknownPlaceholder;

/// The wiring of all members, in order. It holds the reservations of their ports: keep it while they run.
#[derive(Debug)]
pub struct Wiring {
    /// One for each member.
    pub members: Vec<MemberWiring>,
    _reservations: Vec<Port>,
}

/// The wiring of one member.
#[derive(Debug, Clone)]
pub struct MemberWiring {
    /// The member's name.
    pub name: String,
    /// By the names that the chart gives to ports.
    pub ports: BTreeMap<String, PortWiring>,
    /// Added to the chart's environment, such as `HTTP_PROXY`.
    pub environment: BTreeMap<String, String>,
}

/// One port of a member.
#[derive(Debug, Clone)]
pub struct PortWiring {
    /// Such as `http`.
    pub scheme: String,
    /// Where the member listens.
    pub listen: SocketAddr,
    /// How others call it: host and port.
    pub advertised: String,
}

/// Why members could not be wired.
#[derive(Debug, thiserror::Error)]
pub enum WiringError {
    /// The chart does not allow that many members.
    #[error("{asked} members are refused, because {because}: use {}", one_of(allowed))]
    Size {
        /// What was asked for.
        asked: usize,
        /// The chart's reason.
        because: String,
        /// What the chart allows.
        allowed: Vec<usize>,
    },
    /// There are no ports.
    #[error(transparent)]
    Ports(#[from] PortsError),
    /// The chart has a placeholder that nothing stands for.
    #[error(transparent)]
    Placeholder(#[from] UnknownPlaceholder),
}

fn one_of(allowed: &[usize]) -> String {
    allowed.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl Wiring {
    /// `size` members on reserved ports of 127.0.0.1, each called where it listens.
    ///
    /// # Errors
    /// When the chart refuses that number of members, or there are no free ports.
    pub fn direct(chart: &Chart, size: usize, ports: &mut Ports) -> Result<Self, WiringError> {
        let spec = &chart.process;
        if !spec.sizes.contains(&size) {
            let (because, allowed) = (spec.sizes_because.clone(), spec.sizes.clone());
            return Err(WiringError::Size { asked: size, because, allowed });
        }
        let mut reservations = Vec::new();
        let mut members = Vec::with_capacity(size);
        for index in 0..size {
            let name = spec.member.fill(&|name| (name == "index").then(|| index.to_string()))?;
            let mut wired = BTreeMap::new();
            for (port, scheme) in &spec.ports {
                let claimed = ports.claim()?;
                wired.insert(port.clone(), PortWiring::direct(scheme, claimed.address()));
                reservations.push(claimed);
            }
            members.push(MemberWiring { name, ports: wired, environment: BTreeMap::new() });
        }
        Ok(Self { members, _reservations: reservations })
    }

    /// Two members that exist nowhere, to try a chart's templates on.
    pub(crate) fn example(chart: &Chart) -> Self {
        let port = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        let ports = chart.process.ports.iter();
        let ports: BTreeMap<_, _> =
            ports.map(|(name, scheme)| (name.clone(), PortWiring::direct(scheme, port))).collect();
        let member = |name: &str| MemberWiring {
            name: name.into(),
            ports: ports.clone(),
            environment: BTreeMap::new(),
        };
        Self { members: vec![member("a"), member("b")], _reservations: Vec::new() }
    }

    /// The member of that name, for whoever changes its wiring.
    pub fn member_mut(&mut self, name: &str) -> Option<&mut MemberWiring> {
        self.members.iter_mut().find(|member| member.name == name)
    }

    /// Gives every member these variables, beside those of its chart.
    pub fn give(&mut self, variables: &BTreeMap<String, String>) {
        for member in &mut self.members {
            member.environment.extend(variables.clone());
        }
    }

    /// How commands call the members.
    #[must_use]
    pub fn advertised(&self, chart: &Chart) -> Endpoints {
        self.endpoints(&chart.address.port, PortWiring::url)
    }

    /// Where the members themselves listen: for probes that no proxy may disturb.
    #[must_use]
    pub fn listened(&self, chart: &Chart) -> Endpoints {
        self.endpoints(&chart.address.port, PortWiring::listen_url)
    }

    /// Where one member listens on one port.
    pub(crate) fn listens(&self, member: usize, port: &str) -> Option<Endpoint> {
        let MemberWiring { name, ports, .. } = self.members.get(member)?;
        Some(Endpoint { name: name.clone(), url: ports.get(port)?.listen_url() })
    }

    fn endpoints(&self, port: &str, url: impl Fn(&PortWiring) -> String) -> Endpoints {
        let endpoint = |member: &MemberWiring| {
            let port = member.ports.get(port)?;
            Some(Endpoint { name: member.name.clone(), url: url(port) })
        };
        Endpoints(self.members.iter().filter_map(endpoint).collect())
    }
}

impl PortWiring {
    fn direct(scheme: &str, listen: SocketAddr) -> Self {
        Self { scheme: scheme.to_owned(), listen, advertised: listen.to_string() }
    }

    /// The URL that others use.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.advertised)
    }

    /// The URL the member listens on.
    #[must_use]
    pub fn listen_url(&self) -> String {
        format!("{}://{}", self.scheme, self.listen)
    }
}

/// What placeholders stand for, for one member.
#[derive(Debug)]
pub(crate) struct Scope(BTreeMap<String, String>);

impl Scope {
    pub(crate) fn of<const N: usize>(values: [(&str, String); N]) -> Self {
        Self(values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// What is known of a member from its wiring alone: enough for its part of a list.
    pub(crate) fn of_member(wiring: &Wiring, index: usize) -> Self {
        let member = &wiring.members[index];
        let mut values = BTreeMap::new();
        values.insert("name".to_owned(), member.name.clone());
        values.insert("index".to_owned(), index.to_string());
        for (name, port) in &member.ports {
            values.insert(format!("{name}.listen"), port.listen.to_string());
            values.insert(format!("{name}.listen_url"), port.listen_url());
            values.insert(format!("{name}.host"), port.listen.ip().to_string());
            values.insert(format!("{name}.port"), port.listen.port().to_string());
            values.insert(format!("{name}.advertised"), port.advertised.clone());
            values.insert(format!("{name}.url"), port.url());
        }
        Self(values)
    }

    /// What is known when a member starts.
    pub(crate) fn of_launch(chart: &Chart, wiring: &Wiring, index: usize, data_dir: &str) -> Self {
        let mut scope = Self::of_member(wiring, index);
        let first = Self::of_member(wiring, 0).0;
        scope.0.extend(first.into_iter().map(|(name, value)| (format!("first.{name}"), value)));
        scope.0.insert("data_dir".to_owned(), data_dir.to_owned());
        for (name, list) in &chart.process.lists {
            let part = |at| list.each.fill(&|name| Self::of_member(wiring, at).value(name));
            // A placeholder that nothing stands for leaves the list undefined: its user is told so by name.
            let parts: Result<Vec<_>, _> = (0..wiring.members.len()).map(part).collect();
            scope.0.extend(parts.ok().map(|parts| (name.clone(), parts.join(&list.separator))));
        }
        scope
    }

    pub(crate) fn value(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }

    /// Every name, sorted.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

//! Proxies on all links of a system that runs as processes: one forward proxy for each member, which its peer requests
//! go through, and one relay for each client and member. They run on a thread of their own, listen on 127.0.0.1 only,
//! and let everything through until a fault says otherwise.
//!
//! A link is directed: from whom to whom bytes go, whoever opened the connection. What a link lets through, holds back
//! or loses is in [`link`]; nothing here knows why.

mod forward;
mod link;
mod pump;
mod relay;
mod reply;
mod thread;

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use cluster::ports::{Port, Ports, PortsError};
use cluster::{Chart, Endpoint, Endpoints, Wiring};
use tokio::sync::watch;

use crate::fault::Disruption;
use link::Link;
pub use link::{Counts, LinkRow};
pub(crate) use reply::{AtReply, Strike};

/// Peers call each other at 192.0.2.1, 192.0.2.2, ...: addresses for documentation (RFC 5737), which lead nowhere, so
/// that no peer can pass its proxy by. Names would do too, but etcd looks them up when members change, for 30 s.
const PEER_NETWORK: [u8; 3] = [192, 0, 2];
/// Only proxies see it.
const PEER_PORT: u16 = 2380;

/// The links of a system. Clones are handles to the same ones; the proxies end with the last.
#[derive(Debug, Clone)]
pub struct Links(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    links: BTreeMap<(String, String), Arc<Link>>,
    clients: BTreeMap<String, Endpoints>,
    thread: thread::Thread,
    _ports: Vec<Port>,
}

/// Why proxies could not be put on links.
#[derive(Debug, thiserror::Error)]
pub enum LinksError {
    /// There are no ports.
    #[error(transparent)]
    Ports(#[from] PortsError),
    /// A proxy cannot listen.
    #[error("a proxy cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The chart names a port that its members do not have.
    #[error("{member} has no port `{port}`, which the chart says its links use")]
    NoSuchPort {
        /// The member's name.
        member: String,
        /// The port's name.
        port: String,
    },
    /// The system gave no thread.
    #[error("cannot start the thread of the proxies: {0}")]
    Thread(io::Error),
}

/// One proxy before it runs.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a handful of them, for as long as it takes to start them")]
enum Proxy {
    Forward(forward::Forward, TcpListener),
    Relay(relay::Relay, TcpListener),
}

impl Links {
    /// Puts proxies on all links of members that are about to be started, and changes their wiring so that they use
    /// them: how peers are called, the proxy in each member's environment, and how the first of `clients` calls them.
    ///
    /// # Errors
    /// When a proxy cannot listen. No proxy runs then.
    pub fn wire(
        chart: &Chart,
        wiring: &mut Wiring,
        ports: &mut Ports,
        clients: &[&str],
    ) -> Result<Self, LinksError> {
        let mut building =
            Building { links: BTreeMap::new(), proxies: Vec::new(), ports, claimed: Vec::new() };
        if let Some(peers) = &chart.peer_links {
            building.wire_peers(wiring, &peers.port, &peers.proxy_environment)?;
        }
        let mut endpoints = BTreeMap::new();
        for &client in clients.iter().rev() {
            // The first comes last, so that its addresses are those that members advertise.
            endpoints.insert(client.to_owned(), building.wire_client(wiring, client, &chart.address.port)?);
        }
        let Building { links, proxies, claimed, .. } = building;
        let thread = thread::Thread::start(proxies).map_err(LinksError::Thread)?;
        Ok(Self(Arc::new(Inner { links, clients: endpoints, thread, _ports: claimed })))
    }

    /// How that client calls the members.
    #[must_use]
    pub fn endpoints(&self, client: &str) -> Option<&Endpoints> {
        self.0.clients.get(client)
    }

    /// The clients' names.
    pub fn clients(&self) -> impl Iterator<Item = &str> {
        self.0.clients.keys().map(String::as_str)
    }

    /// What went over each link so far, in the order of names.
    #[must_use]
    pub fn matrix(&self) -> Vec<LinkRow> {
        let row = |((from, to), link): (&(String, String), &Arc<Link>)| LinkRow {
            from: from.clone(),
            to: to.clone(),
            counts: link.counts(),
        };
        self.0.links.iter().map(row).collect()
    }

    /// Becomes the reason when a proxy has died: the run is worth nothing then.
    #[must_use]
    pub fn failure(&self) -> watch::Receiver<Option<String>> {
        self.0.thread.failure()
    }

    /// Disturbs a directed link until [`Self::lift`] is called with the same number. A link that is not there is none
    /// of ours: nothing happens.
    pub(crate) fn disturb(&self, pair: &(String, String), id: u64, disruption: Disruption) {
        if let Some(link) = self.0.links.get(pair) {
            link.disturb(id, disruption);
        }
    }

    /// Does something in the moment in which one of `members` answers any client, until the result is dropped.
    pub(crate) fn at_reply(&self, members: &[String], strike: Strike) -> AtReply {
        let answers =
            |(from, to): &(String, String)| members.contains(from) && self.0.clients.contains_key(to);
        let links = self.0.links.iter().filter(|(pair, _)| answers(pair));
        AtReply::on(links.map(|(_, link)| Arc::clone(link)).collect(), strike)
    }

    /// Ends what the fault of that number does to any link.
    pub(crate) fn lift(&self, id: u64) {
        for link in self.0.links.values() {
            link.lift(id);
        }
    }
}

/// Collects links and proxies while members are wired.
struct Building<'a> {
    links: BTreeMap<(String, String), Arc<Link>>,
    proxies: Vec<Proxy>,
    ports: &'a mut Ports,
    claimed: Vec<Port>,
}

impl Building<'_> {
    fn wire_peers(&mut self, wiring: &mut Wiring, port: &str, environment: &str) -> Result<(), LinksError> {
        let mut names = BTreeMap::new();
        let [a, b, c] = PEER_NETWORK;
        // No chart has so many members that the network is too small.
        for (member, d) in wiring.members.iter_mut().zip(1_u8..) {
            let wired = member.ports.get_mut(port).ok_or_else(|| no_port(&member.name, port))?;
            wired.advertised = format!("{a}.{b}.{c}.{d}:{PEER_PORT}");
            names.insert(wired.advertised.clone(), (member.name.clone(), wired.listen));
        }
        for member in &mut wiring.members {
            let mut routes = BTreeMap::new();
            for (authority, (name, address)) in &names {
                let (there, back) = (self.link(&member.name, name), self.link(name, &member.name));
                routes.insert(authority.clone(), forward::Route { address: *address, there, back });
            }
            let listener = self.listen()?;
            let address = listener.1;
            self.proxies.push(Proxy::Forward(forward::Forward::new(routes), listener.0));
            member.environment.insert(environment.to_owned(), format!("http://{address}"));
        }
        // Nobody talks to itself over a link.
        self.links.retain(|(from, to), _| from != to);
        Ok(())
    }

    fn wire_client(
        &mut self,
        wiring: &mut Wiring,
        client: &str,
        port: &str,
    ) -> Result<Endpoints, LinksError> {
        let mut endpoints = Vec::new();
        for member in &mut wiring.members {
            let wired = member.ports.get_mut(port).ok_or_else(|| no_port(&member.name, port))?;
            let (there, back) = (self.link(client, &member.name), self.link(&member.name, client));
            let (listener, address) = self.listen()?;
            self.proxies.push(Proxy::Relay(relay::Relay { to: wired.listen, there, back }, listener));
            wired.advertised = address.to_string();
            endpoints.push(Endpoint { name: member.name.clone(), url: wired.url() });
        }
        Ok(Endpoints(endpoints))
    }

    fn link(&mut self, from: &str, to: &str) -> Arc<Link> {
        let pair = (from.to_owned(), to.to_owned());
        Arc::clone(self.links.entry(pair).or_insert_with(|| Arc::new(Link::default())))
    }

    fn listen(&mut self) -> Result<(TcpListener, SocketAddr), LinksError> {
        let port = self.ports.claim()?;
        let address = port.address();
        let listen = || {
            let listener = TcpListener::bind(address)?;
            listener.set_nonblocking(true)?;
            Ok(listener)
        };
        let listener = listen().map_err(|source| LinksError::Listen { address, source })?;
        self.claimed.push(port);
        Ok((listener, address))
    }
}

fn no_port(member: &str, port: &str) -> LinksError {
    LinksError::NoSuchPort { member: member.to_owned(), port: port.to_owned() }
}

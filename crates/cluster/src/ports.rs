//! Free ports on loopback, outside the ephemeral range, reserved against every other program of this machine
//! for as long as the reservation lives.
//!
//! The reservation is a socket that is bound and never listens. It was bound without address reuse, so that
//! no second one can be bound beside it; then reuse is switched on, so that the server it is meant for can.
//! (Servers switch it on for themselves, or they could not restart while old connections linger.) The kernel
//! drops it with the process that holds it, so nothing has to be cleaned up after a crash.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::os::fd::OwnedFd;
use std::{fs, io};

use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

/// Where Linux says which ports it gives to outgoing connections.
const EPHEMERAL: &str = "/proc/sys/net/ipv4/ip_local_port_range";

/// A reserved port on 127.0.0.1.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _reservation: OwnedFd,
}

impl Port {
    /// The address to listen on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.number).into()
    }
}

/// Why no port could be reserved.
#[derive(Debug, thiserror::Error)]
pub enum PortsError {
    /// Every port was taken.
    #[error("no free port on 127.0.0.1 from {} to {}: end programs that listen there", .0.start(), .0.end())]
    NoneFree(RangeInclusive<u16>),
    /// The system refused the attempt itself.
    #[error("cannot reserve a port on 127.0.0.1: {0}")]
    System(#[from] io::Error),
}

/// Gives out reserved ports, each once.
#[derive(Debug)]
pub struct Ports {
    range: RangeInclusive<u16>,
    next: u16,
}

impl Ports {
    /// Ports that the kernel gives to no outgoing connection. Each process begins somewhere else, so that a client which
    /// has outlived its own run does not find another one where it knew members.
    #[must_use]
    pub fn outside_ephemeral() -> Self {
        let ephemeral = fs::read_to_string(EPHEMERAL).ok().and_then(|text| parse_range(&text));
        let mut ports = Self::within(choose(ephemeral.unwrap_or(32_768..=60_999)));
        // The last fifth is left for those that begin late.
        let room = u32::from(ports.range.end() - ports.range.start()) * 4 / 5;
        let offset = std::process::id().wrapping_mul(97) % room.max(1);
        ports.next += u16::try_from(offset).unwrap_or(0);
        ports
    }

    /// Ports of a given range.
    #[must_use]
    pub fn within(range: RangeInclusive<u16>) -> Self {
        Self { next: *range.start(), range }
    }

    /// Reserves the next free port.
    ///
    /// # Errors
    /// When all ports of the range are taken, or the system allows no socket at all.
    pub fn claim(&mut self) -> Result<Port, PortsError> {
        while self.range.contains(&self.next) && self.next < u16::MAX {
            let number = self.next;
            self.next += 1;
            match reserve(number) {
                Ok(reservation) => return Ok(Port { number, _reservation: reservation }),
                Err(rustix::io::Errno::ADDRINUSE | rustix::io::Errno::ACCESS) => {}
                Err(error) => return Err(PortsError::System(error.into())),
            }
        }
        Err(PortsError::NoneFree(self.range.clone()))
    }
}

fn reserve(number: u16) -> rustix::io::Result<OwnedFd> {
    let socket =
        rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    rustix::net::bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, number)))?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    Ok(socket)
}

fn parse_range(text: &str) -> Option<RangeInclusive<u16>> {
    let mut numbers = text.split_whitespace().map(str::parse);
    Some(numbers.next()?.ok()?..=numbers.next()?.ok()?)
}

/// Below the ephemeral ports where there is room, else above them, else where they usually are not.
fn choose(ephemeral: RangeInclusive<u16>) -> RangeInclusive<u16> {
    // Enough for a few large runs at a time, each with some tens of members, proxies and clients.
    const ROOM: u16 = 1_000;
    let (low, high) = ephemeral.into_inner();
    if low > 20_000 + ROOM {
        20_000..=low - 1
    } else if high < u16::MAX - ROOM {
        high + 1..=u16::MAX - 1
    } else if low > 10_000 + ROOM {
        10_000..=low - 1
    } else {
        20_000..=32_767
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::{Ports, choose, parse_range};

    #[test]
    fn the_range_avoids_ephemeral_ports() {
        assert_eq!(parse_range("32768\t60999\n"), Some(32_768..=60_999));
        assert_eq!(parse_range("garbage"), None);
        assert_eq!(choose(32_768..=60_999), 20_000..=32_767);
        assert_eq!(choose(15_000..=50_000), 50_001..=65_534);
        assert_eq!(choose(15_000..=65_535), 10_000..=14_999);
        assert_eq!(choose(1_024..=65_535), 20_000..=32_767);
    }

    #[test]
    fn a_reserved_port_is_given_to_nobody_else_but_its_server_can_listen() {
        let mut mine = Ports::outside_ephemeral();
        let port = mine.claim().unwrap();
        let number = port.address().port();
        let mut theirs = Ports::within(number..=number);
        assert!(theirs.claim().unwrap_err().to_string().starts_with("no free port"));

        let server = TcpListener::bind(port.address()).expect("the standard library switches reuse on");
        drop(server);
        let again = TcpListener::bind(port.address()).expect("a restart finds its port");
        drop(again);
        let mut still_theirs = Ports::within(number..=number);
        assert!(still_theirs.claim().is_err(), "also while the server is down");
    }

    #[test]
    fn a_port_that_is_listened_on_is_passed_over() {
        let held = Ports::outside_ephemeral().claim().unwrap();
        let number = held.address().port();
        let listener = TcpListener::bind(held.address()).unwrap();
        drop(held);
        let mut ports = Ports::within(number..=number + 20);
        assert_ne!(ports.claim().unwrap().address(), listener.local_addr().unwrap());
    }
}

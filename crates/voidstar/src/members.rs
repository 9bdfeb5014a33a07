//! Members by name. Commands that were written for containers call `etcd0:2379`; at the desk that member listens on some
//! port of loopback. A name stands for an address of its own, which nobody listens on, and a connection to that address is
//! led to where the member is, whatever its port.

use std::net::{Ipv4Addr, SocketAddrV4};

/// The network of the stand-in addresses: loopback, so that what is not led anywhere stays on this machine.
const NETWORK: [u8; 3] = [127, 86, 83];
/// As many as the network has addresses.
const MEMBERS_MAX: usize = 254;

/// Where members are; the position decides the stand-in address.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Members(Vec<(String, SocketAddrV4)>);

impl Members {
    /// Reads `name=address:port` with commas between. What cannot be led anywhere is left out.
    pub(crate) fn parse(text: &str) -> Self {
        let parts = text.split(',').filter_map(|part| part.split_once('='));
        let led = parts.filter_map(|(name, address)| Some((name.to_owned(), address.parse().ok()?)));
        Self(led.take(MEMBERS_MAX).collect())
    }

    /// The address that stands for this name.
    pub(crate) fn stand_in(&self, name: &[u8]) -> Option<Ipv4Addr> {
        let at = self.0.iter().position(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name))?;
        let [a, b, c] = NETWORK;
        Some(Ipv4Addr::new(a, b, c, u8::try_from(at + 1).ok()?))
    }

    /// Where a connection to this address is to go, if the address stands for a member.
    pub(crate) fn led(&self, address: Ipv4Addr) -> Option<SocketAddrV4> {
        let [a, b, c, at] = address.octets();
        let at = usize::from(at).checked_sub(1)?;
        let member = self.0.get(at).filter(|_| [a, b, c] == NETWORK);
        member.map(|(_, address)| *address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_to_where_its_member_is() {
        let members = Members::parse("etcd0=127.0.0.1:20000,bad,x=host:1,etcd1=10.0.0.2:2379");
        let second = members.stand_in(b"ETCD1").unwrap();
        assert_eq!(members.led(second), Some("10.0.0.2:2379".parse().unwrap()));
        assert_ne!(members.stand_in(b"etcd0"), Some(second));
        assert_eq!(members.stand_in(b"x"), None, "what is a name itself needs nobody to lead it");
        assert_eq!(members.led(Ipv4Addr::LOCALHOST), None);
        assert_eq!(members.led(Ipv4Addr::new(127, 86, 83, 9)), None);
    }
}

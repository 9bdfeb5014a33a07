//! Where members are, as commands are told: `name=url,name=url`. It does not say whether anybody is there.

use std::fmt;
use std::str::FromStr;

/// A member's name and URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The member's name.
    pub name: String,
    /// Such as `http://127.0.0.1:20000`, without a slash at its end.
    pub url: String,
}

impl Endpoint {
    /// The URL's host and port, for connections that are not HTTP.
    #[must_use]
    pub fn authority(&self) -> &str {
        let rest = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        rest.split('/').next().unwrap_or(rest)
    }
}

/// The members of a system, in a stable order; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints(pub Vec<Endpoint>);

/// A text that does not name members.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotEndpoints {
    /// A part of it is no address.
    #[error(
        "`{0}` names no member: expected name=http://host:port, or http://host:port, with commas between"
    )]
    Address(String),
    /// Commands could not tell the two apart.
    #[error("two members are called `{0}`: write name=url to tell them apart")]
    SameName(String),
}

impl FromStr for Endpoints {
    type Err = NotEndpoints;

    fn from_str(text: &str) -> Result<Self, NotEndpoints> {
        let endpoints: Option<Vec<_>> = text.split(',').map(|part| parse(part.trim())).collect();
        let endpoints = endpoints.ok_or_else(|| NotEndpoints::Address(text.to_owned()))?;
        for (at, Endpoint { name, .. }) in endpoints.iter().enumerate() {
            if endpoints[..at].iter().any(|other| other.name == *name) {
                return Err(NotEndpoints::SameName(name.clone()));
            }
        }
        Ok(Self(endpoints))
    }
}

/// One endpoint; without a name it is called by its host and port, without a scheme it speaks HTTP.
fn parse(part: &str) -> Option<Endpoint> {
    let (name, url) = match part.split_once('=') {
        Some((name, url)) => (Some(name), url),
        None => (None, part),
    };
    let url = url.trim_end_matches('/');
    let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    let mut endpoint = Endpoint { name: String::new(), url };
    let (host, port) = endpoint.authority().rsplit_once(':')?;
    port.parse::<u16>().ok().filter(|_| !host.is_empty())?;
    endpoint.name = name.unwrap_or(endpoint.authority()).to_owned();
    (!endpoint.name.is_empty()).then_some(endpoint)
}

impl fmt::Display for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, Endpoint { name, url }) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { "," };
            write!(f, "{separator}{name}={url}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Endpoints;

    #[test]
    fn what_is_printed_is_read_again() {
        let text = "a=http://127.0.0.1:20000,b=http://[::1]:20001";
        let endpoints: Endpoints = text.parse().unwrap();
        assert_eq!(endpoints.to_string(), text);
        assert_eq!(endpoints.0[1].authority(), "[::1]:20001");
    }

    #[test]
    fn names_and_schemes_may_be_left_out() {
        let endpoints: Endpoints = "127.0.0.1:2379, http://etcd1:2379/".parse().unwrap();
        let expected = "127.0.0.1:2379=http://127.0.0.1:2379,etcd1:2379=http://etcd1:2379";
        assert_eq!(endpoints.to_string(), expected);
        for bad in ["", "a", "a=", "http://a", "a=http://b:x", "=http://a:1", "a:1,"] {
            assert!(bad.parse::<Endpoints>().is_err(), "{bad}");
        }
    }

    #[test]
    fn two_members_of_one_name_are_refused() {
        for twice in ["a=http://b:1,a=http://b:2", "b:1,http://b:1/"] {
            let refused = twice.parse::<Endpoints>().unwrap_err().to_string();
            assert!(refused.starts_with("two members are called `"), "{refused}");
        }
    }
}

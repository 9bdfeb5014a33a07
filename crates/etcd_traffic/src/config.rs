//! What a command is told by its environment; nothing else in this crate may read it.
//!
//! Every value has a default that fits the containers of this repository, so that a command can be run by hand.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use once_cell::sync::OnceCell;
use thiserror::Error;

/// The members, as `name=url,name=url`, or plain URLs or hosts.
pub const ENDPOINTS: &str = "ETCD_TRAFFIC_ENDPOINTS";
/// The directory that all commands of a run share; histories go to `history/` in it.
pub const DIR: &str = "ETCD_TRAFFIC_DIR";
/// The run's name, for the headers of histories.
pub const RUN: &str = "ETCD_TRAFFIC_RUN";
/// The command's name, such as `main/parallel_driver_generate_traffic`.
pub const COMMAND: &str = "ETCD_TRAFFIC_COMMAND";
/// The command's number in its run.
pub const NUMBER: &str = "ETCD_TRAFFIC_NUMBER";
/// How many requests a driver makes, where they are not to be drawn.
pub const REQUESTS: &str = "ETCD_TRAFFIC_REQUESTS";
/// Milliseconds for one dial, one request, one phase of a driver, and the wait for a healthy cluster.
pub const DIAL_MS: &str = "ETCD_TRAFFIC_DIAL_MS";
#[expect(missing_docs, reason = "see DIAL_MS")]
pub const TIMEOUT_MS: &str = "ETCD_TRAFFIC_TIMEOUT_MS";
#[expect(missing_docs, reason = "see DIAL_MS")]
pub const PHASE_MS: &str = "ETCD_TRAFFIC_PHASE_MS";
#[expect(missing_docs, reason = "see DIAL_MS")]
pub const WAIT_MS: &str = "ETCD_TRAFFIC_WAIT_MS";

const DEFAULT_ENDPOINTS: &str = "etcd0=http://etcd0:2379,etcd1=http://etcd1:2379,etcd2=http://etcd2:2379";
const DEFAULT_PORT: u16 = 2379;
/// Larger drawn or given counts would make a command long, and a long command is hard to schedule.
const REQUESTS_MAX: u32 = 100_000;

/// One member of the cluster, as clients see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name in histories.
    pub name: String,
    /// Its client URL, `http://host:port`.
    pub url: String,
}

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connecting to a member.
    pub dial: Duration,
    /// One request, from its invocation to its outcome. Shorter than etcd's own limit (7 s by default), so that a
    /// client that gave up while its write is still on its way is an ordinary case.
    pub request: Duration,
    /// One phase of a driver: it begins no request after this. It keeps commands short while requests time out.
    pub phase: Duration,
    /// The wait for a healthy cluster.
    pub wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            dial: Duration::from_secs(2),
            request: Duration::from_secs(3),
            phase: Duration::from_secs(8),
            wait: Duration::from_secs(60),
        }
    }
}

/// Everything that a command is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The members; at least one, with unique names.
    pub members: Vec<Member>,
    /// The directory that all commands of a run share.
    pub dir: PathBuf,
    /// The run's name; empty outside of a run.
    pub run: String,
    /// The command's name.
    pub command: String,
    /// The command's number in its run; 0 outside of one.
    pub number: u64,
    /// How many requests a driver makes; drawn when `None`.
    pub requests: Option<NonZeroU32>,
    /// How long things may take.
    pub limits: Limits,
}

/// The environment says something that cannot be meant.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ConfigError {
    /// No member at all.
    #[error("{ENDPOINTS} names no member; give it as name=http://host:2379,name=..., or leave it unset")]
    NoMember,
    /// Not an address.
    #[error("{ENDPOINTS}: `{entry}` is no address; write name=http://host:port")]
    Address {
        /// The entry as given.
        entry: String,
    },
    /// TLS is not built in.
    #[error("{ENDPOINTS}: `{entry}`: https is not supported; give the member an http client URL")]
    Tls {
        /// The entry as given.
        entry: String,
    },
    /// Two members of one name could not be told apart in a history.
    #[error("{ENDPOINTS}: two members are called `{name}`; write name=url to tell them apart")]
    SameName {
        /// The name.
        name: String,
    },
    /// Not a number, or too large or small.
    #[error("{variable}: `{text}` is not a number from {min} to {max}")]
    Number {
        /// The variable.
        variable: &'static str,
        /// Its text.
        text: String,
        /// The least.
        min: u64,
        /// The most.
        max: u64,
    },
}

impl Config {
    /// The configuration of this process: its environment, read once.
    ///
    /// # Errors
    /// When a variable has a value that cannot be meant.
    #[expect(clippy::disallowed_methods, reason = "this is the config module")]
    pub fn of_process() -> Result<&'static Self, ConfigError> {
        static CONFIG: OnceCell<Config> = OnceCell::new();
        CONFIG.get_or_try_init(|| {
            let program = std::env::args().next().unwrap_or_default();
            let stem = Path::new(&program).file_stem().unwrap_or_default().to_string_lossy().into_owned();
            Self::from_variables(&stem, &std::env::temp_dir(), |name| std::env::var(name).ok())
        })
    }

    /// The configuration that `variable` gives, where `program` is the executable's name and `temp` the directory for
    /// temporary files. An empty variable is as good as none.
    ///
    /// # Errors
    /// When a variable has a value that cannot be meant.
    pub fn from_variables(
        program: &str,
        temp: &Path,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let text = |name| variable(name).filter(|text: &String| !text.trim().is_empty());
        let number = |name, min, max| text(name).map(|text| number(name, &text, min, max)).transpose();
        let duration = |name, default: Duration| {
            // A day is more than any wait can be meant to be.
            number(name, 1, 86_400_000).map(|given| given.map_or(default, Duration::from_millis))
        };
        let defaults = Limits::default();
        let requests = number(REQUESTS, 1, REQUESTS_MAX.into())?;
        Ok(Self {
            members: members(text(ENDPOINTS).as_deref().unwrap_or(DEFAULT_ENDPOINTS))?,
            dir: text(DIR).map_or_else(|| temp.join("etcd-traffic"), PathBuf::from),
            run: text(RUN).unwrap_or_default(),
            command: text(COMMAND).unwrap_or_else(|| program.to_owned()),
            number: number(NUMBER, 0, u64::MAX)?.unwrap_or(0),
            requests: requests.and_then(|n| u32::try_from(n).ok()).and_then(NonZeroU32::new),
            limits: Limits {
                dial: duration(DIAL_MS, defaults.dial)?,
                request: duration(TIMEOUT_MS, defaults.request)?,
                phase: duration(PHASE_MS, defaults.phase)?,
                wait: duration(WAIT_MS, defaults.wait)?,
            },
        })
    }

    /// Where the run's histories are.
    #[must_use]
    pub fn history_dir(&self) -> PathBuf {
        self.dir.join("history")
    }
}

fn number(variable: &'static str, text: &str, min: u64, max: u64) -> Result<u64, ConfigError> {
    let number = text.trim().parse().ok().filter(|number| (min..=max).contains(number));
    number.ok_or_else(|| ConfigError::Number { variable, text: text.to_owned(), min, max })
}

fn members(text: &str) -> Result<Vec<Member>, ConfigError> {
    let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    let members = entries.map(member).collect::<Result<Vec<_>, _>>()?;
    if members.is_empty() {
        return Err(ConfigError::NoMember);
    }
    for (n, member) in members.iter().enumerate() {
        if members[..n].iter().any(|other| other.name == member.name) {
            return Err(ConfigError::SameName { name: member.name.clone() });
        }
    }
    Ok(members)
}

fn member(entry: &str) -> Result<Member, ConfigError> {
    let address = || ConfigError::Address { entry: entry.to_owned() };
    let (name, url) =
        entry.split_once('=').map_or((None, entry), |(name, url)| (Some(name.trim()), url.trim()));
    if url.starts_with("https://") {
        return Err(ConfigError::Tls { entry: entry.to_owned() });
    }
    let authority = url.strip_prefix("http://").unwrap_or(url).trim_end_matches('/');
    let (host, port) = match authority.rsplit_once(':') {
        // The colons of a bare IPv6 address are its own.
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| address())?),
        _ => (authority, DEFAULT_PORT),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-[]:".contains(c);
    if host.is_empty() || port == 0 || !host.chars().all(plain) || name.is_some_and(str::is_empty) {
        return Err(address());
    }
    // Hosts that differ make the better names; on one host the ports tell members apart.
    let own_name = if port == DEFAULT_PORT { host.to_owned() } else { format!("{host}:{port}") };
    let name = name.map_or(own_name, str::to_owned);
    Ok(Member { name, url: format!("http://{host}:{port}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let lookup = |name: &str| {
            variables.iter().find(|(variable, _)| *variable == name).map(|(_, text)| (*text).to_owned())
        };
        Config::from_variables("driver", Path::new("/t"), lookup)
    }

    fn names_and_urls(endpoints: &str) -> Vec<(String, String)> {
        let config = parse(&[(ENDPOINTS, endpoints)]).unwrap();
        config.members.into_iter().map(|member| (member.name, member.url)).collect()
    }

    #[test]
    fn without_variables_it_is_the_cluster_of_the_containers() {
        let config = parse(&[]).unwrap();
        let names: Vec<&str> = config.members.iter().map(|member| member.name.as_str()).collect();
        assert_eq!(names, ["etcd0", "etcd1", "etcd2"]);
        assert_eq!(config.members[1].url, "http://etcd1:2379");
        assert_eq!(config.history_dir(), Path::new("/t/etcd-traffic/history"));
        assert_eq!((config.command.as_str(), config.number, config.requests), ("driver", 0, None));
        assert_eq!(config.limits, Limits::default());
        assert_eq!(parse(&[(ENDPOINTS, " "), (DIR, "")]).unwrap(), config, "empty is unset");
    }

    #[test]
    fn endpoints_come_in_many_spellings() {
        let pair = |name: &str, url: &str| (name.to_owned(), url.to_owned());
        assert_eq!(
            names_and_urls("a=http://h:1, b = h2 ,http://h3:2379/,127.0.0.1:4,[::1]:5,"),
            [
                pair("a", "http://h:1"),
                pair("b", "http://h2:2379"),
                pair("h3", "http://h3:2379"),
                pair("127.0.0.1:4", "http://127.0.0.1:4"),
                pair("[::1]:5", "http://[::1]:5"),
            ]
        );
        assert_eq!(names_and_urls("[::1]"), [pair("[::1]", "http://[::1]:2379")]);
    }

    #[test]
    fn what_cannot_be_meant_is_named() {
        let cases = [
            (ENDPOINTS, ",", "names no member"),
            (ENDPOINTS, "a=", "`a=` is no address"),
            (ENDPOINTS, "=http://h:1", "is no address"),
            (ENDPOINTS, "http://h:port", "is no address"),
            (ENDPOINTS, "h:0", "is no address"),
            (ENDPOINTS, "h/path", "is no address"),
            (ENDPOINTS, "https://h", "https is not supported"),
            (ENDPOINTS, "h,h", "two members are called `h`"),
            (NUMBER, "-1", "ETCD_TRAFFIC_NUMBER: `-1` is not a number from 0"),
            (REQUESTS, "0", "ETCD_TRAFFIC_REQUESTS: `0` is not a number from 1 to 100000"),
            (TIMEOUT_MS, "3s", "ETCD_TRAFFIC_TIMEOUT_MS: `3s` is not a number from 1"),
        ];
        for (variable, text, expected) in cases {
            let message = parse(&[(variable, text)]).unwrap_err().to_string();
            assert!(message.contains(expected), "{variable}={text}: {message}");
        }
    }

    #[test]
    fn everything_given_is_taken() {
        let config = parse(&[
            (DIR, "/d"),
            (RUN, "r7"),
            (COMMAND, "main/x"),
            (NUMBER, "12"),
            (REQUESTS, "50"),
            (DIAL_MS, "1"),
            (TIMEOUT_MS, "2"),
            (PHASE_MS, "3"),
            (WAIT_MS, "4"),
        ])
        .unwrap();
        assert_eq!((config.run.as_str(), config.command.as_str(), config.number), ("r7", "main/x", 12));
        assert_eq!(config.requests.map(NonZeroU32::get), Some(50));
        let ms = Duration::from_millis;
        assert_eq!(config.limits, Limits { dial: ms(1), request: ms(2), phase: ms(3), wait: ms(4) });
        assert_eq!(config.history_dir(), Path::new("/d/history"));
    }
}

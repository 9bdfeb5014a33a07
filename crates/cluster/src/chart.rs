//! Charts: YAML files that say how a system under test is got, started, probed and addressed. A chart is
//! data; a new system is a new file in `charts/` and no code here.

mod binary;
mod catalog;
mod check;
mod metrics;
mod process;

use std::time::Duration;

use serde::Deserialize;

use crate::compose::ComposeSpec;

pub use binary::{Archive, BinarySpec, Debian, DebianBuild, Source, Sums, VersionCommand, Wheel};
pub use catalog::{CatalogError, load, names};
pub use metrics::{MetricKind, MetricSpec, MetricUnit, MetricsSpec};
pub use process::{JoinedList, NextWhen, ProcessSpec};

/// A system under test, as its file in `charts/` describes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chart {
    /// The name users say; the same as the file's.
    pub name: String,
    /// One sentence about the system, for lists.
    pub about: String,
    /// How its program is found or downloaded.
    pub binary: BinarySpec,
    /// How a member is started as a process on loopback.
    pub process: ProcessSpec,
    /// How members run in containers; absent for systems that nobody has put into some.
    pub compose: Option<ComposeSpec>,
    /// How commands reach members.
    pub address: AddressSpec,
    /// What a member must answer before it counts as ready.
    pub ready: Probe,
    /// Where a running member tells its version; absent for systems that do not.
    pub reported_version: Option<VersionProbe>,
    /// How members' links to each other can be led through proxies; absent where they cannot.
    pub peer_links: Option<PeerLinks>,
    /// What members tell of themselves while they run; absent for systems that do not.
    pub metrics: Option<MetricsSpec>,
    /// The admin API that members speak, by the name that faults know it by, such as `etcd-gateway`.
    pub admin_api: Option<String>,
}

/// Members that reach each other by HTTP, through a proxy that their environment names: whoever runs one proxy
/// for each member sees from whom to whom every request goes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerLinks {
    /// The port, of those in [`ProcessSpec::ports`], that peers use.
    pub port: String,
    /// The environment variable that names the proxy.
    pub proxy_environment: String,
}

/// How commands learn where members are: `name=url,name=url` in an environment variable.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddressSpec {
    /// The port, of those in [`ProcessSpec::ports`], that clients use.
    pub port: String,
    /// The environment variable.
    pub environment: String,
}

/// One question to a member; which of its ports it goes to is said elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Probe {
    /// An HTTP request.
    Http(HttpProbe),
    /// Bytes sent over a TCP connection.
    Tcp(TcpProbe),
}

/// An HTTP request that a ready member answers with `status`: GET, or POST where there is a body.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpProbe {
    /// Appended to the member's URL.
    pub path: String,
    /// A JSON body.
    pub post: Option<String>,
    /// The expected status.
    #[serde(default = "ok")]
    pub status: u16,
    /// How long one answer may take.
    #[serde(default = "two_seconds")]
    pub within_ms: u64,
}

/// Bytes that a ready member answers with something that starts with `expect`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TcpProbe {
    /// What is sent.
    pub send: String,
    /// How the answer begins.
    pub expect: String,
    /// How long one answer may take.
    #[serde(default = "two_seconds")]
    pub within_ms: u64,
}

/// A JSON document of a member that has its version in a field.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VersionProbe {
    /// Appended to the member's URL.
    pub path: String,
    /// The field's name.
    pub field: String,
}

impl Probe {
    /// How long one answer may take.
    #[must_use]
    pub fn within(&self) -> Duration {
        Duration::from_millis(match self {
            Self::Http(probe) => probe.within_ms,
            Self::Tcp(probe) => probe.within_ms,
        })
    }
}

fn ok() -> u16 {
    200
}

/// Longer than an election at usual settings, so that a member which waits for a leader can still answer.
fn two_seconds() -> u64 {
    2_000
}

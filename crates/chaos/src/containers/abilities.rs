//! What can be done to packets on this machine: tried in a network namespace that is made for it and gone afterwards.

use std::path::Path;

use super::engine::run;

/// What can be done to packets, or why it cannot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Abilities {
    /// Packets dropped by who sent them, or who they are for: partitions of any shape, one-way too.
    pub cut: Result<(), String>,
    /// Connections reset.
    pub reset: Result<(), String>,
    /// Packets lost by chance.
    pub loss: Result<(), String>,
    /// Packets that come at no more than some pace.
    pub bandwidth: Result<(), String>,
    /// Packets that come later.
    pub delay: Result<(), String>,
}

/// An address for documentation (RFC 5737): nobody has it.
const NOBODY: &str = "192.0.2.1";

impl Abilities {
    /// Tries everything out.
    pub async fn probe() -> Self {
        let rule = |verdict: &str| format!("iptables -w 5 -A INPUT -s {NOBODY} {verdict}");
        let slowed = |how: &str| {
            format!(
                "tc qdisc add dev lo root handle 1: htb default 1 && \
                 tc class add dev lo parent 1: classid 1:2 htb rate 1gbit && \
                 tc filter add dev lo parent 1: protocol ip u32 match ip dst {NOBODY}/32 flowid 1:2 && \
                 tc qdisc add dev lo parent 1:2 {how}"
            )
        };
        Self {
            cut: tried(&rule("-j DROP")).await,
            reset: tried(&rule("-p tcp -j REJECT --reject-with tcp-reset")).await,
            loss: tried(&rule("-m statistic --mode random --probability 0.1 -j DROP")).await,
            bandwidth: tried(&slowed("tbf rate 1mbit burst 10kb latency 50ms")).await,
            delay: tried(&slowed("netem delay 10ms")).await,
        }
    }

    /// Each by what faults call it.
    pub fn all(&self) -> [(&'static str, &Result<(), String>); 5] {
        [
            ("partition and one-way cut", &self.cut),
            ("reset", &self.reset),
            ("loss", &self.loss),
            ("bandwidth", &self.bandwidth),
            ("delay", &self.delay),
        ]
    }
}

async fn tried(script: &str) -> Result<(), String> {
    run(Path::new("unshare"), &["--net", "--", "sh", "-c", script]).await.map(|_| ())
}

//! From links to rules: which commands disturb packets in which namespace, and how they are taken back. Data in, data
//! out; running them is the business of [`super::namespace`].
//!
//! What a member shall not hear is dropped where it arrives; what it shall not say to somebody whose namespace is not
//! ours, where it leaves. What is slowed is slowed where it leaves.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use crate::shape::Pair;

/// The words of one command.
pub(super) type Words = Vec<String>;

/// Chains of ours begin with it, so that a sweep finds them.
pub(super) const CHAIN: &str = "DT-";
/// The root of what slows packets; its handle is how a sweep finds it.
pub(super) const ROOT: &str = "64a:";
/// What is below it for packets that are slowed.
pub(super) const SLOWED: &str = "64b:";
/// Packets beyond what a narrow link may hold back for so long are lost, as on a real one.
const BACKLOG_MS: u64 = 2_000;
/// The least that a bucket must hold to let one packet pass.
const BURST_BYTES: u64 = 4_096;

/// Who has which address, and over which device members reach the others.
#[derive(Debug, Clone, Default)]
pub(super) struct Network {
    pub(super) addresses: BTreeMap<String, Ipv4Addr>,
    /// Of members only: their namespaces can be entered.
    pub(super) devices: BTreeMap<String, String>,
}

/// What becomes of packets that are filtered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filter {
    Drop,
    Reset,
    Lose { percent: u32 },
}

/// How packets are slowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shaping {
    Delay { mean_ms: u64, jitter_ms: u64 },
    Bandwidth { bytes_per_s: u64 },
}

/// The rules of one fault in the namespace of one member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rules {
    pub(super) member: String,
    pub(super) apply: Vec<Words>,
    pub(super) undo: Vec<Words>,
    pub(super) counter: Counter,
}

/// Where packets are counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Counter {
    Chain(String),
    Device(String),
}

/// Rules that filter what goes over these links. A link of which one end has no address has nothing to filter.
pub(super) fn filter(id: u64, filter: Filter, pairs: &[Pair], network: &Network) -> Vec<Rules> {
    let chain = format!("{CHAIN}{id}");
    let mut matches: BTreeMap<&str, BTreeSet<(&str, Ipv4Addr)>> = BTreeMap::new();
    for (from, to) in pairs {
        let address = |name: &String| network.addresses.get(name).copied();
        if let (true, Some(source)) = (network.devices.contains_key(to), address(from)) {
            matches.entry(to).or_default().insert(("-s", source));
        } else if let (true, Some(target)) = (network.devices.contains_key(from), address(to)) {
            matches.entry(from).or_default().insert(("-d", target));
        }
    }
    let rules = |(member, matches): (&str, BTreeSet<(&str, Ipv4Addr)>)| {
        let mut apply = vec![iptables(&format!("-N {chain}"))];
        let verdict = match filter {
            Filter::Drop => "-j DROP".to_owned(),
            Filter::Reset => "-p tcp -j REJECT --reject-with tcp-reset".to_owned(),
            Filter::Lose { percent } => {
                format!("-m statistic --mode random --probability {:.2} -j DROP", f64::from(percent) / 100.0)
            }
        };
        let all = matches.iter().map(|(side, address)| format!("-A {chain} {side} {address} {verdict}"));
        apply.extend(all.map(|rule| iptables(&rule)));
        // Hooked in last, so that all of it begins at once.
        apply.extend(["INPUT", "OUTPUT"].map(|hook| iptables(&format!("-I {hook} -j {chain}"))));
        Rules {
            member: member.to_owned(),
            apply,
            undo: unhook(&chain),
            counter: Counter::Chain(chain.clone()),
        }
    };
    matches.into_iter().map(rules).collect()
}

/// Takes a chain of ours away.
pub(super) fn unhook(chain: &str) -> Vec<Words> {
    [
        format!("-D INPUT -j {chain}"),
        format!("-D OUTPUT -j {chain}"),
        format!("-F {chain}"),
        format!("-X {chain}"),
    ]
    .map(|rule| iptables(&rule))
    .into()
}

/// Rules that slow what members send over these links. There is room for one of them at a time on a device.
pub(super) fn shape(shaping: Shaping, pairs: &[Pair], network: &Network) -> Vec<Rules> {
    let mut targets: BTreeMap<&str, BTreeSet<Ipv4Addr>> = BTreeMap::new();
    for (from, to) in pairs {
        if let (true, Some(&to)) = (network.devices.contains_key(from), network.addresses.get(to)) {
            targets.entry(from).or_default().insert(to);
        }
    }
    let slow = match shaping {
        Shaping::Delay { mean_ms, jitter_ms } => format!("netem delay {mean_ms}ms {jitter_ms}ms"),
        Shaping::Bandwidth { bytes_per_s } => {
            let bits = bytes_per_s.saturating_mul(8);
            let burst = (bytes_per_s / 10).max(BURST_BYTES);
            format!("tbf rate {bits}bit burst {burst} latency {BACKLOG_MS}ms")
        }
    };
    let rules = |(member, targets): (&str, BTreeSet<Ipv4Addr>)| {
        let device = &network.devices[member];
        let mut apply = vec![
            tc(&format!("qdisc add dev {device} root handle {ROOT} htb default 1")),
            tc(&format!("class add dev {device} parent {ROOT} classid {ROOT}1 htb rate 10gbit")),
            tc(&format!("class add dev {device} parent {ROOT} classid {ROOT}2 htb rate 10gbit")),
            tc(&format!("qdisc add dev {device} parent {ROOT}2 handle {SLOWED} {slow}")),
        ];
        apply.extend(targets.iter().map(|target| {
            tc(&format!(
                "filter add dev {device} parent {ROOT} protocol ip u32 match ip dst {target}/32 flowid {ROOT}2"
            ))
        }));
        let undo = vec![tc(&format!("qdisc del dev {device} root handle {ROOT} htb"))];
        Rules { member: member.to_owned(), apply, undo, counter: Counter::Device(device.clone()) }
    };
    targets.into_iter().map(rules).collect()
}

/// A command that waits for others which change the tables at the same time.
pub(super) fn iptables(words: &str) -> Words {
    ["iptables", "-w", "5"].into_iter().chain(words.split(' ')).map(str::to_owned).collect()
}

pub(super) fn tc(words: &str) -> Words {
    std::iter::once("tc").chain(words.split(' ')).map(str::to_owned).collect()
}

/// The packets that rules of a chain have caught, from what `iptables -L CHAIN -n -v -x` prints.
pub(super) fn chain_packets(listed: &str) -> u64 {
    // Two lines of heads; then packets come first.
    listed.lines().skip(2).filter_map(|line| line.split_whitespace().next()?.parse::<u64>().ok()).sum()
}

/// The packets that were slowed, from what `tc -j -s qdisc show` prints.
pub(super) fn device_packets(listed: &str) -> u64 {
    let listed: serde_json::Value = serde_json::from_str(listed).unwrap_or_default();
    let slowed = listed.as_array().into_iter().flatten().filter(|qdisc| qdisc["handle"] == SLOWED);
    slowed.filter_map(|qdisc| qdisc["packets"].as_u64()).sum()
}

/// The chains of ours in what `iptables -S` prints.
pub(super) fn chains(listed: &str) -> Vec<String> {
    let made = listed.lines().filter_map(|line| line.strip_prefix("-N "));
    made.filter(|chain| chain.starts_with(CHAIN)).map(|chain| chain.trim().to_owned()).collect()
}

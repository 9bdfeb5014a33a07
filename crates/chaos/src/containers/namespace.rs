//! Commands inside the network namespace of a process. The namespace is entered, never made or removed.

use std::path::Path;

use super::engine::run;
use super::rules::{self, Counter, ROOT, Rules, Words, iptables, tc};

/// The network namespace that a process is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Namespace {
    pid: u32,
}

/// A rule could not be made or taken back.
#[derive(Debug, thiserror::Error)]
#[error("`{command}` in the network of pid {pid}: {reason}")]
pub struct RuleError {
    /// What was tried.
    pub command: String,
    /// Whose network it was tried in.
    pub pid: u32,
    /// What it said.
    pub reason: String,
}

impl Namespace {
    /// That of the process with this pid.
    #[must_use]
    pub fn of(pid: u32) -> Self {
        Self { pid }
    }

    /// Makes rules; when one cannot be made, those before it are taken back.
    pub(super) async fn apply(&self, rules: &Rules) -> Result<(), RuleError> {
        for (made, words) in rules.apply.iter().enumerate() {
            let Err(error) = self.run(words).await else { continue };
            // Where the first one fails, its place may be taken by another fault, whose rules stay. Of the rest it is not
            // known which are there.
            if made > 0 {
                let _ = self.lift(rules).await;
            }
            return Err(error);
        }
        Ok(())
    }

    /// Takes rules back. Where the namespace is gone, or was left by its last process, there is nothing to take back.
    pub(super) async fn lift(&self, rules: &Rules) -> Result<(), RuleError> {
        let mut result = Ok(());
        for words in &rules.undo {
            result = result.and(self.run(words).await.map(|_| ()));
        }
        if self.is_gone() { Ok(()) } else { result }
    }

    /// How many packets the rules have caught so far; none where the namespace is gone.
    pub(super) async fn packets(&self, rules: &Rules) -> Result<u64, RuleError> {
        let counted = match &rules.counter {
            Counter::Chain(chain) => {
                let listed = self.run(&iptables(&format!("-L {chain} -n -v -x"))).await;
                listed.map(|listed| rules::chain_packets(&listed))
            }
            Counter::Device(device) => {
                let listed = self.run(&tc(&format!("-j -s qdisc show dev {device}"))).await;
                listed.map(|listed| rules::device_packets(&listed))
            }
        };
        if self.is_gone() { Ok(0) } else { counted }
    }

    /// Takes back all rules that any run has made here.
    pub(super) async fn clear(&self) -> Result<(), RuleError> {
        let listed = self.run(&iptables("-S")).await?;
        for words in rules::chains(&listed).iter().flat_map(|chain| rules::unhook(chain)) {
            // One that was never hooked in cannot be unhooked; what counts is that the chain goes.
            let _ = self.run(&words).await;
        }
        let left = rules::chains(&self.run(&iptables("-S")).await?);
        if let Some(chain) = left.first() {
            let (command, pid) = (format!("iptables -X {chain}"), self.pid);
            return Err(RuleError { command, pid, reason: "the chain is still there".to_owned() });
        }
        let device = self.device().await?;
        let shaped = self.run(&tc(&format!("qdisc show dev {device}"))).await?;
        if shaped.contains(&format!("qdisc htb {ROOT} root")) {
            self.run(&tc(&format!("qdisc del dev {device} root handle {ROOT} htb"))).await?;
        }
        Ok(())
    }

    /// The device that leads out of it: the first that is not the loopback.
    pub(super) async fn device(&self) -> Result<String, RuleError> {
        let words: Words = ["ip", "-o", "link", "show"].map(str::to_owned).into();
        let listed = self.run(&words).await?;
        // Such as `2: eth0@if7: <BROADCAST,...`.
        let names = listed.lines().filter_map(|line| line.split(": ").nth(1)?.split('@').next());
        let device = names.into_iter().find(|name| *name != "lo").map(str::to_owned);
        device.ok_or_else(|| RuleError {
            command: words.join(" "),
            pid: self.pid,
            reason: "there is no device but the loopback".to_owned(),
        })
    }

    async fn run(&self, words: &[String]) -> Result<String, RuleError> {
        let pid = self.pid.to_string();
        let mut all = vec!["--target", &pid, "--net", "--"];
        all.extend(words.iter().map(String::as_str));
        run(Path::new("nsenter"), &all).await.map_err(|reason| RuleError {
            command: words.join(" "),
            pid: self.pid,
            reason,
        })
    }

    /// Whether the process has ended, and the way into the namespace with it.
    fn is_gone(&self) -> bool {
        std::fs::read_link(format!("/proc/{}/ns/net", self.pid)).is_err()
    }
}

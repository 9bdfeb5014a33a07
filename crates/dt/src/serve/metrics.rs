//! What the service tells of itself, in OpenMetrics.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Service, lock, runs, starter};

/// What is counted as it happens.
#[derive(Debug, Default)]
pub(super) struct Counts {
    requests: AtomicU64,
    refused: AtomicU64,
    started: AtomicU64,
}

impl Counts {
    pub(super) fn request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn started(&self) {
        self.started.fetch_add(1, Ordering::Relaxed);
    }
}

/// The text that is scraped.
pub(super) fn text(service: &Service) -> String {
    let listed = lock(&service.catalog).list(&service.runs);
    let verdict = |outcome| listed.iter().filter(|run| run.verdict == Some(outcome)).count();
    let running = listed.iter().filter(|run| run.state == runs::State::Running).count();
    let mut text = String::new();
    let mut tell = |name: &str, kind: &str, help: &str, samples: &[(&str, u64)]| {
        let _ = writeln!(text, "# TYPE {name} {kind}\n# HELP {name} {help}");
        let suffix = if kind == "counter" { "_total" } else { "" };
        for (labels, value) in samples {
            let _ = writeln!(text, "{name}{suffix}{labels} {value}");
        }
    };
    let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    tell("dt_requests", "counter", "Requests to the service.", &[("", load(&service.counts.requests))]);
    tell(
        "dt_requests_refused",
        "counter",
        "Requests that were refused.",
        &[("", load(&service.counts.refused))],
    );
    tell(
        "dt_runs_started",
        "counter",
        "Runs that the service started.",
        &[("", load(&service.counts.started))],
    );
    tell("dt_runs_running", "gauge", "Runs that go on.", &[("", running as u64)]);
    tell(
        "dt_runs_waiting",
        "gauge",
        "Runs that wait.",
        &[("", starter::state(service).waiting.len() as u64)],
    );
    let verdicts = [
        ("{verdict=\"valid\"}", verdict(report::Outcome::Valid) as u64),
        ("{verdict=\"invalid\"}", verdict(report::Outcome::Invalid) as u64),
        ("{verdict=\"unknown\"}", verdict(report::Outcome::Unknown) as u64),
        ("{verdict=\"vacuous\"}", verdict(report::Outcome::Vacuous) as u64),
    ];
    tell("dt_runs", "gauge", "Runs in the directory by verdict.", &verdicts);
    text.push_str("# EOF\n");
    text
}

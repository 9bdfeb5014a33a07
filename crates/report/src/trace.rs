//! The run as a trace that <https://ui.perfetto.dev> and Chrome's tracing page open: commands, faults and the
//! operations of the violation, each on a track of its own.

use history::Nanos;
use serde_json::{Value, json};

use crate::Material;

/// Tracks beside each other have one process each.
const COMMANDS: u32 = 1;
const FAULTS: u32 = 2;
const OPERATIONS: u32 = 3;
const RATES: u32 = 4;

/// The trace in the JSON format of Trace Events; times in microseconds from the run's clock's own zero.
#[must_use]
pub fn trace(material: &Material) -> Value {
    let mut events = Vec::new();
    for (pid, name) in [
        (COMMANDS, "commands"),
        (FAULTS, "faults"),
        (OPERATIONS, "operations of the violation"),
        (RATES, "rates"),
    ] {
        events.push(json!({"ph": "M", "name": "process_name", "pid": pid, "args": {"name": name}}));
    }
    commands(material, &mut events);
    for fault in &material.faults {
        for member in &fault.members {
            let track = material.faults.iter().flat_map(|fault| &fault.members);
            let track = distinct(track).position(|known| known == member).unwrap_or(0) + 1;
            events.push(json!({"ph": "M", "name": "thread_name", "pid": FAULTS, "tid": track, "args": {"name": member}}));
            let args = json!({"fault": fault.id, "what": fault.what, "effect": fault.effect});
            events.push(complete(FAULTS, track, &fault.label, fault.from, fault.until, &args));
        }
    }
    operations(material, &mut events);
    rates(material, &mut events);
    json!({"displayTimeUnit": "ms", "traceEvents": events})
}

fn distinct<'a>(names: impl Iterator<Item = &'a String>) -> impl Iterator<Item = &'a String> {
    let mut seen: Vec<&String> = Vec::new();
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    seen.into_iter()
}

fn complete(pid: u32, tid: usize, name: &str, from: Nanos, until: Option<Nanos>, args: &Value) -> Value {
    let us = |ns: u64| ns as f64 / 1e3;
    match until {
        Some(until) => {
            json!({"ph": "X", "pid": pid, "tid": tid, "name": name, "ts": us(from.0), "dur": us(until.0.saturating_sub(from.0)), "args": args})
        }
        None => json!({"ph": "B", "pid": pid, "tid": tid, "name": name, "ts": us(from.0), "args": args}),
    }
}

/// Commands that run beside each other are put on tracks beside each other.
fn commands(material: &Material, events: &mut Vec<Value>) {
    let mut ends: Vec<Nanos> = Vec::new();
    for run in &material.commands {
        let free = ends.iter().position(|end| *end <= run.started);
        let track = free.unwrap_or_else(|| {
            ends.push(Nanos(0));
            ends.len() - 1
        });
        ends[track] = run.ended.unwrap_or(Nanos::MAX);
        let name = run.command.rsplit('/').next().unwrap_or(&run.command);
        let args = json!({"n": run.n, "command": run.command, "ending": run.ending, "seed": run.seed});
        events.push(complete(COMMANDS, track + 1, name, run.started, run.ended, &args));
    }
}

fn operations(material: &Material, events: &mut Vec<Value>) {
    let Some(violation) = &material.violation else { return };
    let mut clients: Vec<(usize, u32)> = Vec::new();
    for shown in &violation.witness.operations {
        let client = (shown.place.0, shown.client);
        let known = clients.iter().position(|known| *known == client);
        let track = known.unwrap_or_else(|| {
            clients.push(client);
            clients.len() - 1
        }) + 1;
        let name = format!("{} #{} client {}", shown.command, shown.command_number, shown.client);
        if known.is_none() {
            events.push(
                json!({"ph": "M", "name": "thread_name", "pid": OPERATIONS, "tid": track, "args": {"name": name}}),
            );
        }
        let args = json!({"asked": shown.asked, "answered": shown.answered, "revision": shown.revision,
            "member": shown.member, "contradicts": shown.core});
        events.push(complete(OPERATIONS, track, shown.call, shown.invoked, shown.returned, &args));
    }
}

/// Operations a second by outcome, as counters.
fn rates(material: &Material, events: &mut Vec<Value>) {
    let (width, from) = (material.observed.column_ns, material.observed.columns_from.0);
    for (n, column) in material.observed.columns.iter().enumerate() {
        let rate = |count: u64| count as f64 * 1e9 / width as f64;
        let outcomes = column.outcomes;
        events.push(json!({"ph": "C", "pid": RATES, "tid": 0, "name": "operations a second",
            "ts": (from + n as u64 * width) as f64 / 1e3,
            "args": {"ok": rate(outcomes.ok), "failed": rate(outcomes.failed), "unknown": rate(outcomes.unknown)}}));
    }
}

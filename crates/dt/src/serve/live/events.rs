//! What happened last in a run, the newest first: commands, faults, members that died.

use std::path::Path;

use ::history::Nanos;
use maud::{Markup, html};
use report::html::{Section, plain};
use report::{Ending, Material};

use crate::record::{self, Event};

/// Events that are shown; a reader looks at the last dozen.
const SHOWN_MAX: usize = 150;

struct Happened {
    t: Nanos,
    kind: &'static str,
    text: String,
    bad: bool,
}

pub(super) fn section(dir: &Path, material: &Material) -> Section {
    let began = material.run.as_ref().map_or(Nanos(0), |run| run.began);
    let mut events = commands(material);
    events.extend(faults(material));
    events.sort_by(|a, b| b.t.cmp(&a.t).then_with(|| a.text.cmp(&b.text)));
    events.truncate(SHOWN_MAX);
    let crashes = record::read_events(dir).map(|(events, _)| events).unwrap_or_default();
    let crashes = crashes.into_iter().filter_map(|event| match event {
        Event::MemberCrashed { member, status, .. } => Some(format!("{member} ended by itself: {status}")),
        _ => None,
    });
    let crashes: Vec<String> = crashes.collect();
    Section { id: "events", title: "Events", body: body(&events, &crashes, began).into_string() }
}

fn body(events: &[Happened], crashes: &[String], began: Nanos) -> Markup {
    html! {
        div.heading { h2 { "Events" } p { "The newest first" } }
        @for crash in crashes { p.crash { (plain(crash)) } }
        div.filters role="group" aria-label="Show events by kind" {
            @for (kind, name) in [("", "All"), ("fault", "Faults"), ("command", "Commands"), ("bad", "Wrong")] {
                button type="button" data-events=(kind) aria-pressed=(if kind.is_empty() { "true" } else { "false" }) { (name) }
            }
        }
        div.scroll.logs tabindex="0" role="region" aria-label="Events, list" {
            @for event in events {
                p.{ "is-" (if event.bad { "error" } else { "info" }) } data-event=(event.kind) data-bad=(event.bad) {
                    span.at { (format!("{:9.3} s", event.t.since(began).as_secs_f64())) } " "
                    span.level { (event.kind) } " " (plain(&event.text))
                }
            }
        }
    }
}

fn commands(material: &Material) -> Vec<Happened> {
    let mut events = Vec::new();
    let last = material.commands.len().saturating_sub(SHOWN_MAX);
    for run in &material.commands[last..] {
        let name = format!("{} #{}", run.command, run.n);
        events.push(Happened {
            t: run.started,
            kind: "command",
            text: format!("{name} started"),
            bad: false,
        });
        if let Some(t) = run.ended {
            let bad = run.class == Ending::Wrong;
            events.push(Happened { t, kind: "command", text: format!("{name}: {}", run.ending), bad });
        }
    }
    events
}

fn faults(material: &Material) -> Vec<Happened> {
    let mut events = Vec::new();
    let last = material.faults.len().saturating_sub(SHOWN_MAX);
    for fault in &material.faults[last..] {
        let what = format!("{} on {}", fault.what, fault.members.join(", "));
        events.push(Happened { t: fault.from, kind: "fault", text: what.clone(), bad: false });
        if let Some(t) = fault.until {
            let seen = if fault.effect { "" } else { "; no effect was seen" };
            events.push(Happened {
                t,
                kind: "fault",
                text: format!("healed: {what}{seen}"),
                bad: !fault.effect,
            });
        }
    }
    events
}

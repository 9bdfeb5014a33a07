//! The first thing that is seen: what it came to and why, in numbers, and how to do it again.

use maud::{Markup, html};

use super::{heading, plain};
use crate::view::Fact;
use crate::{Outcome, View};

/// The verdict in a word.
pub(super) fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Valid => "valid",
        Outcome::Invalid => "invalid",
        Outcome::Unknown => "unknown",
        Outcome::Vacuous => "vacuous",
    }
}

fn sign(outcome: Option<Outcome>) -> &'static str {
    match outcome {
        Some(Outcome::Valid) => "✓",
        Some(Outcome::Invalid) => "✕",
        Some(Outcome::Unknown) => "?",
        Some(Outcome::Vacuous) => "∅",
        None => "●",
    }
}

pub(super) fn verdict(view: &View) -> Markup {
    let word = view.verdict.map_or("running", word);
    let (headline, reason) = split(view);
    html! {
        div class={ "verdict is-" (word) } {
            p.word { span.sign aria-hidden="true" { (sign(view.verdict)) } (word) }
            h1 { (plain(headline)) }
            @if !reason.is_empty() { p.reason { (plain(reason)) } }
            @if !view.began.is_empty() { p.began { (view.began) } }
        }
        (facts(&view.facts))
        @if !view.repeat.is_empty() { (command("Repeat it", &view.repeat)) }
        @if !view.notes.is_empty() {
            ul.notes { @for note in &view.notes { li { (plain(note)) } } }
        }
        @if !view.idle.is_empty() {
            details.idle {
                summary {
                    b { "Not put to the test" }
                    span.count { (view.idle.iter().map(|group| group.names.len()).sum::<usize>()) }
                }
                @for group in &view.idle {
                    p.group { (group.group) }
                    ul { @for name in &group.names { li { (plain(name)) } } }
                }
            }
        }
    }
}

/// What it came to, and why: a decided verdict's sentence has both.
fn split(view: &View) -> (&str, &str) {
    match view.verdict {
        Some(Outcome::Valid | Outcome::Invalid) => {
            view.sentence.split_once(": ").unwrap_or((&view.sentence, ""))
        }
        _ => (&view.sentence, ""),
    }
}

pub(super) fn facts(facts: &[Fact]) -> Markup {
    html! {
        dl.facts {
            @for fact in facts {
                div { dt { (fact.name) } dd { b { (plain(&fact.value)) } span { (plain(&fact.more)) } } }
            }
        }
    }
}

fn command(title: &str, line: &str) -> Markup {
    html! {
        p.command {
            span { (title) }
            code { (plain(line)) }
            button type="button" data-copy=(plain(line)) { "Copy" }
        }
    }
}

pub(super) fn setup(view: &View) -> Option<Markup> {
    if view.setup.is_empty() {
        return None;
    }
    let files = [
        ("history/*.jsonl", "every call: before it left, and how it ended"),
        ("sdk/*.jsonl", "every assertion of every command"),
        ("commands.jsonl", "who ran when, and how it ended"),
        ("faults.jsonl", "every fault, with what shows its effect"),
        ("metrics.jsonl", "what members told of themselves"),
        ("members/*.log", "what members logged"),
        ("verdict.json", "the verdict and all properties"),
        ("trace.json", "the run for ui.perfetto.dev"),
    ];
    Some(html! {
        (heading("Setup", "What was run, and where its record is"))
        div.halves {
            dl.setup {
                @for fact in &view.setup {
                    dt { (fact.name) }
                    dd { (plain(&fact.value)) @if !fact.more.is_empty() { " " small { (plain(&fact.more)) } } }
                }
            }
            dl.setup.files {
                @for (file, about) in files { dt { code { (file) } } dd { small { (about) } } }
            }
        }
        @if !view.judge.is_empty() { (command("Judge it again", &view.judge)) }
    })
}

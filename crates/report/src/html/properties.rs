//! Properties by group, with filters by status; each opens to show by whom it was seen.

use maud::{Markup, html};

use super::{heading, plain};
use crate::view::PropertyRow;
use crate::{Status, View};

const STATUSES: [(Status, &str, &str); 4] = [
    (Status::Failing, "failing", "✕"),
    (Status::Unknown, "unknown", "?"),
    (Status::NotExercised, "not exercised", "–"),
    (Status::Passing, "passing", "✓"),
];

pub(super) fn properties(view: &View) -> Option<Markup> {
    if view.properties.is_empty() {
        return None;
    }
    let all = || view.properties.iter().flat_map(|group| &group.rows);
    let count = |status| all().filter(|row| row.status == status).count();
    Some(html! {
        (heading("Properties", "Each is one sentence that must hold; open one to see by whom it was seen"))
        div.filters role="group" aria-label="Show properties by status" {
            button type="button" data-filter="" aria-pressed="true" { "All " span { (all().count()) } }
            @for (status, name, _) in STATUSES {
                @if count(status) > 0 {
                    button type="button" data-filter=(class(status)) aria-pressed="false" { (name) " " span { (count(status)) } }
                }
            }
        }
        @for group in &view.properties {
            div.properties {
                h3 { (group.group) small { (group.about) } }
                @for row in &group.rows { (property(row)) }
            }
        }
    })
}

fn class(status: Status) -> &'static str {
    match status {
        Status::Failing => "failing",
        Status::NotExercised => "idle",
        Status::Unknown => "unknown",
        Status::Passing => "passing",
    }
}

fn property(row: &PropertyRow) -> Markup {
    let (_, name, sign) =
        STATUSES.into_iter().find(|(status, ..)| *status == row.status).unwrap_or(STATUSES[3]);
    html! {
        details.property.{ "is-" (class(row.status)) } data-status=(class(row.status)) open[row.status == Status::Failing] {
            summary {
                span.sign role="img" aria-label=(name) title=(name) { (sign) }
                span.name { (plain(&row.name)) }
                span.seen title=(plain(&row.counted)) { (row.seen) }
            }
            div.inside {
                @for (words, link) in &row.known {
                    p.known { "Looks like a known defect: " a href=(link) { (plain(words)) } }
                }
                p { "Counted: " (plain(&row.counted)) }
                @if !row.commands.is_empty() {
                    p { "Exercised by " @for (n, command) in row.commands.iter().enumerate() { @if n > 0 { ", " } code { (plain(command)) } } }
                }
                (moments("When it did not hold", &row.counterexamples))
                (moments("When it held", &row.examples))
                @if row.examples.is_empty() && row.counterexamples.is_empty() { p { "No moment of it was kept." } }
            }
        }
    }
}

fn moments(title: &str, moments: &[(String, String)]) -> Markup {
    html! {
        @if !moments.is_empty() {
            h4 { (title) }
            ul.moments {
                @for (who, details) in moments {
                    li {
                        @if !who.is_empty() { p { (plain(who)) } }
                        @if !details.is_empty() { pre { (plain(details)) } }
                    }
                }
            }
        }
    }
}

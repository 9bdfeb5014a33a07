//! Who sends how much to whom at this moment, and where faults are in between.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use chaos::LinkRow;
use maud::{Markup, html};
use report::html::{Section, plain};

use crate::run::{LINKS_FILE, Second};

/// Links of more ends than this are no longer a table that anybody reads.
const ENDS_MAX: usize = 24;

/// Nothing where the run has no links of its own.
pub(super) fn section(dir: &Path) -> Section {
    let second = fs::read(dir.join(LINKS_FILE)).ok();
    let second: Option<Second> = second.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let body = second.filter(|second| !second.links.is_empty()).map(|second| table(&second).into_string());
    Section { id: "links", title: "Links", body: body.unwrap_or_default() }
}

fn table(second: &Second) -> Markup {
    let ends = |end: fn(&LinkRow) -> &String| -> Vec<&String> {
        let found: BTreeSet<&String> = second.links.iter().map(end).collect();
        found.into_iter().take(ENDS_MAX).collect()
    };
    let receivers = ends(|link| &link.to);
    let of = |from: &str, to: &str| second.links.iter().find(|link| link.from == from && link.to == to);
    html! {
        div.heading { h2 { "Links" } p { "What went from row to column in the last second; where a fault held or dropped something, it is shaded" } }
        div.scroll tabindex="0" role="region" aria-label="Links, table" {
            table.links {
                thead { tr { th scope="col" { "From" } @for to in &receivers { th.number scope="col" { "to " (plain(to)) } } } }
                tbody {
                    @for from in ends(|link| &link.from) {
                        tr {
                            th scope="row" { (plain(from)) }
                            @for to in &receivers { (cell(of(from, to), second.ns)) }
                        }
                    }
                }
            }
        }
    }
}

fn cell(link: Option<&LinkRow>, ns: u64) -> Markup {
    let Some(LinkRow { counts, .. }) = link else { return html! { td.number { span.none { "·" } } } };
    let kept = [
        (counts.dropped, "dropped"),
        (counts.held, "held"),
        (counts.delayed, "delayed"),
        (counts.paced, "paced"),
    ];
    let kept: Vec<String> =
        kept.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    let rate = counts.bytes as f64 / (ns.max(1) as f64 / 1e9);
    html! {
        td.number.disturbed[!kept.is_empty()] {
            (report::bytes(rate)) "/s"
            @if !kept.is_empty() { br; small { (kept.join(", ")) } }
        }
    }
}

//! Commands as a table, and in words those that did not end with exit code 0.

use maud::{Markup, html};

use super::{heading, plain};
use crate::material::Ending;
use crate::view::{CommandRow, Commands};

/// The class of an ending, for its colour.
pub(super) fn class(ending: Ending) -> &'static str {
    match ending {
        Ending::Zero => "zero",
        Ending::Wrong => "wrong",
        Ending::Killed => "killed",
        Ending::Open => "open",
    }
}

pub(super) fn commands(commands: &Commands) -> Option<Markup> {
    if commands.rows.is_empty() {
        return None;
    }
    Some(html! {
        (heading("Commands", "What the composer ran, and how each ended; their strips are in the timeline"))
        div.scroll tabindex="0" role="region" aria-label="Commands, table" {
            table {
                thead { tr {
                    @for head in ["Command", "Kind", "Runs", "Exit 0", "Wrong", "Killed", "Open", "Median", "Longest"] { th scope="col" { (head) } }
                } }
                tbody { @for row in &commands.rows { (command(row)) } }
            }
        }
        @if !commands.others.is_empty() {
            details.block {
                summary { b { "Did not end with exit code 0" } span.count { (commands.others.len() + commands.others_left_out) } }
                ul.moments {
                    @for (n, command, when, how, ending) in &commands.others {
                        li { p { i class={ "dot is-" (class(*ending)) } {} (plain(command)) " #" (n) ", " (when) ": " (plain(how)) } }
                    }
                    @if commands.others_left_out > 0 { li { p { (commands.others_left_out) " more are in commands.jsonl" } } }
                }
            }
        }
    })
}

fn command(row: &CommandRow) -> Markup {
    html! {
        tr {
            th scope="row" { (plain(&row.command)) }
            td { (row.kind) }
            td.number { (row.runs) }
            @for (n, count) in row.ended.iter().enumerate() {
                td.number.is-wrong[n == 1 && *count > 0] { @if *count > 0 { (count) } @else { span.none { "0" } } }
            }
            td.number { (row.took.0) }
            td.number { (row.took.1) }
        }
    }
}

//! Faults as a table: what was done to whom, whether it happened, and how many operations were answered meanwhile.

use maud::{Markup, html};

use super::{heading, plain, plots, share};
use crate::view::{FaultRow, Faults, Share};

pub(super) fn faults(faults: &Faults) -> Option<Markup> {
    if faults.rows.is_empty() && faults.refused.is_empty() {
        return None;
    }
    Some(html! {
        (heading("Faults", "What was done to whom, whether it really happened, and who was answered meanwhile"))
        ul.chips {
            @for (label, applied, seen) in &faults.kinds {
                li.without[seen < applied] {
                    i class={ "dot on-" (plots::layer(label)) } {}
                    b { (plain(label)) } " "
                    @if seen == applied { (applied) } @else { (seen) " of " (applied) " with an effect" }
                }
            }
        }
        @if let Some((under, free)) = &faults.availability {
            p.lead { b { (under) } " of operations were answered while some fault was in effect, " b { (free) } " while none was." }
        }
        div.scroll tabindex="0" role="region" aria-label="Faults, table" {
            table.faults {
                thead { tr {
                    @for head in ["#", "At", "Fault", "Members", "Lasted", "Effect", "Answered meanwhile", "2 s after", "All back after"] {
                        th scope="col" { (head) }
                    }
                } }
                tbody { @for row in &faults.rows { (fault(row)) } }
            }
        }
        @if faults.left_out > 0 { p.hint { (faults.left_out) " more are in " code { "faults.jsonl" } "." } }
        @if !faults.refused.is_empty() {
            details.block {
                summary { b { "Could not be applied" } span.count { (faults.refused.len()) } }
                ul { @for (what, reason) in &faults.refused { li { b { (plain(what)) } ": " (plain(reason)) } } }
            }
        }
    })
}

fn fault(row: &FaultRow) -> Markup {
    html! {
        tr {
            td.number { (row.id) }
            td.number { (row.at) }
            td { i class={ "dot on-" (plots::layer(&row.label)) } {} (plain(&row.what)) }
            td { (plain(&row.members)) @if !row.majority { " " small title="No majority of members was untouched then" { "majority hit" } } }
            td.number { (row.lasted) }
            td.wide { (effect(row)) }
            td { (answered(&row.during)) }
            td { (answered(&row.after)) }
            td.number { (row.recovered) }
        }
    }
}

fn effect(row: &FaultRow) -> Markup {
    html! {
        @if row.effect { span.yes { "✓ " } } @else { span.no { "✕ none seen " } }
        small { (plain(&row.evidence)) }
        @if !row.matrix.is_empty() {
            details.matrix {
                summary { "links" }
                table {
                    caption { "Bytes from row to column, before → meanwhile; disturbed links are shaded" }
                    thead { tr { td {} @for to in &row.receivers { th scope="col" { (plain(to)) } } } }
                    tbody {
                        @for from in &row.matrix {
                            tr {
                                th scope="row" { (plain(&from.from)) }
                                @for cell in &from.cells {
                                    @match cell {
                                        Some((disturbed, before, during)) => td.disturbed[*disturbed] { (before) " → " (during) },
                                        None => td { "·" },
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn answered(answered: &Share) -> Markup {
    html! {
        span.meter title=(answered.about) {
            @if let Some(part) = answered.share { i { b style={ "width:" (share(part)) } {} } }
            span { (answered.text) }
        }
    }
}

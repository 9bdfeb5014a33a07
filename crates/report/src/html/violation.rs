//! The violation: operations as lanes that can be walked through with the arrow keys, the same as a list, and logs.

use maud::{Markup, html};

use super::{heading, plain, share};
use crate::view::{Block, Lane, Lanes, LogRow, OperationRow, ViolationView};

/// `told` is what the page's head says already.
pub(super) fn violation(violation: &ViolationView, told: &str) -> Markup {
    html! {
        (heading("The violation", &violation.about))
        @if !told.contains(&violation.sentence) { p.sentence { (plain(&violation.sentence)) } }
        p.rule {
            span.tag { (plain(&violation.rule)) }
            @if !violation.key.is_empty() { " key " code { (plain(&violation.key)) } }
        }
        @if let Some(lanes) = &violation.lanes { (drawing(lanes, violation)) }
        @if !violation.rows.is_empty() { (list(violation)) }
        @if !violation.logs.is_empty() { (logs(&violation.logs)) }
    }
}

fn drawing(lanes: &Lanes, violation: &ViolationView) -> Markup {
    let chosen = violation.rows.iter().position(|row| row.impossible).unwrap_or(0);
    html! {
        div.lanes-head {
            ul.legend {
                li { i.key.core {} "contradict each other" }
                li { i.key.impossible {} "no order is left with it" }
                li { i.key.other {} "on the same key" }
                li { i.key.unknown {} "unknown outcome" }
                li { i.key.fault {} "fault" }
            }
            div.zoom role="group" aria-label="Zoom" {
                button type="button" data-zoom="0.66" aria-label="Narrower" { "−" }
                button type="button" data-zoom="1" { "Fit" }
                button type="button" data-zoom="1.5" aria-label="Wider" { "+" }
            }
        }
        div.lanes tabindex="0" role="group" aria-label="Operations by client over time; arrow keys walk from one to the next" data-lanes {
            div.field style={ "--width:" (lanes.width_px) "px" } {
                div.behind aria-hidden="true" {
                    @for fault in &lanes.faults {
                        span.fault title=(plain(&fault.about)) style={ "left:" (share(fault.from)) ";width:" (share(fault.until - fault.from)) } {
                            b { (plain(&fault.label)) }
                        }
                    }
                    @for gap in &lanes.breaks {
                        span.gap style={ "left:" (share(gap.from)) ";width:" (share(gap.until - gap.from)) } { b { (gap.label) } }
                    }
                }
                @for lane in &lanes.lanes { (lane_row(lane, &violation.rows)) }
                div.ticks aria-hidden="true" {
                    @for tick in &lanes.ticks { span style={ "left:" (share(tick.at)) } { (tick.label) } }
                }
            }
        }
        p.hint {
            "Time is stretched where much happens and compressed where nothing does; order and overlap are exact. "
            @if violation.left_out > 0 { (violation.left_out) " more operations on the same key at that time are not shown." }
        }
        div.details aria-live="polite" data-details {
            @for (n, row) in violation.rows.iter().enumerate() {
                dl hidden[n != chosen] data-row=(n) { (details(row)) }
            }
        }
    }
}

fn lane_row(lane: &Lane, rows: &[OperationRow]) -> Markup {
    html! {
        div class={ "lane" @if lane.state { " state" } } {
            p.name { b { (plain(&lane.label)) } small { (plain(&lane.more)) } }
            div.track {
                @for block in &lane.blocks {
                    @if lane.state { (state(block)) } @else if let Some(row) = rows.get(block.row) { (operation(block, row)) }
                }
            }
        }
    }
}

fn placed(block: &Block) -> String {
    format!("left:{};width:{}", share(block.from), share(block.until - block.from))
}

fn state(block: &Block) -> Markup {
    html! { span.held style=(placed(block)) title=(plain(&block.text)) { (plain(&block.text)) } }
}

fn operation(block: &Block, row: &OperationRow) -> Markup {
    let role = if row.impossible {
        "impossible"
    } else if row.core {
        "core"
    } else {
        "other"
    };
    let spoken = format!("{}: {}, {}", row.asked, row.answered, row.when);
    html! {
        button.op.(role).{ "is-" (row.outcome) } type="button" tabindex="-1" data-op=(block.row)
            style=(placed(block)) title=(plain(&spoken)) aria-label=(plain(&spoken)) {
            (plain(&row.short)) @if row.outcome == "ok" { " → " (plain(&row.answered)) }
        }
    }
}

fn details(row: &OperationRow) -> Markup {
    let about = match (row.impossible, row.core, row.explained) {
        (true, ..) => "With it, no order is left that explains every reply".to_owned(),
        (_, true, _) => "One of the operations that contradict each other".to_owned(),
        (.., Some(place)) => format!("Number {place} in the longest order that explains what it can"),
        _ => "On the same key".to_owned(),
    };
    let pairs = [
        ("Asked", &row.asked),
        ("Answered", &row.answered),
        ("Revision", &row.revision),
        ("Member", &row.member),
        ("Client", &row.client),
        ("When", &row.when),
        ("Took", &row.took),
        ("Here because", &about),
    ];
    html! {
        @for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
            div { dt { (name) } dd { (plain(value)) } }
        }
    }
}

fn list(violation: &ViolationView) -> Markup {
    html! {
        details.block {
            summary { b { "The same as a list" } span.count { (violation.rows.len()) } }
            div.scroll tabindex="0" role="region" aria-label="Operations as a list" {
                table {
                    thead { tr { @for head in ["When", "Client", "Member", "Asked", "Answered", "Revision"] { th scope="col" { (head) } } } }
                    tbody {
                        @for row in &violation.rows {
                            tr.is-core[row.core] {
                                td.number { (row.when) } td { (plain(&row.client)) } td { (plain(&row.member)) }
                                td { code { (plain(&row.asked)) } } td { code { (plain(&row.answered)) } }
                                td.number { (row.revision) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn logs(logs: &[LogRow]) -> Markup {
    html! {
        details.block open {
            summary { b { "What members logged at that time" } span.count { (logs.len()) } }
            div.scroll.logs tabindex="0" role="region" aria-label="Logs of members" {
                @for line in logs {
                    p class={ "is-" (level(&line.level)) } {
                        span.at { (line.at) } " " b { (plain(&line.member)) } " " span.level { (plain(&line.level)) } " "
                        span { (plain(&line.text)) }
                    }
                }
            }
        }
    }
}

fn level(level: &str) -> &'static str {
    match level {
        "warn" | "warning" => "warn",
        "error" | "fatal" | "panic" | "dpanic" => "error",
        _ => "info",
    }
}

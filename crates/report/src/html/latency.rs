//! How fast calls were answered: a table with a small histogram in each row, and failures by class.

use maud::{Markup, html};

use super::{heading, plain};
use crate::view::{Latency, LatencyRow};

pub(super) fn latency(latency: &Latency) -> Option<Markup> {
    if latency.rows.is_empty() {
        return None;
    }
    Some(html! {
        (heading("Latency", "From the request's leaving to its reply's coming, of calls that were answered"))
        div.scroll tabindex="0" role="region" aria-label="Latency by call" {
            table.latency {
                thead { tr {
                    @for head in ["Call", "Answered", "Failed", "Unknown", "p50", "p90", "p99", "p99.9", "Longest"] { th scope="col" { (head) } }
                    th scope="col" { "How many took how long" }
                } }
                tbody { @for row in &latency.rows { (call(row)) } }
            }
        }
        @if !latency.classes.is_empty() {
            p.lead { "Failures and unknown outcomes by class" }
            ul.chips { @for (class, count) in &latency.classes { li { b { (plain(class)) } " " (count) } } }
        }
    })
}

fn call(row: &LatencyRow) -> Markup {
    html! {
        tr {
            th scope="row" { (row.call) }
            @for count in &row.counts { td.number { (count) } }
            @for quantile in &row.quantiles { td.number { (quantile) } }
            td { (histogram(row)) }
        }
    }
}

fn histogram(row: &LatencyRow) -> Markup {
    let (Some(first), Some(last)) = (row.bars.first(), row.bars.last()) else { return html! {} };
    let about = format!("from {} to {}", first.1, last.1);
    html! {
        div.histogram role="img" aria-label=(about) {
            @for (height, end, count) in &row.bars {
                // A bar that is there can be seen, however low.
                i style={ "height:" (format!("{:.1}%", if *height > 0.0 { (height * 100.0).max(4.0) } else { 0.0 })) }
                    title={ (count) " took up to " (end) } {}
            }
        }
        div.ends { span { "≤ " (first.1) } span { (last.1) } }
    }
}

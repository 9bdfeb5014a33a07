//! Members as a table: who leads, what is done to them, and what they told last.

use maud::{Markup, html};

use super::{heading, plain};
use crate::view::Members;

pub(super) fn members(members: &Members) -> Option<Markup> {
    if members.rows.is_empty() || members.columns.is_empty() {
        return None;
    }
    Some(html! {
        (heading("Members", "What each told of itself last"))
        div.scroll tabindex="0" role="region" aria-label="Members, table" {
            table {
                thead { tr {
                    th scope="col" { "Member" } th scope="col" { "Version" } th scope="col" { "Faults now" } th.number scope="col" { "Term" }
                    @for column in &members.columns { th.number scope="col" { (column) } }
                } }
                tbody {
                    @for row in &members.rows {
                        tr {
                            th scope="row" { (plain(&row.member)) @if row.leads { " " span.leads { "leader" } } }
                            td { (plain(&row.version)) }
                            td { @for fault in &row.faults { span.no { (plain(fault)) " " } } @if row.faults.is_empty() { span.none { "none" } } }
                            td.number { @if row.term.is_empty() { span.none { "–" } } @else { (row.term) } }
                            @for cell in &row.cells { td.number { @if cell.is_empty() { span.none { "–" } } @else { (cell) } } }
                        }
                    }
                }
            }
        }
    })
}

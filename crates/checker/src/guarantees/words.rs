//! Violations in words: who asked what of which member, about which key, at which revision and when.
//!
//! Judges nothing.

use std::time::Duration;

use history::Blob;

use super::changes::{Change, Source, What};
use super::record::Record;
use crate::Violation;

/// Values are shown up to here; the rest is in the history.
const VALUE_SHOWN: usize = 40;

/// Speaks of what a record holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words<'r, 'h>(pub(super) &'r Record<'h>);

impl Words<'_, '_> {
    pub(super) fn violation(
        self,
        rule: &'static str,
        sentence: String,
        key: Option<String>,
        mut operations: Vec<usize>,
    ) -> Violation {
        operations.sort_unstable();
        operations.dedup();
        Violation { rule, sentence, key, operations, legal_prefix: Vec::new() }
    }

    /// "client 3 of main/parallel_driver_x 12"
    pub(super) fn who(self, op: usize) -> String {
        let operation = self.0.op(op);
        let header = self.0.history.files.get(operation.file).and_then(|file| file.header.as_ref());
        let command = header.map(|header| format!(" of {} {}", header.command, header.number));
        format!("client {}{}", operation.client, command.unwrap_or_default())
    }

    /// "client 3 of main/parallel_driver_x 12's put"
    pub(super) fn what(self, op: usize) -> String {
        format!("{}'s {}", self.who(op), self.0.op(op).call.name())
    }

    /// The member that was asked.
    pub(super) fn member(self, op: usize) -> String {
        match &*self.0.op(op).member {
            "" => "a member".to_owned(),
            member => member.to_owned(),
        }
    }

    /// "the put of key k at revision 41 (acknowledged to client 3 of ...)"
    pub(super) fn change(self, change: &Change<'_>) -> String {
        let key = self.0.keys.name(change.key);
        let revision = change.revision;
        let what = match change.what {
            What::Put(put) => {
                let value = put.value.map_or_else(String::new, |value| format!(" of {}", text(value)));
                format!("the put{value} to key {key}")
            }
            What::Delete => format!("the delete of key {key}"),
        };
        let by = match change.source {
            Source::Acked(op) => format!("acknowledged to {}", self.who(op as usize)),
            Source::Shown(op) => format!("shown to {}", self.what(op as usize)),
            Source::Delivered(_) => "delivered by a watch".to_owned(),
        };
        format!("{what} at revision {revision} ({by})")
    }
}

/// The operations that tell of a change.
pub(super) fn teller(change: &Change<'_>) -> Option<usize> {
    match change.source {
        Source::Acked(op) | Source::Shown(op) => Some(op as usize),
        Source::Delivered(_) => None,
    }
}

/// A value as people read it, cut where it is long.
pub(super) fn text(value: &[u8]) -> String {
    let shown = Blob::from(value).to_string();
    match shown.char_indices().nth(VALUE_SHOWN) {
        Some((cut, _)) => format!("\"{}...\"", &shown[..cut]),
        None => format!("\"{shown}\""),
    }
}

/// A time between two moments.
pub(super) fn span(span: Duration) -> String {
    let ms = span.as_secs_f64() * 1e3;
    match ms {
        ..10.0 => format!("{ms:.3} ms"),
        ..10_000.0 => format!("{ms:.0} ms"),
        _ => format!("{:.1} s", ms / 1e3),
    }
}

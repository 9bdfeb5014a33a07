//! What a write did, key by key.

use std::fmt::Write as _;

use super::super::log::{Action, Keys};
use super::{Explain, text};

/// A transaction's changes are listed up to here.
const LISTED: usize = 6;

impl Explain<'_> {
    /// "client 3's put of key a with value "v"", "client 3's txn, which put key a and deleted key b".
    pub(super) fn deed(&self, op: u32) -> String {
        let action = self.log.action(op);
        let what = self.what(op);
        let mut deeds = Vec::new();
        self.deeds(&action, &mut deeds);
        if !matches!(action, Action::Txn(_)) {
            let deed = deeds.pop().unwrap_or_default();
            return what + " of " + deed.split_once(' ').map_or("nothing", |(_, object)| object);
        }
        let more = deeds.len().saturating_sub(LISTED);
        deeds.truncate(LISTED);
        let last = if more > 0 { Some(format!("changed {more} others")) } else { deeds.pop() };
        let mut listed = deeds.join(", ");
        if let Some(last) = last {
            let and = if listed.is_empty() { "" } else { " and " };
            let _ = write!(listed, "{and}{last}");
        }
        format!("{what}, which {listed}")
    }

    fn deeds(&self, action: &Action<'_>, deeds: &mut Vec<String>) {
        match action {
            Action::Put { key, value, .. } => {
                let value = value.map_or_else(String::new, |value| format!(" with value {}", text(value)));
                deeds.push(format!("put key {}{value}", self.key(*key)));
            }
            Action::Delete { keys, deleted, .. } if *deleted > 0 => {
                deeds.push(format!("deleted {}", self.key_range(*keys)));
            }
            Action::Txn(txn) => {
                for action in self.log.taken(&self.log.txns[*txn as usize]) {
                    self.deeds(&action, deeds);
                }
            }
            _ => {}
        }
    }

    fn key_range(&self, keys: Keys) -> String {
        match (keys.single(), keys.to as usize) {
            (Some(key), _) => format!("key {}", self.key(key)),
            (None, end) if end < self.log.keys.len() => {
                format!("keys from {} to {}", self.key(keys.from), self.key(keys.to))
            }
            _ => format!("keys from {} on", self.key(keys.from)),
        }
    }

    /// The key that both operations wrote, or else one that the first did.
    pub(super) fn key_of_both(&self, first: u32, second: u32) -> Option<String> {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        self.written(&self.log.action(first), &mut ours);
        self.written(&self.log.action(second), &mut theirs);
        let both = ours.iter().find_map(|ours| {
            theirs.iter().find(|theirs| ours.overlaps(**theirs)).map(|theirs| ours.from.max(theirs.from))
        });
        both.or_else(|| ours.first().map(|keys| keys.from)).map(|key| self.key(key))
    }

    fn written(&self, action: &Action<'_>, keys: &mut Vec<Keys>) {
        match action {
            Action::Put { key, .. } => keys.push(Keys::one(*key)),
            Action::Delete { keys: range, deleted, .. } if *deleted > 0 => keys.push(*range),
            Action::Txn(txn) => {
                for action in self.log.taken(&self.log.txns[*txn as usize]) {
                    self.written(&action, keys);
                }
            }
            _ => {}
        }
    }
}

//! Answers that do not tell all that was done.

use super::super::log::{Action, Key, Keys};
use super::super::order::Entry;
use super::super::store::{Mismatch, Problem};
use super::{Blame, Contradiction, Search, Step};

impl<'a> Search<'_, 'a> {
    /// What did not take its revision found nothing to do.
    pub(super) fn silent(&self, entry: &Entry) -> Result<(), Box<Mismatch<'a>>> {
        if self.supply.used_by(entry.op).is_some() {
            return Ok(());
        }
        let action = self.log.action(entry.op);
        let Some(key) = self.store.to_change(self.log, &action) else { return Ok(()) };
        let keys = match action {
            Action::Revoke { lease } => self.store.attached(lease).map(Keys::one).collect(),
            _ => vec![Keys::one(key)],
        };
        Err(Box::new(Mismatch { problem: Problem::Undone(key), cell: *self.store.cell(key), keys }))
    }

    /// Before a lock was granted its key was put, which only `by` can have done.
    pub(super) fn held(&mut self, entry: &Entry, key: Key, by: u32) -> Step<()> {
        if self.foreign || self.supply.used_by(by).is_some() {
            return Ok(());
        }
        let (problem, cell) = (Problem::NeverPut(key), *self.store.cell(key));
        let keys = vec![Keys::one(key)];
        let mismatch = Box::new(Mismatch { problem, cell, keys: keys.clone() });
        self.note(Contradiction::Answer { entry: *entry, mismatch });
        // It may have taken any revision that was not known yet when it was asked.
        let asked = self.log.ops[by as usize].invoked;
        let since = self.order.known_since(asked);
        Err(Blame { first: keys, ..self.guesses_since(Keys::one(key), since) })
    }
}

//! A candidate takes a revision, if nothing speaks against it at once.

use super::super::log::{Action, Fact, Key, Keys};
use super::super::outlook::{Moment, Outlook};
use super::super::store::{Mark, Presence};
use super::super::supply::Candidate;
use super::{Blame, Search, Step};

impl<'a> Search<'_, 'a> {
    /// Lets `candidate` take `revision`, if nothing speaks against it at once; otherwise, the guesses that do.
    pub(super) fn attempt(
        &mut self,
        candidate: Candidate,
        revision: i64,
        entry: usize,
        mark: Mark,
    ) -> Step<()> {
        if let Some(at) = self.supply.used(candidate) {
            let guess = self.guesses.binary_search_by_key(&at, |guess| guess.revision);
            return Err(guess.map_or(Blame { settled: true, ..Blame::NOBODY }, Blame::user));
        }
        let keys = self.supply.keys(self.log, candidate);
        let before = self.guesses_about(&keys);
        let wrote = match candidate {
            Candidate::Op(op) => {
                let action = self.log.action(op);
                self.store.perform(self.log, &action, revision)
            }
            Candidate::Expiry(lease) => self.store.end_lease(lease),
            Candidate::Stranger => {
                self.strange(revision);
                true
            }
            Candidate::StrangerPut(key) => {
                self.store.put_by_stranger(key, None, revision);
                true
            }
            Candidate::StrangerDelete(key) => self.store.delete_by_stranger(key),
            Candidate::Nothing => true,
        };
        self.store.guessed_since(mark);
        if !wrote {
            return Err(before);
        }
        for fact in self.supply.evidence.get(&revision).into_iter().flatten() {
            if !self.store.shows(fact) {
                let mut blame = before;
                blame.merge(&self.guesses_about(&[Keys::one(fact.key())]));
                return Err(blame);
            }
        }
        let Some(timelines) = &self.timelines else { return Ok(()) };
        let now = Moment { log: self.log, order: self.order, entry, revision };
        let mut broken = false;
        for key in self.store.changed_since(mark) {
            let cell = self.store.cell(key);
            let outlook = match timelines.outlook(now, key, cell) {
                _ if cell.presence == Presence::Unseen => continue,
                Outlook::Doomed { before } if !self.supply.may_go(self.order, key, revision, before) => {
                    Outlook::Never
                }
                outlook => outlook,
            };
            match outlook {
                Outlook::Never if self.does_the_same_always(candidate) => return Err(Blame::NOBODY),
                Outlook::Broken | Outlook::Never => broken = true,
                _ => {}
            }
        }
        if broken { Err(before) } else { Ok(()) }
    }

    /// Whether what a candidate leaves behind, if it can do anything, does not depend on what was there.
    fn does_the_same_always(&self, candidate: Candidate) -> bool {
        let Candidate::Op(op) = candidate else { return false };
        match self.log.action(op) {
            Action::Put { value, keep_lease, .. } => value.is_some() && !keep_lease,
            Action::Delete { keys, .. } => keys.single().is_some(),
            _ => false,
        }
    }

    /// Somebody else did what was seen of a revision.
    fn strange(&mut self, revision: i64) {
        let mut done: Vec<Key> = Vec::new();
        for fact in self.supply.evidence.get(&revision).into_iter().flatten() {
            if done.contains(&fact.key()) {
                continue;
            }
            done.push(fact.key());
            match fact {
                Fact::Put(kv) => self.store.put_by_stranger(kv.key, Some(kv), revision),
                Fact::Written { key, .. } | Fact::Born { key, .. } => {
                    self.store.put_by_stranger(*key, None, revision);
                }
                Fact::Delete { key, .. } => {
                    self.store.delete_by_stranger(*key);
                }
            }
        }
    }
}

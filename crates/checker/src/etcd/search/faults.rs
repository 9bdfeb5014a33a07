//! Where a plan cannot be followed, for the next one.

use rustc_hash::FxHashMap;

use super::super::log::Key;
use super::super::plan::Flaws;
use super::{Candidate, Guess, Search};

/// What was found while the search came to each hidden revision for the first time.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) flaws: Flaws,
    /// Operations that would have done nothing at the present hidden revision.
    pub(super) idle: Vec<u32>,
    /// The last hidden revision that had a guess.
    furthest: i64,
    /// The furthest entry so far at which something did not fit.
    met: usize,
    /// Keys that something else than the plan's changed, and where: what goes wrong with them later is no fault of it.
    astray: FxHashMap<Key, i64>,
}

impl Search<'_, '_> {
    /// Notes what was planned for a guess that is taken back by the first contradiction met where the search had never been,
    /// if it `concerns` that.
    pub(super) fn blame_plan(&mut self, guilty: usize, concerns: bool) {
        if std::mem::replace(&mut self.faults.met, self.reach) >= self.reach {
            return;
        }
        let Guess { revision, chosen, .. } = self.guesses[guilty];
        let wants = self.plan.as_ref().and_then(|plan| plan.wants(revision));
        if let Some((key, delete)) = wants.filter(|_| concerns)
            && self.supply.may(self.log, chosen, key, delete)
        {
            self.faults.flaws.wants.insert((revision, key, delete));
        }
    }

    /// Compares what was chosen for a hidden revision with the plan.
    pub(super) fn look_for_flaws(&mut self, revision: i64) {
        let Some(plan) = self.plan.as_ref().filter(|_| revision > self.faults.furthest) else { return };
        self.faults.furthest = revision;
        let Some(chosen) = self.guesses.last().filter(|guess| guess.revision == revision) else { return };
        let (chosen, wants) = (chosen.chosen, plan.wants(revision));
        // What was answered with this revision did not take it.
        let answered = |op: &u32| self.log.ops[*op as usize].revision == revision;
        self.faults.flaws.idle.extend(self.faults.idle.iter().copied().filter(answered));
        let may = |candidate, (key, delete)| self.supply.may(self.log, candidate, key, delete);
        if wants.is_some_and(|wants| may(chosen, wants)) {
            return;
        }
        if let Some((key, delete)) = wants {
            let idle = self.faults.idle.iter().copied();
            let idle: Vec<u32> = idle.filter(|op| may(Candidate::Op(*op), (key, delete))).collect();
            let (known_by, modified) = (self.order.known_by(revision), self.store.cell(key).modified);
            let astray = self.faults.astray.get(&key).is_some_and(|at| *at > self.store.certain_at(key));
            // Where all that could have done it is used up, something else went wrong before.
            let left = || self.supply.is_left(self.log, (key, delete), known_by, modified);
            if !idle.is_empty() {
                self.faults.flaws.idle.extend(idle);
            } else if !astray && left() {
                self.faults.flaws.wants.insert((revision, key, delete));
            }
        }
        if self.supply.evidence.contains_key(&revision) {
            return;
        }
        for keys in self.supply.keys(self.log, chosen) {
            self.faults.astray.extend(self.supply.open(keys).map(|key| (key, revision)));
        }
    }
}

//! What is replayed: a history, the order of its answers, and the revisions that none of them claims.

use std::borrow::Cow;
use std::cell::Cell;

use rustc_hash::FxHashMap;

use super::log::{Fact, Log};
use super::order::{Disorder, Order, Role};
use super::search::{Contradiction, Ended, Search};
use super::supply::{Pending, Supply};
use super::{both, hidden, unclaimed};
use crate::Verdict;

/// Shorter histories are planned at once: it takes no time.
const PLANNED_AT_ONCE: usize = 4_000;

/// A contradiction that took guesses to find is explained by trying which of the answers in it is wrong alone. Each
/// try is another replay.
const CULPRITS_TRIED: usize = 4;

/// Walks before giving up, where the last word is asked for.
const WALKS: u64 = 4;

/// Why there is nothing to replay.
pub(super) enum Wrong {
    Order(Disorder),
    /// More revisions are hidden than can be.
    Hidden(Verdict),
}

pub(super) struct Case<'l, 'a> {
    pub(super) log: Cow<'l, Log<'a>>,
    pub(super) order: Order,
    pub(super) hidden: Vec<i64>,
    /// What was seen of revisions that are known only by that.
    seen: FxHashMap<i64, Vec<Fact<'a>>>,
    empty: bool,
    foreign: bool,
    /// What the first search guesses from.
    first: Cell<Option<Supply<'a>>>,
}

impl<'l, 'a> Case<'l, 'a> {
    /// What is wrong with the order alone is found on the way.
    pub(super) fn new(
        log: &'l Log<'a>,
        order: Result<Order, Disorder>,
        pending: Pending<'a>,
        empty: bool,
        foreign: bool,
    ) -> Result<Self, Wrong> {
        let mut order = order.map_err(Wrong::Order)?;
        let gaps = || {
            let hidden = hidden(log, &order, pending.unknown(), foreign)?;
            let known = order.known(log, &hidden);
            Ok((hidden, known))
        };
        let (times, gaps) = both(log, || order.check_times(log), gaps);
        times.map_err(Wrong::Order)?;
        let (hidden, known) = gaps.map_err(Wrong::Hidden)?;
        order.know(known);
        let first = Cell::new(Some(Supply::new(log, &order, pending, hidden.clone(), foreign)));
        Ok(Self { log: Cow::Borrowed(log), order, hidden, seen: FxHashMap::default(), empty, foreign, first })
    }

    pub(super) fn replay(&mut self, patient: bool) -> Ended<'a> {
        // One beginning that explains everything is enough, and mostly there was no more than what was shown.
        let fits = |ended: &Ended<'_>| matches!(ended, Ended::Fits { assumed: false, .. });
        let likely = (!self.empty).then(|| self.replay_from(true, patient)).filter(fits);
        likely.unwrap_or_else(|| self.replay_from(false, patient))
    }

    /// `shown`: takes it that nothing was there in the beginning but what was shown of then.
    fn replay_from(&mut self, shown: bool, patient: bool) -> Ended<'a> {
        // Mostly the first guess is right, and no plan is needed.
        if self.log.ops.len() >= PLANNED_AT_ONCE {
            match self.search(shown).hasty().run() {
                Ended::Undecided { .. } => {}
                ended => return ended,
            }
        }
        self.learn();
        if patient {
            let brief = [Search::strolling, Search::brief].into_iter();
            let tries = brief.map(|way| way(self.search(shown).planned()));
            // Some walks get lost for good: several short ones find more than a long one does.
            let walks = (0..WALKS).map(|seed| self.search(shown).planned().walking(seed, WALKS));
            let decided = |ended: &Ended<'_>| !matches!(ended, Ended::Undecided { .. });
            if let Some(ended) = tries.chain(walks).map(Search::run).find(decided) {
                return ended;
            }
        }
        self.search(shown).planned().run()
    }

    fn search(&self, shown: bool) -> Search<'_, 'a> {
        let search = self.search_among(self.foreign);
        if shown { search.with_what_was_shown() } else { search }
    }

    fn supply(&self, foreign: bool) -> Supply<'a> {
        Supply::new(&self.log, &self.order, Pending::of(&self.log), self.hidden.clone(), foreign)
    }

    fn search_among(&self, foreign: bool) -> Search<'_, 'a> {
        let supply = self.first.take().unwrap_or_else(|| self.supply(foreign));
        Search::new(&self.log, &self.order, supply, self.empty, foreign).seeing(&self.seen)
    }

    /// What put a value that was seen took effect where that was seen, as if it had been answered so.
    fn learn(&mut self) {
        if self.foreign || !self.seen.is_empty() {
            return;
        }
        let mut supply = self.first.take().unwrap_or_else(|| self.supply(false));
        let log = self.log.with_known(&supply.found(&self.log, &self.order));
        // Whatever is wrong with the order now is found, and told, without it.
        let Ok(mut order) = Order::new(&log, self.empty) else { return };
        let hidden = unclaimed(&order);
        order.know(order.known(&log, &hidden));
        supply.evidence.retain(|revision, _| hidden.binary_search(revision).is_err());
        (self.seen, self.log, self.order, self.hidden) = (supply.evidence, Cow::Owned(log), order, hidden);
    }

    /// Of what was met on the way to a contradiction, the answer without which there is none, or the last met.
    pub(super) fn culprit(&self, mut noted: Vec<Contradiction<'a>>) -> Contradiction<'a> {
        let alone = |noted: &Contradiction<'a>| match noted {
            Contradiction::Answer { entry, .. } if entry.role() != Role::Write => {
                matches!(self.search_among(false).without(entry.op).run(), Ended::Fits { .. })
            }
            _ => false,
        };
        let found = match noted.len() {
            1 => None,
            _ => noted.iter().take(CULPRITS_TRIED).position(alone),
        };
        let found = noted.swap_remove(found.unwrap_or(noted.len() - 1));
        match found {
            // Nobody was told that it took effect there: it cannot have.
            Contradiction::Answer { entry, .. }
                if entry.role() == Role::Write && self.seen.contains_key(&entry.revision) =>
            {
                let shown = self.seen[&entry.revision].first().copied();
                Contradiction::Hidden { revision: entry.revision, shown }
            }
            told => told,
        }
    }
}

//! One more operation: the step that both engines share.

use std::collections::HashMap;

use super::antichain::Configuration;
use super::bits::Bits;
use super::foresight::{Foresight, View};
use super::rules::Rules;
use super::space::{MixBuilder, Space};
use super::timeline::Timeline;
use crate::model::{EntryOf, Model};

/// What a search works on, and the states it has met.
pub(super) struct Stepper<'a, M: Model> {
    pub(super) space: Space<'a, M>,
    timeline: &'a Timeline,
    foresight: &'a Foresight,
    view: View<'a, M>,
    rules: Rules,
    /// See [`Foresight::kept_until`]; by state and subject.
    kept_until: HashMap<(u32, u64), u32, MixBuilder>,
}

/// The operations that are open, by place.
#[derive(Clone, Debug)]
pub(super) struct Open<K> {
    /// The item at each place.
    pub(super) placed: Vec<u32>,
    /// Those that are taken as soon as they are right.
    pub(super) reads: K,
    pub(super) writes: K,
}

impl<'a, M: Model> Stepper<'a, M> {
    pub(super) fn new(
        model: &'a M,
        entries: &'a [EntryOf<M>],
        timeline: &'a Timeline,
        foresight: &'a Foresight,
        rules: Rules,
    ) -> Self {
        Self {
            space: Space::new(model, entries),
            timeline,
            foresight,
            view: View { model, entries, timeline },
            rules,
            kept_until: HashMap::default(),
        }
    }

    /// `from` with one more operation, and with all reads that are right then, before the event `now`; `None` where that is
    /// not legal, or no use.
    pub(super) fn take<K: Bits, U: Bits>(
        &mut self,
        from: &Configuration<K, U>,
        number: u32,
        open: &Open<K>,
        now: usize,
    ) -> Option<Configuration<K, U>> {
        let item = self.timeline.items[number as usize];
        let state = self.space.step(from.state, item.entry)?;
        if !item.known && self.rules.useful && state == from.state {
            return None;
        }
        let mut at = Configuration { state, ..from.clone() };
        if item.known {
            at.known.set(item.place as usize);
        } else {
            at.used.set(item.place as usize);
        }
        if state != from.state
            && (self.rules.foresight || self.rules.forget)
            && let Some(subject) = self.view.stake(self.space.state(from.state), number)
        {
            if self.rules.foresight
                && self.foresight.is_doomed(&self.view, &at, self.space.state(state), subject, now)
            {
                return None;
            }
            if self.rules.forget {
                at.state = self.forget(state, subject, number, now);
            }
        }
        if self.rules.reads_at_once && at.state != from.state {
            let before = at.known.clone();
            for place in open.reads.minus(&before) {
                let read = self.timeline.items[open.placed[place] as usize].entry;
                if self.space.step(at.state, read).is_some() {
                    at.known.set(place);
                }
            }
        }
        Some(at)
    }

    /// The state that stands for `state`, which the operation led to.
    fn forget(&mut self, state: u32, subject: u64, number: u32, now: usize) -> u32 {
        if self.kept_until(state, subject) as usize >= now {
            return state;
        }
        let Some(forgotten) = self.view.forgotten(self.space.state(state), number) else { return state };
        let forgotten = self.space.number(forgotten);
        if self.kept_until(forgotten, subject) as usize >= now { state } else { forgotten }
    }

    fn kept_until(&mut self, state: u32, subject: u64) -> u32 {
        if let Some(&until) = self.kept_until.get(&(state, subject)) {
            return until;
        }
        let until = self.foresight.kept_until(&self.view, self.space.state(state), subject);
        self.kept_until.insert((state, subject), until);
        until
    }
}

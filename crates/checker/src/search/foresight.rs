//! What the rest of the history still asks for, so that a configuration that can no longer give it is left at once.
//!
//! # The rule
//!
//! Let g be an operation with a reply that changes nothing, not taken yet in a configuration. If the state does not *keep* g's
//! reply, then by the model's promise ([`Model::keeps`]) g can only be right after an operation that *provides* it has taken
//! effect. If each of those is taken already, no order completes the configuration: it is not good, and is left out.
//!
//! # Forgetting
//!
//! Let a state keep the reply of no read of the subject at stake that returns from now on. By the model's promise
//! ([`Model::forgotten`]) it can then not be told apart from the same state with something else in that place, if that
//! keeps none of these replies either; so one stands for all of them. What a state keeps is asked about all reads that return
//! from now on, taken or not, so the answer is the same for all configurations, and stays true as time goes on.
//!
//! Which g to look at is no question of right and wrong, only of time: the ones of the subject at stake that return next.

use std::collections::HashMap;

use super::antichain::Configuration;
use super::bits::Bits;
use super::space::MixBuilder;
use super::timeline::{Event, Timeline};
use crate::entry::Outcome;
use crate::model::{EntryOf, Model};

/// So many of the next reads of a subject are looked at.
const READS: usize = 3;

/// So many operations are asked whether they provide a reply; with more of them, one is assumed to.
const PROVIDERS: usize = 24;

/// The reads and writes of each subject.
#[derive(Debug)]
pub(super) struct Foresight {
    /// Event at which each item returns; `u32::MAX` for unknown outcomes.
    returns: Vec<u32>,
    calls: Vec<u32>,
    subjects: HashMap<u64, Subject, MixBuilder>,
}

#[derive(Debug, Default)]
struct Subject {
    /// Operations that change nothing, by return.
    reads: Vec<u32>,
    /// Operations that may provide a reply, by return; each with the first call among it and all that follow.
    known: Vec<(u32, u32)>,
    /// The same with an unknown outcome, by call.
    unknown: Vec<u32>,
}

impl Foresight {
    /// Of the whole history; empty for models that promise nothing.
    pub(super) fn new<M: Model>(model: &M, entries: &[EntryOf<M>], timeline: &Timeline) -> Self {
        let items = timeline.items.len();
        let mut foresight =
            Self { returns: vec![u32::MAX; items], calls: vec![0; items], subjects: HashMap::default() };
        for (position, &event) in (0..).zip(&timeline.events) {
            match event {
                Event::Call(number) => {
                    foresight.calls[number as usize] = position;
                    let item = timeline.items[number as usize];
                    if !item.known
                        && let Some(subject) = model.provider_of(&entries[item.entry as usize].op)
                    {
                        foresight.subjects.entry(subject).or_default().unknown.push(number);
                    }
                }
                Event::Return(number) => {
                    foresight.returns[number as usize] = position;
                    let item = timeline.items[number as usize];
                    let entry = &entries[item.entry as usize];
                    let Outcome::Ok(reply) = &entry.outcome else { continue };
                    if !item.read_only {
                        if let Some(subject) = model.provider_of(&entry.op) {
                            foresight.subjects.entry(subject).or_default().known.push((number, u32::MAX));
                        }
                    } else if let Some(subject) = model.subject(&entry.op, reply) {
                        foresight.subjects.entry(subject).or_default().reads.push(number);
                    }
                }
            }
        }
        for subject in foresight.subjects.values_mut() {
            let mut first = u32::MAX;
            for (number, first_call) in subject.known.iter_mut().rev() {
                first = first.min(foresight.calls[*number as usize]);
                *first_call = first;
            }
        }
        foresight
    }

    /// Whether no order can complete `at`, which came about by taking an operation that put `subject` at stake, before the
    /// event `now`.
    pub(super) fn is_doomed<M: Model, K: Bits, U: Bits>(
        &self,
        view: &View<'_, M>,
        at: &Configuration<K, U>,
        state: &M::State,
        subject: u64,
        now: usize,
    ) -> bool {
        let Some(subject) = self.subjects.get(&subject) else { return false };
        let first = subject.reads.partition_point(|&read| (self.returns[read as usize] as usize) < now);
        let untaken = |number: &&u32| {
            let item = view.timeline.items[**number as usize];
            self.calls[**number as usize] as usize >= now || !at.known.has(item.place as usize)
        };
        subject.reads[first..].iter().filter(untaken).take(READS).any(|&read| {
            let entry = view.entry(read);
            let Outcome::Ok(reply) = &entry.outcome else { return false };
            !view.model.keeps(state, &entry.op, reply) && !self.is_provided(view, at, subject, read, now)
        })
    }

    /// The last return of a read of the subject whose reply the state keeps; 0 if there is none.
    pub(super) fn kept_until<M: Model>(&self, view: &View<'_, M>, state: &M::State, subject: u64) -> u32 {
        let reads = self.subjects.get(&subject).map_or(&[][..], |subject| &subject.reads);
        let last = reads.iter().rev().find(|&&read| {
            let entry = view.entry(read);
            let Outcome::Ok(reply) = &entry.outcome else { return false };
            view.model.keeps(state, &entry.op, reply)
        });
        last.map_or(0, |&read| self.returns[read as usize])
    }

    /// Whether some operation that is not taken may provide the reply of `read`.
    fn is_provided<M: Model, K: Bits, U: Bits>(
        &self,
        view: &View<'_, M>,
        at: &Configuration<K, U>,
        subject: &Subject,
        read: u32,
        now: usize,
    ) -> bool {
        let entry = view.entry(read);
        let Outcome::Ok(reply) = &entry.outcome else { return true };
        let last = self.returns[read as usize];
        let mut asked = 0;
        let mut provides = |number: u32| {
            asked += 1;
            asked > PROVIDERS || view.model.provides(&view.entry(number).op, &entry.op, reply)
        };
        let unknown = subject.unknown.iter().take_while(|&&number| self.calls[number as usize] < last);
        for &number in unknown {
            if !at.used.has(view.timeline.items[number as usize].place as usize) && provides(number) {
                return true;
            }
        }
        let first = subject.known.partition_point(|known| (self.returns[known.0 as usize] as usize) < now);
        for &(number, first_call) in &subject.known[first..] {
            if first_call >= last {
                return false;
            }
            let call = self.calls[number as usize];
            let taken =
                (call as usize) < now && at.known.has(view.timeline.items[number as usize].place as usize);
            if call < last && !taken && provides(number) {
                return true;
            }
        }
        false
    }
}

/// What a search works on.
pub(super) struct View<'a, M: Model> {
    pub(super) model: &'a M,
    pub(super) entries: &'a [EntryOf<M>],
    pub(super) timeline: &'a Timeline,
}

impl<'a, M: Model> View<'a, M> {
    /// The state with what the operation wrote forgotten.
    pub(super) fn forgotten(&self, state: &M::State, number: u32) -> Option<M::State> {
        self.model.forgotten(state, &self.entry(number).op)
    }

    /// What the operation puts at stake by taking effect in this state.
    pub(super) fn stake(&self, state: &M::State, number: u32) -> Option<u64> {
        self.model.at_stake(state, &self.entry(number).op)
    }

    fn entry(&self, number: u32) -> &'a EntryOf<M> {
        &self.entries[self.timeline.items[number as usize].entry as usize]
    }
}

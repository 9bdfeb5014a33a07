//! A history as a sequence of calls and returns, with a place for every operation that is open.
//!
//! It leaves out what cannot matter: operations that failed, and unknown outcomes of operations that write nothing.

use rustc_hash::FxHashMap;

use crate::entry::Outcome;
use crate::model::{EntryOf, Model};

/// A call or a return of the operation with this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Call(u32),
    Return(u32),
}

/// One operation that matters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    /// Its index among the entries.
    pub(super) entry: u32,
    /// For a known outcome: a number no other known operation that is open at the same time has. For an unknown one: its
    /// number among the unknown ones, in the order of calls.
    pub(super) place: u32,
    /// Operations with one number here have the same effect.
    pub(super) effect: u32,
    /// For an unknown outcome: place of the last earlier one with the same effect, or [`NONE`].
    pub(super) elder: u32,
    /// The part it works on; operations on different parts commute, whatever the state.
    pub(super) part: u32,
    /// The event of its call.
    pub(super) called: u32,
    /// It has a reply.
    pub(super) known: bool,
    /// It has a reply and changes nothing.
    pub(super) read_only: bool,
}

/// No operation.
pub(super) const NONE: u32 = u32::MAX;

/// The whole history.
#[derive(Debug)]
pub(super) struct Timeline {
    pub(super) events: Vec<Event>,
    pub(super) items: Vec<Item>,
    /// Item of each unknown outcome, by place.
    pub(super) unknown: Vec<u32>,
    /// So many operations with a reply are open at once.
    pub(super) places: usize,
}

impl Timeline {
    pub(super) fn new<M: Model>(model: &M, entries: &[EntryOf<M>]) -> Self {
        let mut timeline = Self {
            events: Vec::new(),
            items: Vec::with_capacity(entries.len()),
            unknown: Vec::new(),
            places: 0,
        };
        // Time, then calls before returns (intervals are closed), then the order of the entries.
        let mut order: Vec<(u64, u32)> = Vec::with_capacity(entries.len() * 2);
        for (index, entry) in entries.iter().enumerate() {
            let Some(item) = item(model, index, entry) else { continue };
            let number = u32::try_from(timeline.items.len()).expect("fewer than 2^31 operations");
            order.push((entry.call, number << 1));
            if item.known {
                order.push((entry.returned, number << 1 | 1));
            }
            timeline.items.push(item);
        }
        order.sort_unstable_by_key(|&(time, event)| (time, event & 1, event));
        timeline.events = order
            .into_iter()
            .map(
                |(_, event)| if event & 1 == 0 { Event::Call(event >> 1) } else { Event::Return(event >> 1) },
            )
            .collect();
        timeline.give_places(model, entries);
        timeline.give_parts(model, entries);
        timeline
    }

    /// Numbers the parts; one part if some operation has none.
    fn give_parts<M: Model>(&mut self, model: &M, entries: &[EntryOf<M>]) {
        let mut parts: FxHashMap<M::Key, u32> = FxHashMap::default();
        let mut numbers = Vec::with_capacity(self.items.len());
        for item in &self.items {
            let Some(key) = model.partition(&entries[item.entry as usize].op) else { return };
            let next = u32::try_from(parts.len()).expect("fewer than 2^31 operations");
            numbers.push(*parts.entry(key).or_insert(next));
        }
        for (item, number) in self.items.iter_mut().zip(numbers) {
            item.part = number;
        }
    }

    fn give_places<M: Model>(&mut self, model: &M, entries: &[EntryOf<M>]) {
        let mut free: Vec<u32> = Vec::new();
        let mut effects: FxHashMap<M::Op, (u32, u32)> = FxHashMap::default();
        let symmetric = self.items.iter().any(|item| !item.known);
        for (position, &event) in (0..).zip(&self.events) {
            match event {
                Event::Return(number) => free.push(self.items[number as usize].place),
                Event::Call(number) => {
                    let item = &mut self.items[number as usize];
                    item.called = position;
                    if symmetric && !item.read_only {
                        let next = u32::try_from(effects.len()).expect("fewer than 2^31 operations");
                        let effect = model.effect(&entries[item.entry as usize].op);
                        let (effect, last) = effects.entry(effect).or_insert((next, NONE));
                        item.effect = *effect;
                        if !item.known {
                            item.elder = std::mem::replace(
                                last,
                                u32::try_from(self.unknown.len()).expect("fewer than 2^31 operations"),
                            );
                        }
                    }
                    if item.known {
                        item.place = free.pop().unwrap_or_else(|| {
                            self.places += 1;
                            u32::try_from(self.places - 1).expect("fewer than 2^31 operations")
                        });
                    } else {
                        item.place = u32::try_from(self.unknown.len()).expect("fewer than 2^31 operations");
                        self.unknown.push(number);
                    }
                }
            }
        }
    }
}

/// The entry as an item without a place yet, if it matters.
///
/// A failed operation never took effect. An unknown one that writes nothing has no reply to explain and changes no
/// state: an order is legal with it exactly if it is legal without it.
fn item<M: Model>(model: &M, index: usize, entry: &EntryOf<M>) -> Option<Item> {
    let (known, read_only) = match &entry.outcome {
        Outcome::Failed => return None,
        Outcome::Unknown if model.never_writes(&entry.op) => return None,
        Outcome::Unknown => (false, false),
        Outcome::Ok(reply) => (true, model.is_read_only(&entry.op, reply)),
    };
    let entry = u32::try_from(index).expect("fewer than 2^31 operations");
    Some(Item { entry, place: NONE, effect: NONE, elder: NONE, part: 0, called: 0, known, read_only })
}

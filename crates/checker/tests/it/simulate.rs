//! Plausible histories of any length: clients that work one operation after another on one object.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use checker::{Entry, EntryOf, Model, Outcome};

use crate::generate::Random;

/// What is simulated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) operations: u32,
    pub(crate) clients: u32,
    /// Operations with an unknown outcome, of a thousand; half of them take effect, some of these long after.
    pub(crate) unknown: u64,
    pub(crate) seed: u64,
}

/// Longest time from a call to its effect, and from there to its return.
const LATENCY: u64 = 100;

/// Longest pause of a client.
const PAUSE: u64 = 20;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Call(u32),
    Effect(usize),
    Return(usize),
}

/// A valid history. Every event has a time of its own. `draw` makes the next operation; it sees the state and how many
/// were made.
pub(crate) fn simulate<M: Model>(
    model: &M,
    load: Load,
    mut draw: impl FnMut(&mut Random, &M::State, u32) -> M::Op,
) -> Vec<EntryOf<M>> {
    let mut random = Random(load.seed);
    let mut state = model.init();
    let mut entries: Vec<EntryOf<M>> = Vec::new();
    let mut replies: Vec<Option<M::Reply>> = Vec::new();
    let mut steps = BinaryHeap::new();
    // Clients change their name when they lose track of an operation, as processes of Jepsen do.
    let mut names: Vec<u32> = (0..load.clients).collect();
    for client in 0..load.clients {
        steps.push(Reverse((random.below(LATENCY), 0, Step::Call(client))));
    }
    let (mut order, mut clock) = (0u64, 0u64);
    let mut push = |steps: &mut BinaryHeap<_>, at: u64, step: Step| {
        order += 1;
        steps.push(Reverse((at, order, step)));
    };
    while let Some(Reverse((now, _, step))) = steps.pop() {
        clock += 1;
        match step {
            Step::Call(client) => {
                let made = u32::try_from(entries.len()).expect("fewer than 2^32 operations");
                if made == load.operations {
                    continue;
                }
                let op = draw(&mut random, &state, made);
                let lost = !model.never_writes(&op) && random.below(1000) < load.unknown;
                let index = entries.len();
                entries.push(Entry::unknown(names[client as usize], clock, op));
                replies.push(None);
                let effect = now + 1 + random.below(LATENCY);
                if lost {
                    names[client as usize] += load.clients;
                    if random.chance(50) {
                        let late = if random.chance(10) { random.below(50 * LATENCY) } else { 0 };
                        push(&mut steps, effect + late, Step::Effect(index));
                    }
                    push(&mut steps, now + 3 * LATENCY, Step::Call(client));
                } else {
                    let returned = effect + 1 + random.below(LATENCY);
                    push(&mut steps, effect, Step::Effect(index));
                    push(&mut steps, returned, Step::Return(index));
                    push(&mut steps, returned + 1 + random.below(PAUSE), Step::Call(client));
                }
            }
            Step::Effect(index) => {
                let (next, reply) = model.step(&state, &entries[index].op);
                state = next.unwrap_or(state);
                replies[index] = Some(reply);
            }
            Step::Return(index) => {
                let reply = replies[index].take().expect("it took effect before");
                entries[index].outcome = Outcome::Ok(reply);
                entries[index].returned = clock;
            }
        }
    }
    entries
}

//! Breadth first on trial: unknown operations are tried only where nothing else explains a reply.
//!
//! Finding an explanation proves the history valid, whatever was left out; finding none proves nothing, unless nothing was left
//! out.

use std::collections::{HashMap, VecDeque};

use super::bits::Bits;
use super::frontier::{Frontier, Ran, Snapshot};
use super::rules::{GaveUp, Meter};
use super::timeline::{Event, Timeline};
use crate::model::Model;

/// So many configurations go on after a return; those that used the fewest unknown operations.
const WIDTH: usize = 64;

/// So many returns back an attempt can begin again.
const SNAPSHOTS: usize = 1 << 12;

/// So many configurations are kept for that.
const KEPT: usize = 1 << 18;

/// Attempts at one event before it is given up: how far back (in spans of the operation that fails), and how many unknown
/// operations may be taken at one return from there on.
const ATTEMPTS: [(usize, u32); 8] = [(1, 1), (1, 2), (3, 1), (3, 2), (10, 1), (10, 2), (10, 3), (40, 2)];

/// Goes through all events with at most `always` unknown operations at each return, and with more, from further back,
/// where that does not do.
pub(super) fn run<M: Model, K: Bits, U: Bits>(
    front: &mut Frontier<'_, M, K, U>,
    timeline: &Timeline,
    always: u32,
    meter: &mut Meter<'_>,
) -> Ran {
    let mut past: VecDeque<Snapshot<K, U>> = VecDeque::new();
    let mut kept = 0;
    let mut attempts: HashMap<usize, usize> = HashMap::new();
    let (mut more, mut until, mut cut) = (0, 0, false);
    while front.event < timeline.events.len() {
        let event = front.event;
        if let Event::Return(_) = timeline.events[event]
            && past.back().is_none_or(|last| last.event < event)
        {
            let snapshot = front.snapshot();
            kept += snapshot.front.len();
            past.push_back(snapshot);
            while past.len() > SNAPSHOTS || (kept > KEPT && past.len() > 1) {
                kept -= past.pop_front().map_or(0, |oldest| oldest.front.len());
            }
        }
        let limit = if event < until { always + more } else { always };
        let advanced = match front.advance(limit, meter) {
            Err(why) => return Ran::GaveUp { event, why },
            Ok(advanced) => advanced,
        };
        cut |= advanced.cut | front.thin(WIDTH);
        if !advanced.dead {
            continue;
        }
        if !cut {
            return Ran::Dead;
        }
        let attempt = attempts.entry(event).or_default();
        let Some(&(spans, limit)) = ATTEMPTS.get(*attempt) else {
            return Ran::GaveUp { event, why: GaveUp::Patience };
        };
        *attempt += 1;
        (more, until) = (limit, event + 1);
        let Event::Return(number) = timeline.events[event] else { continue };
        let span = event - timeline.items[number as usize].called as usize;
        let back = event.saturating_sub(spans * (span + 1));
        while past.len() > 1 && past[past.len() - 1].event > back {
            kept -= past.pop_back().map_or(0, |latest| latest.front.len());
        }
        if let Some(snapshot) = past.back() {
            front.restore(snapshot);
        }
    }
    Ran::Valid
}

//! Draws the faults of one segment. Each monkey has a stream of its own, so that a change in one leaves the draws of
//! the others alone. The arithmetic on draws is written out: a library that changed its way would change all plans.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::{CERTAIN, Plan, PlannedFault, PlannedMonkey, SEGMENT_MS};
use crate::profile::Range;

/// Sets these streams apart from those of other plans that are drawn from the same seed.
const DOMAIN: [u8; 8] = *b"chaos\0\0\0";
/// More than any monkey can do in a segment with a pause of some milliseconds; a bound, not a wish.
const SEGMENT_FAULTS_MAX: usize = 2_000;
/// Nothing happens at the very beginning of a run: commands have to get going.
const LEAD_IN_MS: u64 = 300;

struct Draws(ChaCha8Rng);

impl Draws {
    /// Stream 0 is that of quiet windows, the others are the monkeys'.
    fn of(seed: u64, stream: usize, segment: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&DOMAIN);
        key[16..24].copy_from_slice(&(stream as u64).to_le_bytes());
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream(segment);
        Self(rng)
    }

    /// From `low` to `high`, both included. The bias of the multiplication is below 2^-32 here.
    fn between(&mut self, low: u64, high: u64) -> u64 {
        let span = u128::from(high - low) + 1;
        // The product's upper half is below `span`, which is at most 2^64.
        low + u64::try_from((u128::from(self.0.next_u64()) * span) >> 64).unwrap_or(0)
    }

    fn within(&mut self, range: Range) -> u64 {
        self.between(range.low, range.high)
    }

    fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.between(0, (len as u64).saturating_sub(1))).unwrap_or(0)
    }

    fn shuffled(&mut self, members: &[String]) -> Vec<String> {
        let mut order = members.to_vec();
        for at in (1..order.len()).rev() {
            order.swap(at, self.index(at + 1));
        }
        order
    }
}

/// A monkey on its way through a segment.
struct Walker<'a> {
    monkey: &'a PlannedMonkey,
    draws: Draws,
    /// When it wants to try next.
    wanted_ms: u64,
    /// When it may: where others are in the way, later.
    due_ms: u64,
}

/// The faults of one segment, from the plan's seed and the segment's index alone. All have ended at its end.
pub(super) fn segment(plan: &Plan, index: u64) -> Vec<PlannedFault> {
    let begin_ms = index * SEGMENT_MS;
    let end_ms = plan.duration_ms.min(begin_ms + SEGMENT_MS);
    let quiet = quiet_windows(plan, index, begin_ms, end_ms);
    let lead_in_ms = if index == 0 { LEAD_IN_MS } else { 0 };
    let mut walkers: Vec<_> = plan
        .monkeys
        .iter()
        .enumerate()
        .map(|(at, monkey)| {
            let mut draws = Draws::of(plan.seed, at + 1, index);
            let due_ms = begin_ms + lead_in_ms + draws.within(monkey.first_ms);
            Walker { monkey, draws, wanted_ms: due_ms, due_ms }
        })
        .collect();
    let mut placed: Vec<PlannedFault> = Vec::new();
    while placed.len() < SEGMENT_FAULTS_MAX {
        // Who has waited longest is first, or a busy plan would starve some.
        let next = walkers.iter_mut().min_by_key(|walker| (walker.due_ms, walker.wanted_ms));
        let Some(walker) = next else { break };
        if walker.due_ms >= end_ms {
            break;
        }
        let Walker { monkey, draws, wanted_ms, due_ms } = walker;
        let at_ms = *due_ms;
        if let Some(free_ms) = taken_until(plan, &placed, monkey, &quiet, at_ms) {
            *due_ms = free_ms;
            continue;
        }
        let happens = draws.between(1, u64::from(CERTAIN)) <= u64::from(monkey.millionths);
        let room_ms = quiet.iter().find(|(from, _)| *from >= at_ms).map_or(end_ms, |(from, _)| *from) - at_ms;
        let lasts_ms = draws.within(monkey.lasts_ms).min(room_ms);
        let fault = PlannedFault {
            at_ms,
            lasts_ms,
            monkey: monkey.name.clone(),
            kind: monkey.kinds[draws.index(monkey.kinds.len())].clone(),
            on: monkey.on.clone(),
            order: draws.shuffled(&plan.members),
            seed: draws.0.next_u64() >> 11,
            exclusive: monkey.exclusive,
            await_recovery: monkey.await_recovery,
        };
        *due_ms = at_ms + lasts_ms + draws.within(monkey.every_ms).max(1);
        *wanted_ms = *due_ms;
        // What is cut much shorter than its monkey would ever make it is another fault than was asked for.
        if happens && lasts_ms >= monkey.lasts_ms.low {
            placed.push(fault);
        }
    }
    placed
}

/// Stretches of a segment without faults, in order.
fn quiet_windows(plan: &Plan, index: u64, begin_ms: u64, end_ms: u64) -> Vec<(u64, u64)> {
    let Some(quiet) = &plan.quiet else { return Vec::new() };
    let mut draws = Draws::of(plan.seed, 0, index);
    let mut windows = Vec::new();
    let mut at_ms = begin_ms;
    loop {
        at_ms += draws.within(quiet.every_ms).max(1);
        if at_ms >= end_ms {
            return windows;
        }
        let until_ms = (at_ms + draws.within(quiet.lasts_ms)).min(end_ms);
        windows.push((at_ms, until_ms));
        at_ms = until_ms;
    }
}

/// The next moment worth trying, where `monkey` may not act at `at_ms`.
fn taken_until(
    plan: &Plan,
    placed: &[PlannedFault],
    monkey: &PlannedMonkey,
    quiet: &[(u64, u64)],
    at_ms: u64,
) -> Option<u64> {
    if let Some((_, until)) = quiet.iter().find(|(from, until)| (*from..*until).contains(&at_ms)) {
        return Some(*until);
    }
    let active: Vec<_> = placed.iter().filter(|fault| fault.at_ms + fault.lasts_ms > at_ms).collect();
    let full = active.len() >= usize::try_from(plan.overlap).unwrap_or(usize::MAX);
    let excluded = active.iter().any(|fault| fault.exclusive) || (monkey.exclusive && !active.is_empty());
    // Whose processes they are on is known only later, so no two faults on processes meet.
    let on_process = |kind: &crate::Kind| kind.is_on_process();
    let meets = monkey.kinds.iter().any(on_process) && active.iter().any(|fault| on_process(&fault.kind));
    if !(full || excluded || meets) {
        return None;
    }
    active.iter().map(|fault| fault.at_ms + fault.lasts_ms).min()
}

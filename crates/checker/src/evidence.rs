//! From "no order explains this" to what a person wants to see: few operations, one sentence, how far it went.
//!
//! It never decides anything: every smaller history it reports was decided again.

use crate::entry::{Entry, OPEN, Outcome};
use crate::model::{EntryOf, Model};
use crate::options::Options;
use crate::partition::Part;
use crate::search::{Decided, decide_inline};
use crate::verdict::Violation;

/// Steps for one smaller history; a search that takes longer shows nothing to a person either.
const TRIAL_STEPS: u64 = 10_000;

/// Steps and operations for all smaller histories together: well under a second.
const ALL_TRIALS: u64 = 600_000;

/// So many operations are named in a sentence.
const NAMED: usize = 6;

/// Evidence that no order explains the part.
pub(crate) fn violation<M: Model>(model: &M, part: &Part<'_, M>, options: &Options<'_>) -> Violation {
    let entries = &part.entries;
    let mut core: Vec<bool> = entries.iter().map(|entry| matches!(entry.outcome, Outcome::Ok(_))).collect();
    let mut legal_prefix = Vec::new();
    if options.evidence {
        let mut shrinker = Shrinker { model, entries, options, left: ALL_TRIALS };
        shrinker.end_early(&mut core);
        legal_prefix = shrinker.legal_prefix(&core);
        shrinker.shrink(&mut core);
    }
    let mut operations: Vec<u32> =
        (0..).zip(&core).filter_map(|(index, &kept)| kept.then_some(index)).collect();
    operations.sort_by_key(|&index| (entries[index as usize].call, index));
    Violation {
        rule: "no-legal-order",
        sentence: sentence(model, entries, &operations, options),
        key: part.key.as_ref().map(|key| model.key_name(key)),
        operations: part.global(operations),
        legal_prefix: part.global(legal_prefix),
    }
}

fn sentence<M: Model>(
    model: &M,
    entries: &[EntryOf<M>],
    operations: &[u32],
    options: &Options<'_>,
) -> String {
    let tell = |index: u32| {
        let entry = &entries[index as usize];
        let what = model.describe(&entry.op, &entry.outcome);
        let when = options.times.interval(entry.call, entry.returned);
        format!("client {} {what} ({when})", entry.client)
    };
    let last = operations.iter().copied().max_by_key(|&index| (entries[index as usize].returned, index));
    let Some(failing) = last else { return "no order explains the operations".to_owned() };
    let others = || operations.iter().filter(|&&index| index != failing);
    match others().count() {
        0 => format!("{}, and nothing that happened explains it", tell(failing)),
        count @ 1..NAMED => {
            let others: Vec<String> = others().map(|&index| tell(index)).collect();
            let these = if count == 1 { "this" } else { "these" };
            format!("{}, which no order explains together with {these}: {}", tell(failing), others.join("; "))
        }
        count => format!("{}, which no order explains together with {count} other operations", tell(failing)),
    }
}

struct Shrinker<'a, M: Model> {
    model: &'a M,
    entries: &'a [EntryOf<M>],
    options: &'a Options<'a>,
    left: u64,
}

impl<M: Model> Shrinker<'_, M> {
    /// The history in which only the core has to be explained.
    ///
    /// Outside of the core, operations that write become unknown outcomes, and operations that do not are left out. An order
    /// that explains the whole history explains this one too (without the operations left out, which changed no state), so
    /// if this one is invalid the whole is. And if this one is invalid, so is the core by itself: an order of the core alone
    /// would be an order of this one that uses no unknown operation.
    fn weakened(&self, core: &[bool]) -> (Vec<EntryOf<M>>, Vec<u32>) {
        let mut entries = Vec::new();
        let mut indices = Vec::new();
        for ((index, entry), &kept) in (0..).zip(self.entries).zip(core) {
            let weak = match &entry.outcome {
                _ if kept => entry.clone(),
                Outcome::Failed => continue,
                Outcome::Ok(reply) if self.model.is_read_only(&entry.op, reply) => continue,
                _ => Entry { returned: OPEN, outcome: Outcome::Unknown, ..entry.clone() },
            };
            entries.push(weak);
            indices.push(index);
        }
        (entries, indices)
    }

    /// Whether the history in which only the core has to be explained is invalid for certain.
    fn fails(&mut self, core: &[bool]) -> bool {
        let (mut entries, _) = self.weakened(core);
        let Some(left) = self.left.checked_sub(self.entries.len() as u64) else {
            self.left = 0;
            return false;
        };
        self.model.blur(&mut entries);
        let mut options = *self.options;
        options.budget.steps = TRIAL_STEPS.min(left);
        let (decided, steps, _) = decide_inline(self.model, &entries, &options);
        self.left = left.saturating_sub(steps);
        decided == Decided::Invalid
    }

    /// Takes out of the core what returned after the history was invalid.
    ///
    /// What must be explained only grows with time, so the earliest such return can be searched for by halves.
    fn end_early(&mut self, core: &mut [bool]) {
        let entries = self.entries;
        let mut ends: Vec<u64> =
            core.iter().zip(entries).filter_map(|(&kept, entry)| kept.then_some(entry.returned)).collect();
        ends.sort_unstable();
        let until = |end: u64| -> Vec<bool> {
            core.iter().zip(entries).map(|(&kept, entry)| kept && entry.returned <= end).collect()
        };
        // It fails with all up to `high`; not for certain with all up to what is before `low`.
        let (mut low, mut high) = (0, ends.len().saturating_sub(1));
        let mut smallest = None;
        while low < high {
            let middle = usize::midpoint(low, high);
            let trial = until(ends[middle]);
            if self.fails(&trial) {
                high = middle;
                smallest = Some(trial);
            } else {
                low = middle + 1;
            }
        }
        if let Some(smallest) = smallest {
            core.copy_from_slice(&smallest);
        }
    }

    /// The longest order found that explains the core as far as it can be explained.
    fn legal_prefix(&mut self, core: &[bool]) -> Vec<u32> {
        let (entries, indices) = self.weakened(core);
        let mut options = *self.options;
        options.budget.steps = TRIAL_STEPS;
        // Foresight ends a search long before the replies that it foresees; without it, an order goes on up to them.
        options.rules.foresight = false;
        let (_, _, order) = decide_inline(self.model, &entries, &options);
        order.into_iter().map(|index| indices[index as usize]).collect()
    }

    /// Removes from the core what it does not need, in ever smaller chunks, until no single operation can be removed or the
    /// budget is used up.
    fn shrink(&mut self, core: &mut [bool]) {
        let mut chunk = core.iter().filter(|&&kept| kept).count();
        loop {
            chunk = chunk.div_ceil(2).max(1);
            let mut smaller = false;
            let members: Vec<usize> = (0..core.len()).filter(|&index| core[index]).collect();
            for some in members.chunks(chunk) {
                let mut trial = core.to_vec();
                for &index in some {
                    trial[index] = false;
                }
                if !self.fails(&trial) {
                    if self.left == 0 {
                        return;
                    }
                    continue;
                }
                core.copy_from_slice(&trial);
                smaller = true;
            }
            if chunk == 1 && !smaller {
                return;
            }
        }
    }
}

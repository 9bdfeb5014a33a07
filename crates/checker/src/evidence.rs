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
const TRIAL_STEPS: u64 = 20_000;

/// Steps and operations for all smaller histories together: well under a second.
const ALL_TRIALS: u64 = 4_000_000;

/// So many operations are named in a sentence.
const NAMED: usize = 6;

/// Evidence that no order explains the part up to the return of `failing`.
pub(crate) fn violation<M: Model>(
    model: &M,
    part: &Part<'_, M>,
    failing: u32,
    options: &Options<'_>,
) -> Violation {
    let entries = &part.entries;
    let until = entries[failing as usize].returned;
    // What returns later need not be explained by then.
    let mut core: Vec<bool> = entries.iter().map(|entry| entry.deadline() <= until).collect();
    let mut legal_prefix = Vec::new();
    if options.evidence {
        let mut shrinker = Shrinker { model, entries, options, left: ALL_TRIALS };
        legal_prefix = shrinker.legal_prefix(&core);
        shrinker.shrink(&mut core);
    }
    let mut operations: Vec<u32> =
        (0..).zip(&core).filter_map(|(index, &kept)| kept.then_some(index)).collect();
    operations.sort_by_key(|&index| (entries[index as usize].call, index));
    Violation {
        rule: "no-legal-order",
        sentence: sentence(model, entries, &operations, failing, options),
        key: part.key.as_ref().map(|key| format!("{key:?}")),
        operations: part.global(operations),
        legal_prefix: part.global(legal_prefix),
    }
}

fn sentence<M: Model>(
    model: &M,
    entries: &[EntryOf<M>],
    operations: &[u32],
    failing: u32,
    options: &Options<'_>,
) -> String {
    let tell = |index: u32| {
        let entry = &entries[index as usize];
        let what = model.describe(&entry.op, &entry.outcome);
        let when = options.times.interval(entry.call, entry.returned);
        format!("client {} {what} ({when})", entry.client)
    };
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

    /// Whether the history in which only the core has to be explained is invalid for certain; and then the entry at whose
    /// return it is.
    fn fails(&mut self, core: &[bool]) -> Option<u32> {
        let (mut entries, indices) = self.weakened(core);
        let cost = self.entries.len() as u64;
        self.left = self.left.checked_sub(cost)?;
        self.model.blur(&mut entries);
        let mut options = *self.options;
        options.budget.steps = TRIAL_STEPS.min(self.left);
        let (decided, steps, _) = decide_inline(self.model, &entries, &options);
        self.left = self.left.saturating_sub(steps);
        match decided {
            Decided::Invalid { failing } => Some(indices[failing as usize]),
            _ => None,
        }
    }

    fn legal_prefix(&mut self, core: &[bool]) -> Vec<u32> {
        let (entries, indices) = self.weakened(core);
        let (_, _, order) = decide_inline(self.model, &entries, self.options);
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
                let Some(failing) = self.fails(&trial) else {
                    if self.left == 0 {
                        return;
                    }
                    continue;
                };
                // What returns after the failure is not needed either.
                let until = self.entries[failing as usize].returned;
                for (kept, entry) in trial.iter_mut().zip(self.entries) {
                    *kept &= entry.deadline() <= until;
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

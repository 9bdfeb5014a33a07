//! Linearizability by its definition: every order of every choice of operations. Slow, and obviously right.

use checker::{EntryOf, Model, Outcome};

/// Whether some order of all operations with a reply, and of some of the unknown ones, respects the intervals and explains
/// every reply.
pub(crate) fn is_linearizable<M: Model>(model: &M, entries: &[EntryOf<M>]) -> bool {
    let left: Vec<&EntryOf<M>> = entries.iter().filter(|entry| entry.outcome != Outcome::Failed).collect();
    extend(model, &model.init(), &left)
}

fn extend<M: Model>(model: &M, state: &M::State, left: &[&EntryOf<M>]) -> bool {
    if left.iter().all(|entry| entry.outcome == Outcome::Unknown) {
        return true;
    }
    (0..left.len()).any(|next| {
        let entry = left[next];
        let others: Vec<_> = left.iter().copied().filter(|&other| !std::ptr::eq(other, entry)).collect();
        // Whatever ended before it began comes before it.
        if others.iter().any(|other| other.deadline() < entry.call) {
            return false;
        }
        let (after, reply) = model.step(state, &entry.op);
        let explained = match &entry.outcome {
            Outcome::Ok(expected) => *expected == reply,
            _ => true,
        };
        explained && extend(model, after.as_ref().unwrap_or(state), &others)
    })
}

/// Says what is wrong with an order that claims to explain the entries; it need not hold all of them.
pub(crate) fn flaw<M: Model>(
    model: &M,
    entries: &[EntryOf<M>],
    order: &[usize],
    whole: bool,
) -> Option<String> {
    let mut state = model.init();
    let mut instant = 0;
    let mut seen = vec![false; entries.len()];
    for &index in order {
        let entry = &entries[index];
        if std::mem::replace(&mut seen[index], true) {
            return Some(format!("{index} comes twice"));
        }
        instant = instant.max(entry.call);
        if instant > entry.deadline() {
            return Some(format!("{index} comes after something that was called after its return"));
        }
        let (after, reply) = model.step(&state, &entry.op);
        match &entry.outcome {
            Outcome::Failed => return Some(format!("{index} failed")),
            Outcome::Ok(expected) if *expected != reply => {
                return Some(format!("{index} would reply {reply:?}"));
            }
            _ => state = after.unwrap_or(state),
        }
    }
    let missing =
        (0..entries.len()).find(|&index| matches!(entries[index].outcome, Outcome::Ok(_)) && !seen[index]);
    missing.filter(|_| whole).map(|index| format!("{index} is missing"))
}

//! Small hostile histories and larger plausible ones, from a seed.

use checker::{
    Bank, BankOp, Entry, EntryOf, KeyValue, KvOp, Model, Mutex, MutexOp, OPEN, Outcome, Register, RegisterOp,
    Transactions, Value, Versioned,
};

/// A small generator (splitmix64); the same on every machine.
#[derive(Clone, Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// What a generator needs of a model: operations to draw.
pub(crate) trait Draw: Model {
    /// One more operation of a history in which `made` were drawn before.
    fn draw(&self, random: &mut Random, made: u32) -> Self::Op;
}

impl Draw for Register {
    fn draw(&self, random: &mut Random, made: u32) -> RegisterOp {
        // The sign of the model's names says whether values are unique: tests have no other use for names.
        let unique = !self.names.is_empty();
        let some = |random: &mut Random| {
            let values = if unique { u64::from(made) + 1 } else { 3 };
            Value(u32::try_from(random.below(values)).expect("small"))
        };
        let new = |random: &mut Random| if unique { Value(made + 1) } else { some(random) };
        match random.below(10) {
            0..4 => RegisterOp::Read,
            4..7 => RegisterOp::Write(new(random)),
            _ => RegisterOp::Cas { from: some(random), to: new(random) },
        }
    }
}

impl Draw for KeyValue {
    fn draw(&self, random: &mut Random, _: u32) -> KvOp {
        let key = ["a", "b"][usize::from(random.chance(30))].into();
        let value = ["x", "y", "xy"][usize::try_from(random.below(3)).expect("small")].into();
        match random.below(10) {
            0..4 => KvOp::Get { key },
            4..6 => KvOp::Put { key, value },
            6..7 => KvOp::Delete { key },
            _ => KvOp::Append { key, value },
        }
    }
}

impl Draw for Transactions {
    fn draw(&self, random: &mut Random, made: u32) -> Vec<KvOp> {
        (0..1 + random.below(3)).map(|_| self.store.draw(random, made)).collect()
    }
}

impl Draw for Versioned {
    fn draw(&self, random: &mut Random, made: u32) -> RegisterOp {
        self.register.draw(random, made)
    }
}

impl Draw for Bank {
    fn draw(&self, random: &mut Random, _: u32) -> BankOp {
        if random.chance(40) {
            return BankOp::Read;
        }
        let mut account = || u32::try_from(random.below(self.balances.len() as u64)).expect("small");
        let (from, to) = (account(), account());
        BankOp::Transfer { from, to, amount: 1 + i64::try_from(random.below(3)).expect("small") }
    }
}

impl Draw for Mutex {
    fn draw(&self, random: &mut Random, _: u32) -> MutexOp {
        let holder = u32::try_from(random.below(3)).expect("small");
        if random.chance(50) { MutexOp::Acquire(holder) } else { MutexOp::Release(holder) }
    }
}

/// A history of `count` operations in which all times are below `span`: some operation after another takes effect on one
/// object, with intervals around these instants, so it is valid; then, mostly, something in it is changed.
pub(crate) fn small<M: Draw>(model: &M, random: &mut Random, count: u32, span: u64) -> Vec<EntryOf<M>> {
    let mut instants: Vec<u64> = (0..count).map(|_| random.below(span)).collect();
    instants.sort_unstable();
    let mut state = model.init();
    let mut entries = Vec::new();
    let unknown = [0, 20, 50][usize::try_from(random.below(3)).expect("small")];
    let width = 1 + [random.below(3), random.below(span / 2 + 1)][usize::from(random.chance(50))];
    for (made, &instant) in (0..).zip(&instants) {
        let op = model.draw(random, made);
        let call = instant.saturating_sub(random.below(width));
        let returned = instant + random.below(width);
        let client = made % 3;
        let lost = random.chance(unknown);
        if lost && random.chance(50) {
            entries.push(Entry::unknown(client, call, op));
            continue;
        }
        if random.chance(4) {
            entries.push(Entry { client, call, returned, op, outcome: Outcome::Failed });
            continue;
        }
        let (next, reply) = model.step(&state, &op);
        state = next.unwrap_or(state);
        let entry = Entry::ok(client, call, returned, op, reply);
        entries.push(if lost { Entry { returned: OPEN, outcome: Outcome::Unknown, ..entry } } else { entry });
    }
    for _ in 0..random.below(5) {
        change(model, random, &mut entries, span);
    }
    entries
}

/// Makes one reply another one, or moves one interval, or repeats or drops an operation.
pub(crate) fn change<M: Draw>(model: &M, random: &mut Random, entries: &mut Vec<EntryOf<M>>, span: u64) {
    if entries.is_empty() {
        return;
    }
    let at = usize::try_from(random.below(entries.len() as u64)).expect("small");
    let made = u32::try_from(entries.len()).expect("small");
    match random.below(8) {
        0..5 => {
            // The reply that the same operation gets after some others: plausible, and often wrong.
            let mut state = model.init();
            for _ in 0..random.below(4) {
                let made = u32::try_from(random.below(made.into())).expect("small");
                state = model.step(&state, &model.draw(random, made)).0.unwrap_or(state);
            }
            let entry = &mut entries[at];
            if matches!(entry.outcome, Outcome::Ok(_)) {
                entry.outcome = Outcome::Ok(model.step(&state, &entry.op).1);
            }
        }
        5 => {
            let entry = &mut entries[at];
            entry.call = random.below(span);
            if entry.returned != OPEN {
                entry.returned = entry.call + random.below(span);
            }
        }
        6 => {
            let again = entries[at].clone();
            entries.push(again);
        }
        _ => {
            entries.remove(at);
        }
    }
}

//! From the lines of a file straight to columns: an operation's record is where its return is entered, so that nothing
//! waits for it elsewhere.

use history::{Answer, Begun, Compared, End, Ended, Guard, Operation, Shown, Step, Visitor, WatchUpdate};

use super::build::{borrowed, clamp};
use super::packed::{Kind, ONE, Packed};
use super::{Asked, Compare, Ending, Key, Keys, Kv, Log, NONE, Op, Operand, Span, Txn, index};

/// A part of a file as it is scanned: its strings are borrowed from the file.
impl<'a> Visitor<'a> for Log<'a> {
    const QUICK: bool = true;

    fn begins(&mut self, number: u64) {
        self.push(number, Op::OPEN);
    }

    fn operation(&mut self, operation: &Operation<'a>) {
        let op = self.op(operation, &borrowed);
        if let Some(slot) = self.at(operation.number).and_then(|at| self.ops.get_mut(at)) {
            *slot = op;
        }
    }

    fn watched(&mut self, update: &WatchUpdate<'a>) {
        self.update(update, &borrowed);
    }

    fn begun(&mut self, file: usize, begun: &Begun<'a>) {
        let action = match begun.step {
            Some(step) => self.step(step),
            None => self.transaction(begun),
        };
        let op = Op { invoked: begun.t.0, file: index(file), client: begun.client, action, ..Op::OPEN };
        self.push(begun.number, op);
    }

    fn ended(&mut self, ended: &Ended<'a>) -> Option<()> {
        let at = self.at(ended.number)?;
        let op = *self.ops.get(at).filter(|op| op.open)?;
        // Why a call of a common kind was refused tells nothing: none has a lease, or reads the past.
        let done = Op { open: false, deadline: ended.t.0, ..op };
        self.ops[at] = match ended.end {
            End::Unknown => Op { deadline: u64::MAX, ..done },
            End::Failed => Op { ending: Ending::Failed, action: Packed::OTHER, ..done },
            End::Ok { revision, succeeded } => {
                let action = match (succeeded, &ended.answers[..]) {
                    (Some(succeeded), answers) => self.answer_txn(op.action, succeeded, answers)?,
                    (None, [answer]) => self.answer(op.action, answer)?,
                    (None, _) => return None,
                };
                Op { ending: Ending::Ok, revision, action, ..done }
            }
        };
        Some(())
    }
}

impl<'a> Log<'a> {
    fn push(&mut self, number: u64, op: Op) {
        if self.ops.is_empty() {
            self.first = number;
        }
        self.ops.push(op);
    }

    fn at(&self, number: u64) -> Option<usize> {
        number.checked_sub(self.first).and_then(|at| usize::try_from(at).ok())
    }

    fn step(&mut self, step: Step<'a>) -> Packed {
        match step {
            Step::Put { key, value } => {
                self.values.push(value);
                Packed::new(Kind::Put, self.key(key), index(self.values.len() - 1))
            }
            Step::Get { key } => Packed::new(Kind::Get, self.key(key), NONE),
            Step::Delete { key } => Packed::new(Kind::Delete, self.key(key), 0),
        }
    }

    fn steps(&mut self, steps: &[Step<'a>]) -> Span {
        let start = index(self.actions.len());
        for step in steps {
            let action = self.step(*step);
            self.actions.push(action);
        }
        Span { start, len: index(steps.len()) }
    }

    fn transaction(&mut self, begun: &Begun<'a>) -> Packed {
        let start = index(self.compares.len());
        for Compared { key, comparison, guard } in &begun.compare {
            let operand = match *guard {
                Guard::Value(value) => Operand::Value(value),
                Guard::Version(n) => Operand::Version(n),
                Guard::Create(n) => Operand::Create(n),
                Guard::Mod(n) => Operand::Mod(n),
                Guard::Lease(n) => Operand::Lease(n),
            };
            let keys = Keys { from: self.key(key), to: ONE };
            self.compares.push(Compare { keys, operand, comparison: *comparison });
        }
        let compares = Span { start, len: index(begun.compare.len()) };
        let (success, failure) = (self.steps(&begun.success), self.steps(&begun.failure));
        // Without a single call there is none that asks the cluster; none of these asks one member alone.
        let serializable = success.len + failure.len == 0;
        self.txns.push(Txn { compares, success, failure, succeeded: None, serializable, asked: Asked::Txn });
        Packed::new(Kind::Txn, index(self.txns.len() - 1), NONE)
    }

    /// What was asked, with its answer; `None` if one is not to the other.
    fn answer(&mut self, asked: Packed, answer: &Answer<'a>) -> Option<Packed> {
        match (asked.kind, answer) {
            (Kind::Put, Answer { shown: None, deleted: 0 }) => Some(asked),
            (Kind::Get, Answer { shown, deleted: 0 }) => {
                let b = shown.map_or(NONE, |shown| self.shown(asked.a, &shown));
                Some(Packed { b, ..asked })
            }
            (Kind::Delete, Answer { shown: None, deleted }) => Some(Packed { b: clamp(*deleted), ..asked }),
            _ => None,
        }
    }

    fn answer_txn(&mut self, asked: Packed, succeeded: bool, answers: &[Answer<'a>]) -> Option<Packed> {
        if asked.kind != Kind::Txn {
            return None;
        }
        let Txn { success, failure, .. } = self.txns[asked.a as usize];
        let taken = if succeeded { success } else { failure };
        if taken.len as usize != answers.len() {
            return None;
        }
        for (at, answer) in taken.range().zip(answers) {
            self.actions[at] = self.answer(self.actions[at], answer)?;
        }
        let b = self.one_key(taken, self.txns[asked.a as usize].compares);
        let txn = &mut self.txns[asked.a as usize];
        txn.succeeded = Some(succeeded);
        // As of any answered transaction, only the branch that was taken is kept.
        *(if succeeded { &mut txn.failure } else { &mut txn.success }) = Span::default();
        Some(Packed { b, ..asked })
    }

    /// The key of these actions and comparisons, or [`NONE`] if there are several.
    fn one_key(&self, actions: Span, compares: Span) -> Key {
        let acted = self.actions[actions.range()].iter().map(|action| action.a);
        let mut keys = acted.chain(self.compares[compares.range()].iter().map(|compare| compare.keys.from));
        let Some(first) = keys.next() else { return NONE };
        if keys.all(|key| key == first) { first } else { NONE }
    }

    fn shown(&mut self, asked: Key, shown: &Shown<'a>) -> u32 {
        // It is nearly always the key that was asked for.
        let key = if self.keys[asked as usize] == shown.key { asked } else { self.key(shown.key) };
        self.kvs.push(Kv {
            key,
            value: Some(shown.value),
            create: shown.create_revision,
            modified: shown.mod_revision,
            version: shown.version,
            lease: shown.lease,
        });
        index(self.kvs.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use history::Nanos;

    use super::*;

    #[test]
    fn a_transaction_without_an_answer_is_no_reason_to_read_a_file_the_slow_way() {
        for (end, ending) in [(End::Unknown, Ending::Unknown), (End::Failed, Ending::Failed)] {
            let mut log = Log::default();
            let put = Step::Put { key: b"k", value: b"v" };
            log.begun(0, &Begun { success: vec![put], ..Begun::default() });
            let ended = Ended { number: 0, t: Nanos(7), end, answers: Vec::new() };
            assert!(log.ended(&ended).is_some());
            assert_eq!(log.ops[0].ending, ending);
        }
    }
}

//! Contradictions in words: who did what to which key, at which revision and when.
//!
//! Judges nothing; what arrives here is proved already.

mod deeds;
mod rules;

use history::{Blob, FileReport, Nanos};

use super::log::{Action, Ending, Fact, Key, Log, Op, UNTOLD};
use super::order::{Disorder, Entry, Order, Role};
use super::search::Contradiction;
use super::store::{Cell, Mismatch, Presence, Problem};
use crate::{Verdict, Violation};

/// Values are shown up to here; the rest is in the history.
const VALUE_SHOWN: usize = 40;

pub(super) struct Explain<'h> {
    files: &'h [FileReport],
    log: &'h Log<'h>,
}

fn invalid(rule: &'static str, sentence: String, key: Option<String>, operations: Vec<usize>) -> Verdict {
    let mut operations = operations;
    operations.sort_unstable();
    operations.dedup();
    Verdict::Invalid(Box::new(Violation { rule, sentence, key, operations, legal_prefix: Vec::new() }))
}

/// More revisions than anything in the history can have taken.
pub(super) fn too_many_hidden(count: i64, possible: i64, order: &Order) -> Verdict {
    let sentence = format!(
        "of the revisions {} to {}, {count} were answered to nobody, but only {possible} operations or ended leases \
         can have taken one unanswered",
        order.base + 1,
        order.head
    );
    invalid("unexplained-revisions", sentence, None, Vec::new())
}

impl<'h> Explain<'h> {
    pub(super) fn new(files: &'h [FileReport], log: &'h Log<'h>) -> Self {
        Self { files, log }
    }

    pub(super) fn disorder(&self, disorder: Disorder) -> Verdict {
        match disorder {
            Disorder::Twice { revision, first, second } => {
                let sentence = format!(
                    "revision {revision} was given to two writes: {} and {}",
                    self.deed(first),
                    self.deed(second)
                );
                let key = self.key_of_both(first, second);
                invalid("revision-given-twice", sentence, key, vec![first as usize, second as usize])
            }
            Disorder::Backwards { early, late } => self.backwards(early, late),
            Disorder::Impossible { op, revision } => {
                let sentence =
                    format!("{} was answered with revision {revision}, which cannot be", self.what(op));
                invalid("impossible-revision", sentence, self.key_of(op), vec![op as usize])
            }
            Disorder::Renamed { op, asked, lease } => {
                let sentence = format!("{} asked for lease {asked} and was granted {lease}", self.what(op));
                invalid("wrong-lease-granted", sentence, None, vec![op as usize])
            }
            Disorder::Future { op, asked, head } => {
                let sentence = format!(
                    "{} asked for revision {asked} and was answered, when the store was at revision {head}",
                    self.what(op)
                );
                invalid("read-of-the-future", sentence, self.key_of(op), vec![op as usize])
            }
        }
    }

    fn backwards(&self, early: u32, late: u32) -> Verdict {
        let (old, new) = (self.operation(early), self.operation(late));
        let gap = ms(Nanos(old.invoked), Nanos(new.deadline));
        let (at, reached) = (self.log.ops[early as usize].revision, self.log.ops[late as usize].revision);
        let wrote = self.log.wrote(&self.log.action(early));
        let (rule, verb) = match wrote {
            true => ("revision-went-back", "took"),
            false => ("stale-read", "was answered from"),
        };
        let sentence = format!(
            "{} began {gap} after {} had been answered with revision {reached}, and yet {verb} revision {at}",
            self.what(early),
            self.what(late)
        );
        let key = self.key_of(early).or_else(|| self.key_of(late));
        invalid(rule, sentence, key, vec![early as usize, late as usize])
    }

    pub(super) fn contradiction(&self, order: &Order, contradiction: Contradiction<'_>) -> Verdict {
        match contradiction {
            Contradiction::Answer { entry, mismatch } => self.answer(order, &entry, &mismatch),
            Contradiction::Hidden { revision, shown } => self.hidden(order, revision, shown),
        }
    }

    fn hidden(&self, order: &Order, revision: i64, shown: Option<Fact<'_>>) -> Verdict {
        let Some(fact) = shown else {
            let sentence = format!(
                "revision {revision} was answered to nobody, and no operation with an unknown outcome can have taken it"
            );
            return invalid("unexplained-revision", sentence, None, Vec::new());
        };
        let key = self.key(fact.key());
        let seen = match fact {
            Fact::Put(kv) => kv.value.map_or("a value".to_owned(), |value| format!("value {}", text(value))),
            Fact::Written { .. } => "a change".to_owned(),
            Fact::Born { .. } => "the creation".to_owned(),
            Fact::Delete { .. } => "the deletion".to_owned(),
        };
        let witness = self.seer(order, &fact);
        let by = witness.map_or_else(|| "a watch".to_owned(), |op| self.what(op));
        let sentence = format!(
            "{by} showed {seen} of key {key} at revision {revision}, but no operation can have written that there"
        );
        let operations = witness.map(|op| op as usize).into_iter().collect();
        invalid("value-nobody-wrote", sentence, Some(key), operations)
    }

    /// The first operation whose answer showed it.
    fn seer(&self, order: &Order, fact: &Fact<'_>) -> Option<u32> {
        let shows = |entry: &&Entry| {
            let mut found = false;
            self.shown_kvs(&self.log.action(entry.op), &mut |kv| {
                found |=
                    kv.key == fact.key() && (kv.modified == fact.revision() || kv.create == fact.revision());
            });
            // A campaign tells when its key was created.
            let campaign = entry.role() == Role::Silent && matches!(fact, Fact::Born { .. });
            found || campaign && self.log.only_key(entry.op) == Some(fact.key())
        };
        order.entries.iter().find(shows).map(|entry| entry.op)
    }

    fn shown_kvs(&self, action: &Action<'_>, see: &mut impl FnMut(&super::log::Kv<'_>)) {
        match action {
            Action::Put { prev, .. } => {
                if let Some(kv) = self.log.kvs.get(*prev as usize) {
                    see(kv);
                }
            }
            Action::Range { kvs, .. } => self.log.kvs[kvs.range()].iter().for_each(see),
            Action::Delete { prev, .. } => self.log.kvs[prev.range()].iter().for_each(see),
            Action::Txn(txn) => {
                for action in self.log.taken(&self.log.txns[*txn as usize]) {
                    self.shown_kvs(&action, &mut *see);
                }
            }
            _ => {}
        }
    }

    fn answer(&self, order: &Order, entry: &Entry, mismatch: &Mismatch<'_>) -> Verdict {
        let cell = &mismatch.cell;
        let key = self.key(mismatch.problem.key());
        let what = self.what(entry.op);
        let at = entry.revision;
        let writer = self.writer(order, mismatch.problem.key(), cell.modified);
        let held = self.held(&key, cell, writer);
        let later = self.later(entry.op, writer);
        let (rule, sentence) = match &mismatch.problem {
            Problem::Missing(_) => {
                ("lost-write", format!("{held}, but {what} at revision {at}{later} found nothing"))
            }
            Problem::Appeared(kv) => {
                let wrote = self.writer(order, kv.key, kv.modified);
                let value = kv.value.map_or(String::new(), |value| format!(" with value {}", text(value)));
                match wrote {
                    Some(_) => (
                        "deleted-key-seen",
                        format!(
                            "{what} at revision {at} found key {key}{value} of revision {}, which was deleted \
                                 by then",
                            kv.modified
                        ),
                    ),
                    None => (
                        "value-nobody-wrote",
                        format!(
                            "{what} at revision {at} found key {key}{value} of revision {}, but nobody wrote it \
                                 there",
                            kv.modified
                        ),
                    ),
                }
            }
            Problem::Differs(kv) => self.differs(cell, kv, &held, &format!("{what} at revision {at}{later}")),
            Problem::Count { expected, found, .. } => (
                "wrong-count",
                format!("{what} at revision {at} counted {found} keys where there were {expected}"),
            ),
            Problem::Shape { what: shape, .. } => {
                ("malformed-answer", format!("the answer to {what} {shape}"))
            }
            Problem::Branch { succeeded, .. } => {
                let (came, other) = if *succeeded { ("held", "did not") } else { ("did not hold", "did") };
                let state = self.state(&key, cell);
                let sentence = format!(
                    "{what} at revision {at} was told that its comparisons {came}, but they {other}: {state}"
                );
                ("wrong-branch", sentence)
            }
            Problem::Deleted { expected, found, .. } => (
                "wrong-delete-count",
                format!(
                    "{what} at revision {at} deleted {found} keys where there were {expected}: {}",
                    self.state(&key, cell)
                ),
            ),
            Problem::PassedOver(_) => (
                "key-passed-over",
                format!(
                    "{what} at revision {at} lists keys that come behind key {key}, and not that one: {}",
                    self.state(&key, cell)
                ),
            ),
            Problem::Kept(_) => (
                "missing-key-kept",
                format!("{what} at revision {at} kept what key {key} held, which did not exist"),
            ),
            Problem::Undone(_) => match self.log.action(entry.op) {
                Action::Revoke { .. } => (
                    "revoke-left-keys",
                    format!("{what} left revision {at} as it was, but {held} and had the lease"),
                ),
                _ => (
                    "request-left-undone",
                    format!("{what} left revision {at} as it was, but {}", self.state(&key, cell)),
                ),
            },
            Problem::NeverPut(_) => (
                "lock-without-key",
                format!(
                    "{what} was granted at revision {at}, but its key {key} cannot have been put by then"
                ),
            ),
        };
        let mut operations = vec![entry.op as usize];
        operations.extend(writer.map(|op| op as usize));
        if let Problem::Appeared(kv) = &mismatch.problem {
            operations.extend(self.writer(order, kv.key, kv.modified).map(|op| op as usize));
        }
        invalid(rule, sentence, Some(key), operations)
    }

    fn differs(
        &self,
        cell: &Cell<'_>,
        kv: &super::log::Kv<'_>,
        held: &str,
        read: &str,
    ) -> (&'static str, String) {
        let found = kv.value.map_or("it".to_owned(), text);
        if kv.modified < cell.modified {
            return (
                "older-value",
                format!("{held}, but {read} found the older {found} of revision {}", kv.modified),
            );
        }
        if kv.modified > cell.modified {
            let sentence = format!(
                "{held}, but {read} found {found} of revision {}, which nobody wrote there",
                kv.modified
            );
            return ("value-nobody-wrote", sentence);
        }
        if kv.value.is_some_and(|shown| cell.value.is_some_and(|value| value != shown)) {
            return ("changed-value", format!("{held}, but {read} found {found} of that revision"));
        }
        let (rule, name, was, is) = if kv.create != cell.create && kv.create != UNTOLD {
            ("wrong-create-revision", "create revision", cell.create, kv.create)
        } else if kv.version != cell.version && kv.version != UNTOLD {
            ("wrong-version", "version", cell.version, kv.version)
        } else {
            ("wrong-lease", "lease", cell.lease, kv.lease)
        };
        (rule, format!("{held}, but {read} found {name} {is} where it was {was}"))
    }

    /// "key k was acknowledged with value v at revision 41", with as much as is known.
    fn held(&self, key: &str, cell: &Cell<'_>, writer: Option<u32>) -> String {
        let value = cell.value.map_or(String::new(), |value| format!(" with value {}", text(value)));
        match writer {
            Some(op) => {
                format!("key {key} was acknowledged{value} at revision {} to {}", cell.modified, self.who(op))
            }
            None => format!("key {key} was there{value} since revision {}", cell.modified),
        }
    }

    fn state(&self, key: &str, cell: &Cell<'_>) -> String {
        match cell.presence {
            Presence::Present => {
                let value = cell.value.map_or(String::new(), |value| format!(" value {},", text(value)));
                format!("key {key} held{value} mod revision {}, version {}", cell.modified, cell.version)
            }
            _ => format!("key {key} did not exist"),
        }
    }

    /// The answered write of `key` at a revision.
    fn writer(&self, order: &Order, key: Key, revision: i64) -> Option<u32> {
        let entry = order.entries.get(order.find(revision))?;
        let answered = self.operation(entry.op).ending == Ending::Ok;
        let wrote = answered && entry.role() == Role::Write && entry.revision == revision;
        let mut puts = false;
        self.put_keys(&self.log.action(entry.op), &mut |put| puts |= put == key);
        (wrote && puts).then_some(entry.op)
    }

    fn put_keys(&self, action: &Action<'_>, see: &mut impl FnMut(Key)) {
        match action {
            Action::Put { key, .. } => see(*key),
            Action::Txn(txn) => {
                for action in self.log.taken(&self.log.txns[*txn as usize]) {
                    self.put_keys(&action, &mut *see);
                }
            }
            _ => {}
        }
    }

    fn later(&self, reader: u32, writer: Option<u32>) -> String {
        let Some(writer) = writer else { return String::new() };
        let written = Nanos(self.operation(writer).deadline);
        let read = Nanos(self.operation(reader).invoked);
        if written <= read { format!(", {} later,", ms(read, written)) } else { String::new() }
    }

    fn operation(&self, op: u32) -> &Op {
        &self.log.ops[op as usize]
    }

    /// "client 3 of main/parallel_driver_x 12"
    fn who(&self, op: u32) -> String {
        let operation = self.operation(op);
        let header = self.files.get(operation.file as usize).and_then(|file| file.header.as_ref());
        let command = header.map(|header| format!(" of {} {}", header.command, header.number));
        format!("client {}{}", operation.client, command.unwrap_or_default())
    }

    /// "client 3 of main/parallel_driver_x 12's put"
    fn what(&self, op: u32) -> String {
        format!("{}'s {}", self.who(op), self.log.name(&self.log.action(op)))
    }

    fn key(&self, key: Key) -> String {
        Blob::from(self.log.keys[key as usize]).to_string()
    }

    /// The key of an operation on one.
    fn key_of(&self, op: u32) -> Option<String> {
        let mut first = None;
        self.any_key(&self.log.action(op), &mut first);
        first.map(|key| self.key(key))
    }

    fn any_key(&self, action: &Action<'_>, first: &mut Option<Key>) {
        match action {
            Action::Put { key, .. } => *first = first.or(Some(*key)),
            Action::Range { keys, .. } | Action::Delete { keys, .. } => *first = first.or(Some(keys.from)),
            Action::Txn(txn) => {
                for action in self.log.taken(&self.log.txns[*txn as usize]) {
                    self.any_key(&action, first);
                }
            }
            _ => {}
        }
    }
}

/// A value as people read it, cut where it is long.
fn text(value: &[u8]) -> String {
    let shown = Blob::from(value).to_string();
    match shown.char_indices().nth(VALUE_SHOWN) {
        Some((cut, _)) => format!("\"{}...\"", &shown[..cut]),
        None => format!("\"{shown}\""),
    }
}

fn ms(later: Nanos, earlier: Nanos) -> String {
    let ms = later.since(earlier).as_secs_f64() * 1e3;
    if ms < 10.0 { format!("{ms:.3} ms") } else { format!("{ms:.0} ms") }
}

//! The operations that a violation is about, with those that touched the same keys around them, in words.

mod words;

use std::collections::BTreeSet;

use history::{Blob, Call, FileReport, Nanos, Operation, Outcome, ReadError, Sources, Visitor, WatchUpdate};
use serde::Serialize;

/// So many operations fit on a screen and in a head; the rest is counted.
const SHOWN_MAX: usize = 120;
/// How far before and after the operations of a violation others are looked for.
const AROUND_NS: u64 = 2_000_000_000;

/// An operation as it is shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Shown {
    /// Its file and its number there.
    pub place: (usize, u64),
    /// The command that called, such as `main/parallel_driver_x`.
    pub command: String,
    /// The command's number in the run.
    pub command_number: u64,
    /// The client inside of it.
    pub client: u32,
    /// The member that was asked.
    pub member: String,
    /// `put`, `get`, ...
    pub call: &'static str,
    /// The one key that it names; empty where it names several, or none.
    pub key: String,
    /// What was asked, in words.
    pub asked: String,
    /// What was answered, in words.
    pub answered: String,
    /// `ok`, `failed` or `unknown`.
    pub outcome: &'static str,
    /// The revision that came with a reply.
    pub revision: Option<i64>,
    /// When the request left.
    pub invoked: Nanos,
    /// When its outcome was known.
    pub returned: Option<Nanos>,
    /// One of the operations that contradict each other.
    pub core: bool,
    /// It can change what a key holds.
    pub writes: bool,
    /// Its place in the longest order found that explains what it can, from 1.
    pub explained: Option<usize>,
}

/// What is shown of a violation.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Witness {
    /// Sorted by invocation.
    pub operations: Vec<Shown>,
    /// Others on the same keys at that time, for which there was no room.
    pub left_out: usize,
}

impl Witness {
    /// Finds the operations at `core`, each a file and a number in it, and what happened around them.
    /// `explained` is the longest legal order, in the same terms.
    ///
    /// # Errors
    /// When the files are of another format version or of different boots.
    pub fn read(
        sources: &Sources,
        core: &[(usize, u64)],
        explained: &[(usize, u64)],
    ) -> Result<Self, ReadError> {
        let places: BTreeSet<(usize, u64)> = core.iter().copied().collect();
        let none = Around { keys: Vec::new(), from: 0, until: 0 };
        let (found, _) = collect(sources, &places, &none)?;
        let keys: BTreeSet<Vec<u8>> = found.iter().flat_map(|found| found.keys.iter().cloned()).collect();
        let ends = found.iter().map(|found| found.shown.returned.unwrap_or(found.shown.invoked).0);
        let until = ends.max().unwrap_or(0).saturating_add(AROUND_NS);
        let starts = found.iter().map(|found| found.shown.invoked.0);
        let from = starts.min().unwrap_or(0).saturating_sub(AROUND_NS);
        let around = Around { keys: keys.into_iter().collect(), from, until };
        let (mut found, left_out) = collect(sources, &places, &around)?;
        found.sort_by_key(|found| (found.shown.invoked, found.shown.place));
        let mut operations: Vec<Shown> = found.into_iter().map(|found| found.shown).collect();
        for shown in &mut operations {
            shown.explained = explained.iter().position(|place| *place == shown.place).map(|at| at + 1);
        }
        Ok(Self { operations, left_out })
    }
}

/// Which other operations are looked for.
struct Around {
    keys: Vec<Vec<u8>>,
    from: u64,
    until: u64,
}

struct Found {
    shown: Shown,
    keys: Vec<Vec<u8>>,
}

struct Collector<'c> {
    core: &'c BTreeSet<(usize, u64)>,
    around: &'c Around,
    found: Vec<Found>,
    left_out: usize,
}

fn collect(
    sources: &Sources,
    core: &BTreeSet<(usize, u64)>,
    around: &Around,
) -> Result<(Vec<Found>, usize), ReadError> {
    let make = || Collector { core, around, found: Vec::new(), left_out: 0 };
    let scan = sources.scan(|_| make())?;
    let mut all = make();
    for other in &scan.others {
        other.operations.iter().for_each(|operation| all.operation(operation));
    }
    for part in scan.parts {
        all.left_out += part.left_out;
        all.found.extend(part.found);
    }
    all.shrink();
    for found in &mut all.found {
        let file = scan.files.get(found.shown.place.0);
        named(&mut found.shown, file);
    }
    Ok((all.found, all.left_out))
}

fn named(shown: &mut Shown, file: Option<&FileReport>) {
    if let Some(header) = file.and_then(|file| file.header.as_ref()) {
        shown.command.clone_from(&header.command);
        shown.command_number = header.number;
    }
}

impl Collector<'_> {
    /// Keeps what is nearest to the operations of the violation: writes before reads, as they make the states.
    fn shrink(&mut self) {
        if self.found.len() <= SHOWN_MAX {
            return;
        }
        let ends = (self.around.from + AROUND_NS, self.around.until.saturating_sub(AROUND_NS));
        self.found.sort_by_key(|found| {
            let at = found.shown.invoked.0;
            let distance = at.abs_diff(ends.0).min(at.abs_diff(ends.1));
            (!found.shown.core, !found.shown.writes, distance, found.shown.place)
        });
        self.left_out += self.found.len() - SHOWN_MAX;
        self.found.truncate(SHOWN_MAX);
    }
}

impl<'a> Visitor<'a> for Collector<'_> {
    fn begins(&mut self, _: u64) {}

    fn operation(&mut self, operation: &Operation<'a>) {
        let place = (operation.file, operation.number);
        let core = self.core.contains(&place);
        let end = operation.returned.unwrap_or(operation.invoked).0;
        let near = || operation.invoked.0 <= self.around.until && end >= self.around.from;
        let about = || self.around.keys.iter().any(|key| touches(&operation.call, key));
        let shows = core || (near() && about());
        if !shows {
            return;
        }
        let mut keys = Vec::new();
        if core {
            keys_of(&operation.call, &mut keys);
        }
        self.found.push(Found { shown: shown(operation, core), keys });
        if self.found.len() >= 2 * SHOWN_MAX {
            self.shrink();
        }
    }

    fn watched(&mut self, _: &WatchUpdate<'a>) {}
}

fn shown(operation: &Operation<'_>, core: bool) -> Shown {
    let (outcome, revision) = match &operation.outcome {
        Outcome::Ok(reply) => ("ok", Some(reply.revision())),
        Outcome::Failed(_) => ("failed", None),
        Outcome::Unknown(_) => ("unknown", None),
    };
    Shown {
        place: (operation.file, operation.number),
        command: String::new(),
        command_number: 0,
        client: operation.client,
        member: operation.member.clone().into_owned(),
        call: operation.call.name(),
        key: key_of(&operation.call),
        asked: words::asked(&operation.call),
        answered: words::answered(&operation.outcome),
        outcome,
        revision,
        invoked: operation.invoked,
        returned: operation.returned,
        core,
        writes: writes(&operation.call),
        explained: None,
    }
}

fn writes(call: &Call<'_>) -> bool {
    match call {
        Call::Put(_) | Call::Delete(_) | Call::Revoke { .. } => true,
        Call::Txn(txn) => txn.success.iter().chain(&txn.failure).any(writes),
        _ => false,
    }
}

fn covers(key: &Blob<'_>, end: Option<&Blob<'_>>, wanted: &[u8]) -> bool {
    match end {
        None => key.bytes() == wanted,
        Some(end) => key.bytes() <= wanted && (end.bytes() == b"\0" || wanted < end.bytes()),
    }
}

fn touches(call: &Call<'_>, key: &[u8]) -> bool {
    match call {
        Call::Put(put) => put.key.bytes() == key,
        Call::Range(range) => covers(&range.key, range.end.as_ref(), key),
        Call::Delete(delete) => covers(&delete.key, delete.end.as_ref(), key),
        Call::Txn(txn) => {
            txn.compare.iter().any(|compare| covers(&compare.key, compare.end.as_ref(), key))
                || txn.success.iter().chain(&txn.failure).any(|inner| touches(inner, key))
        }
        _ => false,
    }
}

fn key_of(call: &Call<'_>) -> String {
    match call {
        Call::Put(put) => put.key.to_string(),
        Call::Range(range) if range.end.is_none() => range.key.to_string(),
        Call::Delete(delete) if delete.end.is_none() => delete.key.to_string(),
        _ => String::new(),
    }
}

/// The single keys that a call names.
fn keys_of(call: &Call<'_>, keys: &mut Vec<Vec<u8>>) {
    match call {
        Call::Put(put) => keys.push(put.key.bytes().to_vec()),
        Call::Range(range) if range.end.is_none() => keys.push(range.key.bytes().to_vec()),
        Call::Delete(delete) if delete.end.is_none() => keys.push(delete.key.bytes().to_vec()),
        Call::Txn(txn) => txn.success.iter().chain(&txn.failure).for_each(|inner| keys_of(inner, keys)),
        _ => {}
    }
}

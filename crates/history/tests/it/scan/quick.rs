//! A visitor that takes operations of a common kind line by line finds what reading finds.

use std::path::PathBuf;

use history::{
    Answer, Begun, Blob, Call, Compare, Delete, End, Ended, Guard, History, KeyValue, Nanos, Operation,
    Outcome, Put, Range, Reply, Sources, Step, Target, Txn, Visitor, WatchUpdate,
};

use super::kept;

/// What can be compared of an operation: failures of a common kind are told without their words.
fn told(operation: &Operation<'_>) -> String {
    let Operation { file, number, client, call, invoked, returned, outcome, .. } = operation;
    let outcome = match outcome {
        Outcome::Ok(reply) => format!("{reply:?}"),
        Outcome::Failed(_) => "failed".to_owned(),
        Outcome::Unknown(_) => "unknown".to_owned(),
    };
    format!("{file} {number} {client} {call:?} {invoked:?} {returned:?} {outcome}")
}

#[derive(Default)]
struct Collect {
    open: Vec<Operation<'static>>,
    told: Vec<String>,
}

fn owned(bytes: &[u8]) -> Blob<'static> {
    Blob::from(bytes.to_vec())
}

fn call(step: &Step<'_>) -> Call<'static> {
    match step {
        Step::Put { key, value } => Call::Put(Put { key: owned(key), value: owned(value), ..Put::default() }),
        Step::Get { key } => Call::Range(Range { key: owned(key), ..Range::default() }),
        Step::Delete { key } => Call::Delete(Delete { key: owned(key), end: None, prev_kv: false }),
    }
}

fn transaction(begun: &Begun<'_>) -> Call<'static> {
    let compare = begun.compare.iter().map(|compared| Compare {
        key: owned(compared.key),
        end: None,
        target: match compared.guard {
            Guard::Value(value) => Target::Value(owned(value)),
            Guard::Version(n) => Target::Version(n),
            Guard::Create(n) => Target::Create(n),
            Guard::Mod(n) => Target::Mod(n),
            Guard::Lease(n) => Target::Lease(n),
        },
        comparison: compared.comparison,
    });
    Call::Txn(Txn {
        compare: compare.collect(),
        success: begun.success.iter().map(call).collect(),
        failure: begun.failure.iter().map(call).collect(),
    })
}

fn reply(call: &Call<'_>, answer: &Answer<'_>, revision: i64) -> Option<Reply<'static>> {
    let kvs: Vec<KeyValue<'static>> = answer
        .shown
        .iter()
        .map(|shown| KeyValue {
            key: owned(shown.key),
            value: owned(shown.value),
            create_revision: shown.create_revision,
            mod_revision: shown.mod_revision,
            version: shown.version,
            lease: shown.lease,
        })
        .collect();
    Some(match call {
        Call::Put(_) if kvs.is_empty() && answer.deleted == 0 => Reply::Put { revision, prev: None },
        Call::Range(_) if answer.deleted == 0 => {
            Reply::Range { revision, count: kvs.len() as i64, kvs, more: false }
        }
        Call::Delete(_) if kvs.is_empty() => {
            Reply::Delete { revision, deleted: answer.deleted, prev: Vec::new() }
        }
        _ => return None,
    })
}

fn ok(call: &Call<'_>, revision: i64, ended: &Ended<'_>, succeeded: Option<bool>) -> Option<Reply<'static>> {
    let Some(succeeded) = succeeded else {
        let [answer] = &ended.answers[..] else { return None };
        return reply(call, answer, revision);
    };
    let Call::Txn(txn) = call else { return None };
    let calls = if succeeded { &txn.success } else { &txn.failure };
    if calls.len() != ended.answers.len() {
        return None;
    }
    let replies = calls.iter().zip(&ended.answers).map(|(call, answer)| reply(call, answer, revision));
    Some(Reply::Txn { revision, succeeded, replies: replies.collect::<Option<_>>()? })
}

impl<'a> Visitor<'a> for Collect {
    const QUICK: bool = true;

    fn begins(&mut self, _: u64) {}

    fn operation(&mut self, operation: &Operation<'a>) {
        self.told.push(told(&kept(operation)));
    }

    fn watched(&mut self, _: &WatchUpdate<'a>) {}

    fn begun(&mut self, file: usize, begun: &Begun<'a>) {
        self.open.push(Operation {
            file,
            number: begun.number,
            client: begun.client,
            member: "".into(),
            call: begun.step.as_ref().map_or_else(|| transaction(begun), call),
            invoked: begun.t,
            returned: None,
            outcome: Outcome::Unknown(None),
        });
    }

    fn ended(&mut self, ended: &Ended<'a>) -> Option<()> {
        let at = self.open.iter().position(|operation| operation.number == ended.number)?;
        let mut operation = self.open.remove(at);
        operation.returned = Some(ended.t);
        let failure = history::Failure { class: "x".into(), message: "".into() };
        operation.outcome = match ended.end {
            End::Failed => Outcome::Failed(failure),
            End::Unknown => Outcome::Unknown(Some(failure)),
            End::Ok { revision, succeeded } => Outcome::Ok(ok(&operation.call, revision, ended, succeeded)?),
        };
        self.told.push(told(&operation));
        Some(())
    }
}

pub(super) fn agree(bytes: &[u8]) {
    let sources = Sources::from_bytes(vec![(PathBuf::from("a"), bytes.to_vec())]);
    let (Ok(read), Ok(scanned)) = (History::parse(&sources), sources.scan(|_| Collect::default())) else {
        panic!("one way fails where the other does not");
    };
    let mut found: Vec<String> =
        scanned.others.iter().flat_map(|other| &other.operations).map(told).collect();
    for part in &scanned.parts {
        found.extend(part.told.iter().cloned());
        found.extend(part.open.iter().map(told));
    }
    let mut wanted: Vec<String> = read.operations.iter().map(told).collect();
    found.sort();
    wanted.sort();
    assert_eq!(found, wanted);
    assert_eq!(format!("{:?}", scanned.files), format!("{:?}", read.files));
}

#[test]
fn common_lines_are_taken_quickly() {
    const LINES: &[&str] = &[
        r#"{"i":0,"t":5,"c":3,"m":"etcd1","f":"put","k":"a","v":"a value longer than a word"}"#,
        r#"{"r":0,"t":6,"o":"ok","rev":2}"#,
        r#"{"i":1,"t":7,"f":"get","k":"a"}"#,
        r#"{"r":1,"t":8,"o":"ok","rev":2,"kvs":[{"k":"a","v":"x","mod":2,"crt":1,"ver":2,"lease":7}]}"#,
        r#"{"i":2,"t":9,"f":"delete","k":"a"}"#,
        r#"{"r":2,"t":10,"o":"ok","rev":3,"del":1}"#,
        r#"{"i":3,"t":11,"f":"txn","if":[{"k":"a","is":">","ver":2},{"k":"b","v":"x"}],"then":[{"f":"put","k":"a","v":"1"}],"else":[{"f":"get","k":"b"},{"f":"delete","k":"c"}]}"#,
        r#"{"r":3,"t":12,"o":"ok","rev":3,"succ":false,"res":[{"kvs":[{"k":"b","v":"x","mod":2}]},{}]}"#,
        r#"{"i":4,"t":13,"f":"put","k":"b","v":"y"}"#,
        r#"{"r":4,"t":14,"o":"unknown","e":"unavailable","msg":"it said \"no\""}"#,
        r#"{"i":5,"t":15,"f":"delete","k":"b"}"#,
        r#"{"r":5,"t":16,"o":"fail","e":"invalid"}"#,
        r#"{"i":6,"t":17,"f":"get","k":"b"}"#,
    ];
    let mut text = String::from_utf8(super::written(&[])).unwrap();
    text.truncate(text.find('\n').unwrap() + 1);
    text.push_str(&LINES.join("\n"));
    text.push('\n');
    agree(text.as_bytes());
    let sources = Sources::from_bytes(vec![(PathBuf::from("a"), text.into_bytes())]);
    let scanned = sources.scan(|_| Collect::default()).unwrap();
    let [part] = &scanned.parts[..] else { panic!("not regular: {:?}", scanned.files) };
    assert_eq!((part.told.len(), part.open.len()), (6, 1));
    assert_eq!(part.open[0].invoked, Nanos(17));
    assert_eq!(scanned.files[0].open, 1);
}

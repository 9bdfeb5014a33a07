//! What the readers make of foreign files, and what they say of broken ones.

use std::fs;
use std::path::PathBuf;

use checker::formats::{self, Format, ModelName, Recorded};
use checker::{
    BankReply, KvOp, KvReply, OPEN, Options, Outcome, RegisterOp, RegisterReply, Times, Value, Verdict,
    VersionedReply, check,
};
use history::{Call, Event, Reply};
use proptest::prelude::*;

/// The files that fuzzing starts from; each is one format's sample.
fn corpus() -> Vec<(String, Vec<u8>)> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/read");
    let files = fs::read_dir(directory).expect("the corpus is committed");
    let mut samples = Vec::new();
    for file in files {
        let path = file.expect("the corpus is readable").path();
        // What a fuzzer adds has no extension.
        if path.extension().is_some() {
            let name = path.file_name().expect("it has a name").to_string_lossy().into_owned();
            samples.push((name, fs::read(&path).expect("the corpus is readable")));
        }
    }
    samples.sort();
    assert_eq!(samples.len(), 11);
    samples
}

fn sample(name: &str) -> formats::Loaded {
    let (_, bytes) = corpus().into_iter().find(|file| file.0 == name).expect("the sample is in the corpus");
    formats::read(name, &bytes, None, None).expect("it is a sample of its format")
}

#[test]
fn every_sample_is_recognized_by_itself() {
    use Format::{EtcdReport, JepsenEdn, JepsenLog, PorcupineKv};
    let expected = [
        ("append.edn", JepsenEdn, ModelName::KeyValue, 3),
        ("bank.edn", JepsenEdn, ModelName::Bank, 4),
        ("independent.edn", JepsenEdn, ModelName::Register, 3),
        ("mutex.edn", JepsenEdn, ModelName::Mutex, 3),
        ("operations.json", EtcdReport, ModelName::Etcd, 5),
        ("register.edn", JepsenEdn, ModelName::Register, 4),
        ("register.log", JepsenLog, ModelName::Register, 4),
        ("store.txt", PorcupineKv, ModelName::KeyValue, 4),
        ("transactions.edn", JepsenEdn, ModelName::KeyValue, 3),
        ("versioned.edn", JepsenEdn, ModelName::Register, 5),
        ("watch.json", EtcdReport, ModelName::Etcd, 1),
    ];
    for ((name, bytes), (expected_name, format, model, operations)) in corpus().into_iter().zip(expected) {
        let loaded =
            formats::read("unnamed", &bytes, None, None).unwrap_or_else(|error| panic!("{name}: {error}"));
        let found = (name.as_str(), loaded.format, loaded.recorded.model(), loaded.recorded.len());
        assert_eq!(found, (expected_name, format, model, operations));
    }
}

#[test]
fn samples_are_valid() {
    for (name, bytes) in corpus() {
        let loaded = formats::read(&name, &bytes, None, None).unwrap();
        let options = Options::default();
        let report = match &loaded.recorded {
            Recorded::Register { model, entries } => check(model, entries, &options),
            Recorded::Registers { model, entries } => check(model, entries, &options),
            Recorded::KeyValue { model, entries } => check(model, entries, &options),
            Recorded::Versioned { model, entries } => check(model, entries, &options),
            Recorded::Transactions { model, entries } => check(model, entries, &options),
            Recorded::Bank { model, entries } => check(model, entries, &options),
            Recorded::Mutex { model, entries } => check(model, entries, &options),
            Recorded::Etcd(_) => continue,
        };
        assert_eq!(report.verdict, Verdict::Valid, "{name}");
    }
}

#[test]
fn outcomes_mean_what_each_tool_means_by_them() {
    let Recorded::Register { entries, .. } = sample("register.log").recorded else { panic!() };
    // A failed compare-and-set in a log is the store's answer; a write of unknown outcome stays open.
    assert_eq!(entries[1].outcome, Outcome::Ok(RegisterReply::Swapped(false)));
    assert_eq!((entries[1].call, entries[1].returned), (2, 6));
    assert_eq!((entries[3].returned, &entries[3].outcome), (OPEN, &Outcome::Unknown));
    let Recorded::Registers { model, entries } = sample("independent.edn").recorded else { panic!() };
    // In history.edn it is what certainly did not happen.
    assert_eq!(entries[2].outcome, Outcome::Failed);
    assert_eq!((model.name(0).as_str(), model.name(1).as_str()), (":x", ":y"));
    let Recorded::Register { model, entries } = sample("register.edn").recorded else { panic!() };
    let Outcome::Ok(RegisterReply::Value(value)) = entries[2].outcome else { panic!() };
    assert_eq!(model.name(value), "\\\"four\\\"");
    assert_eq!(entries[0].op, RegisterOp::Write(Value(3)));
    let Recorded::KeyValue { model, entries } = sample("store.txt").recorded else { panic!() };
    assert!(model.absent_is_empty);
    assert_eq!(entries[1].outcome, Outcome::Ok(KvReply::Value(Some("".into()))));
    assert_eq!(entries[2].op, KvOp::Append { key: "a".into(), value: " 0 1 é".into() });
    let Recorded::Bank { model, entries } = sample("bank.edn").recorded else { panic!() };
    assert_eq!(model.balances, [10, 5]);
    assert_eq!(entries[3].outcome, Outcome::Ok(BankReply::Balances([6, 9].into())));
    assert_eq!(sample("bank.edn").times, Times::Lines);
}

#[test]
fn versions_of_registers_must_fit() {
    let loaded = sample("versioned.edn");
    let Recorded::Versioned { model, entries } = &loaded.recorded else { panic!("{loaded:?}") };
    assert_eq!(entries[0].op.op, RegisterOp::Write(Value(1)));
    assert_eq!(entries[0].outcome, Outcome::Ok(VersionedReply::Written(1)));
    assert_eq!(entries[1].outcome, Outcome::Ok(VersionedReply::Value(0, Value::NIL)));
    assert_eq!(entries[4].outcome, Outcome::Ok(VersionedReply::Value(2, Value(2))));
    let mut wrong = entries.clone();
    wrong[4].outcome = Outcome::Ok(VersionedReply::Value(3, Value(2)));
    let report = check(model, &wrong, &Options { times: loaded.times, ..Options::default() });
    let Verdict::Invalid(violation) = &report.verdict else { panic!("{report:?}") };
    assert!(violation.sentence.contains("read 2 at version 3"), "{}", violation.sentence);
}

#[test]
fn transactions_of_several_parts_happen_at_one_moment() {
    let Recorded::Transactions { model, entries } = sample("transactions.edn").recorded else { panic!() };
    assert_eq!(entries[1].op.len(), 3);
    let mut torn = entries.clone();
    // It sees the first list as it was, and the second as it became.
    let Outcome::Ok(replies) = &mut torn[1].outcome else { panic!() };
    replies[0] = KvReply::Value(None);
    let report = check(&model, &torn, &Options::default());
    assert!(matches!(report.verdict, Verdict::Invalid(_)), "{report:?}");
}

#[test]
fn etcd_reports_become_operations_with_revisions() {
    let mut recorded = sample("operations.json").recorded;
    recorded.join(sample("watch.json").recorded).unwrap();
    let Recorded::Etcd(history) = recorded else { panic!() };
    assert!(history.is_complete());
    let [watch, put, range, txn, compact, grant] = &history.operations[..] else { panic!("{history:#?}") };
    assert!(matches!(&watch.call, Call::Watch(watch) if watch.end.as_ref().unwrap().bytes() == b"kez"));
    assert!(matches!(&put.call, Call::Put(put) if put.key.bytes() == b"a" && put.value.bytes() == b"1"));
    assert_eq!(put.outcome, history::Outcome::Ok(Reply::Put { revision: 2, prev: None }));
    assert_eq!(put.member, "8e9e05c52164694d");
    let history::Outcome::Ok(Reply::Range { kvs, count: 1, more: false, revision: 2 }) = &range.outcome
    else {
        panic!("{range:?}")
    };
    assert_eq!(
        (kvs[0].mod_revision, kvs[0].create_revision, kvs[0].lease),
        (2, 2, checker::UNRECORDED_LEASE)
    );
    assert!(matches!((&txn.call, &txn.outcome), (Call::Txn(_), history::Outcome::Unknown(Some(_)))));
    assert_eq!(txn.returned, None);
    assert!(matches!(compact.outcome, history::Outcome::Failed(_)));
    assert_eq!(grant.outcome, history::Outcome::Ok(Reply::Grant { revision: 2, lease: 7, ttl: 0 }));
    let [changes, progress] = &history.watched[..] else { panic!() };
    assert_eq!((changes.revision, changes.file, progress.events.len()), (4, 1, 0));
    let [
        Event::Put { kv: first, .. },
        Event::Put { kv: second, prev: Some(_) },
        Event::Delete { revision: 4, .. },
    ] = &changes.events[..]
    else {
        panic!("{changes:#?}")
    };
    assert_eq!((first.version, second.version), (1, 2));
    assert_eq!(second.value.bytes(), b"hash:0000004d");
}

/// What a report does not record of a key-value is not held against the store; what it records is.
#[test]
fn an_etcd_report_is_judged_by_what_it_records() {
    let put = |call: u64, value: &str, revision: u64| {
        format!(
            r#"{{"ClientId":1,"Input":{{"Type":"txn","Txn":{{"Conditions":null,"OperationsOnSuccess":[{{"Type":"put-operation",
"Range":{{"Start":"","End":"","Limit":0}},"Put":{{"Key":"k","Value":{{"Value":"{value}"}},"LeaseID":0}},"Delete":{{"Key":""}}}}],
"OperationsOnFailure":null}}}},"Call":{call},"Output":{{"Txn":{{"Failure":false,"Results":[{{"KVs":null,"Count":0,"Deleted":0}}]}},
"ClientError":"","Revision":{revision},"Persisted":false,"PersistedRevision":0,"Error":""}},"Return":{}}}"#,
            call + 5
        )
    };
    let read = |call: u64, value: &str, version: u64| {
        format!(
            r#"{{"ClientId":2,"Input":{{"Type":"range","Range":{{"Start":"k","End":"","Limit":0,"Revision":0}}}},"Call":{call},
"Output":{{"Range":{{"KVs":[{{"Key":"k","Value":{{"Value":"{value}"}},"ModRevision":3,"Version":{version}}}],"Count":1}},
"Revision":3}},"Return":{}}}"#,
            call + 5
        )
    };
    let old = r#"{"ClientId":2,"Input":{"Type":"range","Range":{"Start":"k","End":"","Limit":0,"Revision":2}},"Call":50,
"Output":{"Range":{"KVs":[{"Key":"k","Value":{"Value":"a"},"ModRevision":2,"Version":1}],"Count":1},"Revision":-1},"Return":55}"#;
    let judged = |read: &str| {
        let text = [put(10, "a", 2).as_str(), &put(20, "b", 3), read, old].join("\n");
        let loaded = formats::read("operations.json", text.as_bytes(), None, None).unwrap();
        let Recorded::Etcd(history) = loaded.recorded else { panic!() };
        for options in [checker::etcd::Options::default(), checker::etcd::Options::own_store()] {
            let verdict = checker::etcd::check(&history, &options).verdict;
            let valid = verdict == Verdict::Valid;
            assert!(valid || matches!(verdict, Verdict::Invalid(_)), "{verdict}");
            if !valid {
                return false;
            }
        }
        true
    };
    assert!(judged(&read(30, "b", 2)));
    assert!(!judged(&read(30, "a", 2)));
    assert!(!judged(&read(30, "b", 1)));
}

#[test]
fn errors_name_line_and_column() {
    let error = |text: &str, format| {
        formats::read("file", text.as_bytes(), Some(format), None).unwrap_err().to_string()
    };
    let log = |lines: &str| error(lines, Format::JepsenLog);
    assert_eq!(
        log("INFO  jepsen.util - 0\t:invoke\t:write\tx\n"),
        "line 1, column 38: expected a value: a number below 2^31, or nil"
    );
    assert_eq!(
        log("INFO  jepsen.util - 0\t:ok\t:read\t3\n"),
        "line 1, column 21: process 0 ends what it did not begin"
    );
    let twice = "INFO  jepsen.util - 0\t:invoke\t:read\tnil\n".repeat(2);
    assert_eq!(log(&twice), "line 2, column 21: process 0 begins while what it began on line 1 is open");
    let edn = |text: &str| error(text, Format::JepsenEdn);
    assert_eq!(edn("{:type :invoke\n :f :read"), "line 1, column 1: is never closed");
    assert_eq!(
        edn("{:process 0, :type :begin, :f :read}"),
        "line 1, column 20: expected :invoke, :ok, :fail or :info"
    );
    assert_eq!(edn("é [\n{:process 0}]").split(':').next(), Some("line 1, column 1"));
    assert_eq!(edn("[\n{:process 0}]"), "line 2, column 1: an event without :type");
    let json = |text: &str| error(text, Format::EtcdReport);
    assert_eq!(json("{\n\"ClientId\": x"), "line 2, column 13: expected value");
    let unknown = formats::read("file", b"hello", None, None).unwrap_err();
    assert!(unknown.message.starts_with("no known format"), "{unknown}");
    let utf8 = formats::read("file", b"a\nb\xff", None, None).unwrap_err();
    assert_eq!((utf8.line, utf8.column), (2, 2));
}

#[test]
fn a_model_that_does_not_fit_is_an_error() {
    let (_, bytes) = corpus().into_iter().find(|file| file.0 == "bank.edn").unwrap();
    assert!(formats::read("bank.edn", &bytes, None, Some(ModelName::Bank)).is_ok());
    let error = formats::read("bank.edn", &bytes, None, Some("cas-register".parse().unwrap())).unwrap_err();
    assert_eq!(error.message, "these operations are of the model bank, not register");
    assert!("no-such".parse::<Format>().unwrap_err().contains("porcupine-kv"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// The bounded share of fuzzing: mutated samples, read as every format.
    #[test]
    fn no_input_makes_a_reader_panic(
        file in 0..11usize,
        format in 0..5usize,
        cut in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4u8), 0..8),
    ) {
        let (_, mut bytes) = corpus().swap_remove(file);
        for (at, byte, how) in changes {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => bytes[at] = b"{}[]()\"\\:#, \n;0"[usize::from(byte) % 15],
                _ => {
                    let piece = bytes[at..bytes.len().min(at + usize::from(byte))].to_vec();
                    let to = usize::from(byte) * 7 % bytes.len();
                    bytes.splice(to..to, piece);
                }
            }
        }
        if cut.index(3) == 0 {
            bytes.truncate(cut.index(bytes.len()));
        }
        let _ = formats::read("file", &bytes, format.checked_sub(1).map(|format| Format::ALL[format]), None);
    }
}

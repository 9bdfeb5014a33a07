//! `dt check` on histories that were damaged or edited by hand.

use std::path::{Path, PathBuf};

use history::{Blob, Call, KeyValue, Outcome, Put, Range, Reply, Writer};

use crate::harness::{dt, ran, scratch};

fn key(n: usize) -> String {
    format!("key{n}")
}

/// A history of puts and a read of each, in one file of `dir`.
fn write_history(dir: &Path, keys: usize) -> PathBuf {
    let writer = Writer::create(dir, "r", "main/parallel_driver_generate_traffic", 1).unwrap();
    for n in 0..keys {
        let put = Put { key: key(n).into(), value: format!("value{n}").into(), ..Put::default() };
        let id = writer.invoke(0, "etcd0", &Call::Put(put)).unwrap();
        writer.finish(id, &Outcome::Ok(Reply::Put { revision: 2 + n as i64, prev: None })).unwrap();
    }
    for n in 0..keys {
        let range = Range { key: key(n).into(), ..Range::default() };
        let id = writer.invoke(0, "etcd1", &Call::Range(range)).unwrap();
        let revision = 2 + n as i64;
        let kv = KeyValue {
            key: key(n).into(),
            value: Blob::from(format!("value{n}")),
            create_revision: revision,
            mod_revision: revision,
            version: 1,
            lease: 0,
        };
        let head = 1 + keys as i64;
        writer
            .finish(id, &Outcome::Ok(Reply::Range { revision: head, kvs: vec![kv], count: 1, more: false }))
            .unwrap();
    }
    let path = writer.path().to_owned();
    writer.close().unwrap();
    path
}

fn check(dir: &Path) -> (i32, String) {
    let (code, out, err) = ran(dt(dir, &["check", "history"]));
    (code, out + &err)
}

#[test]
fn a_history_without_a_run_is_judged_alone() {
    let dir = scratch();
    write_history(&dir.path().join("history"), 3);
    let (code, out) = check(dir.path());
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("valid: the history in history kept its promises in 6 operations"), "{out}");
}

/// Edits one line and expects a violation that names `key1`.
fn edited(from: &str, to: &str) {
    let dir = scratch();
    let path = write_history(&dir.path().join("history"), 3);
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.matches(from).count(), 1, "{from} in {text}");
    std::fs::write(&path, text.replace(from, to)).unwrap();
    let (code, out) = check(dir.path());
    assert_eq!(code, 1, "{from} -> {to}: {out}");
    let sentence = out.lines().find(|line| line.starts_with("INVALID:")).unwrap();
    assert!(sentence.contains("key1"), "{sentence}");
}

#[test]
fn a_missing_value_is_named() {
    edited(r#","kvs":[{"k":"key1","v":"value1","mod":3}]"#, "");
}

#[test]
fn a_changed_value_is_named_whichever_side_was_changed() {
    edited(r#"{"k":"key1","v":"value1","mod":3}"#, r#"{"k":"key1","v":"value9","mod":3}"#);
    edited(r#""f":"put","k":"key1","v":"value1""#, r#""f":"put","k":"key1","v":"value9""#);
}

#[test]
fn an_older_value_is_named() {
    let dir = scratch();
    let writer = Writer::create(&dir.path().join("history"), "r", "main/x", 1).unwrap();
    for (n, revision) in [(0, 2), (1, 3)] {
        let put = Put { key: "key1".into(), value: format!("value{n}").into(), ..Put::default() };
        let id = writer.invoke(0, "etcd0", &Call::Put(put)).unwrap();
        writer.finish(id, &Outcome::Ok(Reply::Put { revision, prev: None })).unwrap();
    }
    let id =
        writer.invoke(0, "etcd1", &Call::Range(Range { key: "key1".into(), ..Range::default() })).unwrap();
    let kv = KeyValue {
        key: "key1".into(),
        value: "value0".into(),
        create_revision: 2,
        mod_revision: 2,
        version: 1,
        lease: 0,
    };
    writer
        .finish(id, &Outcome::Ok(Reply::Range { revision: 3, kvs: vec![kv], count: 1, more: false }))
        .unwrap();
    writer.close().unwrap();
    let (code, out) = check(dir.path());
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("key1") && out.contains("value0") && out.contains("value1"), "{out}");
}

#[test]
fn a_cut_history_is_judged_as_far_as_it_goes_and_never_wrongly() {
    let dir = scratch();
    let path = write_history(&dir.path().join("history"), 2);
    let whole = std::fs::read(&path).unwrap();
    for cut in (0..whole.len()).step_by(7) {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let (code, out) = check(dir.path());
        assert!([0, 2].contains(&code), "cut at {cut}: exit {code}: {out}");
        let torn = cut > 0 && whole[cut - 1] != b'\n' && whole[cut] != b'\n';
        assert_eq!(out.contains("the last line is cut off"), torn, "cut at {cut}: {out}");
    }
}

#[test]
fn a_directory_of_nothing_says_so() {
    let dir = scratch();
    std::fs::create_dir(dir.path().join("history")).unwrap();
    let (code, out) = check(dir.path());
    assert_eq!(code, 64, "{out}");
    assert!(out.contains("history is neither a run's directory nor holds history.edn"), "{out}");
}

#[test]
fn reports_of_other_tools_are_found_in_their_directories() {
    let dir = scratch();
    let samples = crate::harness::home().join("fuzz/corpus/read");
    for (client, file) in
        [("client-1", "operations.json"), ("client-1", "watch.json"), ("client-2", "operations.json")]
    {
        let client = dir.path().join("report").join(client);
        std::fs::create_dir_all(&client).unwrap();
        std::fs::copy(samples.join(file), client.join(file)).unwrap();
    }
    std::fs::write(dir.path().join("report/traffic.json"), "not for us").unwrap();
    let (code, out, err) = ran(dt(dir.path(), &["check", "report"]));
    let out = out + &err;
    // The same operations twice: two writes of one revision.
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("client-1/watch.json and ") && out.contains("client-2/operations.json: "), "{out}");
}

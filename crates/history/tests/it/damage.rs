//! Files that were cut, edited or mixed up.

use std::path::PathBuf;

use history::{Call, History, Outcome, Put, ReadError, Reply, Sources, Writer};

fn put(n: usize) -> Call<'static> {
    let put = Put { key: format!("k{n}").into(), value: format!("v{n}").into(), ..Put::default() };
    Call::Put(put)
}

/// A closed file of `n` acknowledged puts, followed by an open one.
fn file(n: usize) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let writer = Writer::create(dir.path(), "r", "main/x", 1).unwrap();
    for i in 0..n {
        let id = writer.invoke(0, "etcd0", &put(i)).unwrap();
        writer.finish(id, &Outcome::Ok(Reply::Put { revision: 2, prev: None })).unwrap();
    }
    let _open = writer.invoke(0, "etcd0", &put(n)).unwrap();
    let path = writer.path().to_owned();
    writer.close().unwrap();
    std::fs::read(path).unwrap()
}

fn sources(files: &[(&str, &[u8])]) -> Sources {
    Sources::from_bytes(files.iter().map(|(name, bytes)| (PathBuf::from(name), bytes.to_vec())).collect())
}

#[test]
fn a_file_cut_at_any_byte_loses_only_what_was_cut() {
    let whole = file(5);
    for cut in 0..=whole.len() {
        let sources = sources(&[("a", &whole[..cut])]);
        let history = History::parse(&sources).unwrap();
        let report = &history.files[0];
        let kept = &whole[..cut];
        let full_lines = kept.iter().filter(|byte| **byte == b'\n').count();
        let tail_is_whole = kept.last() == Some(&b'}');
        assert_eq!(report.broken, 0, "cut at {cut}: {:?}", report.troubles);
        assert_eq!(
            report.torn,
            !tail_is_whole && kept.last().is_some_and(|byte| *byte != b'\n'),
            "cut at {cut}"
        );
        // Every whole line counts: a header, then an invocation and a return in turn.
        let lines = full_lines + usize::from(tail_is_whole);
        assert_eq!(report.operations, lines.saturating_sub(1).div_ceil(2).min(6), "cut at {cut}");
        assert_eq!(report.is_complete(), report.header.is_some() && !report.torn, "cut at {cut}");
        for (i, op) in history.operations.iter().enumerate() {
            assert_eq!(op.call, put(i));
            assert_eq!(op.returned.is_some(), matches!(op.outcome, Outcome::Ok(_)));
        }
    }
}

#[test]
fn broken_lines_are_counted_and_named() {
    let text = String::from_utf8(file(2)).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.insert(2, "garbage");
    lines.insert(3, r#"{"x":1}"#);
    lines.insert(4, r#"{"r":77,"t":1,"o":"ok"}"#);
    lines.insert(5, r#"{"i":0,"t":1,"f":"status"}"#);
    lines.insert(6, r#"{"i":9,"t":1,"f":"fly"}"#);
    lines.insert(7, r#"{"r":0,"t":1,"o":"perhaps"}"#);
    lines.insert(8, r#"{"i":9,"t":1,"f":"put","k":"k"}"#);
    lines.insert(9, r#"{"i":9,"t":1,"f":"get","k":"k","colour":"red"}"#);
    let sources = sources(&[("a", lines.join("\n").as_bytes())]);
    let history = History::parse(&sources).unwrap();
    let report = &history.files[0];
    let words: Vec<String> =
        report.troubles.iter().map(|trouble| format!("{}: {}", trouble.line, trouble.message)).collect();
    assert_eq!(
        words,
        [
            "3: expected value, column 1",
            "4: not a line of a history: it has none of history, i, r, w, z",
            "5: operation 77 was never invoked in this file",
            "6: operation 0 was invoked before",
            "7: unknown call `fly`",
            "8: unknown outcome `perhaps`",
            "9: `v` is missing",
            "10: unknown field `colour`, expected one of `i`, `t`, `c`, `m`, `f`, `k`, `end`, `v`, `lease`, `prev`, \
             `keepv`, `keepl`, `limit`, `rev`, `ser`, `keys`, `count`, `if`, `then`, `else`, `ttl`, `phys`, \
             `noput`, `nodel`, `prog`, `sort`, `token`, `own`, `id`, `peers`, `learner`, `alarm`, `user`, `role`, \
             `read`, `write`, column 39",
        ]
    );
    assert_eq!(report.broken, 8);
    assert!(!history.is_complete());
    assert_eq!(history.operations.len(), 3, "what is whole is still there");
}

#[test]
fn names_may_come_in_any_order_and_lost_lines_move_nothing() {
    let header = String::from_utf8(file(0)).unwrap().lines().next().unwrap().to_owned();
    let text = format!(
        "{header}\n{}\n{}\n",
        r#"{"f":"get","t":10,"k":"a","i":4}"#,
        r#"{"o":"ok","t":20,"rev":7,"kvs":[{"mod":3,"k":"a","v":"x"}],"r":4}"#
    );
    let sources = sources(&[("a", text.as_bytes())]);
    let history = History::parse(&sources).unwrap();
    assert!(history.is_complete(), "{:?}", history.files);
    assert_eq!(history.operations[0].number, 4);
    assert!(
        matches!(&history.operations[0].outcome, Outcome::Ok(Reply::Range { kvs, count: 1, .. }) if kvs.len() == 1)
    );
}

#[test]
fn a_footer_tells_of_lost_operations() {
    let text = String::from_utf8(file(3)).unwrap();
    let without_first: Vec<&str> =
        text.lines().enumerate().filter(|(n, _)| *n != 1 && *n != 2).map(|(_, l)| l).collect();
    let sources = sources(&[("a", without_first.join("\n").as_bytes())]);
    let history = History::parse(&sources).unwrap();
    assert_eq!(history.files[0].missing, 1);
    assert!(!history.is_complete());
}

#[test]
fn what_files_are_known_to_have_had_tells_of_cuts_between_lines_and_of_files_that_are_gone() {
    let whole = file(2);
    let two_lines = whole.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(1).unwrap().0 + 1;
    let had = [("a".to_owned(), 7), ("edited".to_owned(), 7), ("gone".to_owned(), 7)].into();
    let edited = String::from_utf8(whole.clone()).unwrap().replace("k0", "k").into_bytes();
    let sources = sources(&[("dir/a", &whole[..two_lines]), ("dir/edited", &edited), ("dir/new", &whole)])
        .having_had(&had);
    let history = History::parse(&sources).unwrap();
    let lost: Vec<_> = history
        .files
        .iter()
        .map(|file| (file.path.to_str().unwrap(), file.lost, file.is_complete()))
        .collect();
    assert_eq!(
        lost,
        [("dir/a", 5, false), ("dir/edited", 0, true), ("dir/new", 0, true), ("gone", 7, false)]
    );
    assert!(!history.is_complete());
}

#[test]
fn other_boots_and_versions_are_refused_by_name() {
    let a = file(1);
    let text = String::from_utf8(a.clone()).unwrap();
    let boot = history::clock::boot_id();
    let b = text.replace(&boot, "another-boot");
    let error = |files: &[(&str, &[u8])]| History::parse(&sources(files)).unwrap_err();
    let boots = error(&[("a.jsonl", &a), ("b.jsonl", b.as_bytes())]);
    assert!(matches!(boots, ReadError::Boots { .. }));
    assert_eq!(
        boots.to_string(),
        "b.jsonl was written on another boot or host than a.jsonl: their times cannot be compared"
    );
    let newer = text.replace(r#"{"history":1"#, r#"{"history":2"#);
    let version = error(&[("a.jsonl", newer.as_bytes())]);
    assert_eq!(version.to_string(), "a.jsonl: format version 2, this program reads version 1");
}

#[test]
fn an_empty_directory_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let error = Sources::read_dir(dir.path()).unwrap_err();
    assert!(matches!(error, ReadError::Empty { .. }), "{error}");
}

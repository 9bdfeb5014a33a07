//! Histories in which one thing is wrong, and the same ones with nothing wrong.

use history::{History, Sources};

use super::*;

/// Judges the reads of the second of two files.
fn judge(puts: &[&str], reads: &[&str]) -> Judgement {
    let header = r#"{"history":1,"boot":"b","command":"c","pid":1,"t":1,"wall":1}"#;
    let file = |name: &str, lines: &[&str]| {
        let text: String = [&[header], lines].concat().iter().flat_map(|line| [*line, "\n"]).collect();
        (name.into(), text.into_bytes())
    };
    let sources = Sources::from_bytes(vec![file("0", puts), file("1", reads)]);
    let history = History::parse(&sources).unwrap();
    Ledger::of(&history).judge(&history, 1)
}

fn kind(puts: &[&str], reads: &[&str]) -> Option<Kind> {
    judge(puts, reads).mismatch.map(|mismatch| mismatch.kind)
}

const PUT: &str = r#"{"i":0,"t":10,"f":"put","k":"a","v":"1"}"#;
const PUT_ACK: &str = r#"{"r":0,"t":20,"o":"ok","rev":5}"#;
const GET: &str = r#"{"i":0,"t":30,"m":"etcd2","f":"get","k":"a"}"#;
const FOUND: &str = r#"{"r":0,"t":40,"o":"ok","rev":5,"kvs":[{"k":"a","v":"1","mod":5}]}"#;
const NOTHING: &str = r#"{"r":0,"t":40,"o":"ok","rev":5}"#;

#[test]
fn what_is_missing_changed_or_older_is_named() {
    assert_eq!(kind(&[PUT, PUT_ACK], &[GET, FOUND]), None);
    let lost = judge(&[PUT, PUT_ACK], &[GET, NOTHING]);
    assert_eq!((lost.acknowledged, lost.of_others), (1, 1));
    let mismatch = lost.mismatch.unwrap();
    assert_eq!((mismatch.kind, mismatch.key.to_string().as_str()), (Kind::Lost, "a"));
    assert_eq!(mismatch.member, "etcd2");
    let changed = FOUND.replace(r#""v":"1""#, r#""v":"2""#);
    assert_eq!(kind(&[PUT, PUT_ACK], &[GET, &changed]), Some(Kind::Changed));
    let older = FOUND.replace(r#""mod":5"#, r#""mod":4"#);
    assert_eq!(kind(&[PUT, PUT_ACK], &[GET, &older]), Some(Kind::Older));
}

#[test]
fn of_several_contradictions_a_lost_write_is_told() {
    let put = |n: u32, key: &str| {
        let ack = format!(r#"{{"r":{n},"t":20,"o":"ok","rev":{}}}"#, n + 5);
        [format!(r#"{{"i":{n},"t":10,"f":"put","k":"{key}","v":"1"}}"#), ack]
    };
    let puts: Vec<String> = ["a", "b", "c"].iter().zip(0..).flat_map(|(key, n)| put(n, key)).collect();
    let puts: Vec<&str> = puts.iter().map(String::as_str).collect();
    let range = r#"{"i":0,"t":30,"f":"get","k":"a","end":"z"}"#;
    // The first key is there at a wrong revision, the second is gone, and so is the third.
    let found = r#"{"r":0,"t":40,"o":"ok","rev":7,"kvs":[{"k":"a","v":"1","mod":4}]}"#;
    let mismatch = judge(&puts, &[range, found]).mismatch.unwrap();
    assert_eq!((mismatch.kind, mismatch.key.to_string().as_str()), (Kind::Lost, "b"));
}

#[test]
fn a_read_need_not_find_what_was_acknowledged_after_it_began() {
    let concurrent = PUT_ACK.replace(r#""t":20"#, r#""t":30"#);
    assert_eq!(kind(&[PUT, &concurrent], &[GET, NOTHING]), None);
    assert_eq!(kind(&[PUT, &concurrent], &[GET, FOUND]), None);
    assert_eq!(judge(&[PUT, &concurrent], &[GET, FOUND]).acknowledged, 0);
}

#[test]
fn open_and_unknown_puts_may_be_found_and_failed_ones_may_not() {
    let unknown = r#"{"r":0,"t":20,"o":"unknown","e":"timeout"}"#;
    let failed = r#"{"r":0,"t":20,"o":"fail","e":"connect-refused"}"#;
    for reply in [FOUND, NOTHING] {
        assert_eq!(kind(&[PUT], &[GET, reply]), None);
        assert_eq!(kind(&[PUT, unknown], &[GET, reply]), None);
    }
    assert_eq!(kind(&[PUT, failed], &[GET, NOTHING]), None);
    assert_eq!(kind(&[PUT, failed], &[GET, FOUND]), Some(Kind::Rejected));
}

#[test]
fn a_later_write_hides_an_earlier_one() {
    let later =
        [PUT, PUT_ACK, r#"{"i":1,"t":21,"f":"put","k":"a","v":"2"}"#, r#"{"r":1,"t":22,"o":"ok","rev":6}"#];
    assert_eq!(kind(&later, &[GET, FOUND]), Some(Kind::Older));
    let newer = FOUND.replace(r#""v":"1","mod":5"#, r#""v":"2","mod":6"#);
    assert_eq!(kind(&later, &[GET, &newer]), None);
}

#[test]
fn a_range_read_is_judged_key_by_key() {
    let range = r#"{"i":0,"t":30,"f":"get","k":"a","end":"c"}"#;
    let other =
        [PUT, PUT_ACK, r#"{"i":1,"t":21,"f":"put","k":"b","v":"2"}"#, r#"{"r":1,"t":22,"o":"ok","rev":6}"#];
    let outside = r#"{"i":2,"t":23,"f":"put","k":"c","v":"3"}"#;
    let outside_ack = r#"{"r":2,"t":24,"o":"ok","rev":7}"#;
    let puts = [&other[..], &[outside, outside_ack]].concat();
    let judgement = judge(&puts, &[range, FOUND]);
    assert_eq!(judgement.acknowledged, 2, "`c` is beyond the end");
    let mismatch = judgement.mismatch.unwrap();
    assert_eq!((mismatch.kind, mismatch.key.to_string().as_str()), (Kind::Lost, "b"));
    let no_end = range.replace(r#""end":"c""#, r#""end":"\u0000""#);
    assert_eq!(judge(&puts, &[&no_end, FOUND]).acknowledged, 3);
}

#[test]
fn partial_old_and_serializable_reads_prove_nothing() {
    for extra in [r#","ser":true"#, r#","limit":1"#, r#","rev":3"#, r#","count":true"#, r#","keys":true"#] {
        let get = GET.replace(r#","k":"a""#, &format!(r#","k":"a"{extra}"#));
        assert_eq!(judge(&[PUT, PUT_ACK], &[&get, NOTHING]), Judgement::default(), "{extra}");
    }
    let failed = r#"{"r":0,"t":40,"o":"fail","e":"timeout"}"#;
    assert_eq!(judge(&[PUT, PUT_ACK], &[GET, failed]), Judgement::default());
}

#[test]
fn what_more_than_puts_touched_is_counted_and_not_judged() {
    let touches = [
        r#"{"i":9,"t":11,"f":"delete","k":"a"}"#,
        r#"{"i":9,"t":11,"f":"delete","k":"Z","end":"b"}"#,
        r#"{"i":9,"t":11,"f":"put","k":"a","v":"1","lease":7}"#,
        r#"{"i":9,"t":11,"f":"txn","then":[{"f":"put","k":"a","v":"3"},{"f":"put","k":"b","v":"3"}]}"#,
        r#"{"i":9,"t":11,"f":"txn","then":[{"f":"put","k":"a","v":"3"}],"else":[{"f":"delete","k":"a"}]}"#,
        r#"{"i":9,"t":11,"f":"txn","else":[{"f":"delete","k":"a"}]}"#,
    ];
    for touch in touches {
        let judgement = judge(&[PUT, PUT_ACK, touch], &[GET, NOTHING]);
        assert_eq!(judgement, Judgement { unjudged: 1, ..Judgement::default() }, "{touch}");
    }
    let elsewhere = r#"{"i":9,"t":11,"f":"delete","k":"b","end":"c"}"#;
    assert_eq!(kind(&[PUT, PUT_ACK, elsewhere], &[GET, NOTHING]), Some(Kind::Lost));
}

#[test]
fn a_put_in_a_transaction_of_its_own_is_as_good_as_a_put() {
    let put = r#"{"i":0,"t":10,"f":"txn","then":[{"f":"put","k":"a","v":"1"}]}"#;
    let ack = r#"{"r":0,"t":20,"o":"ok","rev":5,"succ":true,"res":[{}]}"#;
    assert_eq!(judge(&[put, ack], &[GET, FOUND]).acknowledged, 1);
    assert_eq!(kind(&[put, ack], &[GET, FOUND]), None);
    assert_eq!(kind(&[put, ack], &[GET, NOTHING]), Some(Kind::Lost));
    let forbidden = r#"{"r":0,"t":20,"o":"ok","rev":5,"succ":false,"res":[]}"#;
    assert_eq!(kind(&[put, forbidden], &[GET, NOTHING]), None);
    assert_eq!(kind(&[put, forbidden], &[GET, FOUND]), Some(Kind::Rejected));
}

#[test]
fn in_an_incomplete_history_a_strange_value_proves_nothing() {
    let strange = FOUND.replace(r#""v":"1","mod":5"#, r#""v":"9","mod":9"#);
    assert_eq!(kind(&[PUT, PUT_ACK], &[GET, &strange]), Some(Kind::Unwritten));
    assert_eq!(kind(&[PUT, PUT_ACK, "garbage"], &[GET, &strange]), None);
    assert_eq!(kind(&[PUT, PUT_ACK, "garbage"], &[GET, NOTHING]), Some(Kind::Lost));
}

//! The record is read as written, and a cut or broken one keeps what it can.

use super::*;
use crate::schedule::Launch;

fn launch(n: u32) -> Launch {
    Launch { n, command: "main/anytime_a".into(), kind: Kind::Anytime, seed: u64::from(n) << 40 }
}

fn finish(ending: Ending) -> Finish {
    Finish { t: Nanos(9_000_000), ending, runtime_seconds: 0.009, stdout_bytes: 5, stderr_bytes: 0 }
}

/// A record with every ending, and one command without end.
fn written() -> (Vec<u8>, Vec<CommandRecord>) {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = RecordWriter::create(directory.path()).unwrap();
    let endings = [
        Some(Ending::Exited { code: 3 }),
        Some(Ending::Signalled { signal: 11 }),
        Some(Ending::Killed { by: Killer::Deadline }),
        Some(Ending::NotStarted { reason: "no \"sh\"\nanywhere é".into() }),
        None,
    ];
    let mut records = Vec::new();
    for (n, ending) in (1..).zip(endings) {
        let (launch, finished) = (launch(n), ending.map(finish));
        writer.started(&launch, Some(70 + n), Nanos(1_000)).unwrap();
        if let Some(finish) = &finished {
            writer.finished(&launch, Some(70 + n), finish).unwrap();
        }
        let Launch { n, command, kind, seed } = launch;
        records.push(CommandRecord {
            n,
            command,
            kind,
            seed,
            pid: Some(70 + n),
            started: Nanos(1_000),
            finished,
        });
    }
    (std::fs::read(directory.path().join(RECORD_FILE)).unwrap(), records)
}

#[test]
fn what_is_written_is_read() {
    let (bytes, records) = written();
    assert_eq!(CommandLog::parse(&bytes), CommandLog { commands: records, broken_lines: 0, torn: false });
}

#[test]
fn the_shape_is_the_platforms() {
    let (bytes, _) = written();
    let line = bytes.split(|b| *b == b'\n').nth(1).unwrap();
    let value: serde_json::Value = serde_json::from_slice(line).unwrap();
    assert_eq!(value["source"]["name"], "antithesis_test_composer");
    assert_eq!(value["command"], "main/anytime_a");
    assert_eq!(value["task_status"], "finished");
    assert_eq!(value["command_return_code"], 3);
    assert_eq!(value["command_runtime"], 0.009);
    assert_eq!(value["ending"], serde_json::json!({"how": "exited", "code": 3}));
}

#[test]
fn cut_at_any_byte_it_keeps_every_whole_line() {
    let (bytes, records) = written();
    for cut in 0..bytes.len() {
        let log = CommandLog::parse(&bytes[..cut]);
        let whole = bytes[..cut].iter().filter(|b| **b == b'\n').count();
        let lines: usize = log.commands.iter().map(|c| 1 + usize::from(c.finished.is_some())).sum();
        // A line that misses nothing but its line end is whole.
        let complete = cut + 1 == bytes.len() || bytes[cut] == b'\n';
        assert_eq!(lines, whole + usize::from(complete), "cut at {cut}");
        assert_eq!(log.broken_lines, 0, "cut at {cut}");
        assert_eq!(log.torn, !complete && cut > 0 && bytes[cut - 1] != b'\n', "cut at {cut}");
        for (read, wrote) in log.commands.iter().zip(&records) {
            assert_eq!((read.n, &read.command, read.pid), (wrote.n, &wrote.command, wrote.pid));
        }
    }
}

#[test]
fn broken_lines_are_counted_and_cost_no_other_line() {
    let (bytes, records) = written();
    let mut broken = b"garbage\n\xff\xfe\n{\"task_status\":\"started\"}\n\n".to_vec();
    broken.extend_from_slice(&bytes);
    broken.extend_from_slice(&bytes);
    let log = CommandLog::parse(&broken);
    assert_eq!(log.commands, records);
    assert_eq!(log.broken_lines, 4 + 9, "four strange lines, and nine that say again what was said");
}

#[test]
fn an_end_without_a_start_is_broken() {
    let (bytes, _) = written();
    let from_second = bytes.iter().position(|b| *b == b'\n').unwrap() + 1;
    let log = CommandLog::parse(&bytes[from_second..]);
    assert_eq!((log.commands.len(), log.broken_lines), (4, 1));
}

#[test]
fn a_directory_holds_one_record() {
    let directory = tempfile::tempdir().unwrap();
    RecordWriter::create(directory.path()).unwrap();
    assert!(RecordWriter::create(directory.path()).is_err());
}

#[test]
fn kills_of_others_are_told_from_crashes() {
    for (signal, own) in [(6, true), (11, true), (9, false), (15, false), (2, false)] {
        assert_eq!(Ending::Signalled { signal }.by_itself(), own, "signal {signal}");
    }
    assert!(Ending::Exited { code: 1 }.by_itself());
    assert!(!Ending::Killed { by: Killer::Deadline }.by_itself());
    assert_eq!(Ending::Killed { by: Killer::Cancel }.return_code(), Some(137));
}

//! A small run in which a write is lost, with everything that a report can show; names and values can be made hostile.

use history::{Blob, Call, Header, KeyValue, Lines, Nanos, Outcome, Put, Range, Reply, Sources};
use report::known::Named;
use report::{
    CommandRun, Ending, Example, FaultRun, Group, LinkUse, LogLine, Material, Metric, Note, Observed,
    Property, Refused, RunFacts, Status, Summary, Unit, Violation, Witness,
};

const MS: u64 = 1_000_000;

fn header(number: u64) -> Header {
    Header {
        history: history::FORMAT_VERSION,
        boot: "b".to_owned(),
        run: "sample".to_owned(),
        command: "main/parallel_driver_x".to_owned(),
        number,
        pid: 1,
        t: Nanos(0),
        wall: Nanos(0),
    }
}

/// Two clients: one writes a key three times, the other reads the second write, then nothing.
pub(crate) fn history(key: &str, value: &str) -> Sources {
    let mut writer = Lines::new(Vec::new());
    writer.header(&header(2)).unwrap();
    for n in 0..3 {
        let put = Put { key: key.into(), value: format!("{value}{n}").into(), ..Put::default() };
        let at = 1_000 * MS + n * 100 * MS;
        writer.invoked(n, Nanos(at), 0, "etcd0", &Call::Put(put)).unwrap();
        let revision = 2 + n as i64;
        writer.returned(n, Nanos(at + 3 * MS), &Outcome::Ok(Reply::Put { revision, prev: None })).unwrap();
    }
    let mut reader = Lines::new(Vec::new());
    reader.header(&header(3)).unwrap();
    let range = || Call::Range(Range { key: key.into(), ..Range::default() });
    let kv = KeyValue {
        key: key.into(),
        value: Blob::from(format!("{value}1")),
        create_revision: 2,
        mod_revision: 3,
        version: 2,
        lease: 0,
    };
    let found = Reply::Range { revision: 3, kvs: vec![kv], count: 1, more: false };
    let nothing = Reply::Range { revision: 4, kvs: Vec::new(), count: 0, more: false };
    for (n, (at, reply)) in [(1_150, found), (9_000, nothing)].into_iter().enumerate() {
        reader.invoked(n as u64, Nanos(at * MS), 1, "etcd1", &range()).unwrap();
        reader.returned(n as u64, Nanos((at + 2) * MS), &Outcome::Ok(reply)).unwrap();
    }
    reader.invoked(2, Nanos(9_100 * MS), 1, "etcd1", &range()).unwrap();
    let files = [(writer, 3), (reader, 3)].into_iter().enumerate().map(|(n, (lines, count))| {
        (format!("{n}.jsonl").into(), lines.footer(count, Nanos(9_200 * MS)).unwrap())
    });
    Sources::from_bytes(files.collect())
}

/// The run with these words in every place where something from outside is shown.
pub(crate) fn material(word: &str) -> Material {
    let sources = history(&format!("k{word}"), &format!("v{word}"));
    let faults = vec![kill(word), partition()];
    // The operations in the order of invocation: put, put, get, put, get, open get.
    let observed = Observed::read(&sources, &report::marks(&faults), &[4, 3]).unwrap();
    let witness = Witness::read(&sources, &observed.found, &[]).unwrap();
    Material {
        summary: Some(summary(word)),
        run: Some(facts(word)),
        commands: commands(word),
        faults,
        refused: vec![Refused { what: format!("stop{word}"), reason: "it was down".to_owned() }],
        metrics: vec![leader(), size(word)],
        violation: Some(Violation {
            rule: "lost-write".to_owned(),
            sentence: format!("key k{word} was acknowledged, and then found nothing"),
            key: Some(Blob::from(format!("k{word}")).to_string()),
            witness,
        }),
        logs: vec![LogLine {
            member: "etcd1".to_owned(),
            t: Nanos(8_900 * MS),
            level: "warn".to_owned(),
            text: format!("slow {word}"),
        }],
        observed,
        until: None,
    }
}

fn summary(word: &str) -> Summary {
    let mut lost = Property::new(&format!("Every reply fits one order{word}"), Group::History, "histories");
    lost.status = Status::Failing;
    lost.saw(false, Example { command: String::new(), number: None, details: word.into() });
    lost.known = vec!["7".to_owned()];
    let named = Named {
        id: "7".to_owned(),
        title: format!("a defect{word}"),
        link: "https://example.org/7".to_owned(),
        fixed: Vec::new(),
    };
    let mut held = Property::new("Values stay consistent", Group::Always, "processes");
    held.status = Status::Passing;
    held.commands.insert(format!("main/x{word}"));
    held.saw(
        true,
        Example { command: "main/x".into(), number: Some(2), details: serde_json::json!({"m": word}) },
    );
    let idle = Property::new("Puts can fail", Group::Sometimes, "processes");
    Summary {
        verdict: report::Outcome::Invalid,
        sentence: format!("etcd 3.5.1 (2 members) broke a promise: {word}"),
        subject: "etcd 3.5.1 (2 members)".to_owned(),
        operations: 6,
        properties: vec![lost, idle, held],
        known: vec![named],
        notes: vec![Note(format!("a note{word}"))],
    }
}

fn facts(word: &str) -> RunFacts {
    RunFacts {
        run: format!("20260101T000000Z-etcd-7{word}"),
        suite: "etcd".to_owned(),
        subject: "etcd 3.5.1 (2 members)".to_owned(),
        command_line: format!("dt run etcd --seed 7{word}"),
        judge_line: "dt check runs/x".to_owned(),
        program: format!("/bin/etcd{word}"),
        versions: ["etcd0", "etcd1"].map(|member| (member.to_owned(), "3.5.1".to_owned())).into(),
        seed: 7,
        template: "main".to_owned(),
        profile: "brutal".to_owned(),
        seconds: 10,
        began: Nanos(500 * MS),
        began_text: "2026-01-01 00:00:00 UTC".to_owned(),
    }
}

fn commands(word: &str) -> Vec<CommandRun> {
    let run = |n: u64, kind: &str, from: u64, until: Option<u64>, ending: &str, class| CommandRun {
        n,
        command: format!("main/{kind}_x{word}"),
        kind: kind.to_owned(),
        started: Nanos(from * MS),
        ended: until.map(|until| Nanos(until * MS)),
        ending: format!("{ending}{word}"),
        class,
        seed: n,
    };
    vec![
        run(1, "first", 600, Some(700), "exit code 0", Ending::Zero),
        run(2, "parallel_driver", 900, Some(2_000), "exit code 0", Ending::Zero),
        run(3, "parallel_driver", 1_000, Some(9_200), "exit code 1", Ending::Wrong),
        run(4, "anytime", 8_000, Some(9_300), "killed by the start of eventually_", Ending::Killed),
        run(5, "eventually", 9_400, None, "its end was not seen", Ending::Open),
    ]
}

fn kill(word: &str) -> FaultRun {
    FaultRun {
        id: 1,
        label: "kill".to_owned(),
        what: "kill".to_owned(),
        members: vec!["etcd0".to_owned()],
        from: Nanos(1_205 * MS),
        until: Some(Nanos(2_205 * MS)),
        effect: true,
        evidence: vec![(format!("etcd0{word}"), format!("signal: 9 (SIGKILL){word}"))],
        recovered_ms: Some(300),
        majority_untouched: false,
        links: Vec::new(),
    }
}

fn partition() -> FaultRun {
    let link = |from: &str, to: &str, disturbed| LinkUse {
        from: from.to_owned(),
        to: to.to_owned(),
        disturbed,
        before_bytes: 2_048,
        during_bytes: if disturbed { 0 } else { 4_096 },
    };
    FaultRun {
        id: 2,
        label: "partition".to_owned(),
        what: "partition (halves)".to_owned(),
        members: vec!["etcd0".to_owned(), "etcd1".to_owned()],
        from: Nanos(8_950 * MS),
        until: None,
        effect: false,
        evidence: Vec::new(),
        recovered_ms: None,
        majority_untouched: true,
        links: vec![
            link("client1", "etcd0", false),
            link("etcd0", "etcd1", true),
            link("etcd1", "etcd0", true),
        ],
    }
}

fn leader() -> Metric {
    let points = |led: [f64; 3]| [600, 1_300, 9_000].map(|ms| Nanos(ms * MS)).into_iter().zip(led).collect();
    let members = [("etcd0", [1.0, 0.0, 0.0]), ("etcd1", [0.0, 1.0, 1.0])];
    Metric {
        title: "Leader".to_owned(),
        name: "etcd_server_is_leader".to_owned(),
        unit: Unit::Flag,
        members: members.map(|(member, led)| (member.to_owned(), points(led))).into(),
    }
}

fn size(word: &str) -> Metric {
    Metric {
        title: "Data".to_owned(),
        name: "etcd_mvcc_db_total_size_in_bytes".to_owned(),
        unit: Unit::Bytes,
        members: vec![(
            format!("etcd0{word}"),
            vec![(Nanos(600 * MS), 20_480.0), (Nanos(9_000 * MS), 3_000_000.0)],
        )],
    }
}

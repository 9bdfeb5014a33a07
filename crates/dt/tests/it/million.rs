//! A history of any length for the run that is in a directory.

#![expect(clippy::unwrap_used, reason = "who cannot write has nothing to measure")]

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;

use history::{Call, Failure, Header, Lines, Nanos, Outcome, Put, Range, Reply};

/// A hundred clients that write and read keys of their own, in the time of the run that is there.
pub(crate) fn million(run: &Path, count: u64) {
    let record: serde_json::Value = serde_json::from_slice(&fs::read(run.join("run.json")).unwrap()).unwrap();
    let began = record["began"].as_u64().unwrap();
    fs::create_dir_all(run.join("history")).unwrap();
    let file =
        BufWriter::with_capacity(1 << 20, File::create(run.join("history/000096-made.jsonl")).unwrap());
    let mut lines = Lines::new(file);
    let header = Header {
        history: history::FORMAT_VERSION,
        boot: "made".to_owned(),
        run: "made".to_owned(),
        command: "main/parallel_driver_crowd_writes".to_owned(),
        number: 96,
        pid: 1,
        t: Nanos(began),
        wall: Nanos(0),
    };
    lines.header(&header).unwrap();
    let mut revision = 1;
    for n in 0..count {
        let (client, at) = ((n % 100) as u32, began + 1_000_000_000 + n * 80_000);
        let name = format!("key-{client}");
        let (call, outcome) = if n % 300 < 100 {
            revision += 1;
            let put = Put { key: name.into(), value: format!("v{n}").into(), ..Put::default() };
            (Call::Put(put), Outcome::Ok(Reply::Put { revision, prev: None }))
        } else if n % 300 < 110 {
            let failure = Failure { class: "unavailable".into(), message: "no leader".into() };
            (Call::Status, Outcome::Failed(failure))
        } else {
            let nothing = Reply::Range { revision, kvs: Vec::new(), count: 0, more: false };
            let range = Range { key: "nobody's".into(), ..Range::default() };
            (Call::Range(range), Outcome::Ok(nothing))
        };
        lines.invoked(n, Nanos(at), client, "etcd0", &call).unwrap();
        lines.returned(n, Nanos(at + 400_000 + n * 7 % 900_000), &outcome).unwrap();
    }
    lines.footer(count, Nanos(began + 100_000_000_000)).unwrap().flush().unwrap();
}

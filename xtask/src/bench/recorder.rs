//! The recorder's cost for one operation: an invocation and a return, each on disk before the next step.

use std::fs::OpenOptions;
use std::io::Write as _;

use anyhow::Context as _;
use history::{Call, Outcome, Put, Reply, Writer, clock};

use crate::step;

const OPERATIONS: u32 = 200_000;

pub(crate) fn run() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let writer = Writer::create(dir.path(), "bench", "bench", 1)?;
    let call = Call::Put(Put { key: "k".repeat(32).into(), value: "v".repeat(16).into(), ..Put::default() });
    let outcome = Outcome::Ok(Reply::Put { revision: 123_456, prev: None });
    let began = clock::now();
    for _ in 0..OPERATIONS {
        let id = writer.invoke(0, "etcd0", &call)?;
        writer.finish(id, &outcome)?;
    }
    let recorded = clock::now().since(began);
    let path = writer.path().to_owned();
    writer.close()?;
    let bytes = std::fs::metadata(&path)?.len();

    // The floor: the same lines, made beforehand.
    let text = std::fs::read(&path)?;
    let mut floor = OpenOptions::new().append(true).create(true).open(dir.path().join("floor"))?;
    let began = clock::now();
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        floor.write_all(line).context("cannot write")?;
    }
    let written = clock::now().since(began);

    let each = recorded.as_nanos() / u128::from(OPERATIONS);
    let ratio = recorded.as_secs_f64() / written.as_secs_f64();
    let size = bytes / u64::from(OPERATIONS);
    step::say(&format!(
        "recorder: {each} ns an operation, {ratio:.2} times the bare writes, {size} bytes an operation (aim: under 5000 ns)"
    ));
    Ok(())
}

//! Generated histories as operations in memory.

use history::{Call, History, Nanos, Operation, Outcome};

use super::generate::{Shape, Sink, run};

/// Collects operations.
#[derive(Default)]
struct Record {
    operations: Vec<Operation<'static>>,
}

impl Sink for Record {
    fn invoked(&mut self, number: u64, t: Nanos, client: u32, call: &Call<'static>) {
        assert_eq!(number, self.operations.len() as u64);
        self.operations.push(Operation {
            file: 0,
            number,
            client,
            member: "".into(),
            call: call.clone(),
            invoked: t,
            returned: None,
            outcome: Outcome::Unknown(None),
        });
    }

    fn returned(&mut self, number: u64, t: Nanos, outcome: &Outcome<'static>) {
        let operation = &mut self.operations[number as usize];
        operation.returned = Some(t);
        operation.outcome = outcome.clone();
    }
}

/// The history that clients of this shape make.
pub(crate) fn history(shape: &Shape) -> History<'static> {
    let mut record = Record::default();
    run(shape, &mut record);
    History { operations: record.operations, watched: Vec::new(), files: Vec::new() }
}

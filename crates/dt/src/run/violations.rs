//! The first broken promise of a run, while it goes on: what each command asserted is looked at as soon as it has ended,
//! and the history now and then. It decides nothing but when to stop; the verdict is made from the files.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use history::{Nanos, clock};
use report::{Group, Source, Status};
use tokio::sync::watch;

use crate::record::Event;

/// Looks at what commands assert, until something is broken.
#[derive(Debug)]
pub(super) struct Violations {
    /// Where the SDK writes, a file for each command.
    sdk: PathBuf,
    /// When drivers began.
    began: OnceLock<Nanos>,
    first: watch::Sender<Option<Event>>,
}

impl Violations {
    pub(super) fn new(sdk: PathBuf) -> Self {
        Self { sdk, began: OnceLock::new(), first: watch::Sender::new(None) }
    }

    /// From now on time is counted.
    pub(super) fn drivers_begin(&self) {
        self.began.get_or_init(clock::now);
    }

    /// Takes in a command that has ended.
    pub(super) fn look(&self, command: &str, number: u32) {
        if self.first.borrow().is_some() {
            return;
        }
        // A command that asserted nothing has no file.
        let bytes = fs::read(self.sdk.join(format!("{number}.jsonl"))).unwrap_or_default();
        let number = u64::from(number);
        let broken = report::score(&[Source { command, number, bytes: &bytes }])
            .properties
            .into_iter()
            .find(|property| property.status == Status::Failing && is_a_promise(property.group));
        if let Some(property) = broken {
            let (property, command, after_ms) = (property.name, command.to_owned(), self.after_ms());
            self.tell(Event::Violated { property, command, number, after_ms });
        }
    }

    /// Takes in what the first `operations` of the history contradict.
    pub(super) fn disproved(&self, property: String, sentence: String, operations: usize) {
        self.tell(Event::Disproved { property, sentence, operations, after_ms: self.after_ms() });
    }

    fn after_ms(&self) -> u64 {
        let now = clock::now();
        let after = now.since(*self.began.get().unwrap_or(&now));
        u64::try_from(after.as_millis()).unwrap_or(u64::MAX)
    }

    fn tell(&self, event: Event) {
        self.first.send_if_modified(|first| {
            let news = first.is_none();
            first.get_or_insert(event);
            news
        });
    }

    /// Becomes [`Event::Violated`] or [`Event::Disproved`] when there is one.
    pub(super) fn first(&self) -> watch::Receiver<Option<Event>> {
        self.first.subscribe()
    }
}

/// Whether one counterexample is enough; the others ask for something that may still come.
fn is_a_promise(group: Group) -> bool {
    matches!(group, Group::Always | Group::AlwaysOrUnreachable | Group::Unreachable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: &str, condition: bool, hit: bool) -> String {
        format!(
            r#"{{"antithesis_assert":{{"display_type":"{kind}","condition":{condition},"message":"m","hit":{hit}}}}}"#
        )
    }

    #[test]
    fn the_first_broken_promise_is_told_and_nothing_else_is() {
        let dir = tempfile::tempdir().unwrap();
        let violations = Violations::new(dir.path().to_owned());
        let first = violations.first();
        let ended = |number: u32, lines: &[String]| {
            fs::write(dir.path().join(format!("{number}.jsonl")), lines.join("\n")).unwrap();
            violations.look("main/x", number);
        };
        violations.look("main/silent", 1);
        ended(2, &[record("Always", false, false), record("Always", true, true)]);
        ended(3, &[record("Sometimes", false, true)]);
        assert_eq!(*first.borrow(), None);
        ended(4, &[record("Always", true, true), record("Always", false, true)]);
        ended(5, &[record("Always", false, true)]);
        let expected =
            Event::Violated { property: "m".into(), command: "main/x".into(), number: 4, after_ms: 0 };
        assert_eq!(*first.borrow(), Some(expected));
    }
}

//! Whatever is written is read back equal, from one file or many.

use history::{Call, History, Outcome, Sources, Watch, Writer};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::sample;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn operations_survive_the_file(written in vec(sample::operation(), 0..12)) {
        let dir = tempfile::tempdir().unwrap();
        let writer = Writer::create(dir.path(), "r", "main/parallel_driver_x", 7).unwrap();
        for (client, (call, outcome)) in (0..).zip(&written) {
            let id = writer.invoke(client, "etcd1", call).unwrap();
            if let Some(outcome) = outcome {
                writer.finish(id, outcome).unwrap();
            }
        }
        writer.close().unwrap();

        let sources = Sources::read_dir(dir.path()).unwrap();
        let history = History::parse(&sources).unwrap();
        prop_assert!(history.is_complete(), "{:?}", history.files);
        prop_assert!(history.files[0].closed);
        prop_assert_eq!(history.operations.len(), written.len());
        for (client, (read, (call, outcome))) in (0..).zip(history.operations.iter().zip(&written)) {
            prop_assert_eq!(&read.call, call);
            prop_assert_eq!(read.client, client);
            prop_assert_eq!(&*read.member, "etcd1");
            prop_assert_eq!(&read.outcome, outcome.as_ref().unwrap_or(&Outcome::Unknown(None)));
            prop_assert_eq!(read.returned.is_some(), outcome.is_some());
        }
    }

    #[test]
    fn watch_events_survive_the_file(events in vec(sample::event(), 0..5), revision: i64) {
        let dir = tempfile::tempdir().unwrap();
        let writer = Writer::create(dir.path(), "", "w", 0).unwrap();
        let id = writer.invoke(0, "", &Call::Watch(Watch::default())).unwrap();
        writer.watched(&id, revision, &events).unwrap();

        let sources = Sources::read_dir(dir.path()).unwrap();
        let history = History::parse(&sources).unwrap();
        prop_assert!(history.is_complete(), "{:?}", history.files);
        prop_assert_eq!(&history.watched[0].events, &events);
        prop_assert_eq!(history.watched[0].revision, revision);
    }
}

#[test]
fn many_files_merge_on_one_clock() {
    let dir = tempfile::tempdir().unwrap();
    let writers: Vec<Writer> =
        (0..3).map(|n| Writer::create(dir.path(), "r", "main/x", n).unwrap()).collect();
    for round in 0..10 {
        for (client, writer) in (0..).zip(&writers) {
            let call = Call::Hash { revision: round };
            let id = writer.invoke(client, "", &call).unwrap();
            writer.finish(id, &Outcome::Unknown(None)).unwrap();
        }
    }
    let sources = Sources::read_dir(dir.path()).unwrap();
    let history = History::parse(&sources).unwrap();
    let rounds: Vec<i64> = history
        .operations
        .iter()
        .map(|op| if let Call::Hash { revision } = op.call { revision } else { -1 })
        .collect();
    assert_eq!(history.operations.len(), 30);
    assert!(rounds.is_sorted(), "{rounds:?}");
    assert!(history.operations.iter().all(|op| op.invoked <= op.returned.unwrap()));
}

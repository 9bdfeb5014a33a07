//! Who answered when, against faults that are made up.

use chaos::{Direction, Disruption, Fault, Kind, LinkFault, Shape};
use history::{Call, Failure, Reply, Writer};
use serde_json::Map;

use super::*;

const S: u64 = 1_000_000_000;

fn members() -> Vec<String> {
    ["a", "b", "c"].map(str::to_owned).into()
}

fn answer(at_s: u64, member: usize, how: How) -> Answer {
    Answer { invoked: Nanos(at_s * S), returned: Nanos(at_s * S + S / 10), member: Some(member), how }
}

fn fault(kind: Kind, on: &[&str], from_s: u64, until_s: Option<u64>) -> LoggedFault {
    let members = on.iter().map(|&name| name.to_owned()).collect();
    LoggedFault {
        fault: Fault { id: 1, monkey: String::new(), kind, members, lasts_ms: 1, seed: 0 },
        label: String::new(),
        from: Nanos(from_s * S),
        until: until_s.map(|s| Nanos(s * S)),
        really_applied: true,
        majority_untouched: true,
        details: Map::new(),
        links: Vec::new(),
        recovered_ms: None,
    }
}

/// A member that is asked once a second from `from_s` to before `until_s`.
fn asked(from_s: u64, until_s: u64, member: usize, how: How) -> impl Iterator<Item = Answer> {
    (from_s..until_s).map(move |at_s| answer(at_s, member, how))
}

fn sum(stretches: &[LeftAlone]) -> Tally {
    let mut all = Tally::default();
    stretches.iter().for_each(|stretch| all += stretch.tally);
    all
}

#[test]
fn operations_count_for_each_fault_that_they_met() {
    let answers = Answers(vec![
        answer(1, 0, How::Ok),
        answer(2, 0, How::Unknown),
        answer(5, 0, How::Failed),
        Answer { returned: Nanos::MAX, ..answer(1, 1, How::Unknown) },
    ]);
    let kill = |from_s, until_s| fault(Kind::Kill, &["a"], from_s, until_s);
    assert_eq!(answers.during(&kill(2, Some(3))), Tally { ok: 0, failed: 0, unknown: 2 });
    assert_eq!(answers.during(&kill(4, None)), Tally { ok: 0, failed: 1, unknown: 1 }, "it never ended");
    assert_eq!(answers.during(&kill(0, Some(0))), Tally::default());
}

#[test]
fn a_majority_left_alone_must_answer_once_it_had_its_time() {
    // Nobody answers for 30 s; a is killed all the time, so only b and c are left alone together.
    let silent = || Answers(asked(0, 30, 1, How::Failed).chain(asked(0, 30, 0, How::Failed)).collect());
    let kill = fault(Kind::Kill, &["a"], 0, None);
    let stretches = silent().left_alone(&members(), std::slice::from_ref(&kill));
    assert_eq!(stretches.len(), 1);
    assert_eq!(stretches[0].members, ["b", "c"]);
    assert_eq!(
        stretches[0].tally,
        Tally { ok: 0, failed: 20, unknown: 0 },
        "not those through a, nor the first 10 s"
    );

    // A fault on one of the two in the middle leaves no stretch that is long enough to prove anything.
    let pause = fault(Kind::Pause, &["b"], 14, Some(16));
    assert_eq!(silent().left_alone(&members(), &[kill.clone(), pause]), []);
    let (shape, direction) = (Shape::Bridge, Direction::In);
    let cut = Kind::Links(LinkFault { shape, direction, disruption: Disruption::Cut, clients: false });
    let between = fault(cut, &["a", "b", "c"], 14, Some(16));
    assert_eq!(silent().left_alone(&members(), &[kill.clone(), between]), []);

    // A few questions prove nothing, and one answer is an answer.
    let few = Answers(asked(0, 15, 1, How::Failed).collect());
    assert_eq!(few.left_alone(&members(), std::slice::from_ref(&kill)), []);
    let mut served = silent();
    served.0.push(answer(25, 2, How::Ok));
    assert_eq!(sum(&served.left_alone(&members(), &[kill])).ok, 1);
}

#[test]
fn without_faults_every_majority_is_left_alone() {
    let answers = Answers(asked(0, 40, 0, How::Ok).collect());
    let stretches = answers.left_alone(&members(), &[]);
    assert_eq!(stretches.len(), 2, "those that a is one of; the third was asked nothing");
    assert!(stretches.iter().all(|stretch| stretch.tally == Tally { ok: 30, failed: 0, unknown: 0 }));
    assert_eq!(Answers::default().left_alone(&members(), &[]), []);
}

#[test]
fn a_record_gives_what_became_of_its_operations() {
    let dir = tempfile::tempdir().unwrap();
    let writer = Writer::create(dir.path(), "run", "main/x", 1).unwrap();
    let why = || Failure { class: "x".into(), message: "".into() };
    let compaction = Call::Compact { revision: 1, physical: false };
    let compacted = Reply::Compact { revision: 1 };
    for outcome in [Outcome::Ok(compacted), Outcome::Failed(why()), Outcome::Unknown(Some(why()))] {
        let id = writer.invoke(0, "b", &compaction).unwrap();
        writer.finish(id, &outcome).unwrap();
    }
    let open = writer.invoke(0, "stranger", &compaction).unwrap();
    drop((open, writer));
    let answers = Answers::read(&Sources::read_dir(dir.path()).unwrap(), &members()).unwrap();
    let seen: Vec<_> = answers.0.iter().map(|answer| (answer.member, answer.how)).collect();
    assert_eq!(seen[..3], [(Some(1), How::Ok), (Some(1), How::Failed), (Some(1), How::Unknown)]);
    assert_eq!((seen[3], answers.0[3].returned), ((None, How::Unknown), Nanos::MAX));
}

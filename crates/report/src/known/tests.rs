//! Findings that are known, and findings that look like them.

use super::*;
use crate::{Example, Group};

fn known(id: &str) -> Known {
    Known::of("etcd").unwrap().into_iter().find(|known| known.named.id == id).unwrap()
}

fn failing(name: &str) -> Property {
    let mut property = Property::new(name, Group::History, "x");
    property.status = Status::Failing;
    property.saw(false, Example { command: String::new(), number: None, details: "d".into() });
    property
}

#[test]
fn the_table_can_be_read_and_names_each_defect_once() {
    let all = Known::of("etcd").unwrap();
    assert!(all.len() >= 13);
    let ids: std::collections::BTreeSet<&str> = all.iter().map(|known| known.named.id.as_str()).collect();
    assert_eq!(ids.len(), all.len());
    for Known { named, affected, marks, shows, .. } in &all {
        assert!(!affected.is_empty(), "{named}");
        assert!(!marks.is_empty() && marks.iter().all(|mark| shows.contains(mark)), "{named}");
    }
    assert!(Known::of("redis").unwrap().is_empty());
}

#[test]
fn a_version_has_a_defect_from_its_first_release_until_it_is_mended_in_its_series() {
    let defect = known("19179");
    for (version, has) in [
        ("3.4.23", true),
        ("3.4.36", false),
        ("3.5.1", true),
        ("v3.5.17-rc.1", true),
        ("3.5.18", false),
        ("3.5.30+git", false),
        ("3.6.0", false),
        ("3.3.9", false),
        ("unknown", false),
        ("3.5", false),
    ] {
        assert_eq!(defect.is_in(version), has, "{version}");
    }
    assert!(known("early-lease-revoke").is_in("9.0.0"), "what was never mended has no end");
}

#[test]
fn a_defect_is_possible_only_where_what_it_needs_has_happened() {
    let defect = known("17780");
    let traces = |all: &[Trace]| Traces(all.iter().copied().collect());
    let both = traces(&[Trace::Kill, Trace::Compaction]);
    assert!(defect.is_possible(["3.5.30", "3.5.1"], &both), "one member of that version is enough");
    assert!(!defect.is_possible(["3.5.1"], &traces(&[Trace::Kill])));
    assert!(!defect.is_possible(["3.5.30"], &both));
}

#[test]
fn only_what_a_defect_breaks_is_named_by_it() {
    let possible = [known("15220"), known("17529")];
    let ahead = "A progress notification of a watch never runs ahead of events that it did not deliver yet";
    let gap = "A watch leaves out no change of its keys between two events that it delivers";
    let mut properties = [failing(ahead), failing(gap), failing("Something else"), failing(ahead)];
    properties[3].status = Status::Passing;
    let named = name(&mut properties, &possible);
    assert_eq!(named.iter().map(|named| named.id.as_str()).collect::<Vec<_>>(), ["15220", "17529"]);
    assert_eq!(properties[0].known, ["15220", "17529"]);
    assert_eq!(properties[1].known, ["17529"]);
    assert!(properties[2].known.is_empty() && properties[3].known.is_empty());

    assert!(is_exactly(&properties[..1], "15220"));
    assert!(!is_exactly(&properties[..2], "15220"), "another violation is beside it");
    assert!(is_exactly(&properties[..2], "17529"));
    assert!(!is_exactly(&properties, "17529"), "an unknown one is beside it");
    assert!(!is_exactly(&properties[3..], "15220"), "nothing has failed");
}

#[test]
fn a_defect_that_shows_like_many_others_needs_its_mark() {
    let possible = [known("17780")];
    let (watch, head) = (&possible[0].shows[19], &possible[0].marks[0]);
    let mut alone = [failing(watch)];
    assert!(name(&mut alone, &possible).is_empty());
    let mut both = [failing(watch), failing(head)];
    name(&mut both, &possible);
    assert!(is_exactly(&both, "17780"));
}

#[test]
fn what_was_not_exercised_is_no_defect() {
    let possible = [known("15220")];
    let mut idle = [Property::new(&possible[0].shows[1], Group::History, "x")];
    idle[0].status = Status::Failing;
    assert!(name(&mut idle, &possible).is_empty(), "a strict run failed it, and nothing was broken");
}

#[test]
fn a_defect_is_told_with_where_it_is_mended() {
    let told = known("20221").named.to_string();
    let end = "is told of earlier ones; mended in 3.4.38, 3.5.22 and 3.6.2)";
    assert!(told.starts_with("20221 (a watch from a future revision") && told.ends_with(end), "{told}");
    assert!(known("early-lease-revoke").named.to_string().ends_with("; mended in no release yet)"));
}

mod traces {
    use std::borrow::Cow;

    use history::{Call, Failure, History, Nanos, Operation, Outcome, Put, Range, Reply, Txn};

    use super::super::{Trace, Traces};

    fn operation(call: Call<'static>, at: u64, outcome: Outcome<'static>) -> Operation<'static> {
        Operation {
            file: 0,
            number: 0,
            client: 0,
            member: Cow::Borrowed("etcd0"),
            call,
            invoked: Nanos(at),
            returned: Some(Nanos(at + 1)),
            outcome,
        }
    }

    fn of_all(operations: Vec<Operation<'static>>) -> Traces {
        let history = History { operations, watched: Vec::new(), files: Vec::new() };
        Traces::of(&history, 3, ["kill", "defragment"])
    }

    fn of(call: Call<'static>, outcome: Outcome<'static>) -> Traces {
        of_all(vec![operation(call, 1, outcome)])
    }

    fn compacted() -> Failure<'static> {
        Failure { class: "compacted".into(), message: "required revision has been compacted".into() }
    }

    #[test]
    fn faults_leave_traces_of_their_kind() {
        let traces = of(Call::Status, Outcome::Unknown(None));
        assert!(traces.has(Trace::Kill) && traces.has(Trace::Away));
        assert!(!traces.has(Trace::Pause) && !traces.has(Trace::SingleMember));
        let alone = History { operations: Vec::new(), watched: Vec::new(), files: Vec::new() };
        assert!(Traces::of(&alone, 1, []).has(Trace::SingleMember));
    }

    #[test]
    fn a_compaction_that_was_refused_is_none() {
        let compact = || Call::Compact { revision: 3, physical: false };
        assert!(of(compact(), Outcome::Ok(Reply::Compact { revision: 3 })).has(Trace::Compaction));
        assert!(of(compact(), Outcome::Unknown(None)).has(Trace::Compaction));
        assert!(!of(compact(), Outcome::Failed(compacted())).has(Trace::Compaction));
    }

    #[test]
    fn a_renewal_is_from_behind_where_its_member_had_not_made_the_revoke_that_was_answered_before() {
        let revoked = Outcome::Ok(Reply::Revoke { revision: 8 });
        let renewed = |lease, at, revision, ttl| {
            let renewal = Outcome::Ok(Reply::KeepAlive { revision, ttl });
            let revoke = operation(Call::Revoke { lease: 5 }, 10, revoked.clone());
            let traces = of_all(vec![revoke, operation(Call::KeepAlive { lease }, at, renewal)]);
            traces.has(Trace::RenewalFromBehind)
        };
        assert!(renewed(5, 12, 7, 600));
        assert!(!renewed(6, 12, 7, 600), "another lease");
        assert!(!renewed(5, 10, 7, 600), "at the same time");
        assert!(!renewed(5, 12, 8, 600), "by a member that knew of it");
        assert!(!renewed(5, 12, 7, 0), "it is told that the lease is gone");
    }

    #[test]
    fn a_transaction_leaves_a_trace_where_it_writes_reads_the_past_and_is_refused_for_it() {
        let txn = |calls: Vec<Call<'static>>| Call::Txn(Txn { success: calls, ..Txn::default() });
        let put = || Call::Put(Put::default());
        let read = |revision| Call::Range(Range { revision, ..Range::default() });
        let refused = || Outcome::Unknown(Some(compacted()));
        let trace = Trace::TransactionAtCompactedRevision;
        assert!(of(txn(vec![put(), read(3)]), refused()).has(trace));
        assert!(!of(txn(vec![put(), read(0)]), refused()).has(trace));
        assert!(!of(txn(vec![read(3)]), refused()).has(trace));
        assert!(!of(txn(vec![put(), read(3)]), Outcome::Unknown(None)).has(trace));
    }
}

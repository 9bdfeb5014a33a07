//! Leases and revisions that are certainly there, or certainly not: held against brute force, and against histories that
//! were made wrong in one place.

use checker::Verdict;
use checker::etcd::{Options, check};
use history::{Blob, Call, Failure, History, Nanos, Operation, Outcome, Put, Range, Reply};

use super::generate::{Random, Shape};
use super::record::history;
use super::single::operation;
use super::strict::RULES;
use super::{oracle, strict};

fn verdict(operations: &[Operation<'static>]) -> Verdict {
    let history = History { operations: operations.to_vec(), watched: Vec::new(), files: Vec::new() };
    check(&history, &Options::own_store()).verdict
}

fn rule(verdict: &Verdict) -> Option<&'static str> {
    match verdict {
        Verdict::Invalid(violation) => Some(violation.rule),
        _ => None,
    }
}

fn refused(class: &'static str) -> Outcome<'static> {
    Outcome::Failed(Failure { class: class.into(), message: "".into() })
}

fn tiny(seed: u64) -> Shape {
    let mut random = Random::new(seed ^ 0x1EA5_E5ED);
    Shape {
        seed,
        operations: 3 + random.below(4),
        clients: 1 + random.below(3) as u32,
        keys: 1 + random.below(2),
        unknown: [0.0, 0.1, 0.3][random.below(3) as usize],
        leases: true,
        odd: true,
        latency: [2, 10, 500_000_000, 900_000_000][random.below(4) as usize],
        gets: 20,
        ..Shape::default()
    }
}

/// More about leases and the past than the generator's clients ask.
fn enrich(operations: &mut [Operation<'static>], random: &mut Random) {
    let at = random.below(operations.len() as u64) as usize;
    let operation = &mut operations[at];
    let lease = 1 + random.below(2) as i64;
    match (random.below(5), &mut operation.outcome) {
        (0, outcome) => {
            operation.call = Call::KeepAlive { lease };
            *outcome = Outcome::Ok(Reply::KeepAlive { revision: 1, ttl: random.below(2) as i64 });
        }
        (1, outcome) => {
            operation.call = Call::Grant { ttl: 1, lease };
            *outcome = Outcome::Ok(Reply::Grant { revision: 1 + random.below(3) as i64, lease, ttl: 1 });
        }
        (2, outcome) => {
            operation.call = Call::Compact { revision: 1 + random.below(3) as i64, physical: false };
            *outcome = Outcome::Ok(Reply::Compact { revision: 1 });
        }
        (3, outcome) => {
            let revision = 1 + random.below(4) as i64;
            operation.call = Call::Range(Range { key: "k000".into(), revision, ..Range::default() });
            *outcome = refused(["compacted", "future-revision"][random.below(2) as usize]);
        }
        (_, outcome) => {
            operation.call =
                Call::Put(Put { key: "k000".into(), value: "x".into(), lease, ..Put::default() });
            *outcome = refused("lease-not-found");
        }
    }
}

fn spoil(operations: &mut [Operation<'static>], random: &mut Random) {
    let at = random.below(operations.len() as u64) as usize;
    let operation = &mut operations[at];
    match (random.below(4), &operation.call, &mut operation.outcome) {
        (0, Call::KeepAlive { .. }, Outcome::Ok(Reply::KeepAlive { ttl, .. })) => *ttl = i64::from(*ttl == 0),
        (0, Call::Put(put), outcome) if put.lease != 0 => *outcome = refused("lease-not-found"),
        (0, Call::Revoke { .. }, outcome) => *outcome = refused("lease-not-found"),
        (0, Call::Range(range), outcome) if range.revision > 0 => {
            *outcome = refused(["compacted", "future-revision"][random.below(2) as usize]);
        }
        (1, ..) => {
            let length = operation.returned.map_or(0, |t| t.0 - operation.invoked.0);
            let shorter = Nanos(operation.invoked.0 + random.below(length + 1));
            operation.returned = operation.returned.map(|_| shorter);
        }
        _ => enrich(operations, random),
    }
}

#[test]
fn nothing_is_called_broken_that_some_order_explains() {
    let (mut broken, mut kinds, mut missed, mut valid) = (0, Vec::new(), 0, 0);
    for seed in 0..12_000 {
        let mut random = Random::new(seed ^ 0xBAD);
        let mut operations = history(&tiny(seed)).operations;
        for round in 0..4 {
            if round > 0 {
                spoil(&mut operations, &mut random);
                operations.sort_by_key(|operation| (operation.invoked, operation.number));
            }
            let verdict = verdict(&operations);
            let truth = strict::valid(&operations);
            let shown = || format!("seed {seed} round {round}: {verdict}\n{operations:#?}");
            match rule(&verdict) {
                Some(rule) if RULES.contains(&rule) => {
                    assert!(!truth, "{}", shown());
                    broken += 1;
                    kinds.push(rule);
                }
                Some(_) => assert!(!oracle::valid(&operations), "{}", shown()),
                None => {
                    assert!(round > 0 || truth, "{}", shown());
                    missed += u32::from(!truth);
                    valid += u32::from(truth);
                }
            }
        }
    }
    kinds.sort_unstable();
    kinds.dedup();
    assert!(broken > 2_000 && valid > 8_000, "{broken} broken, {missed} missed, {valid} valid");
    assert_eq!(kinds.len(), RULES.len(), "{kinds:?}");
}

fn grant(revision: i64) -> (Call<'static>, Outcome<'static>) {
    (Call::Grant { ttl: 1, lease: 7 }, Outcome::Ok(Reply::Grant { revision, lease: 7, ttl: 1 }))
}

fn put(revision: i64) -> (Call<'static>, Outcome<'static>) {
    let put = Put { key: Blob::from("k"), value: Blob::from("v"), lease: 7, ..Put::default() };
    (Call::Put(put), Outcome::Ok(Reply::Put { revision, prev: None }))
}

fn get(revision: i64) -> (Call<'static>, Outcome<'static>) {
    let range = Range { key: Blob::from("k"), ..Range::default() };
    (Call::Range(range), Outcome::Ok(Reply::Range { revision, kvs: Vec::new(), count: 0, more: false }))
}

fn told(steps: Vec<(u64, (Call<'static>, Outcome<'static>))>) -> Verdict {
    let steps = (0..).zip(steps);
    let operations: Vec<_> =
        steps.map(|(number, (at, (call, outcome)))| operation(number, at, call, outcome)).collect();
    verdict(&operations)
}

const SECOND: u64 = 1_000_000_000;

#[test]
fn a_lease_may_be_granted_again_when_its_time_is_over() {
    let again = vec![(0, grant(1)), (20, put(2)), (3 * SECOND, get(3)), (9 * SECOND, grant(3))];
    assert_eq!(told(again), Verdict::Valid);
}

#[test]
fn a_lease_is_not_granted_again_while_it_lives() {
    let verdict = told(vec![(0, grant(1)), (20, put(2)), (SECOND / 2, grant(2)), (SECOND, get(2))]);
    assert!(matches!(verdict, Verdict::Invalid(_)), "{verdict}");
}

#[test]
fn times_that_leave_a_doubt_break_nothing() {
    let missed = || (put(0).0, refused("lease-not-found"));
    // Answered just when the lease's time is over, counted from when its grant was sent.
    let verdict = told(vec![(0, grant(1)), (20, put(2)), (SECOND - 4, missed()), (2 * SECOND, get(3))]);
    assert_eq!(verdict, Verdict::Valid);
    let verdict = told(vec![(0, grant(1)), (20, put(2)), (SECOND - 5, missed()), (2 * SECOND, get(3))]);
    assert_eq!(rule(&verdict), Some("living-lease-missed"), "{verdict}");
}

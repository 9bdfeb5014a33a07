//! Locks and elections of the store against brute force, on tiny histories made valid and then made wrong.

use checker::Verdict;
use checker::etcd::{Options, check};
use history::{Call, History, Nanos, Operation, Outcome, Reply};

use super::attack::spoil;
use super::generate::Random;
use super::model::Etcd;
use super::oracle;
use super::recipe::{Clients, Stage, advance, give_up, lease, run};
use super::strict::RULES;

/// A call on its way, as brute force sees it.
#[derive(Clone)]
enum Piece<'o> {
    Call { operation: &'o Operation<'static>, stage: Stage },
    End { lease: i64, from: Nanos },
}

impl Piece<'_> {
    fn must(&self) -> bool {
        matches!(self, Self::Call { operation, .. } if matches!(operation.outcome, Outcome::Ok(_)))
    }

    fn invoked(&self) -> Nanos {
        match self {
            Self::Call { operation, .. } => operation.invoked,
            Self::End { from, .. } => *from,
        }
    }

    fn deadline(&self) -> Nanos {
        match self {
            Self::Call { operation, .. } if self.must() => operation.deadline(),
            _ => Nanos::MAX,
        }
    }
}

/// Whether some order of all requests explains every answer. That a wait is over only where nobody is before it is not
/// asked for, nor that who is granted a lock still has its key.
fn explained(operations: &[Operation<'static>]) -> bool {
    let lasting = |call: &Call<'_>| matches!(call, Call::Lock { .. } | Call::Campaign { .. });
    let done = |op: &&Operation<'_>| !matches!(op.outcome, Outcome::Failed(_)) || lasting(&op.call);
    let calls = operations.iter().filter(done);
    let mut pieces: Vec<Piece<'_>> =
        calls.map(|operation| Piece::Call { operation, stage: Stage::Start }).collect();
    let mut leases = oracle::leases(operations);
    leases.extend(operations.iter().filter_map(|operation| lease(&operation.call)));
    leases.sort_unstable();
    leases.dedup();
    pieces.extend(
        leases.into_iter().map(|lease| Piece::End { lease, from: oracle::end_of(operations, lease) }),
    );
    explore(&Etcd::lenient(), &pieces)
}

fn explore(etcd: &Etcd, pieces: &[Piece<'_>]) -> bool {
    if !pieces.iter().any(Piece::must) {
        return true;
    }
    let ended = pieces.iter().map(Piece::deadline).min().unwrap_or(Nanos::MAX);
    pieces.iter().enumerate().filter(|(_, piece)| piece.invoked() <= ended).any(|(at, piece)| {
        let mut next = etcd.clone();
        let mut rest = pieces.to_vec();
        let (operation, stage) = match piece {
            Piece::End { lease, .. } => {
                next.expire(*lease);
                return next.revision > etcd.revision && explore(&next, &rest);
            }
            Piece::Call { operation, stage } => (*operation, stage),
        };
        if !piece.must() {
            // What changes nothing need not be tried.
            let mut left = etcd.clone();
            give_up(&mut left, &operation.call, stage);
            rest.remove(at);
            if left.revision > etcd.revision && explore(&left, &rest) {
                return true;
            }
        }
        match advance(&mut next, &operation.call, stage) {
            Some(stage @ Stage::Waits { .. }) => {
                let mut rest = pieces.to_vec();
                rest[at] = Piece::Call { operation, stage };
                explore(&next, &rest)
            }
            Some(Stage::Over(reply)) => {
                let mut rest = pieces.to_vec();
                rest.remove(at);
                let fits = match (&operation.outcome, reply) {
                    (
                        Outcome::Ok(Reply::Grant { revision, lease, .. }),
                        Some(Reply::Grant { revision: at, lease: asked, .. }),
                    ) => *revision == at && *lease == asked,
                    (Outcome::Ok(answer), reply) => Some(answer) == reply.as_ref(),
                    _ => next.revision > etcd.revision,
                };
                fits && explore(&next, &rest)
            }
            _ => false,
        }
    })
}

pub(crate) fn verdict(operations: &[Operation<'static>]) -> Verdict {
    let history = History { operations: operations.to_vec(), watched: Vec::new(), files: Vec::new() };
    check(&history, &Options::own_store()).verdict
}

fn tiny(seed: u64) -> Clients {
    let mut random = Random::new(seed ^ 0x10C4);
    Clients {
        seed,
        operations: 3 + random.below(4) as usize,
        clients: 1 + random.below(3) as u32,
        unknown: [0.0, 0.2, 0.4][random.below(3) as usize],
        latency: [2, 10, 800_000_000][random.below(3) as usize],
        leases: 1 + random.below(2),
        orderly: [0.0, 0.5][random.below(2) as usize],
        patience: 8,
        careless: random.chance(0.3),
    }
}

/// Spoils one thing about locks and elections.
fn spoil_service(operations: &mut [Operation<'static>], random: &mut Random) {
    let at = random.below(operations.len() as u64) as usize;
    let by = if random.chance(0.5) { 1 } else { -1 };
    match &mut operations[at].outcome {
        Outcome::Ok(Reply::Held { revision, created, .. }) if *created == 0 || random.chance(0.5) => {
            *revision += by;
        }
        Outcome::Ok(Reply::Held { created, .. }) => *created = (*created + by).max(1),
        Outcome::Ok(Reply::Done { revision }) => *revision += by,
        _ => {}
    }
}

/// What an attack came to.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) valid: u64,
    pub(crate) invalid: u64,
    /// Of these, the ones that were not found: what nobody was told of may have been done at more than one time.
    pub(crate) missed: u64,
    pub(crate) undecided: u64,
    pub(crate) disagreements: Vec<String>,
}

/// Compares the engine with brute force on the histories of these seeds: nothing that some order explains is wrong.
pub(crate) fn attack(seeds: std::ops::Range<u64>) -> Tally {
    let mut tally = Tally::default();
    for seed in seeds {
        let mut random = Random::new(seed ^ 0x5EED);
        let mut operations = run(&tiny(seed));
        for round in 0..4 {
            if round > 0 {
                match random.chance(0.5) {
                    true => spoil(&mut operations, &mut random),
                    false => spoil_service(&mut operations, &mut random),
                }
                operations.sort_by_key(|operation| (operation.invoked, operation.number));
            }
            let truth = explained(&operations);
            assert!(round > 0 || truth, "made an invalid history from seed {seed}: {operations:#?}");
            match verdict(&operations) {
                // Which requests find a lease alive is not judged by brute force.
                Verdict::Invalid(violation) if round > 0 && RULES.contains(&violation.rule) => continue,
                verdict @ Verdict::Invalid(_) if truth => {
                    tally
                        .disagreements
                        .push(format!("seed {seed} round {round}: {verdict} of {operations:#?}"));
                }
                Verdict::Invalid(_) => {}
                Verdict::Unknown { .. } => tally.undecided += 1,
                _ => tally.missed += u64::from(!truth),
            }
            tally.valid += u64::from(truth);
            tally.invalid += u64::from(!truth);
        }
    }
    tally
}

#[test]
fn agrees_with_brute_force() {
    let tally = attack(0..1_500);
    assert!(tally.disagreements.is_empty(), "{}", tally.disagreements[0]);
    assert!(tally.valid > 2_000 && tally.invalid > 500, "{tally:?}");
    assert!(tally.missed * 20 < tally.invalid && tally.undecided < 20, "{tally:?}");
}

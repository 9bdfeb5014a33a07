//! What keeps every promise is never accused, whatever its clients do, and all promises are put to the test.

use checker::Verdict;
use checker::etcd;
use checker::guarantees::{Finding, Guarantee, Options, check};
use history::{History, Nanos};
use proptest::prelude::*;

use super::world::{Shape, history};

pub(crate) const OWN: Options = Options { own_store: true, calm_from: Some(Nanos(0)) };

/// What the promises come to, with the word of the linearizability engine.
pub(crate) fn checked(history: &History<'_>, options: &Options) -> Vec<Finding> {
    let order = etcd::check(history, &etcd::Options::own_store());
    check(history, options, Some(&order))
}

pub(crate) fn accused(findings: &[Finding]) -> Vec<Guarantee> {
    let broken = findings.iter().filter(|finding| matches!(finding.verdict, Verdict::Invalid(_)));
    broken.map(|finding| finding.guarantee).collect()
}

#[test]
fn a_history_of_everything_puts_every_promise_to_the_test() {
    let shape = Shape { steps: 2_000, unknown: 0.0, ..Shape::default() };
    let mut findings = check(&history(shape), &OWN, None);
    // An order of all operations is found for shorter ones only, with so many revisions that nobody was answered.
    let short = checked(&history(Shape { steps: 300, ..shape }), &OWN);
    for (finding, short) in findings.iter_mut().zip(short) {
        if matches!(finding.guarantee, Guarantee::OldReads | Guarantee::SerializableReads) {
            *finding = short;
        }
    }
    for finding in &findings {
        assert_eq!(finding.verdict, Verdict::Valid, "{:?}", finding.guarantee);
        assert!(finding.compared > 0, "{:?}", finding.guarantee);
    }
}

#[test]
fn an_empty_history_is_vacuous_and_says_what_it_lacks() {
    let history = History { operations: Vec::new(), watched: Vec::new(), files: Vec::new() };
    for finding in check(&history, &OWN, None) {
        let reason = finding.guarantee.needs().to_owned();
        assert_eq!(finding.verdict, Verdict::Vacuous { reason }, "{:?}", finding.guarantee);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn what_keeps_its_promises_is_never_accused(
        seed: u64,
        steps in 20..600_u64,
        keys in 2..30_u64,
        unknown in prop::sample::select(vec![0.0, 0.05, 0.3]),
        leases: bool,
        compactions: bool,
        own_store: bool,
    ) {
        let history = history(Shape { seed, steps, keys, unknown, leases, compactions });
        let findings = checked(&history, &Options { own_store, ..OWN });
        let wrong: Vec<&Finding> = findings.iter().filter(|finding| finding.broken > 0).collect();
        prop_assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[test]
    fn what_is_cut_off_anywhere_is_never_accused(seed: u64, part in 0.0..1.0_f64) {
        let mut history = history(Shape { seed, steps: 300, ..Shape::default() });
        let last = history.operations.iter().filter_map(|operation| operation.returned).max().unwrap_or_default();
        let cut = Nanos((last.0 as f64 * part) as u64);
        history.operations.retain(|operation| operation.invoked <= cut);
        for operation in &mut history.operations {
            if operation.returned.is_some_and(|returned| returned > cut) {
                operation.returned = None;
                operation.outcome = history::Outcome::Unknown(None);
            }
        }
        history.watched.retain(|update| update.t <= cut);
        let findings = checked(&history, &OWN);
        let wrong: Vec<&Finding> = findings.iter().filter(|finding| finding.broken > 0).collect();
        prop_assert!(wrong.is_empty(), "{wrong:#?}");
    }
}

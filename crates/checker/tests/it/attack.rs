//! Every engine and every rule against the definition, over generated histories; a bounded share of what
//! `cargo run --release -p checker --example attack_models` does.

use checker::{
    Bank, EntryOf, KeyValue, Model, Mutex, Options, Outcome, Register, Report, Rules, Tactic, Transactions,
    Verdict, Versioned, check, check_by_search,
};

use crate::generate::{Draw, Random, small};
use crate::oracle::{flaw, is_linearizable};

/// What an attack met, to show that it met something.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Met {
    /// Histories.
    pub(crate) histories: u64,
    /// Of these, invalid ones.
    pub(crate) invalid: u64,
    /// With at least one unknown outcome.
    pub(crate) unknown: u64,
    /// Verdicts compared.
    pub(crate) checks: u64,
}

impl Met {
    /// Both together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            histories: self.histories + other.histories,
            invalid: self.invalid + other.invalid,
            unknown: self.unknown + other.unknown,
            checks: self.checks + other.checks,
        }
    }
}

/// All settings under which a search has to give the same verdict.
pub(crate) fn settings() -> Vec<Rules> {
    let (all, none) = (Rules::default(), Rules::none());
    let mut settings = vec![all, none];
    type Switch = fn(&mut Rules, bool);
    let switches: [Switch; 11] = [
        |rules, on| rules.reads_at_once = on,
        |rules, on| rules.dominance = on,
        |rules, on| rules.symmetry = on,
        |rules, on| rules.exchange = on,
        |rules, on| rules.commute = on,
        |rules, on| rules.lazy = on,
        |rules, on| rules.useful = on,
        |rules, on| rules.foresight = on,
        |rules, on| rules.independence = on,
        |rules, on| rules.forget = on,
        |rules, on| rules.blur = on,
    ];
    for switch in switches {
        let (mut without, mut only) = (all, none);
        switch(&mut without, false);
        switch(&mut only, true);
        settings.extend([without, only]);
    }
    for tactic in [Tactic::Depth, Tactic::Hasty] {
        settings.extend([
            Rules { tactic, ..all },
            Rules { tactic, ..none },
            Rules { tactic, wide: true, ..all },
        ]);
    }
    settings.push(Rules { wide: true, ..all });
    settings
}

/// Holds every setting of the search against the definition.
pub(crate) fn attack<M: Draw>(model: &M, seed: u64, most: u32) -> Met {
    let mut random = Random(seed);
    let count = 1 + u32::try_from(random.below(most.into())).expect("small");
    let span = 2 + random.below(4 * u64::from(count));
    let entries = small(model, &mut random, count, span);
    let expected = is_linearizable(model, &entries);
    let mut met = Met { histories: 1, ..Met::default() };
    met.invalid += u64::from(!expected);
    met.unknown += u64::from(entries.iter().any(|entry| entry.outcome == Outcome::Unknown));
    for rules in settings() {
        met.checks += 1;
        let options = Options {
            rules,
            witness: true,
            whole: seed.is_multiple_of(7),
            evidence: rules == Rules::default(),
            ..Options::default()
        };
        let report = check_by_search(model, &entries, &options);
        judge(model, &entries, &report, expected, seed, &format!("{rules:?}"));
    }
    met.checks += 1;
    let report = check(model, &entries, &Options { witness: true, ..Options::default() });
    judge(model, &entries, &report, expected, seed, "the front");
    met
}

/// Panics with the seed unless the report agrees with the definition and its evidence holds.
pub(crate) fn judge<M: Model>(
    model: &M,
    entries: &[EntryOf<M>],
    report: &Report,
    expected: bool,
    seed: u64,
    setting: &str,
) {
    let wrong = |what: &str| panic!("seed {seed}: {what}\nwith {setting}\n{report:?}\n{entries:#?}");
    match &report.verdict {
        Verdict::Valid | Verdict::Vacuous { .. } if !expected => wrong("called valid, and it is not"),
        Verdict::Invalid(_) if expected => wrong("called invalid, and it is not"),
        Verdict::Unknown { .. } => wrong("not decided"),
        Verdict::Vacuous { .. } => {}
        Verdict::Valid => {
            if let Some(order) = &report.witness
                && let Some(flaw) = flaw(model, entries, order, true)
            {
                wrong(&format!("the witness is none: {flaw}"));
            }
        }
        Verdict::Invalid(violation) => {
            let core: Vec<EntryOf<M>> =
                violation.operations.iter().map(|&index| entries[index].clone()).collect();
            if is_linearizable(model, &core) {
                wrong("the failing operations are fine by themselves");
            }
        }
    }
}

/// The attack on all models, for one seed.
pub(crate) fn attack_all(seed: u64, most: u32) -> Met {
    let few = Register::default();
    let unique = Register { names: vec![String::new()], ..Register::default() };
    let bank = Bank { balances: vec![2, 3, 0], overdraft: seed.is_multiple_of(5) };
    match seed % 9 {
        0 | 1 => attack(&few, seed, most),
        2 | 3 => attack(&unique, seed, most),
        4 => attack(&KeyValue { absent_is_empty: seed.is_multiple_of(2) }, seed, most),
        5 => attack(&bank, seed, most),
        6 => attack(&Versioned { register: few }, seed, most),
        7 => attack(&Transactions { store: KeyValue { absent_is_empty: false } }, seed, most),
        _ => attack(&Mutex, seed, most),
    }
}

#[test]
fn searches_agree_with_the_definition() {
    let met = (0..8_000).map(|seed| attack_all(seed, 7)).fold(Met::default(), Met::and);
    assert!(met.invalid * 8 > met.histories && met.invalid * 2 < met.histories, "one-sided: {met:?}");
    assert!(met.unknown * 5 > met.histories, "hardly any unknown outcomes: {met:?}");
}

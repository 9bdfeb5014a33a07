//! Engines against each other on histories too long for the definition, and every kind of wrong reply in them.

use checker::{
    Bank, BankOp, BankReply, Engine, EntryOf, KeyValue, KvOp, KvReply, Model, Mutex, MutexOp, MutexReply,
    Options, Outcome, Register, RegisterOp, RegisterReply, Transactions, Value, Verdict, Versioned,
    VersionedReply, check, check_by_search,
};

use crate::generate::Random;
use crate::oracle::flaw;
use crate::simulate::{Load, simulate};

/// A register's operation: half reads, unique values, compare-and-sets of a value that is or was there.
pub(crate) fn unique(random: &mut Random, state: Value, made: u32, cas: u64) -> RegisterOp {
    match random.below(100) {
        0..50 => RegisterOp::Read,
        p if p < 100 - cas => RegisterOp::Write(Value(made)),
        _ => {
            let now = if state == Value::NIL { 0 } else { state.0 };
            let past = u32::try_from(random.below(12)).expect("small");
            let from = if random.chance(60) { now } else { now.saturating_sub(past) };
            RegisterOp::Cas { from: Value(from), to: Value(made) }
        }
    }
}

/// A transfer of little, or a read of all.
pub(crate) fn banking(random: &mut Random, accounts: u32) -> BankOp {
    if random.chance(50) {
        return BankOp::Read;
    }
    let from = u32::try_from(random.below(accounts.into())).expect("small");
    let to = (from + 1 + u32::try_from(random.below(u64::from(accounts) - 1)).expect("small")) % accounts;
    BankOp::Transfer { from, to, amount: 1 + i64::try_from(random.below(5)).expect("small") }
}

#[test]
fn zones_and_search_agree_on_middle_sizes() {
    let model = Register::default();
    let (mut zones, mut invalid) = (0, 0);
    for seed in 0..300u64 {
        let clients = 2 + u32::try_from(seed % 4).expect("small");
        let load = Load { operations: 150, clients, unknown: 40 * (seed % 3), seed };
        let mut entries = simulate(&model, load, |random, state, made| unique(random, *state, made, 25));
        let mut random = Random(seed ^ 0xabcd);
        if seed % 4 != 0 {
            // A reply from another time: near, so that it is not always wrong.
            let at = usize::try_from(random.below(150)).unwrap();
            let other = &mut entries[at];
            other.outcome = match &other.outcome {
                Outcome::Ok(RegisterReply::Value(value)) if *value != Value::NIL => {
                    Outcome::Ok(RegisterReply::Value(Value(
                        value.0.saturating_sub(1 + u32::try_from(random.below(6)).unwrap()),
                    )))
                }
                Outcome::Ok(RegisterReply::Swapped(swapped)) => Outcome::Ok(RegisterReply::Swapped(!swapped)),
                same => *same,
            };
        }
        let options = Options { witness: true, ..Options::default() };
        let by_front = check(&model, &entries, &options);
        let by_search = check_by_search(&model, &entries, &options);
        let valid = by_front.verdict == Verdict::Valid;
        assert_eq!(valid, by_search.verdict == Verdict::Valid, "seed {seed}: {by_front:?}\n{by_search:?}");
        for report in [&by_front, &by_search] {
            assert!(
                !matches!(report.verdict, Verdict::Unknown { .. } | Verdict::Vacuous { .. }),
                "seed {seed}"
            );
            if let Some(order) = &report.witness {
                assert_eq!(flaw(&model, &entries, order, true), None, "seed {seed}");
            }
        }
        zones += usize::from(by_front.engine == Engine::Zones);
        invalid += usize::from(!valid);
    }
    assert!(zones > 290, "zones decided only {zones}");
    assert!((60..240).contains(&invalid), "{invalid} invalid of 300");
}

/// In a history of one client every reply is determined: any other one must be caught, whatever the operation.
fn every_wrong_reply_is_caught<M: Model>(
    model: &M,
    mut draw: impl FnMut(&mut Random, &M::State, u32) -> M::Op,
    kind: impl Fn(&M::Op, &M::Reply) -> &'static str,
    others: impl Fn(&M::Op, &M::Reply) -> Vec<M::Reply>,
    kinds: &[&str],
) {
    let load = Load { operations: 30, clients: 1, unknown: 0, seed: 7 };
    let entries: Vec<EntryOf<M>> = simulate(model, load, &mut draw);
    assert_eq!(check(model, &entries, &Options::default()).verdict, Verdict::Valid);
    let mut caught: Vec<&str> = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let Outcome::Ok(reply) = &entry.outcome else { continue };
        for other in others(&entry.op, reply) {
            let mut wrong = entries.clone();
            wrong[index].outcome = Outcome::Ok(other);
            for report in [check, check_by_search].map(|check| check(model, &wrong, &Options::default())) {
                let Verdict::Invalid(violation) = &report.verdict else {
                    panic!("{:?} {report:?}", wrong[index])
                };
                // Where the smallest proof is another one, it need not show this reply.
                assert!(!violation.operations.is_empty(), "{violation:?}");
            }
            caught.push(kind(&entry.op, reply));
        }
    }
    caught.sort_unstable();
    caught.dedup();
    assert_eq!(caught, kinds);
}

#[test]
fn wrong_replies_of_a_register_are_caught() {
    every_wrong_reply_is_caught(
        &Register::default(),
        |random, state, made| unique(random, *state, made, 30),
        |op, reply| match (op, reply) {
            (RegisterOp::Read, _) => "read",
            (_, RegisterReply::Swapped(false)) => "refused",
            _ => "swapped",
        },
        |_, reply| match reply {
            RegisterReply::Value(value) => {
                let others = [Value(value.0.wrapping_sub(1)), Value(70), Value::NIL];
                others.into_iter().filter(|other| other != value).map(RegisterReply::Value).collect()
            }
            RegisterReply::Swapped(swapped) => vec![RegisterReply::Swapped(!swapped)],
            RegisterReply::Written => Vec::new(),
        },
        &["read", "refused", "swapped"],
    );
}

#[test]
fn wrong_replies_of_a_store_are_caught() {
    every_wrong_reply_is_caught(
        &KeyValue { absent_is_empty: false },
        |random, _, made| {
            let key = ["a", "b"][usize::from(random.chance(50))].into();
            let value = format!("{made} ").into();
            match random.below(8) {
                0..4 => KvOp::Get { key },
                4 => KvOp::Put { key, value },
                5 => KvOp::Delete { key },
                _ => KvOp::Append { key, value },
            }
        },
        |_, reply| if *reply == KvReply::Value(None) { "absent" } else { "present" },
        |op, reply| match (op, reply) {
            (KvOp::Get { .. }, KvReply::Value(None)) => vec![KvReply::Value(Some("1 ".into()))],
            (KvOp::Get { .. }, KvReply::Value(Some(text))) => {
                vec![
                    KvReply::Value(None),
                    KvReply::Value(Some(format!("{text}x").into())),
                    KvReply::Value(Some("".into())),
                ]
            }
            _ => Vec::new(),
        },
        &["absent", "present"],
    );
}

#[test]
fn wrong_replies_of_transactions_are_caught() {
    every_wrong_reply_is_caught(
        &Transactions::default(),
        |random, _, made| {
            let part = |random: &mut Random, number: u64| {
                let key = ["a", "b"][usize::from(random.chance(50))].into();
                if random.chance(50) {
                    KvOp::Get { key }
                } else {
                    KvOp::Append { key, value: format!("{made}.{number} ").into() }
                }
            };
            (0..1 + random.below(3)).map(|number| part(random, number)).collect()
        },
        |op, _| if op.iter().all(|part| matches!(part, KvOp::Get { .. })) { "reading" } else { "mixed" },
        |_, replies| {
            let mut others = Vec::new();
            for (at, reply) in replies.iter().enumerate() {
                let other = match reply {
                    KvReply::Value(None) => "0.0 ".into(),
                    KvReply::Value(Some(text)) => format!("{text}x").into(),
                    KvReply::Done => continue,
                };
                let mut wrong = replies.clone();
                wrong[at] = KvReply::Value(Some(other));
                others.push(wrong);
            }
            others
        },
        &["mixed", "reading"],
    );
}

#[test]
fn wrong_replies_of_a_register_with_versions_are_caught() {
    every_wrong_reply_is_caught(
        &Versioned::default(),
        |random, &(_, value), made| unique(random, value, made, 30),
        |_, reply| match reply {
            VersionedReply::Value(..) => "read",
            VersionedReply::Written(_) => "written",
            VersionedReply::Refused => "refused",
        },
        |op, reply| match *reply {
            VersionedReply::Value(version, value) => {
                vec![VersionedReply::Value(version + 1, value), VersionedReply::Value(version, Value(70))]
            }
            VersionedReply::Written(version) => vec![VersionedReply::Written(version + 1)],
            VersionedReply::Refused if matches!(op, RegisterOp::Cas { .. }) => {
                vec![VersionedReply::Written(1)]
            }
            VersionedReply::Refused => Vec::new(),
        },
        &["read", "refused", "written"],
    );
}

#[test]
fn long_histories_of_transactions_are_decided() {
    for seed in 0..3 {
        let load = Load { operations: 700, clients: 8, unknown: 10, seed };
        let entries = simulate(&Transactions::default(), load, |random, _, made| {
            let part = |random: &mut Random, number: u64| {
                let key = format!("k{}", random.below(4) + u64::from(made) / 200).into();
                if random.chance(50) {
                    KvOp::Get { key }
                } else {
                    KvOp::Append { key, value: format!("{made}.{number} ").into() }
                }
            };
            (0..1 + random.below(4)).map(|number| part(random, number)).collect()
        });
        let report =
            check(&Transactions::default(), &entries, &Options { witness: true, ..Options::default() });
        assert_eq!(report.verdict, Verdict::Valid, "seed {seed}");
        assert_eq!(
            flaw(&Transactions::default(), &entries, &report.witness.unwrap(), true),
            None,
            "seed {seed}"
        );
    }
}

#[test]
fn wrong_replies_of_a_bank_are_caught() {
    every_wrong_reply_is_caught(
        &Bank { balances: vec![5, 5, 5], overdraft: false },
        |random, _, _| banking(random, 3),
        |op, reply| match (op, reply) {
            (BankOp::Read, _) => "read",
            (_, BankReply::Transferred(true)) => "moved",
            _ => "refused",
        },
        |_, reply| match reply {
            BankReply::Balances(balances) => {
                let (mut swapped, mut more) = (balances.clone(), balances.clone());
                swapped.rotate_left(1);
                more[0] += 1;
                [swapped, more]
                    .into_iter()
                    .filter(|other| other != balances)
                    .map(BankReply::Balances)
                    .collect()
            }
            BankReply::Transferred(moved) => vec![BankReply::Transferred(!moved)],
        },
        &["moved", "read", "refused"],
    );
}

#[test]
fn wrong_replies_of_a_lock_are_caught() {
    every_wrong_reply_is_caught(
        &Mutex,
        |random, _, _| {
            let holder = u32::try_from(random.below(2)).expect("small");
            if random.chance(50) { MutexOp::Acquire(holder) } else { MutexOp::Release(holder) }
        },
        |op, _| if matches!(op, MutexOp::Acquire(_)) { "acquire" } else { "release" },
        |_, reply| match reply {
            MutexReply::Granted => vec![MutexReply::Refused],
            MutexReply::Refused => vec![MutexReply::Granted],
        },
        &["acquire", "release"],
    );
}

#[test]
fn a_bank_with_unknown_outcomes_is_decided() {
    let bank = Bank { balances: vec![100; 5], overdraft: false };
    for seed in 0..3 {
        let load = Load { operations: 1_000, clients: 10, unknown: 40, seed };
        let entries = simulate(&bank, load, |random, _, _| banking(random, 5));
        let report = check(&bank, &entries, &Options { witness: true, ..Options::default() });
        assert_eq!(report.verdict, Verdict::Valid, "seed {seed}");
        assert_eq!(flaw(&bank, &entries, &report.witness.unwrap(), true), None, "seed {seed}");
    }
}

#[test]
fn what_cannot_be_decided_says_how_far_it_went() {
    let bank = Bank { balances: vec![100; 5], overdraft: false };
    let load = Load { operations: 1_000, clients: 10, unknown: 40, seed: 1 };
    let entries = simulate(&bank, load, |random, _, _| banking(random, 5));
    let budget = checker::Budget { steps: 500, ..checker::Budget::default() };
    let report = check(&bank, &entries, &Options { budget, ..Options::default() });
    let Verdict::Unknown { reason } = report.verdict else { panic!("{report:?}") };
    assert!(reason.contains("steps") && reason.contains("of 1000 operations"), "{reason}");
    let cancelled = check(&bank, &entries, &Options { cancelled: &|| true, ..Options::default() });
    let Verdict::Unknown { reason } = cancelled.verdict else { panic!("{cancelled:?}") };
    assert!(reason.contains("ended before it was decided"), "{reason}");
}

#[test]
fn a_history_that_shows_nothing_is_vacuous() {
    let model = Register::default();
    let write = checker::Entry::ok(0, 1, 2, RegisterOp::Write(Value(1)), RegisterReply::Written);
    for entries in [vec![], vec![write], vec![checker::Entry::unknown(0, 1, RegisterOp::Read)]] {
        let report = check(&model, &entries, &Options::default());
        assert!(matches!(report.verdict, Verdict::Vacuous { .. }), "{report:?}");
    }
}

#[test]
fn what_needs_no_engine_is_said_of_long_histories_too() {
    // So long that the engines begin at the same time.
    let times = (0..20_000).map(|at| (at, 2 * u64::from(at), 2 * u64::from(at) + 1));
    let write = |(at, call, returned)| {
        checker::Entry::ok(0, call, returned, RegisterOp::Write(Value(at)), RegisterReply::Written)
    };
    let writes: Vec<_> = times.clone().map(write).collect();
    let report = check(&Register::default(), &writes, &Options::default());
    assert!(matches!(report.verdict, Verdict::Vacuous { .. }), "{report:?}");
    assert_eq!((report.counts.writes, report.counts.partitions), (20_000, 1));

    let bank = Bank { balances: vec![10, 10], overdraft: false };
    let read = |(at, call, returned)| {
        let balances = if at == 17_000 { [10, 11] } else { [10, 10] };
        checker::Entry::ok(0, call, returned, BankOp::Read, BankReply::Balances(balances.into()))
    };
    let reads: Vec<_> = times.map(read).collect();
    let report = check(&bank, &reads, &Options::default());
    let Verdict::Invalid(violation) = report.verdict else { panic!("{report:?}") };
    assert_eq!((violation.rule, violation.operations), ("impossible-reply", vec![17_000]));
}

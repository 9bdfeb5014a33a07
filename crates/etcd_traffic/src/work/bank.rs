//! A bank: money moves between accounts by transactions, and none is made or lost.

use history::{Call, Compare, Comparison, KeyValue, Put, Range, Reply, Target, Txn, WriteError};

use super::{Report, Site};
use crate::client::Client;
use crate::draw::Draw;

/// What is in each account in the beginning.
const DEPOSIT: i64 = 100;
/// More accounts make a read of all of them long, and collisions rare.
const ACCOUNTS: (u64, u64) = (2, 8);

/// Reads all accounts at one revision, and moves some money from one to another if neither has changed. All accounts are
/// opened in one transaction, by whoever comes first, so that a read finds all or none.
pub(super) async fn transfer<D: Draw>(
    site: &Site<'_, '_, '_, D>,
    client: &mut Client<'_>,
    report: &mut Report,
) -> Result<(), WriteError> {
    let accounts = u64::from(site.swarm.keys).clamp(ACCOUNTS.0, ACCOUNTS.1);
    let (first, end) = site.all_of("bank");
    let all = || Range { key: first.as_str().into(), end: Some(end.as_str().into()), ..Range::default() };
    let Ok(Reply::Range { revision, kvs, .. }) = site.ask(client, &Call::Range(all()), report).await? else {
        return Ok(());
    };
    if kvs.is_empty() {
        return open(site, client, accounts, report).await;
    }
    audit(&kvs, accounts, revision, report);
    if site.once_in(4) {
        // A member's own state may be old, and is the state of one revision all the same.
        let old = Range { serializable: site.once_in(2), revision: revision - 1, ..all() };
        if let Ok(Reply::Range { kvs, .. }) = site.ask(client, &Call::Range(old), report).await?
            && !kvs.is_empty()
        {
            audit(&kvs, accounts, revision - 1, report);
        }
    }
    let from = &kvs[site.index(kvs.len())];
    let to = &kvs[site.index(kvs.len())];
    let Some(amount) =
        balance(from).map(|has| i64::try_from(site.below(1 + has.unsigned_abs())).unwrap_or(0))
    else {
        return Ok(());
    };
    let Some(there) = balance(to).filter(|_| from.key != to.key) else { return Ok(()) };
    let moved = [(from, balance(from).unwrap_or(0) - amount), (to, there + amount)].map(|(kv, new)| {
        let value = format!("{new} {}", site.text());
        Call::Put(Put { key: kv.key.borrow(), value: value.into(), ..Put::default() })
    });
    let unchanged = |kv: &KeyValue<'_>| Compare {
        key: kv.key.clone().into_owned(),
        end: None,
        target: Target::Mod(kv.mod_revision),
        comparison: Comparison::Equal,
    };
    let txn = Txn {
        compare: vec![unchanged(from), unchanged(to)],
        success: moved.into(),
        failure: vec![Call::Range(all())],
    };
    if let Ok(Reply::Txn { revision, succeeded: false, replies }) =
        site.ask(client, &Call::Txn(txn), report).await?
        && let Some(Reply::Range { kvs, .. }) = replies.first()
    {
        audit(kvs, accounts, revision, report);
    }
    Ok(())
}

async fn open<D: Draw>(
    site: &Site<'_, '_, '_, D>,
    client: &mut Client<'_>,
    accounts: u64,
    report: &mut Report,
) -> Result<(), WriteError> {
    let deposits = (0..accounts).map(|n| {
        let value = format!("{DEPOSIT} {}", site.text());
        Call::Put(Put { key: site.key("bank", n).into(), value: value.into(), ..Put::default() })
    });
    let nobody = Compare {
        key: site.key("bank", 0).into(),
        end: None,
        target: Target::Create(0),
        comparison: Comparison::Equal,
    };
    let txn = Txn { compare: vec![nobody], success: deposits.collect(), failure: Vec::new() };
    site.ask(client, &Call::Txn(txn), report).await?.ok();
    Ok(())
}

fn balance(kv: &KeyValue<'_>) -> Option<i64> {
    kv.value.to_string().split(' ').next()?.parse().ok()
}

fn audit(kvs: &[KeyValue<'_>], accounts: u64, revision: i64, report: &mut Report) {
    let (found, expected) = (kvs.iter().filter_map(balance).sum::<i64>(), total(accounts));
    let whole = kvs.len() as u64 == accounts && found == expected;
    report.bank.saw((!whole).then(|| {
        let count = kvs.len();
        format!(
            "{count} of {accounts} accounts with {found} of {expected} in them together at revision {revision}"
        )
    }));
}

fn total(accounts: u64) -> i64 {
    DEPOSIT * i64::try_from(accounts).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(key: &str, value: &str) -> KeyValue<'static> {
        KeyValue { key: key.to_owned().into(), value: value.to_owned().into(), ..KeyValue::default() }
    }

    #[test]
    fn money_that_is_made_or_lost_and_accounts_that_are_missing_are_seen() {
        let broken = |kvs: &[KeyValue<'_>]| {
            let mut report = Report::default();
            audit(kvs, 2, 9, &mut report);
            assert_eq!(report.bank.compared, 1);
            report.bank.broken
        };
        assert_eq!(broken(&[account("0", "30 x"), account("1", "170 y")]), None);
        let lost = broken(&[account("0", "30 x"), account("1", "100 y")]).unwrap();
        assert_eq!(lost, "2 of 2 accounts with 130 of 200 in them together at revision 9");
        assert!(broken(&[account("0", "200 x")]).is_some());
        assert!(broken(&[account("0", "100 x"), account("1", "")]).is_some(), "what is no number is nothing");
    }
}

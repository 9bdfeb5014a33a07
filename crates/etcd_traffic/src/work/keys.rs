//! Few keys and many clients: compare and set, lists that grow, keys that come and go.

use history::{Call, Compare, Comparison, Delete, KeyValue, Put, Range, Reply, Target, Txn, WriteError};

use super::{Report, Site};
use crate::client::Client;
use crate::draw::Draw;

/// A list begins anew after so many elements, so that values stay small.
const LIST_MAX: usize = 60;

pub(super) fn put<'a>(key: &'a str, value: &'a str) -> Put<'a> {
    Put { key: key.into(), value: value.into(), ..Put::default() }
}

pub(super) fn get(key: &str) -> Call<'_> {
    Call::Range(Range { key: key.into(), ..Range::default() })
}

/// The key's state as it was seen, by one of the things that change with it.
pub(super) fn unchanged<'a, D: Draw>(
    site: &Site<'_, '_, '_, D>,
    key: &'a str,
    seen: Option<&'a KeyValue<'_>>,
) -> Compare<'a> {
    let target = match seen {
        None => match site.below(3) {
            0 => Target::Create(0),
            1 => Target::Version(0),
            _ => Target::Mod(0),
        },
        Some(kv) => match site.below(3) {
            0 => Target::Value(kv.value.borrow()),
            // Versions begin anew with each creation, so they do not tell by themselves.
            _ => Target::Mod(kv.mod_revision),
        },
    };
    Compare { key: key.into(), end: None, target, comparison: Comparison::Equal }
}

async fn look<D: Draw>(
    site: &Site<'_, '_, '_, D>,
    client: &mut Client<'_>,
    key: &str,
    report: &mut Report,
) -> Result<Option<Option<KeyValue<'static>>>, WriteError> {
    Ok(match site.ask(client, &get(key), report).await? {
        Ok(Reply::Range { kvs, .. }) => Some(kvs.into_iter().next()),
        _ => None,
    })
}

/// Reads a key, and sets it if it has not changed since. Often there is nothing to fight over; some only set, or read.
pub(super) async fn register<D: Draw>(
    site: &Site<'_, '_, '_, D>,
    client: &mut Client<'_>,
    report: &mut Report,
) -> Result<(), WriteError> {
    let (key, value) = (site.contended("register"), site.value());
    match site.below(4) {
        0 => {
            let call = Call::Put(Put { prev_kv: site.once_in(2), ..put(&key, &value) });
            site.ask(client, &call, report).await?.ok();
        }
        _ => {
            let Some(seen) = look(site, client, &key, report).await? else { return Ok(()) };
            let txn = Txn {
                compare: vec![unchanged(site, &key, seen.as_ref())],
                success: vec![Call::Put(put(&key, &value))],
                failure: vec![get(&key)],
            };
            site.ask(client, &Call::Txn(txn), report).await?.ok();
        }
    }
    Ok(())
}

/// Adds an element to a list, in a transaction that reads what it replaces.
pub(super) async fn append<D: Draw>(
    site: &Site<'_, '_, '_, D>,
    client: &mut Client<'_>,
    report: &mut Report,
) -> Result<(), WriteError> {
    let (key, element) = (site.contended("append"), site.text());
    let Some(seen) = look(site, client, &key, report).await? else { return Ok(()) };
    let list = seen.as_ref().map(|kv| kv.value.to_string()).unwrap_or_default();
    let longer = if list.is_empty() { element } else { format!("{list},{element}") };
    let success = if longer.split(',').count() > LIST_MAX {
        vec![Call::Delete(Delete { key: key.as_str().into(), end: None, prev_kv: true })]
    } else {
        vec![get(&key), Call::Put(put(&key, &longer))]
    };
    let txn = Txn { compare: vec![unchanged(site, &key, seen.as_ref())], success, failure: vec![get(&key)] };
    site.ask(client, &Call::Txn(txn), report).await?.ok();
    Ok(())
}

/// Makes and deletes keys: versions and revisions of creation begin anew each time.
pub(super) async fn recreate<D: Draw>(
    site: &Site<'_, '_, '_, D>,
    client: &mut Client<'_>,
    report: &mut Report,
) -> Result<(), WriteError> {
    let (key, value) = (site.contended("recreate"), site.value());
    let (first, end) = site.all_of("recreate");
    let delete = |end: Option<&str>, prev_kv| {
        let key = if end.is_some() { first.as_str() } else { key.as_str() };
        Delete { key: key.to_owned().into(), end: end.map(|end| end.to_owned().into()), prev_kv }
    };
    let call = match site.below(8) {
        0..3 => Call::Put(Put { prev_kv: site.once_in(2), ..put(&key, &value) }),
        3 | 4 => Call::Delete(delete(None, site.once_in(2))),
        5 => Call::Delete(delete(Some(&end), true)),
        6 => Call::Put(Put { ignore_value: true, value: "".into(), prev_kv: true, ..put(&key, "") }),
        // Makes it where it is not, and else deletes it, in a transaction inside of another.
        _ => {
            let absent = Compare {
                key: key.as_str().into(),
                end: None,
                target: Target::Create(0),
                comparison: Comparison::Equal,
            };
            let inner = Txn {
                compare: vec![absent],
                success: vec![Call::Put(put(&key, &value))],
                failure: vec![Call::Delete(delete(None, true))],
            };
            Call::Txn(Txn { success: vec![Call::Txn(inner)], ..Txn::default() })
        }
    };
    site.ask(client, &call, report).await?.ok();
    if site.once_in(3) {
        let range = Range { key: first.as_str().into(), end: Some(end.as_str().into()), ..Range::default() };
        site.ask(client, &Call::Range(range), report).await?.ok();
    }
    Ok(())
}

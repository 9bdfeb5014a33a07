//! A list and a watch, as controllers use them: what was listed, kept up to date by what is delivered, must be what a later
//! list shows.

use std::collections::BTreeMap;
use std::time::Duration;

use history::{Blob, Call, Delete, Event, KeyValue, Range, Reply, Watch, WriteError, clock};

use super::keys::put;
use super::{Report, Site};
use crate::client::{Client, Feed, Told};
use crate::draw::Draw;
use crate::event;

/// One page of a list.
const PAGE: [i64; 3] = [0, 2, 20];
const WAIT: Duration = Duration::from_millis(50);
/// A watch that has not come to the later list's revision by then is not compared.
const CATCHES_UP_WITHIN: Duration = Duration::from_secs(3);

/// A copy of some keys, by key.
type Copied = BTreeMap<Blob<'static>, (Blob<'static>, i64)>;

/// Lists, watches from there while writers write, lists again, and compares.
pub(super) async fn mirror<D: Draw>(
    site: &Site<'_, '_, '_, D>,
    client: &mut Client<'_>,
    report: &mut Report,
) -> Result<(), WriteError> {
    let Some((listed, mut copy)) = list(site, client, report).await? else { return Ok(()) };
    let (first, end) = site.all_of("mirror");
    let watch = Watch {
        key: first.into(),
        end: Some(end.into()),
        revision: listed + 1,
        prev_kv: site.once_in(2),
        ..Watch::default()
    };
    let mut feed = client.feed();
    feed.open(&watch, false).await?;
    write(site, report).await?;
    // Through any member: the list is of all that is acknowledged.
    let mut lister = site.client().await?;
    if let Some(lister) = &mut lister
        && let Some((later, shown)) = list(site, lister, report).await?
        && catch_up(site, &mut feed, &mut copy, later, report).await?
    {
        let broken =
            apart(&copy, &shown).map(|what| format!("{what} at revision {later}, listed at {listed} before"));
        report.mirror.saw(broken);
    }
    feed.close()
}

/// Some writes by one who knows nothing of the copy.
async fn write<D: Draw>(site: &Site<'_, '_, '_, D>, report: &mut Report) -> Result<(), WriteError> {
    let Some(mut client) = site.client().await? else { return Ok(()) };
    let mut wrote = 0;
    while site.goes_on(false) && wrote < 200 {
        let (key, value) = (site.contended("mirror"), site.value());
        let call = match site.below(4) {
            0 => Call::Delete(Delete { key: key.as_str().into(), end: None, prev_kv: false }),
            _ => Call::Put(put(&key, &value)),
        };
        site.ask(&mut client, &call, report).await?.ok();
        wrote += 1;
    }
    Ok(())
}

/// All keys of the workload at one revision, page by page.
async fn list<D: Draw>(
    site: &Site<'_, '_, '_, D>,
    client: &mut Client<'_>,
    report: &mut Report,
) -> Result<Option<(i64, Copied)>, WriteError> {
    let (mut from, end) = site.all_of("mirror");
    let limit = site.one_of(&PAGE);
    let (mut copy, mut at) = (Copied::new(), 0);
    // A list is as long as there are keys, and those are few.
    for _ in 0..1_000 {
        let range = Range {
            key: from.as_str().into(),
            end: Some(end.as_str().into()),
            limit,
            revision: at,
            ..Range::default()
        };
        let answer = site.ask(client, &Call::Range(range), report).await?;
        let Ok(Reply::Range { revision, kvs, more, .. }) = answer else { return Ok(None) };
        if at == 0 {
            at = revision;
        }
        let last = kvs.last().map(|kv| kv.key.to_string());
        copy.extend(kvs.into_iter().map(take));
        match last {
            Some(last) if more => from = last + "\0",
            _ => return Ok(Some((at, copy))),
        }
    }
    Ok(None)
}

fn take(kv: KeyValue<'static>) -> (Blob<'static>, (Blob<'static>, i64)) {
    (kv.key, (kv.value, kv.mod_revision))
}

/// Takes in changes up to a revision, and no further; whether the watch came so far.
async fn catch_up<D: Draw>(
    site: &Site<'_, '_, '_, D>,
    feed: &mut Feed<'_>,
    copy: &mut Copied,
    to: i64,
    report: &mut Report,
) -> Result<bool, WriteError> {
    let until = clock::now().plus(CATCHES_UP_WITHIN);
    while clock::now() < until && feed.is_open() {
        match feed.next(WAIT).await? {
            Told::Events { events, .. } => {
                report.delivered += 1;
                let last = events.last().map_or(0, revision);
                for event in events.into_iter().filter(|event| revision(event) <= to) {
                    apply(copy, event);
                }
                if last >= to {
                    return Ok(true);
                }
            }
            Told::Progress { revision, .. } if revision >= to => return Ok(true),
            Told::Nothing => feed.ask_progress().await,
            Told::Broken(problem) => {
                site.tell(&event::Event::Asked { call: "watch", problem: Some(&problem) });
            }
            _ => {}
        }
    }
    Ok(false)
}

fn revision(event: &Event<'_>) -> i64 {
    match event {
        Event::Put { kv, .. } => kv.mod_revision,
        Event::Delete { revision, .. } => *revision,
    }
}

fn apply(copy: &mut Copied, event: Event<'static>) {
    match event {
        Event::Put { kv, .. } => {
            copy.extend([take(kv)]);
        }
        Event::Delete { key, .. } => {
            copy.remove(&key);
        }
    }
}

/// The first key that is not the same in both.
fn apart(copy: &Copied, shown: &Copied) -> Option<String> {
    let keys = copy.keys().chain(shown.keys());
    let differs = |key: &&Blob<'static>| copy.get(*key) != shown.get(*key);
    let words = |of: Option<&(Blob<'static>, i64)>| {
        of.map_or_else(|| "nothing".to_owned(), |(_, revision)| format!("a value of revision {revision}"))
    };
    let mut differing = keys.filter(differs);
    let key = differing.next()?;
    Some(format!(
        "key {key}: the watch led to {}, the list shows {}",
        words(copy.get(key)),
        words(shown.get(key))
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kv(key: &str, value: &str, mod_revision: i64) -> KeyValue<'static> {
        KeyValue {
            key: key.to_owned().into(),
            value: value.to_owned().into(),
            mod_revision,
            ..KeyValue::default()
        }
    }

    fn of(kvs: &[KeyValue<'static>]) -> Copied {
        kvs.iter().cloned().map(take).collect()
    }

    #[test]
    fn a_change_that_was_not_delivered_is_seen() {
        let mut copy = of(&[kv("a", "1", 2), kv("b", "1", 3)]);
        apply(&mut copy, Event::Put { kv: kv("a", "2", 4), prev: None });
        apply(&mut copy, Event::Delete { key: "b".into(), revision: 5, prev: None });
        assert_eq!(apart(&copy, &of(&[kv("a", "2", 4)])), None);
        let missed = apart(&copy, &of(&[kv("a", "3", 6)])).unwrap();
        assert_eq!(
            missed,
            "key a: the watch led to a value of revision 4, the list shows a value of revision 6"
        );
        assert!(apart(&copy, &of(&[])).unwrap().ends_with("the list shows nothing"));
        assert!(apart(&of(&[]), &copy).unwrap().contains("the watch led to nothing"));
    }
}

//! Watches against writers and compaction: from now, from the past, from the future; several on one stream; read fast,
//! slowly, or not for a while.

use std::cell::Cell;
use std::time::Duration;

use futures_util::future::try_join_all;
use history::{Call, Delete, Event, Put, Txn, Watch, WriteError, clock};

use super::keys::{get, put};
use super::{Report, Site};
use crate::client::{Client, Feed, Told};
use crate::draw::Draw;
use crate::errors::Problem;

/// Writers beside one watching client.
const WRITERS: [usize; 3] = [1, 2, 4];
/// Watches on one stream: a store may treat many of them in another way than one.
const WATCHES: [u64; 5] = [1, 2, 2, 4, 40];
/// How far back a watch may begin.
const BACK: u64 = 60;
/// One message is waited for so long before it is asked again whether there is time.
const WAIT: Duration = Duration::from_millis(50);
/// Streams that are asked how far they are, and how often.
const STREAMS: usize = 4;
const ASKED_EVERY: Duration = Duration::from_millis(2);
/// Clients that do nothing but put.
const PUTTERS: usize = 8;
/// Watches on a stream that stalls, for how long, and the size of what is written meanwhile.
const MANY: usize = 41;
const STALLED: Duration = Duration::from_millis(2_500);
const STALL_VALUE: usize = 512;
/// Each watch gets all of it, so this is not more: one put of each client in so long a time.
const STALL_PUTS: usize = 90;
/// A reader that is slow, not stalled, takes as many messages as there are watches, and then waits for so long.
const SLOW_PAUSE: Duration = Duration::from_millis(120);
const STALL_PAUSE: Duration = Duration::from_millis(50);
/// A member looks every 100 ms which watches are behind, and takes a part of them.
const CAUGHT_UP: Duration = Duration::from_millis(1_500);
/// When all is written, so long a silence means that all is delivered, or that nothing is.
const SILENCE: Duration = Duration::from_millis(300);

/// Opens watches, lets writers write, and takes in what is delivered.
pub(super) async fn follow<D: Draw>(
    site: &Site<'_, '_, '_, D>,
    client: &mut Client<'_>,
    report: &mut Report,
) -> Result<(), WriteError> {
    let (first, _) = site.all_of("watch");
    let Ok(reply) = site.ask(client, &get(&first), report).await? else { return Ok(()) };
    let head = reply.revision();
    let mut feed = client.feed();
    let (mut watched, mut written) = (Report::default(), Report::default());
    for _ in 0..site.one_of(&WATCHES) {
        feed.open(&watch(site, head), site.once_in(3)).await?;
        if !feed.is_open() {
            feed.close()?;
            return Ok(());
        }
    }
    let done = Cell::new(false);
    let reading = take_in(site, &mut feed, &done, &mut watched);
    let writing = async {
        let written = write(site).await;
        done.set(true);
        written
    };
    let (read, wrote) = futures_util::future::join(Box::pin(reading), Box::pin(writing)).await;
    read?;
    written.join(wrote?);
    feed.close()?;
    report.join(watched);
    report.join(written);
    Ok(())
}

fn watch<D: Draw>(site: &Site<'_, '_, '_, D>, head: i64) -> Watch<'static> {
    let (first, end) = site.all_of("watch");
    let one = site.once_in(3);
    let revision = match site.below(6) {
        0 | 1 => 0,
        2 => head + 1,
        // Perhaps it is compacted: then the store says so.
        3 | 4 => (head - i64::try_from(site.below(BACK)).unwrap_or(0)).max(1),
        _ => head + i64::try_from(site.below(30)).unwrap_or(0),
    };
    let (no_put, no_delete) = match site.below(8) {
        0 => (true, false),
        1 => (false, true),
        _ => (false, false),
    };
    Watch {
        key: if one { site.contended("watch").into() } else { first.into() },
        end: (!one).then(|| end.into()),
        revision,
        prev_kv: site.once_in(2),
        no_put,
        no_delete,
        progress: site.once_in(3),
    }
}

/// Reads until the writers are done and nothing has come for a while.
async fn take_in<D: Draw>(
    site: &Site<'_, '_, '_, D>,
    feed: &mut Feed<'_>,
    done: &Cell<bool>,
    report: &mut Report,
) -> Result<(), WriteError> {
    let stalls = site.once_in(3);
    let mut silent = Duration::ZERO;
    while site.left(true) > Duration::ZERO && !(done.get() && silent >= SILENCE) {
        if stalls && site.once_in(20) {
            tokio::time::sleep(Duration::from_millis(site.below(1_500))).await;
        }
        if site.once_in(10) {
            feed.ask_progress().await;
        }
        match feed.next(WAIT).await? {
            Told::Nothing => silent += WAIT,
            Told::Broken(problem) => {
                site.tell(&crate::event::Event::Asked { call: "watch", problem: Some(&problem) });
                return Ok(());
            }
            told => {
                silent = Duration::ZERO;
                report.delivered += usize::from(matches!(told, Told::Events { .. }));
            }
        }
        if !feed.is_open() {
            return Ok(());
        }
    }
    Ok(())
}

/// Writers through any members, and sometimes one who compacts behind them.
async fn write<D: Draw>(site: &Site<'_, '_, '_, D>) -> Result<Report, WriteError> {
    let (writers, compacts) = (site.one_of(&WRITERS), site.once_in(2));
    let one = |n: usize| Box::pin(writer(site, compacts && n == 0));
    let mut all = Report::default();
    try_join_all((0..writers).map(one)).await?.into_iter().for_each(|report| all.join(report));
    Ok(all)
}

async fn writer<D: Draw>(site: &Site<'_, '_, '_, D>, compacts: bool) -> Result<Report, WriteError> {
    let mut report = Report::default();
    let Some(mut client) = site.client().await? else { return Ok(report) };
    while site.goes_on(false) {
        let (key, value) = (site.contended("watch"), site.value());
        let call = match site.below(8) {
            0..4 => Call::Put(put(&key, &value)),
            4 | 5 => Call::Delete(Delete { key: key.as_str().into(), end: None, prev_kv: false }),
            // Several keys at one revision, which belong into one message.
            _ => {
                let keys =
                    (0..2 + site.below(3)).map(|n| site.key("watch", format!("{n}-{}", site.below(3))));
                let both = keys.map(|key| {
                    Call::Put(Put { key: key.into(), value: site.text().into(), ..Put::default() })
                });
                Call::Txn(Txn { success: both.collect(), ..Txn::default() })
            }
        };
        let answer = site.ask(&mut client, &call, &mut report).await?;
        if let (true, Ok(reply)) = (compacts && site.once_in(10), answer) {
            let behind = i64::try_from(site.below(20)).unwrap_or(0);
            let call =
                Call::Compact { revision: (reply.revision() - behind).max(1), physical: site.once_in(2) };
            site.ask(&mut client, &call, &mut report).await?.ok();
        }
    }
    Ok(report)
}

/// Clients that put as fast as they can, and streams with a watch that are asked in between how far they are.
pub(super) async fn ask_progress<D: Draw>(
    site: &Site<'_, '_, '_, D>,
    report: &mut Report,
) -> Result<(), WriteError> {
    let (first, end) = site.all_of("progress");
    let mut feeds = Vec::new();
    for _ in 0..STREAMS {
        let Some(client) = site.client().await? else { return Ok(()) };
        let mut feed = client.feed();
        let watch = Watch { key: first.as_str().into(), end: Some(end.as_str().into()), ..Watch::default() };
        feed.open(&watch, false).await?;
        feeds.push(feed);
    }
    let done = Cell::new(false);
    let asking = feeds.iter_mut().map(|feed| {
        let done = &done;
        async move {
            while !done.get() && feed.is_open() {
                feed.ask_progress().await;
                let again = clock::now().plus(ASKED_EVERY);
                while clock::now() < again
                    && !matches!(feed.next(ASKED_EVERY).await?, Told::Nothing | Told::Broken(_))
                {
                }
            }
            Ok::<_, WriteError>(())
        }
    });
    let writing = async {
        let writers = (0..PUTTERS).map(|_| Box::pin(putter(site, "progress", 0)));
        let written = try_join_all(writers).await;
        done.set(true);
        written
    };
    let (asked, written) = futures_util::future::join(try_join_all(asking), Box::pin(writing)).await;
    asked?;
    written?.into_iter().for_each(|one| report.join(one));
    feeds.into_iter().try_for_each(Feed::close)
}

/// Many watches on one stream that is not read while clients write and compact; then it is read to its end.
pub(super) async fn stall<D: Draw>(
    site: &Site<'_, '_, '_, D>,
    report: &mut Report,
) -> Result<(), WriteError> {
    let Some(client) = site.client().await? else { return Ok(()) };
    let (first, end) = site.all_of("stall");
    let mut feed = client.feed();
    for _ in 0..MANY {
        let watch = Watch { key: first.as_str().into(), end: Some(end.as_str().into()), ..Watch::default() };
        feed.open(&watch, false).await?;
    }
    let done = Cell::new(false);
    let reading = async {
        tokio::time::sleep(STALLED.min(site.left(true) / 2)).await;
        // Then it is slow: what is taken makes room for a part of what waits, and others find the room gone again.
        while !done.get() && feed.is_open() {
            for _ in 0..MANY {
                if matches!(feed.next(WAIT).await?, Told::Nothing | Told::Broken(_)) {
                    break;
                }
            }
            tokio::time::sleep(SLOW_PAUSE).await;
        }
        Ok::<_, WriteError>(())
    };
    let writing = async {
        let writers = (0..PUTTERS).map(|_| Box::pin(putter(site, "stall", STALL_VALUE)));
        let written = try_join_all(writers).await;
        done.set(true);
        written
    };
    let (read, written) = futures_util::future::join(Box::pin(reading), Box::pin(writing)).await;
    read?;
    written?.into_iter().for_each(|one| report.join(one));
    until_silent(site, &mut feed).await?;
    // What is missing shows in what comes behind it.
    let (key, value) = (site.key("stall", "behind"), site.text());
    if let Some(mut client) = site.client().await? {
        site.ask(&mut client, &Call::Put(put(&key, &value)), report).await?.ok();
    }
    until_silent(site, &mut feed).await?;
    feed.close()
}

/// Reads until nothing has come for a while.
async fn until_silent<D: Draw>(site: &Site<'_, '_, '_, D>, feed: &mut Feed<'_>) -> Result<(), WriteError> {
    let until = clock::now().plus(site.session.config().limits.phase);
    let mut silent = Duration::ZERO;
    while feed.is_open() && clock::now() < until && silent < CAUGHT_UP {
        silent = match feed.next(WAIT).await? {
            Told::Nothing => silent + WAIT,
            Told::Broken(_) => break,
            _ => Duration::ZERO,
        };
    }
    Ok(())
}

/// Puts one key after the other, for as long as a driver works; with values of a size it compacts behind them.
async fn putter<D: Draw>(site: &Site<'_, '_, '_, D>, space: &str, size: usize) -> Result<Report, WriteError> {
    let mut report = Report::default();
    let Some(mut client) = site.client().await? else { return Ok(report) };
    let mut puts = 0;
    while site.goes_on(size > 0) && (size == 0 || puts < STALL_PUTS) {
        puts += 1;
        if size > 0 {
            tokio::time::sleep(STALL_PAUSE).await;
        }
        let (key, text) = (site.key(space, site.below(20)), site.text());
        let value = text.repeat(size.div_ceil(text.len()).max(1));
        let answer = site.ask(&mut client, &Call::Put(put(&key, &value)), &mut report).await?;
        if let (true, Ok(reply)) = (size > 0 && site.once_in(10), answer) {
            let call = Call::Compact { revision: reply.revision() - 1, physical: false };
            site.ask(&mut client, &call, &mut report).await?.ok();
        }
    }
    Ok(report)
}

/// Waits until a watch of one key tells of its deletion, for so long at most: the revision. Other changes go by.
pub(super) async fn until_deleted(
    feed: &mut Feed<'_>,
    key: &[u8],
    most: Duration,
) -> Result<Result<Option<i64>, Problem>, WriteError> {
    let until = clock::now().plus(most);
    while clock::now() < until && feed.is_open() {
        match feed.next(WAIT).await? {
            Told::Events { events, .. } => {
                for event in &events {
                    if let Event::Delete { key: gone, revision, .. } = event
                        && gone.bytes() == key
                    {
                        return Ok(Ok(Some(*revision)));
                    }
                }
            }
            Told::Broken(problem) => return Ok(Err(problem)),
            _ => {}
        }
    }
    Ok(Ok(None))
}

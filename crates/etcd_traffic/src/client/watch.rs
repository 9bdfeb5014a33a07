//! Watches: several on one stream, everything that they deliver recorded as it is taken in.
//!
//! Nothing is read ahead: whoever does not ask for the next message is a slow reader, and the store has to live with it.

use std::borrow::Cow;
use std::time::Duration;

use etcd_client::{EventType, WatchFilterType, WatchOptions, WatchResponse, WatchStream};
use history::{Call, Event, OperationId, Outcome, Reply, Watch, WriteError};

use super::Coming;
use super::kv::key_value;
use super::log::Log;
use crate::errors::Problem;

/// A revision of many large values comes in one message, and the library would take 4 MiB.
const MESSAGE_MAX: usize = 256 << 20;
/// A question that is not taken in this time is not asked.
const ASKED: Duration = Duration::from_millis(100);
/// What a progress notification is addressed to when it is for all watches of a stream.
const ALL: i64 = -1;

/// A stream of watches at one member.
pub struct Feed<'s> {
    etcd: etcd_client::Client,
    log: Log<'s>,
    stream: Option<WatchStream>,
    watches: Vec<Open>,
}

/// One watch of a stream; its number on the stream is its place here, counted from 1.
struct Open {
    /// `None` when it has ended.
    id: Option<OperationId>,
    asked: i64,
    created: bool,
    /// It takes revisions in pieces, which are put together before they are recorded.
    pieces: Option<Vec<Event<'static>>>,
    reached: i64,
}

/// One message of a stream. Watches are named by their number, from 0, in the order of their opening.
#[derive(Debug)]
#[expect(missing_docs, reason = "each variant's text names its fields")]
pub enum Told {
    /// A watch begins; the member was at this revision.
    Created { watch: usize, revision: i64 },
    /// Changes.
    Events { watch: usize, events: Vec<Event<'static>> },
    /// All up to this revision was delivered: to one watch, or to all.
    Progress { watch: Option<usize>, revision: i64 },
    /// The store ended a watch.
    Cancelled { watch: usize, reason: String, compacted: i64 },
    /// The stream broke off, and all its watches with it.
    Broken(Problem),
    /// Nothing came in time.
    Nothing,
}

impl<'s> Feed<'s> {
    pub(super) fn new(etcd: etcd_client::Client, log: Log<'s>) -> Self {
        Self { etcd, log, stream: None, watches: Vec::new() }
    }

    /// Asks for a further watch, with revisions in pieces where `pieces`; its number. That it began is told by a message.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub fn open<'a>(
        &'a mut self,
        watch: &'a Watch<'_>,
        pieces: bool,
    ) -> Coming<'a, Result<usize, WriteError>> {
        Box::pin(self.opened(watch, pieces))
    }

    async fn opened(&mut self, watch: &Watch<'_>, pieces: bool) -> Result<usize, WriteError> {
        let id =
            self.log.writer.invoke(self.log.number, &self.log.member.name, &Call::Watch(watch.clone()))?;
        let number = self.watches.len();
        let pieces_held = pieces.then(Vec::new);
        self.watches.push(Open {
            id: Some(id),
            asked: watch.revision,
            created: false,
            pieces: pieces_held,
            reached: 0,
        });
        let key = watch.key.bytes();
        let options = options(watch, pieces, number);
        let sent = match &mut self.stream {
            Some(stream) => stream.watch(key, Some(options)).await.map_err(|error| Problem::of(&error)),
            none => {
                let mut client = self.etcd.watch_client().max_decoding_message_size(MESSAGE_MAX);
                match tokio::time::timeout(self.log.limit, client.watch(key, Some(options))).await {
                    Ok(Ok(stream)) => {
                        *none = Some(stream);
                        Ok(())
                    }
                    Ok(Err(error)) => Err(Problem::of(&error)),
                    Err(_) => Err(Problem::timeout()),
                }
            }
        };
        if let Err(problem) = sent {
            self.break_off(&problem)?;
        }
        Ok(number)
    }

    /// Whether there is a watch that has not ended.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.stream.is_some() && self.watches.iter().any(|watch| watch.id.is_some())
    }

    /// Asks how far all watches are; the answer is a message.
    pub fn ask_progress(&mut self) -> Coming<'_, ()> {
        Box::pin(async {
            if let Some(stream) = &mut self.stream {
                // A stream that has ended says so when it is read; one that takes nothing has enough to answer.
                let _ = tokio::time::timeout(ASKED, stream.request_progress()).await;
            }
        })
    }

    /// Asks for the end of a watch; the answer is a message.
    pub fn cancel(&mut self, watch: usize) -> Coming<'_, ()> {
        Box::pin(async move {
            if let (Some(stream), Ok(number)) = (&mut self.stream, i64::try_from(watch + 1)) {
                let _ = stream.cancel(number).await;
            }
        })
    }

    /// Waits for the next message, and records it.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub fn next(&mut self, wait: Duration) -> Coming<'_, Result<Told, WriteError>> {
        Box::pin(async move {
            let Some(stream) = &mut self.stream else { return Ok(Told::Nothing) };
            match tokio::time::timeout(wait, stream.message()).await {
                Err(_) => Ok(Told::Nothing),
                Ok(Ok(Some(message))) => self.take(&message),
                Ok(Ok(None)) => self.broken(Problem::ended()),
                Ok(Err(error)) => self.broken(Problem::of(&error)),
            }
        })
    }

    /// Ends all watches in order.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub fn close(mut self) -> Result<(), WriteError> {
        for at in 0..self.watches.len() {
            let revision = self.watches[at].reached;
            self.end(at, &Outcome::Ok(Reply::Watch { revision, cancelled: None, compacted: 0 }))?;
        }
        Ok(())
    }

    fn take(&mut self, message: &WatchResponse) -> Result<Told, WriteError> {
        let revision = message.header().map_or(0, etcd_client::ResponseHeader::revision);
        if message.watch_id() == ALL && !message.canceled() {
            return self.all_progressed(revision);
        }
        let number = match message.watch_id() {
            // What was refused was never given its number: it is the first that was not answered yet.
            ALL => self.watches.iter().position(|watch| !watch.created && watch.id.is_some()),
            number => usize::try_from(number - 1).ok(),
        };
        let Some(at) = number.filter(|at| *at < self.watches.len()) else { return Ok(Told::Nothing) };
        if message.created() && !message.canceled() {
            self.watches[at].created = true;
            self.watches[at].reached = revision;
            // A watch from now on is told after which revision it begins; the others know.
            if self.watches[at].asked == 0 {
                self.record(at, revision, &[])?;
            }
            return Ok(Told::Created { watch: at, revision });
        }
        if message.canceled() {
            let (reason, compacted) = (message.cancel_reason().to_owned(), message.compact_revision());
            let cancelled = Some(Cow::Owned(reason.clone()));
            self.end(at, &Outcome::Ok(Reply::Watch { revision, cancelled, compacted }))?;
            return Ok(Told::Cancelled { watch: at, reason, compacted });
        }
        let events: Vec<Event<'static>> = message.events().iter().filter_map(event).collect();
        if events.is_empty() {
            self.flush(at)?;
            self.record(at, revision, &[])?;
            return Ok(Told::Progress { watch: Some(at), revision });
        }
        self.watches[at].reached = revision;
        match &self.watches[at].pieces {
            None => self.record(at, revision, &events)?,
            Some(held) => {
                let goes_on = held.last().map(revision_of) == events.first().map(revision_of);
                if !goes_on {
                    self.flush(at)?;
                }
                self.watches[at].pieces.get_or_insert_default().extend(events.iter().cloned());
            }
        }
        Ok(Told::Events { watch: at, events })
    }

    /// A notification for a whole stream says nothing of a watch that begins later.
    fn all_progressed(&mut self, revision: i64) -> Result<Told, WriteError> {
        for at in 0..self.watches.len() {
            if self.watches[at].created && self.watches[at].asked <= revision {
                self.flush(at)?;
                self.record(at, revision, &[])?;
            }
        }
        Ok(Told::Progress { watch: None, revision })
    }

    fn record(&self, at: usize, revision: i64, events: &[Event<'_>]) -> Result<(), WriteError> {
        match &self.watches[at].id {
            Some(id) => self.log.writer.watched(id, revision, events),
            None => Ok(()),
        }
    }

    /// Records the pieces that make a revision, or several that came together.
    fn flush(&mut self, at: usize) -> Result<(), WriteError> {
        let Some(held) = self.watches[at].pieces.as_mut().map(std::mem::take) else { return Ok(()) };
        match held.last().map(revision_of) {
            Some(revision) => self.record(at, revision, &held),
            None => Ok(()),
        }
    }

    fn end(&mut self, at: usize, outcome: &Outcome<'_>) -> Result<(), WriteError> {
        self.flush(at)?;
        match self.watches[at].id.take() {
            Some(id) => self.log.writer.finish(id, outcome).map(drop),
            None => Ok(()),
        }
    }

    fn broken(&mut self, problem: Problem) -> Result<Told, WriteError> {
        self.break_off(&problem)?;
        Ok(Told::Broken(problem))
    }

    fn break_off(&mut self, problem: &Problem) -> Result<(), WriteError> {
        self.stream = None;
        for at in 0..self.watches.len() {
            self.end(at, &problem.read_outcome())?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Feed<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Feed").field("member", self.log.member).finish_non_exhaustive()
    }
}

fn options(watch: &Watch<'_>, pieces: bool, number: usize) -> WatchOptions {
    let mut options = WatchOptions::new()
        .with_start_revision(watch.revision)
        .with_watch_id(i64::try_from(number + 1).unwrap_or(i64::MAX));
    if let Some(end) = &watch.end {
        options = options.with_range(end.bytes());
    }
    if watch.prev_kv {
        options = options.with_prev_key();
    }
    if watch.progress {
        options = options.with_progress_notify();
    }
    if pieces {
        options = options.with_fragment();
    }
    let filters = [(watch.no_put, WatchFilterType::NoPut), (watch.no_delete, WatchFilterType::NoDelete)];
    let filters: Vec<WatchFilterType> =
        filters.into_iter().filter(|(wanted, _)| *wanted).map(|(_, filter)| filter).collect();
    options.with_filters(filters)
}

fn event(event: &etcd_client::Event) -> Option<Event<'static>> {
    let kv = key_value(event.kv()?.clone());
    let prev = event.prev_kv().cloned().map(key_value);
    Some(match event.event_type() {
        EventType::Put => Event::Put { kv, prev },
        EventType::Delete => Event::Delete { key: kv.key, revision: kv.mod_revision, prev },
    })
}

/// The key of a change.
pub(crate) fn key_of<'e>(event: &'e Event<'_>) -> &'e history::Blob<'e> {
    match event {
        Event::Put { kv, .. } => &kv.key,
        Event::Delete { key, .. } => key,
    }
}

/// The revision of a change.
pub(crate) fn revision_of(event: &Event<'_>) -> i64 {
    match event {
        Event::Put { kv, .. } => kv.mod_revision,
        Event::Delete { revision, .. } => *revision,
    }
}

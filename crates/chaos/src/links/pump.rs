//! Moves bytes over one directed link, from where they come to where they go, and does to them what the link's policy
//! says. It works the same on TCP connections and on the bodies of HTTP messages.

use std::collections::VecDeque;
use std::io;

use bytes::Bytes;
use tokio::time::{Instant, sleep_until};

use super::link::{Link, Policy};

/// What waits on one stream at most; whoever sends more has to wait itself, as with any full buffer.
const WAITING_BYTES_MAX: usize = 4 << 20;

/// Where bytes come from. `next` can be dropped while it waits without losing any.
pub(super) trait Source {
    /// The next bytes; `None` at the end.
    async fn next(&mut self) -> io::Result<Option<Bytes>>;
}

/// Where bytes go.
pub(super) trait Sink {
    /// Sends them on.
    async fn put(&mut self, bytes: Bytes) -> io::Result<()>;
    /// Nothing more will come.
    async fn finish(&mut self) -> io::Result<()>;
    /// Returns when whoever would receive has gone, where that can be known; otherwise never.
    async fn gone(&self);
}

/// Why a stream broke off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Broken {
    /// The link's policy says so.
    #[error("reset by a fault")]
    Reset,
    /// It lost bytes while the link was cut, and the link is whole again.
    #[error("bytes were lost by a fault")]
    Lost,
    /// One of its ends has gone.
    #[error("an end has gone")]
    Gone,
}

/// Bytes on their way.
#[derive(Default)]
struct Waiting {
    queue: VecDeque<(Instant, Bytes)>,
    bytes: usize,
}

impl Waiting {
    fn push(&mut self, due: Instant, bytes: Bytes) {
        self.bytes += bytes.len();
        self.queue.push_back((due, bytes));
    }

    /// What waits for a fault that is over does not wait for longer than until then.
    fn hurry(&mut self, until: Instant) {
        self.queue.iter_mut().for_each(|(due, _)| *due = until.min(*due));
    }

    fn pop(&mut self) -> Option<Bytes> {
        let (_, bytes) = self.queue.pop_front()?;
        self.bytes -= bytes.len();
        Some(bytes)
    }
}

/// Moves all bytes until the source ends, and then ends the sink.
pub(super) async fn pump(link: &Link, source: &mut impl Source, sink: &mut impl Sink) -> Result<(), Broken> {
    let mut policy = link.policy();
    let mut now = *policy.borrow();
    let mut waiting = Waiting::default();
    let (mut ended, mut torn) = (false, false);
    loop {
        let before = std::mem::replace(&mut now, *policy.borrow_and_update());
        if before != now && !now.is_paced() {
            waiting.hurry(Instant::now() + now.longest_delay());
        }
        if now.reset {
            link.was_reset();
            return Err(Broken::Reset);
        }
        if torn && !now.cut {
            return Err(Broken::Lost);
        }
        if ended && !torn && waiting.queue.is_empty() {
            return sink.finish().await.map_err(|_| Broken::Gone);
        }
        let due = waiting.queue.front().map(|(due, _)| *due).filter(|_| !now.hold);
        let ready = tokio::select! {
            biased;
            changed = policy.changed() => { changed.map_err(|_| Broken::Gone)?; None }
            () = sink.gone() => return Err(Broken::Gone),
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => waiting.pop(),
            next = source.next(), if !ended && waiting.bytes < WAITING_BYTES_MAX => match next {
                Ok(Some(bytes)) => take_in(link, now, &mut waiting, &mut torn, bytes),
                Ok(None) => {
                    ended = true;
                    // On a cut link, nobody hears of the end either.
                    torn |= now.cut;
                    None
                }
                Err(_) if now.cut => {
                    (ended, torn) = (true, true);
                    None
                }
                Err(_) => return Err(Broken::Gone),
            },
        };
        if let Some(bytes) = ready {
            let len = bytes.len();
            tokio::select! {
                put = sink.put(bytes) => put.map_err(|_| Broken::Gone)?,
                _ = policy.wait_for(|policy| policy.reset) => {
                    link.was_reset();
                    return Err(Broken::Reset);
                }
            }
            link.delivered(len);
        }
    }
}

/// Decides about bytes that have come: those to be sent on at once are returned.
fn take_in(link: &Link, now: Policy, waiting: &mut Waiting, torn: &mut bool, bytes: Bytes) -> Option<Bytes> {
    if now.cut || *torn {
        *torn = true;
        link.dropped(bytes.len());
        return None;
    }
    let previous = waiting.queue.back().map(|(due, _)| *due);
    let due = link.due(now, bytes.len(), previous);
    if now.hold {
        link.held(bytes.len());
    } else if due.is_none() && waiting.queue.is_empty() {
        return Some(bytes);
    }
    waiting.push(due.or(previous).unwrap_or_else(Instant::now), bytes);
    None
}

/// Lets something that is whole or nothing, such as a request's head, over a link.
pub(super) async fn pass(link: &Link, len: usize) -> Result<(), Broken> {
    let mut policy = link.policy();
    let (mut held, mut late) = (false, false);
    loop {
        let now = *policy.borrow_and_update();
        if now.reset {
            link.was_reset();
            return Err(Broken::Reset);
        }
        if now.cut {
            link.dropped(len);
            // Whoever waits for it waits in vain, as on a real network, and is told when the link is whole again.
            let whole = policy.wait_for(|policy| !policy.cut).await;
            return Err(if whole.is_ok() { Broken::Lost } else { Broken::Gone });
        }
        if now.hold {
            if !held {
                link.held(len);
                held = true;
            }
            policy.changed().await.map_err(|_| Broken::Gone)?;
            continue;
        }
        match link.due(now, len, None).filter(|_| !late) {
            Some(due) => {
                late = true;
                tokio::select! {
                    () = sleep_until(due) => {}
                    changed = policy.changed() => changed.map_err(|_| Broken::Gone)?,
                }
            }
            None => {
                link.delivered(len);
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests;

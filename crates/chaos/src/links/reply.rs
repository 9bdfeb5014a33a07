//! The moment in which a member answers a client, for those who want to act in it: on the proxies' own thread, since any
//! other would be told too late.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use history::{Nanos, clock};
use tokio::sync::watch;

use super::link::Link;

/// An answer after less than this without one is of the same round of writes as those before it.
const STILL: Duration = Duration::from_micros(500);
/// What comes in smaller pieces is the housekeeping of HTTP/2: settings, pings, windows.
const REPLY_BYTES_LEAST: usize = 48;

/// What is done in that moment.
pub(crate) type Strike = Box<dyn FnOnce() + Send>;

/// Waits on links for the first answer after a moment without one.
pub(super) struct Trigger {
    /// When the last answer passed, or the waiting began.
    last: AtomicU64,
    strike: Mutex<Option<Strike>>,
    passed: watch::Sender<bool>,
}

/// A trigger on the links of some members. When it is dropped, nothing more is waited for.
#[derive(Debug)]
pub(crate) struct AtReply {
    links: Vec<Arc<Link>>,
    passed: watch::Receiver<bool>,
}

impl Trigger {
    /// An answer has passed.
    pub(super) fn delivered(&self, len: usize) {
        if len < REPLY_BYTES_LEAST {
            return;
        }
        let now = clock::now();
        let last = Nanos(self.last.swap(now.0, Ordering::Relaxed));
        if now.since(last) < STILL {
            return;
        }
        let strike = self.strike.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(strike) = strike {
            strike();
            self.passed.send_replace(true);
        }
    }
}

impl AtReply {
    pub(super) fn on(links: Vec<Arc<Link>>, strike: Strike) -> Self {
        let (tell, passed) = watch::channel(false);
        let last = AtomicU64::new(clock::now().0);
        let trigger = Arc::new(Trigger { last, strike: Mutex::new(Some(strike)), passed: tell });
        links.iter().for_each(|link| link.arm(Some(Arc::clone(&trigger))));
        Self { links, passed }
    }

    /// Returns when the moment has come.
    pub(crate) async fn passed(&mut self) {
        if self.passed.wait_for(|passed| *passed).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for AtReply {
    fn drop(&mut self) {
        self.links.iter().for_each(|link| link.arm(None));
    }
}

impl fmt::Debug for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trigger").field("passed", &*self.passed.borrow()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a moment without answers is what is tested")]
    fn the_first_answer_after_a_moment_without_one_strikes_once() {
        let (link, other) = (Arc::new(Link::default()), Arc::new(Link::default()));
        let struck = Arc::new(AtomicU64::new(0));
        let count = || struck.load(Ordering::Relaxed);
        let strike = |struck: &Arc<AtomicU64>| {
            let struck = Arc::clone(struck);
            Box::new(move || {
                struck.fetch_add(1, Ordering::Relaxed);
            })
        };
        let at = AtReply::on(vec![Arc::clone(&link), Arc::clone(&other)], strike(&struck));
        std::thread::sleep(STILL);
        link.delivered(REPLY_BYTES_LEAST - 1);
        assert_eq!(count(), 0, "too small for an answer");
        link.delivered(REPLY_BYTES_LEAST);
        assert_eq!((count(), *at.passed.borrow()), (1, true));
        std::thread::sleep(STILL);
        other.delivered(1_000);
        assert_eq!(count(), 1, "once for all links");
        drop(at);
        drop(AtReply::on(vec![Arc::clone(&link)], strike(&struck)));
        std::thread::sleep(STILL);
        link.delivered(1_000);
        assert_eq!(count(), 1, "nobody waits any more");
    }
}

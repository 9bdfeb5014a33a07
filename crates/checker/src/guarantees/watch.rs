//! What a watch promises: its events in order, once, together, complete, from where it was asked to begin.
//!
//! Each watch is walked by itself, message by message. It is held against its own request, against what it delivered
//! before, and against the log of writes. Whatever else became of it, a watch that was cut off has promised nothing of
//! what comes after its last message.

mod content;
mod missing;

use history::{Event, WatchUpdate};
use rustc_hash::FxHashSet;

use self::content::Story;
use super::Guarantee;
use super::keys::{Key, covers};
use super::record::{Record, Watched};
use super::tally::Tallies;
use super::words::Words;
use crate::Violation;

pub(super) fn check(record: &Record<'_>, tallies: &mut Tallies) {
    for watched in &record.watches {
        let mut walk = Walk::new(record, watched);
        for (index, update) in &watched.updates {
            walk.message(*index, update, tallies);
        }
        missing::check(&walk, tallies);
    }
}

/// One watch, up to some message.
#[derive(Debug)]
struct Walk<'r, 'h> {
    record: &'r Record<'h>,
    watched: &'r Watched<'h>,
    /// What comes from this revision on must be delivered, once that is known.
    start: Option<i64>,
    /// The greatest revision of an event so far.
    reached: i64,
    /// The greatest revision of a progress notification so far.
    progress: i64,
    /// Every event, in the order of delivery.
    delivered: Vec<(i64, Key)>,
    /// The same, once something came out of order and may have come before.
    seen: Option<FxHashSet<(i64, Key)>>,
    story: Story<'h>,
}

/// One event of a message.
#[derive(Clone, Copy, Debug)]
struct Seen<'h> {
    event: &'h Event<'h>,
    update: u32,
    revision: i64,
    key: Key,
}

impl<'r, 'h> Walk<'r, 'h> {
    fn new(record: &'r Record<'h>, watched: &'r Watched<'h>) -> Self {
        let start = watched.watch.revision;
        Self {
            record,
            watched,
            start: (start > 0).then_some(start),
            reached: 0,
            progress: 0,
            delivered: Vec::new(),
            seen: None,
            story: Story::default(),
        }
    }

    fn message(&mut self, index: u32, update: &'h WatchUpdate<'h>, tallies: &mut Tallies) {
        if update.events.is_empty() {
            self.notified(update, tallies);
            return;
        }
        let before = self.reached;
        for event in &update.events {
            let (key, revision) = match event {
                Event::Put { kv, .. } => (kv.key.bytes(), kv.mod_revision),
                Event::Delete { key, revision, .. } => (key.bytes(), *revision),
            };
            let Some(key) = self.record.keys.rank(key) else { continue };
            self.event(Seen { event, update: index, revision, key }, before, tallies);
        }
    }

    /// A message without events: all up to its revision was delivered.
    fn notified(&mut self, update: &WatchUpdate<'_>, tallies: &mut Tallies) {
        if self.start.is_none() && self.delivered.is_empty() {
            // The first message of a watch from now on is made after the watch, and tells the revision of that moment:
            // what was written in between may still be delivered. It reports no progress.
            self.start = Some(update.revision + 1);
            return;
        }
        if self.watched.watch.revision > 0 {
            tallies.compared(Guarantee::WatchFromStart, 1);
            if update.revision < self.watched.watch.revision {
                tallies.broke(Guarantee::WatchFromStart, || {
                    let what = format!("notified of progress up to revision {}", update.revision);
                    self.violation("notified-before-start", &what, None)
                });
            }
        }
        self.progress = self.progress.max(update.revision);
    }

    /// `before`: how far earlier messages came.
    fn event(&mut self, seen: Seen<'h>, before: i64, tallies: &mut Tallies) {
        let Seen { revision, key, .. } = seen;
        self.asked_for(seen, tallies);
        let again = self.again(revision, key);
        if !self.delivered.is_empty() {
            tallies.compared(Guarantee::WatchOrdered, 1);
            tallies.compared(Guarantee::WatchUnique, 1);
        }
        if again {
            tallies.broke(Guarantee::WatchUnique, || self.of("event-twice", "delivered twice", seen));
        }
        if revision < self.reached {
            tallies.broke(Guarantee::WatchOrdered, || {
                self.of("events-out-of-order", &format!("delivered, behind revision {},", self.reached), seen)
            });
        } else if revision == self.reached && !again {
            // Of one revision, and not the first of it.
            tallies.compared(Guarantee::WatchAtomic, 1);
            if revision <= before {
                tallies.broke(Guarantee::WatchAtomic, || {
                    self.of(
                        "revision-split",
                        "delivered, in another message than the rest of its revision,",
                        seen,
                    )
                });
            }
        }
        tallies.compared(Guarantee::WatchBookmarkable, u64::from(self.progress > 0));
        if revision <= self.progress {
            tallies.broke(Guarantee::WatchBookmarkable, || {
                let ahead =
                    format!("delivered, after it had notified of progress up to revision {},", self.progress);
                self.of("progress-ahead", &ahead, seen)
            });
        }
        if !again {
            missing::versions(self, seen, tallies);
            self.content(seen, tallies);
        }
        self.reached = self.reached.max(revision);
        self.delivered.push((revision, key));
        if let Some(set) = &mut self.seen {
            set.insert((revision, key));
        }
    }

    /// Range, filters and start of the request.
    fn asked_for(&self, seen: Seen<'h>, tallies: &mut Tallies) {
        let watch = self.watched.watch;
        let (key, put) = match seen.event {
            Event::Put { kv, .. } => (kv.key.bytes(), true),
            Event::Delete { key, .. } => (key.bytes(), false),
        };
        tallies.compared(Guarantee::WatchFiltered, 1);
        let wanted = covers(&watch.key, watch.end.as_ref(), key);
        let passes = if put { !watch.no_put } else { !watch.no_delete };
        if !wanted || !passes {
            let why = if wanted {
                "delivered, against its filter,"
            } else {
                "delivered, of a key that it is not of,"
            };
            tallies.broke(Guarantee::WatchFiltered, || self.of("event-not-asked-for", why, seen));
        }
        if watch.revision <= 0 {
            return;
        }
        tallies.compared(Guarantee::WatchFromStart, 1);
        if seen.revision < watch.revision {
            tallies.broke(Guarantee::WatchFromStart, || self.of("event-before-start", "delivered", seen));
        }
    }

    fn again(&mut self, revision: i64, key: Key) -> bool {
        if revision > self.reached {
            return false;
        }
        if let Some(set) = &self.seen {
            return set.contains(&(revision, key));
        }
        if revision == self.reached {
            let last = self.delivered.iter().rev().take_while(|(at, _)| *at == revision);
            return last.into_iter().any(|(_, known)| *known == key);
        }
        let set: FxHashSet<(i64, Key)> = self.delivered.iter().copied().collect();
        let again = set.contains(&(revision, key));
        self.seen = Some(set);
        again
    }

    /// "client 3 of x's watch of keys k to l from revision 7"
    fn name(&self) -> String {
        let watch = self.watched.watch;
        let keys = match &watch.end {
            None => format!("key {}", watch.key),
            Some(end) if end.bytes() == b"\0" => format!("keys from {}", watch.key),
            Some(end) => format!("keys {} to {end}", watch.key),
        };
        let from = match watch.revision {
            ..=0 => String::new(),
            revision => format!(" from revision {revision}"),
        };
        let words = Words(self.record);
        format!("{} of {keys}{from} at {}", words.what(self.watched.op), words.member(self.watched.op))
    }

    fn of(&self, rule: &'static str, did: &str, seen: Seen<'_>) -> Violation {
        let key = self.record.keys.name(seen.key);
        let what = match seen.event {
            Event::Put { .. } => "put",
            Event::Delete { .. } => "delete",
        };
        let what = format!("{did} the {what} of key {key} at revision {}", seen.revision);
        self.violation(rule, &what, Some(key))
    }

    fn violation(&self, rule: &'static str, did: &str, key: Option<String>) -> Violation {
        let sentence = format!("{} {did}", self.name());
        Words(self.record).violation(rule, sentence, key, vec![self.watched.op])
    }
}

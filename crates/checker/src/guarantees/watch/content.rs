//! What events say: that it was written so, what was there before, whether the key was new.

use history::{Event, KeyValue};
use rustc_hash::FxHashMap;

use super::super::Guarantee;
use super::super::changes::{Put, Source, What};
use super::super::keys::Key;
use super::super::tally::Tallies;
use super::{Seen, Walk};

/// The last event of each key that a watch delivered, while its events come in order.
#[derive(Debug, Default)]
pub(super) struct Story<'h>(FxHashMap<Key, (i64, Option<&'h KeyValue<'h>>)>);

impl<'h> Walk<'_, 'h> {
    pub(super) fn content(&mut self, seen: Seen<'h>, tallies: &mut Tallies) {
        self.truthful(seen, tallies);
        let (kv, prev) = match seen.event {
            Event::Put { kv, prev } => (Some(kv), prev.as_ref()),
            Event::Delete { prev, .. } => (None, prev.as_ref()),
        };
        if let Some(prev) = prev {
            tallies.compared(Guarantee::WatchPrevious, 1);
            if let Some(wrong) = self.wrong_previous(seen, kv, prev) {
                tallies.broke(Guarantee::WatchPrevious, || self.of("wrong-previous-value", &wrong, seen));
            }
        }
        let in_order = seen.revision >= self.reached;
        if let Some(kv) = kv {
            tallies.compared(Guarantee::WatchCreated, 1);
            if let Some(wrong) = self.wrong_creation(seen, kv, in_order) {
                tallies.broke(Guarantee::WatchCreated, || self.of("wrong-creation", &wrong, seen));
            }
        }
        if in_order {
            self.story.0.insert(seen.key, (seen.revision, kv));
        }
    }

    /// Against what anything else tells of the same change, or of its revision.
    fn truthful(&self, seen: Seen<'h>, tallies: &mut Tallies) {
        let known = self.record.changes.at(seen.key, seen.revision);
        let told = known.filter(|known| known.source != Source::Delivered(seen.update));
        let writer = self.record.changes.whole(seen.revision);
        if told.is_none() && writer.is_none() {
            return;
        }
        tallies.compared(Guarantee::WatchTruthful, 1);
        let same = told.is_some_and(|told| match (&told.what, seen.event) {
            (What::Put(put), Event::Put { kv, .. }) => put.agrees(&Put::of(kv, true)),
            (What::Delete, Event::Delete { .. }) => true,
            _ => false,
        });
        // A revision whose writer is known changed what its writer changed, and nothing else.
        let made = writer.is_none() || told.is_some_and(|told| matches!(told.source, Source::Acked(_)));
        if same && made {
            return;
        }
        tallies.broke(Guarantee::WatchTruthful, || {
            let words = super::Words(self.record);
            let mut violation = self.of("event-not-written", "delivered, as it was not written,", seen);
            match (told, writer) {
                (Some(told), _) if !same => {
                    violation.sentence += &format!("; there was {}", words.change(told));
                }
                (_, Some(writer)) => {
                    let by = words.what(writer as usize);
                    violation.sentence += &format!("; that revision was given to {by}, which did not do it");
                    violation.operations.push(writer as usize);
                }
                _ => {}
            }
            violation
        });
    }

    fn wrong_previous(
        &self,
        seen: Seen<'h>,
        kv: Option<&KeyValue<'_>>,
        prev: &KeyValue<'_>,
    ) -> Option<String> {
        let at = format!("of revision {}", prev.mod_revision);
        let wrong = |what: &str| Some(format!("gave a previous value {at}, {what}, with"));
        let own_key = self.record.keys.rank(prev.key.bytes()) == Some(seen.key);
        if !own_key || prev.mod_revision >= seen.revision {
            return wrong("which cannot be");
        }
        match kv {
            Some(kv) if kv.create_revision == kv.mod_revision => return wrong("though it created the key,"),
            Some(kv) if kv.create_revision != prev.create_revision || kv.version != prev.version + 1 => {
                return wrong("whose version does not come right before,");
            }
            _ => {}
        }
        let last = self.record.changes.before(seen.key, seen.revision)?;
        match last.what {
            _ if last.revision > prev.mod_revision => wrong(&format!("not of revision {}", last.revision)),
            _ if last.revision < prev.mod_revision => None,
            What::Delete => wrong("where the key was deleted,"),
            What::Put(put) if !put.agrees(&Put::of(prev, true)) => wrong("which was not what was written,"),
            What::Put(_) => None,
        }
    }

    fn wrong_creation(&self, seen: Seen<'h>, kv: &KeyValue<'_>, in_order: bool) -> Option<String> {
        let created = kv.create_revision == kv.mod_revision;
        let claim = format!("claimed version {} and creation at revision {}", kv.version, kv.create_revision);
        let possible = kv.version >= 1 && (1..=kv.mod_revision).contains(&kv.create_revision);
        if !possible || created != (kv.version == 1) {
            return Some(format!("{claim} with"));
        }
        let (last, before) = self.story.0.get(&seen.key).filter(|_| in_order && self.sees_all())?;
        let mut between = self.record.changes.of_key_within(seen.key, last + 1, seen.revision - 1);
        if between.next().is_some() {
            // Something was left out, which is told by itself.
            return None;
        }
        let follows = match before {
            None => created,
            // More versions than one: something was left out.
            Some(before) => kv.create_revision == before.create_revision && kv.version > before.version,
        };
        let was = match before {
            None => format!("delivered the delete of revision {last}"),
            Some(before) => {
                let (version, create) = (before.version, before.create_revision);
                format!("delivered version {version} of revision {last}, created at {create}")
            }
        };
        (!follows).then(|| format!("{claim}, right after it had {was}, with"))
    }

    /// Whether it delivers every change of its keys, as far as it is recorded.
    pub(super) fn sees_all(&self) -> bool {
        self.watched.complete && !self.watched.watch.no_put && !self.watched.watch.no_delete
    }

    /// The versions of the event before, to see whether one was left out: how many.
    pub(super) fn versions_left_out(&self, key: Key, kv: &KeyValue<'_>) -> i64 {
        match self.story.0.get(&key) {
            Some((_, Some(before))) if before.create_revision == kv.create_revision => {
                kv.version - before.version - 1
            }
            _ => 0,
        }
    }
}

//! Watchers of the small world: they deliver what the log has, late, in batches, each revision whole.

use history::{Blob, Call, Event, Nanos, Outcome, Reply, Watch, WatchUpdate};

use super::world::{LATENCY, World};

#[derive(Debug)]
pub(crate) struct Watcher {
    operation: u64,
    watch: Watch<'static>,
    /// The next revision to deliver.
    next: i64,
    /// No message comes before this.
    free: u64,
    ends: bool,
    /// What says that it was created is still to come, and tells the revision of that time.
    silent: bool,
}

impl World {
    pub(crate) fn watch(&mut self) {
        if self.watchers.len() < 5 && self.random.chance(0.05) {
            self.open();
        }
        for at in (0..self.watchers.len()).rev() {
            let mut watcher = self.watchers.swap_remove(at);
            if watcher.next < self.etcd.compacted {
                self.close(&watcher, Some("compacted"));
                continue;
            }
            if watcher.free < self.now && self.random.chance(0.2) {
                self.deliver(&mut watcher);
            }
            if watcher.ends && self.random.chance(0.01) {
                self.close(&watcher, None);
                continue;
            }
            self.watchers.push(watcher);
        }
    }

    pub(crate) fn open(&mut self) {
        let asked = match self.random.below(3) {
            0 => 0,
            // From the past, also from right where it was compacted, or from the future.
            1 => (self.etcd.revision - self.random.below(20) as i64).max(self.etcd.compacted).max(1),
            _ => self.etcd.revision + self.random.below(5) as i64,
        };
        let (key, end) = match self.random.below(3) {
            0 => (self.key(), None),
            1 => (self.key(), Some(Blob::from("\0"))),
            _ => (Blob::from("k"), Some(Blob::from("l"))),
        };
        let [no_put, no_delete] = [self.random.chance(0.1), self.random.chance(0.1)];
        let watch = Watch { key, end, revision: asked, prev_kv: true, no_put, no_delete, progress: true };
        self.open_with(watch);
    }

    pub(crate) fn open_with(&mut self, watch: Watch<'static>) {
        let invoked = self.now;
        let call = Call::Watch(watch.clone());
        let operation = self.record(50, self.applied % 3, call, (invoked, None), Outcome::Unknown(None));
        let mut watcher = Watcher { operation, watch, next: 0, free: invoked, ends: true, silent: false };
        if watcher.watch.revision == 0 {
            watcher.next = self.etcd.revision + 1;
            watcher.silent = true;
            if self.random.chance(0.5) {
                self.deliver(&mut watcher);
            }
        } else {
            watcher.next = watcher.watch.revision;
        }
        self.watchers.push(watcher);
    }

    fn close(&mut self, watcher: &Watcher, reason: Option<&str>) {
        let reply = Reply::Watch {
            revision: self.etcd.revision,
            cancelled: reason.map(|reason| reason.to_owned().into()),
            compacted: if reason.is_some() { self.etcd.compacted } else { 0 },
        };
        let returned = Nanos(self.now.max(watcher.free) + 1);
        let operation = &mut self.operations[watcher.operation as usize];
        operation.returned = Some(returned);
        operation.outcome = Outcome::Ok(reply);
    }

    fn message(&mut self, watcher: &mut Watcher, revision: i64, events: Vec<Event<'static>>) {
        watcher.free = self.now.max(watcher.free) + 1 + self.random.below(LATENCY);
        self.watched.push(WatchUpdate {
            file: 0,
            watch: watcher.operation,
            t: Nanos(watcher.free),
            revision,
            events,
        });
    }

    /// Some of what is there, or word that all of it was delivered.
    pub(crate) fn deliver(&mut self, watcher: &mut Watcher) {
        let head = self.etcd.revision;
        if std::mem::take(&mut watcher.silent) {
            return self.message(watcher, head, Vec::new());
        }
        if watcher.next > head {
            if head >= watcher.watch.revision && self.random.chance(0.3) {
                self.message(watcher, head, Vec::new());
            }
            return;
        }
        let upto = watcher.next + self.random.below((head - watcher.next + 1) as u64) as i64;
        let wanted = |event: &&Event<'_>| {
            let (key, passes) = match event {
                Event::Put { kv, .. } => (kv.key.bytes(), !watcher.watch.no_put),
                Event::Delete { key, .. } => (key.bytes(), !watcher.watch.no_delete),
            };
            let from = watcher.watch.key.bytes();
            let inside = match watcher.watch.end.as_ref().map(Blob::bytes) {
                None => key == from,
                Some(b"\0") => key >= from,
                Some(end) => key >= from && key < end,
            };
            inside && passes
        };
        let events: Vec<Event<'static>> = self
            .log
            .range(watcher.next..=upto)
            .flat_map(|(_, events)| events)
            .filter(wanted)
            .cloned()
            .collect();
        watcher.next = upto + 1;
        if !events.is_empty() {
            self.message(watcher, head, events);
        }
    }
}

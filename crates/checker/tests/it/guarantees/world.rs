//! A small world: clients, watchers, leases, locks and three members around an etcd that keeps every promise.
//!
//! Each call takes effect at one instant between its invocation and its return; what nobody is answered may take effect
//! long after, or never. What the watchers see comes from the log of changes, late and in batches.

use std::collections::BTreeMap;

use history::{
    Blob, Call, Compare, Comparison, Delete, Event, History, KeyValue, Nanos, Operation, Outcome, Put, Range,
    Reply, Target, Txn, WatchUpdate,
};

use super::watchers::Watcher;
use super::{Etcd, Random};

/// The longest time from an invocation to its effect, and from there to its return.
pub(crate) const LATENCY: u64 = 20_000_000;

pub(crate) const SECOND: u64 = 1_000_000_000;

/// What happens in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) seed: u64,
    pub(crate) steps: u64,
    pub(crate) keys: u64,
    /// Share of calls whose outcome nobody learns.
    pub(crate) unknown: f64,
    /// Leases, which end by themselves, are kept alive and revoked.
    pub(crate) leases: bool,
    pub(crate) compactions: bool,
}

impl Default for Shape {
    fn default() -> Self {
        Self { seed: 1, steps: 1_500, keys: 12, unknown: 0.05, leases: true, compactions: true }
    }
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) shape: Shape,
    pub(crate) random: Random,
    pub(crate) etcd: Etcd,
    pub(crate) now: u64,
    pub(crate) operations: Vec<Operation<'static>>,
    pub(crate) watched: Vec<WatchUpdate<'static>>,
    /// Every change so far, by revision.
    pub(crate) log: BTreeMap<i64, Vec<Event<'static>>>,
    /// When each client is free again.
    busy: Vec<u64>,
    /// Effects of calls that nobody heard of again.
    late: Vec<(u64, Call<'static>)>,
    pub(crate) watchers: Vec<Watcher>,
    pub(crate) applied: u64,
    value: u64,
    pub(crate) leases: super::leases::Leases,
}

/// The history of such a world.
pub(crate) fn history(shape: Shape) -> History<'static> {
    let mut world = World::new(shape);
    for _ in 0..shape.steps {
        world.step();
    }
    world.locks();
    world.settle();
    world.end()
}

impl World {
    fn new(shape: Shape) -> Self {
        Self {
            shape,
            random: Random::new(shape.seed),
            etcd: Etcd::new(),
            now: SECOND,
            operations: Vec::new(),
            watched: Vec::new(),
            log: BTreeMap::new(),
            busy: vec![0; 6],
            late: Vec::new(),
            watchers: Vec::new(),
            applied: 10,
            value: 0,
            leases: super::leases::Leases::default(),
        }
    }

    fn step(&mut self) {
        self.now += 1 + self.random.below(LATENCY / 4);
        self.expire();
        self.late();
        self.watch();
        match self.random.below(12) {
            0 if self.shape.leases => self.lease(),
            1 => self.look(),
            2 if self.shape.compactions && self.random.chance(0.2) => self.compact(),
            _ => self.traffic(),
        }
    }

    pub(crate) fn key(&mut self) -> Blob<'static> {
        Blob::from(format!("k{:02}", self.random.below(self.shape.keys)))
    }

    pub(crate) fn value(&mut self) -> Blob<'static> {
        self.value += 1;
        Blob::from(format!("v{}", self.value))
    }

    fn traffic(&mut self) {
        let key = self.key();
        let call = match self.random.below(20) {
            0..7 => {
                let (value, prev_kv) = (self.value(), self.random.chance(0.2));
                Call::Put(Put { key, value, prev_kv, ..Put::default() })
            }
            7..9 => Call::Delete(Delete { key, ..Delete::default() }),
            9 => {
                let end = Some(Blob::from(format!("k{:02}", self.random.below(self.shape.keys))));
                Call::Delete(Delete { key, end, prev_kv: self.random.chance(0.5) })
            }
            10..12 => Call::Txn(self.txn(key)),
            n => Call::Range(self.range(key, n)),
        };
        self.call(call);
    }

    fn range(&mut self, key: Blob<'static>, n: u64) -> Range<'static> {
        let end = n.is_multiple_of(2).then(|| Blob::from("l"));
        let back = self.random.below(20) as i64;
        let old = n == 13 || n == 14;
        let revision = if old { (self.etcd.revision - back).max(self.etcd.compacted).max(1) } else { 0 };
        Range { key, end, revision, serializable: n == 15, keys_only: n == 16, ..Range::default() }
    }

    fn txn(&mut self, key: Blob<'static>) -> Txn<'static> {
        let held = self.etcd.kvs.get(key.bytes()).map_or(0, |kv| kv.mod_revision);
        let target = Target::Mod(if self.random.chance(0.7) { held } else { held + 1 });
        let compare = Compare { key: key.clone(), end: None, target, comparison: Comparison::Equal };
        let value = self.value();
        let other = Blob::from(format!("{key}x"));
        let puts =
            [key.clone(), other].map(|key| Call::Put(Put { key, value: value.clone(), ..Put::default() }));
        let get = Call::Range(Range { key, ..Range::default() });
        Txn { compare: vec![compare], success: puts.to_vec(), failure: vec![get] }
    }

    /// A call of a client that is free, through some member.
    pub(crate) fn call(&mut self, call: Call<'static>) -> Option<Reply<'static>> {
        let member = self.random.below(3);
        let lost = self.random.chance(self.shape.unknown);
        self.call_at(call, member, lost)
    }

    pub(crate) fn call_at(&mut self, call: Call<'static>, member: u64, lost: bool) -> Option<Reply<'static>> {
        let now = self.now;
        let client = self.busy.iter().position(|free| *free < now).unwrap_or_else(|| {
            self.busy.push(0);
            self.busy.len() - 1
        });
        let invoked = (now - self.random.below(LATENCY).min(now - 1)).max(self.busy[client] + 1);
        let returned = now + self.random.below(LATENCY);
        self.busy[client] = returned;
        let reply = if lost {
            if self.random.chance(0.6) {
                self.late.push((now + self.random.below(10 * LATENCY), call.clone()));
            }
            None
        } else {
            self.apply(&call)
        };
        let refused = history::Failure { class: "refused".into(), message: "".into() };
        let outcome = match &reply {
            Some(reply) => Outcome::Ok(reply.clone()),
            None if lost => Outcome::Unknown(None),
            None => Outcome::Failed(refused),
        };
        self.record(client as u32, member, call, (invoked, Some(returned)), outcome);
        reply
    }

    pub(crate) fn record(
        &mut self,
        client: u32,
        member: u64,
        call: Call<'static>,
        (invoked, returned): (u64, Option<u64>),
        outcome: Outcome<'static>,
    ) -> u64 {
        let number = self.operations.len() as u64;
        self.operations.push(Operation {
            file: 0,
            number,
            client,
            member: format!("etcd{member}").into(),
            call,
            invoked: Nanos(invoked),
            returned: returned.map(Nanos),
            outcome,
        });
        number
    }

    /// Does a call, and notes what it changed.
    pub(crate) fn apply(&mut self, call: &Call<'static>) -> Option<Reply<'static>> {
        let before = self.etcd.kvs.clone();
        let (reply, now) = (self.etcd.apply(call), self.now);
        self.leases.note(call, reply.as_ref(), now);
        self.changed(&before);
        self.applied += 1;
        reply
    }

    pub(crate) fn changed(&mut self, before: &BTreeMap<Vec<u8>, KeyValue<'static>>) {
        let revision = self.etcd.revision;
        let mut events = Vec::new();
        for (key, kv) in &self.etcd.kvs {
            if before.get(key) != Some(kv) {
                events.push(Event::Put { kv: kv.clone(), prev: before.get(key).cloned() });
            }
        }
        for (key, kv) in before.iter().filter(|(key, _)| !self.etcd.kvs.contains_key(*key)) {
            let key = Blob::from(key.clone());
            events.push(Event::Delete { key, revision, prev: Some(kv.clone()) });
        }
        if !events.is_empty() {
            self.log.insert(revision, events);
        }
    }

    fn late(&mut self) {
        let now = self.now;
        let due: Vec<_> = self.late.extract_if(.., |(at, _)| *at <= now).collect();
        for (_, call) in due {
            self.apply(&call);
        }
    }

    fn compact(&mut self) {
        let revision = (self.etcd.revision - self.random.below(8) as i64).max(1);
        self.call(Call::Compact { revision, physical: false });
    }

    /// A member's own words, from a state that may be old.
    fn look(&mut self) {
        let member = self.random.below(3);
        let behind = self.random.below(3) as i64;
        let revision = (self.etcd.revision - behind).max(1);
        let applied = self.applied - self.random.below(3);
        self.say(
            member,
            Call::Status,
            Reply::Status { revision, id: member + 1, leader: 1, term: 2, applied },
        );
    }

    pub(crate) fn say(&mut self, member: u64, call: Call<'static>, reply: Reply<'static>) {
        let (invoked, returned) = (self.now, self.now + 1 + self.random.below(LATENCY));
        self.record(99, member, call, (invoked, Some(returned)), Outcome::Ok(reply));
        self.now = returned + 1;
    }

    /// Nobody writes any more, and all members say what they hold.
    fn settle(&mut self) {
        self.now += 60 * SECOND;
        self.expire();
        self.late();
        let leased: Vec<Blob<'static>> = self.leases.keys().into_iter().collect();
        for key in leased {
            self.call_at(Call::Range(Range { key, ..Range::default() }), 0, false);
            self.now += 2 * LATENCY;
        }
        let (revision, compacted) = (self.etcd.revision, self.etcd.compacted.max(1) - 1);
        for round in 0..3 {
            for member in 0..3 {
                let applied = self.applied;
                if round == 1 {
                    let hash = 0xbeef;
                    self.say(member, Call::Hash { revision }, Reply::Hash { revision, hash, compacted });
                } else {
                    let status = Reply::Status { revision, id: member + 1, leader: 1, term: 2, applied };
                    self.say(member, Call::Status, status);
                }
            }
        }
    }

    fn end(mut self) -> History<'static> {
        self.operations.sort_by_key(|operation| operation.invoked);
        self.watched.sort_by_key(|update| update.t);
        History { operations: self.operations, watched: self.watched, files: Vec::new() }
    }
}

//! Locks and elections of the small world: clients stand in line, hold, write with their token, and go.

use history::{Blob, Call, Compare, Comparison, Outcome, Put, Reply, Target, Txn, Watch};

use super::world::{LATENCY, World};

impl World {
    /// Three clients hold a lock after each other, and lead an election in the same order.
    pub(crate) fn locks(&mut self) {
        self.now += 10 * LATENCY;
        self.open_with(Watch { key: "l".into(), end: Some("m".into()), prev_kv: true, ..Watch::default() });
        let stands: Vec<(u64, i64)> = (1..=3).map(|n| self.stand(n)).collect();
        for (n, (since, token)) in (1..=3).zip(stands) {
            let key = key(n);
            self.now += 2 * LATENCY;
            let revision = self.etcd.revision;
            let held = Reply::Held { revision, key: key.clone(), created: 0 };
            let (client, call) = (60 + n as u32, Call::Lock { name: "lock".into(), lease: 1_000 + n });
            self.record(client, 1, call, (since, Some(self.now + LATENCY)), Outcome::Ok(held));
            self.now += LATENCY + 1;
            let kv = self.etcd.kvs.get(key.bytes()).cloned();
            self.answered(Call::Leader { name: "lock".into() }, Reply::Leader { revision, kv });
            self.fenced(&key, token);
            let hold = Call::Hold { name: "lock".into(), key: key.clone(), token };
            let now = self.now;
            self.record(70, 0, hold, (now, Some(now + LATENCY)), Outcome::Ok(Reply::Done { revision: 0 }));
            self.now += 2 * LATENCY;
            let gone = Call::Delete(history::Delete { key: key.clone(), ..history::Delete::default() });
            self.apply(&gone);
            let revision = self.etcd.revision;
            // It takes effect as soon as it is asked for.
            self.answered(Call::Unlock { key }, Reply::Done { revision });
        }
        self.now += 2 * LATENCY;
        let mut watchers = std::mem::take(&mut self.watchers);
        watchers.iter_mut().for_each(|watcher| {
            for _ in 0..40 {
                self.deliver(watcher);
            }
        });
        self.watchers = watchers;
    }

    /// Gets in line; since when, and by a key of which creation.
    fn stand(&mut self, n: i64) -> (u64, i64) {
        let lease = 1_000 + n;
        let grant = Call::Grant { ttl: 600, lease };
        if let Some(reply) = self.apply(&grant) {
            self.answered(grant, reply);
        }
        let since = self.now;
        self.now += 1;
        self.apply(&Call::Put(Put { key: key(n), value: "".into(), lease, ..Put::default() }));
        (since, self.etcd.revision)
    }

    /// Two writes with the holder's token.
    fn fenced(&mut self, key: &Blob<'static>, token: i64) {
        for _ in 0..2 {
            let put = Put { key: "guarded".into(), value: self.value(), ..Put::default() };
            let target = Target::Create(token);
            let compare = Compare { key: key.clone(), end: None, target, comparison: Comparison::Equal };
            let txn = Txn { compare: vec![compare], success: vec![Call::Put(put)], failure: Vec::new() };
            self.now += 2 * LATENCY;
            self.call_at(Call::Txn(txn), 0, false);
        }
    }

    fn answered(&mut self, call: Call<'static>, reply: Reply<'static>) {
        let (invoked, returned) = (self.now, self.now + LATENCY);
        self.record(60, 1, call, (invoked, Some(returned)), Outcome::Ok(reply));
        self.now = returned + 1;
    }
}

fn key(n: i64) -> Blob<'static> {
    Blob::from(format!("lock/{:x}", 1_000 + n))
}

//! Leases of the small world: granted, kept alive, revoked, and ended by themselves some time after their time.

use std::collections::BTreeMap;

use history::{Blob, Call, Put, Reply};

use super::world::{LATENCY, SECOND, World};

#[derive(Debug, Default)]
pub(crate) struct Leases {
    /// When each ends at the earliest.
    ends: BTreeMap<i64, u64>,
    all: i64,
}

impl Leases {
    /// A request that the store has answered gives a lease its time.
    pub(crate) fn note(&mut self, call: &Call<'_>, reply: Option<&Reply<'_>>, now: u64) {
        let (lease, ttl) = match (call, reply) {
            (Call::Grant { lease, .. }, Some(Reply::Grant { ttl, .. })) => (lease, ttl),
            (Call::KeepAlive { lease }, Some(Reply::KeepAlive { ttl, .. })) if *ttl > 0 => (lease, ttl),
            _ => return,
        };
        self.ends.insert(*lease, now + *ttl as u64 * SECOND);
    }

    /// A key of each lease that there ever was.
    pub(crate) fn keys(&self) -> Vec<Blob<'static>> {
        (1..=self.all).map(|lease| Blob::from(format!("leased{lease}"))).collect()
    }
}

impl World {
    pub(crate) fn lease(&mut self) {
        let some = 1 + self.random.below(self.leases.all.max(1) as u64) as i64;
        match self.random.below(10) {
            0..3 => {
                self.leases.all += 1;
                let lease = self.leases.all;
                let ttl = 1 + self.random.below(2) as i64;
                if self.call(Call::Grant { ttl, lease }).is_some() {
                    let put = Put { value: self.value(), lease, ..Put::default() };
                    let key = format!("leased{lease}");
                    self.call(Call::Put(Put { key: key.into(), ..put.clone() }));
                    let key = self.key();
                    self.call(Call::Put(Put { key, ..put }));
                }
            }
            3..7 => {
                self.call(Call::KeepAlive { lease: some });
            }
            7 => {
                self.call(Call::Revoke { lease: some });
                self.now += 2 * LATENCY;
                self.call(Call::KeepAlive { lease: some });
            }
            8 => {
                let (key, value) = (self.key(), self.value());
                self.call(Call::Put(Put { key, value, lease: some, ..Put::default() }));
            }
            // Time passes, and leases end.
            _ => self.now += self.random.below(SECOND),
        }
    }

    pub(crate) fn expire(&mut self) {
        let due: Vec<i64> =
            self.leases.ends.iter().filter(|(_, end)| **end < self.now).map(|(lease, _)| *lease).collect();
        for lease in due {
            self.leases.ends.remove(&lease);
            let before = self.etcd.kvs.clone();
            self.etcd.expire(lease);
            self.changed(&before);
            self.applied += 1;
        }
    }
}

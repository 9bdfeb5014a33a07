//! The recording client: the invocation is on disk before the request leaves, the outcome after it is known.
//!
//! It talks to one member, does one thing at a time, and sends nothing twice: a write that was not answered has an
//! unknown outcome, and trying again would be another write.

use std::future::Future;
use std::time::Duration;

use etcd_client::{ConnectOptions, GetOptions};
use history::{Blob, Call, KeyValue, Outcome, Put, Range, Reply, WriteError, Writer};

use crate::config::{Limits, Member};
use crate::errors::Problem;

/// The reply to a request, or why there is none.
pub type Answer<T> = Result<T, Problem>;

/// A connection to one member.
pub struct Client<'s> {
    etcd: etcd_client::Client,
    log: Log<'s>,
}

/// What a linearizable read found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// Head revision of the answering member when it read.
    pub revision: i64,
    /// What is there, in the order of keys.
    pub found: Vec<KeyValue<'static>>,
}

/// A member's own view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Its head revision; it may lag.
    pub revision: i64,
    /// Its id.
    pub id: u64,
    /// The leader's id in its eyes; 0 for none.
    pub leader: u64,
    /// Its raft term.
    pub term: u64,
    /// Index of the last raft entry that it has applied: members with the same one have done the same things.
    pub applied: u64,
}

/// What a member's key space comes to, up to a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeySpace {
    /// Of all keys with their values and revisions.
    pub hash: u32,
    /// What is older than this revision may be gone, and has no part in the hash.
    pub compacted: i64,
}

impl<'s> Client<'s> {
    /// A client that has sent nothing yet.
    pub(crate) async fn open(
        writer: &'s Writer,
        number: u32,
        member: &'s Member,
        limits: &Limits,
    ) -> Answer<Self> {
        let options = ConnectOptions::new().with_connect_timeout(limits.dial);
        let etcd = etcd_client::Client::connect([&member.url], Some(options)).await;
        let etcd = etcd.map_err(|error| Problem::of(&error))?;
        Ok(Self { etcd, log: Log { writer, number, member, limit: limits.request } })
    }

    /// A client of another number that sends over the same connection.
    pub(crate) fn beside(&self, number: u32) -> Self {
        let Log { writer, member, limit, .. } = self.log;
        Self { etcd: self.etcd.clone(), log: Log { writer, number, member, limit } }
    }

    /// The member it talks to.
    #[must_use]
    pub fn member(&self) -> &'s Member {
        self.log.member
    }

    /// Writes `value` at `key`; the revision of the write.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub async fn put(&mut self, key: &[u8], value: &[u8]) -> Result<Answer<i64>, WriteError> {
        let call = Call::Put(Put { key: key.into(), value: value.into(), ..Put::default() });
        let request = Box::pin(async {
            let response = self.etcd.put(key, value, None).await?;
            Ok(response.header().map(|header| Reply::Put { revision: header.revision(), prev: None }))
        });
        let reply = self.log.write(&call, request).await?;
        Ok(reply.map(|reply| reply.revision()))
    }

    /// Reads `key`, linearizably.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub async fn get(&mut self, key: &[u8]) -> Result<Answer<Read>, WriteError> {
        self.read(key, None).await
    }

    /// Reads all keys from `key` to `end` (exclusive), linearizably. Whoever asks sees to it that they are few.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub async fn range(&mut self, key: &[u8], end: &[u8]) -> Result<Answer<Read>, WriteError> {
        self.read(key, Some(end)).await
    }

    async fn read(&mut self, key: &[u8], end: Option<&[u8]>) -> Result<Answer<Read>, WriteError> {
        let call = Call::Range(Range { key: key.into(), end: end.map(Blob::from), ..Range::default() });
        let options = end.map(|end| GetOptions::new().with_range(end));
        let request = Box::pin(async {
            let mut response = self.etcd.get(key, options).await?;
            let revision = response.header().map(etcd_client::ResponseHeader::revision);
            let (count, more) = (response.count(), response.more());
            let kvs = response.take_kvs().into_iter().map(key_value).collect();
            Ok(revision.map(|revision| Reply::Range { revision, kvs, count, more }))
        });
        let reply = self.log.read(&call, request).await?;
        Ok(reply.map(|reply| match reply {
            Reply::Range { revision, kvs, .. } => Read { revision, found: kvs },
            other => Read { revision: other.revision(), found: Vec::new() },
        }))
    }

    /// Asks for the member's own view.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub async fn status(&mut self) -> Result<Answer<Status>, WriteError> {
        let request = Box::pin(async {
            let response = self.etcd.status().await?;
            let (leader, term) = (response.leader(), response.raft_term());
            let applied = response.raft_applied_index();
            Ok(response.header().map(|header| Reply::Status {
                revision: header.revision(),
                id: header.member_id(),
                leader,
                term,
                applied,
            }))
        });
        let reply = self.log.read(&Call::Status, request).await?;
        Ok(reply.map(|reply| match reply {
            Reply::Status { revision, id, leader, term, applied } => {
                Status { revision, id, leader, term, applied }
            }
            other => Status { revision: other.revision(), id: 0, leader: 0, term: 0, applied: 0 },
        }))
    }

    /// Asks for the hash of the member's own key space, up to `revision`.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub async fn hash(&mut self, revision: i64) -> Result<Answer<KeySpace>, WriteError> {
        let request = Box::pin(async {
            let response = self.etcd.hash_kv(revision).await?;
            let (hash, compacted) = (response.hash(), response.compact_version());
            Ok(response.header().map(|header| Reply::Hash { revision: header.revision(), hash, compacted }))
        });
        let reply = self.log.read(&Call::Hash { revision }, request).await?;
        Ok(reply.map(|reply| match reply {
            Reply::Hash { hash, compacted, .. } => KeySpace { hash, compacted },
            _ => KeySpace { hash: 0, compacted: 0 },
        }))
    }
}

impl std::fmt::Debug for Client<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("member", self.log.member).finish_non_exhaustive()
    }
}

/// Where a client's operations are recorded.
struct Log<'s> {
    writer: &'s Writer,
    number: u32,
    member: &'s Member,
    limit: Duration,
}

/// A reply of the client library; `None` for one without a header, which no store sends.
type Response = Result<Option<Reply<'static>>, etcd_client::Error>;

impl Log<'_> {
    async fn write(
        &self,
        call: &Call<'_>,
        request: impl Future<Output = Response>,
    ) -> Result<Answer<Reply<'static>>, WriteError> {
        self.record(call, request, Problem::write_outcome).await
    }

    async fn read(
        &self,
        call: &Call<'_>,
        request: impl Future<Output = Response>,
    ) -> Result<Answer<Reply<'static>>, WriteError> {
        self.record(call, request, Problem::read_outcome).await
    }

    /// `request` does nothing before it is polled here, after the invocation was written.
    async fn record(
        &self,
        call: &Call<'_>,
        request: impl Future<Output = Response>,
        outcome: impl FnOnce(&Problem) -> Outcome<'_>,
    ) -> Result<Answer<Reply<'static>>, WriteError> {
        let id = self.writer.invoke(self.number, &self.member.name, call)?;
        let answer = match tokio::time::timeout(self.limit, request).await {
            Ok(Ok(Some(reply))) => Ok(reply),
            Ok(Ok(None)) => Err(Problem::headless()),
            Ok(Err(error)) => Err(Problem::of(&error)),
            Err(_) => Err(Problem::timeout()),
        };
        match &answer {
            Ok(reply) => self.writer.finish(id, &Outcome::Ok(reply.clone()))?,
            Err(problem) => self.writer.finish(id, &outcome(problem))?,
        };
        Ok(answer)
    }
}

fn key_value(kv: etcd_client::KeyValue) -> KeyValue<'static> {
    let (create_revision, mod_revision) = (kv.create_revision(), kv.mod_revision());
    let (version, lease) = (kv.version(), kv.lease());
    let (key, value) = kv.into_key_value();
    KeyValue { key: key.into(), value: value.into(), create_revision, mod_revision, version, lease }
}

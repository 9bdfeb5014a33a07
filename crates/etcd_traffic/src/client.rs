//! The recording client: the invocation is on disk before the request leaves, the outcome after it is known.
//!
//! It talks to one member, does one thing at a time, and sends nothing twice: a write that was not answered has an
//! unknown outcome, and trying again would be another write.

mod kv;
mod log;
mod service;
mod watch;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use etcd_client::ConnectOptions;
use history::{Call, Cluster, KeyValue, Put, Range, Reply, WriteError, Writer};

use self::log::Log;
pub use self::watch::{Feed, Told};
pub(crate) use self::watch::{key_of, revision_of};
use crate::config::{Limits, Member};
use crate::errors::Problem;

/// The reply to a request, or why there is none.
pub type Answer<T> = Result<T, Problem>;

/// The answer to a request that was recorded; the outer error says that it could not be, and was not sent.
pub type Recorded<T> = Result<Answer<T>, WriteError>;

/// What will come. It is boxed where the client library begins, so that its code is compiled once, in this crate, and not
/// again in each command that waits for it.
pub type Coming<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// A reply of the client library; `None` for one without a header, which no store sends.
type Response = Result<Option<Reply<'static>>, etcd_client::Error>;

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
    pub(crate) fn open(
        writer: &'s Writer,
        number: u32,
        member: &'s Member,
        limits: &'s Limits,
    ) -> Coming<'s, Answer<Self>> {
        Box::pin(async move {
            let options = ConnectOptions::new().with_connect_timeout(limits.dial);
            let etcd = etcd_client::Client::connect([&member.url], Some(options)).await;
            let etcd = etcd.map_err(|error| Problem::of(&error))?;
            Ok(Self { etcd, log: Log { writer, number, member, limit: limits.request } })
        })
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

    /// Sends `call`, whatever it is, and waits for its reply: what is recorded is what is sent. A watch is no call of
    /// this kind, see [`Self::feed`]; nor is a hold, see [`Self::hold`].
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub fn ask<'a>(&'a mut self, call: &'a Call<'_>) -> Coming<'a, Recorded<Reply<'static>>> {
        self.ask_within(call, self.log.limit)
    }

    /// The same, with a limit of its own: for what waits for others, and for what takes its time.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub fn ask_within<'a>(
        &'a mut self,
        call: &'a Call<'_>,
        limit: Duration,
    ) -> Coming<'a, Recorded<Reply<'static>>> {
        Box::pin(async move { self.log.record(call, limit, send(&mut self.etcd, call)).await })
    }

    /// Asks for a copy of the member's whole file, and gives it to `keep` as it comes, without the digest at its end.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub fn snapshot<'a>(
        &'a mut self,
        limit: Duration,
        keep: &'a mut dyn FnMut(&[u8]),
    ) -> Coming<'a, Recorded<Reply<'static>>> {
        let call = Call::Cluster(Cluster::Snapshot);
        Box::pin(async move { self.log.record(&call, limit, service::snapshot(&mut self.etcd, keep)).await })
    }

    /// Writes `value` at `key`; the revision of the write.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub async fn put(&mut self, key: &[u8], value: &[u8]) -> Recorded<i64> {
        let call = Call::Put(Put { key: key.into(), value: value.into(), ..Put::default() });
        Ok(log::revision(&self.ask(&call).await?))
    }

    /// Reads `key`, linearizably.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub async fn get(&mut self, key: &[u8]) -> Recorded<Read> {
        self.read(Range { key: key.into(), ..Range::default() }).await
    }

    /// Reads all keys from `key` to `end` (exclusive), linearizably. Whoever asks sees to it that they are few.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub async fn range(&mut self, key: &[u8], end: &[u8]) -> Recorded<Read> {
        self.read(Range { key: key.into(), end: Some(end.into()), ..Range::default() }).await
    }

    /// Reads as asked for.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub async fn read(&mut self, range: Range<'_>) -> Recorded<Read> {
        let reply = self.ask(&Call::Range(range)).await?;
        Ok(reply.map(|reply| match reply {
            Reply::Range { revision, kvs, .. } => Read { revision, found: kvs },
            other => Read { revision: other.revision(), found: Vec::new() },
        }))
    }

    /// Asks for the member's own view.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub async fn status(&mut self) -> Recorded<Status> {
        let reply = self.ask(&Call::Status).await?;
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
    pub async fn hash(&mut self, revision: i64) -> Recorded<KeySpace> {
        let reply = self.ask(&Call::Hash { revision }).await?;
        Ok(reply.map(|reply| match reply {
            Reply::Hash { hash, compacted, .. } => KeySpace { hash, compacted },
            _ => KeySpace { hash: 0, compacted: 0 },
        }))
    }

    /// Records that this client believes to hold the lock `name` alone, by `key` created at `token`, as long as `work`
    /// goes on. It is to begin after the client has learnt so, and to end before it asks to be let go. `other`: a client
    /// that does nothing else meanwhile.
    ///
    /// # Errors
    /// When it cannot be recorded, or `work` could not.
    pub async fn hold<T>(
        other: &Self,
        name: &[u8],
        key: &[u8],
        token: i64,
        work: impl Future<Output = Result<T, WriteError>>,
    ) -> Result<T, WriteError> {
        other.log.hold(&Call::Hold { name: name.into(), key: key.into(), token }, work).await
    }

    /// A stream of watches at this client's member.
    #[must_use]
    pub fn feed(&self) -> Feed<'s> {
        Feed::new(self.etcd.clone(), self.log)
    }
}

/// What becomes of a call on its way: the library's words for it, and the reply in ours.
async fn send(etcd: &mut etcd_client::Client, call: &Call<'_>) -> Response {
    match call {
        Call::Put(put) => kv::put(etcd, put).await,
        Call::Range(range) => kv::range(etcd, range).await,
        Call::Delete(delete) => kv::delete(etcd, delete).await,
        Call::Txn(txn) => kv::txn(etcd, txn).await,
        Call::Grant { ttl, lease } => service::grant(etcd, *ttl, *lease).await,
        Call::Revoke { lease } => service::revoke(etcd, *lease).await,
        Call::KeepAlive { lease } => service::keep_alive(etcd, *lease).await,
        Call::TimeToLive { lease, keys } => service::time_to_live(etcd, *lease, *keys).await,
        Call::Compact { revision, physical } => service::compact(etcd, *revision, *physical).await,
        Call::Hash { revision } => service::hash(etcd, *revision).await,
        Call::Status => service::status(etcd).await,
        Call::Leases => service::leases(etcd).await,
        Call::Lock { .. }
        | Call::Unlock { .. }
        | Call::Campaign { .. }
        | Call::Proclaim { .. }
        | Call::Resign { .. }
        | Call::Leader { .. } => service::recipe(etcd, call).await,
        Call::Cluster(cluster) => service::cluster(etcd, cluster).await,
        Call::Auth(auth) => service::auth(etcd, auth).await,
        other => Err(service::not_sent(other)),
    }
}

impl std::fmt::Debug for Client<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("member", self.log.member).finish_non_exhaustive()
    }
}

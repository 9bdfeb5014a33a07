//! A put and a get, each told to the watcher as it ends.

use history::{Call, Compare, Put, Reply, Txn, WriteError};

use crate::client::{Answer, Client, Read};
use crate::consistency::{Fate, Seen};
use crate::errors::Applied;
use crate::event::{Event, Watcher};

/// A put that was sent, and what its writer was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The key: of this attempt alone.
    pub key: String,
    /// The value: of this attempt alone.
    pub value: String,
    /// What the writer was told.
    pub fate: Fate,
}

impl Attempt {
    /// Puts `value` at `key`, once, whatever comes of it.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub async fn put(
        client: &mut Client<'_>,
        key: String,
        value: String,
        watcher: &mut Watcher<'_>,
    ) -> Result<Self, WriteError> {
        let answer = client.put(key.as_bytes(), value.as_bytes()).await?;
        watcher(&Event::Put { key: key.as_bytes(), value: value.as_bytes(), answer: &answer });
        Ok(Self { key, value, fate: fate(&answer) })
    }

    /// Puts `value` at `key` in a transaction, once, if `guard` holds; a put that it forbids has certainly failed.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub async fn put_if(
        client: &mut Client<'_>,
        guard: Compare<'_>,
        key: String,
        value: String,
        watcher: &mut Watcher<'_>,
    ) -> Result<Self, WriteError> {
        let put = Put { key: key.as_str().into(), value: value.as_str().into(), ..Put::default() };
        let txn = Txn { compare: vec![guard], success: vec![Call::Put(put)], failure: Vec::new() };
        let answer = client.ask(&Call::Txn(txn)).await?;
        if let Ok(Reply::Txn { succeeded: false, .. }) = answer {
            watcher(&Event::Asked { call: "guarded put", problem: None });
            return Ok(Self { key, value, fate: Fate::Failed });
        }
        let answer = answer.map(|reply| reply.revision());
        watcher(&Event::Put { key: key.as_bytes(), value: value.as_bytes(), answer: &answer });
        Ok(Self { key, value, fate: fate(&answer) })
    }
}

fn fate(answer: &Answer<i64>) -> Fate {
    match answer {
        Ok(revision) => Fate::Acknowledged(*revision),
        Err(problem) if problem.applied == Applied::No => Fate::Failed,
        Err(_) => Fate::Unknown,
    }
}

/// Reads `key`.
///
/// # Errors
/// When it cannot be recorded.
pub async fn get(
    client: &mut Client<'_>,
    key: &[u8],
    watcher: &mut Watcher<'_>,
) -> Result<Answer<Read>, WriteError> {
    let answer = client.get(key).await?;
    watcher(&Event::Get { key, answer: &answer });
    Ok(answer)
}

impl Read {
    /// What the read found at `key`.
    #[must_use]
    pub fn seen(&self, key: &[u8]) -> Option<Seen> {
        let kv = self.found.iter().find(|kv| kv.key.bytes() == key)?;
        Some(Seen { value: kv.value.clone(), revision: kv.mod_revision })
    }
}

//! What a snapshot of etcd holds: its keys as they were at its last revision, and what tells them from those of a store.
//!
//! It reads how etcd keeps revisions in a bbolt file. Values are not kept but hashed, so that little memory is needed
//! however large they are. It must not ask any store.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::hash::{DefaultHasher, Hasher as _};

use history::{Blob, KeyValue};
use prost::Message as _;
use thiserror::Error;

use crate::bolt::{Bolt, BoltError};

/// More keys than these, or longer ones, are not looked at: they are in memory, of which a command takes little.
const KEYS_MAX: usize = 100_000;
const KEY_BYTES_MAX: usize = 8 << 20;
/// A store without any key is at this revision.
const EMPTY: i64 = 1;
/// One page of a list. A reply of 4 MB is refused, and one large value is about half of that.
const PAGE_KEYS: usize = 1_000;
const PAGE_BYTES: usize = 256 << 10;

/// It cannot be told what a snapshot holds.
#[derive(Debug, Error)]
pub(crate) enum SnapshotError {
    /// The file itself cannot be read.
    #[error(transparent)]
    Bolt(#[from] BoltError),
    /// There is no place for keys in it.
    #[error("there is no bucket `key`")]
    NoBucket,
    /// Something that no etcd writes.
    #[error("record {record} {what}")]
    Record {
        /// Where.
        record: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// More than is looked at.
    #[error("there are more keys than are looked at")]
    TooMany,
}

impl SnapshotError {
    /// Whether the snapshot is at fault, and not who reads it.
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            Self::Bolt(error) => matches!(error, BoltError::Damaged { .. }),
            Self::NoBucket | Self::Record { .. } => true,
            Self::TooMany => false,
        }
    }
}

/// The keys that are there at a snapshot's last revision.
#[derive(Debug)]
pub(crate) struct Contents {
    /// That revision.
    pub(crate) revision: i64,
    keys: BTreeMap<Vec<u8>, Held>,
}

/// One key without its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Held {
    created: i64,
    modified: i64,
    version: i64,
    lease: i64,
    bytes: usize,
    hash: u64,
}

/// A key-value as etcd keeps it, `mvccpb.KeyValue`.
#[derive(Clone, PartialEq, prost::Message)]
struct Record {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(int64, tag = "2")]
    create_revision: i64,
    #[prost(int64, tag = "3")]
    mod_revision: i64,
    #[prost(int64, tag = "4")]
    version: i64,
    #[prost(bytes = "vec", tag = "5")]
    value: Vec<u8>,
    #[prost(int64, tag = "6")]
    lease: i64,
}

impl Contents {
    /// Reads a snapshot, without the digest at its end.
    pub(crate) fn read(file: &File) -> Result<Self, SnapshotError> {
        let bolt = Bolt::open(file)?;
        let mut contents = Self { revision: EMPTY, keys: BTreeMap::new() };
        let mut key_bytes = 0;
        let there = bolt.bucket(b"key", &mut |at, value| contents.take(at, value, &mut key_bytes))?;
        if !there {
            return Err(SnapshotError::NoBucket);
        }
        // A deletion at the very revision of a compaction leaves nothing behind, and etcd takes its revision from here.
        bolt.bucket(b"meta", &mut |name, value| {
            if name == b"scheduledCompactRev" {
                let (compacted, _) = revision(value).ok_or_else(|| record(name, "is no revision"))?;
                contents.revision = contents.revision.max(compacted);
            }
            Ok::<(), SnapshotError>(())
        })?;
        Ok(contents)
    }

    /// One record of the bucket, which are in the order of revisions: the last of a key counts.
    fn take(&mut self, at: &[u8], value: &[u8], key_bytes: &mut usize) -> Result<(), SnapshotError> {
        let (modified, deleted) = revision(at).ok_or_else(|| record(at, "has no revision for a key"))?;
        let found = Record::decode(value).map_err(|_| record(at, "is no key-value"))?;
        self.revision = self.revision.max(modified);
        let Record { key, create_revision: created, version, value, lease, .. } = found;
        if key.is_empty() {
            // A store that was restored with a higher revision has one that says only that.
            return Ok(());
        }
        if deleted {
            if let Some((key, _)) = self.keys.remove_entry(&key) {
                *key_bytes -= key.len();
            }
            return Ok(());
        }
        let held = Held { created, modified, version, lease, bytes: value.len(), hash: hash(&value) };
        let len = key.len();
        if self.keys.insert(key, held).is_none() {
            *key_bytes += len;
        }
        if self.keys.len() > KEYS_MAX || *key_bytes > KEY_BYTES_MAX {
            return Err(SnapshotError::TooMany);
        }
        Ok(())
    }

    /// How many keys there are.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Bytes of all keys and values.
    pub(crate) fn bytes(&self) -> usize {
        self.keys.iter().map(|(key, held)| key.len() + held.bytes).sum()
    }

    /// The key that so many others come before.
    pub(crate) fn key(&self, n: usize) -> Option<&[u8]> {
        self.keys.keys().nth(n).map(Vec::as_slice)
    }

    /// Some keys, from `from` on.
    pub(crate) fn page(&self, from: &[u8]) -> Page<'_> {
        let (mut keys, mut bytes) = (Vec::new(), 0);
        let mut behind =
            self.keys.range::<[u8], _>((std::ops::Bound::Included(from), std::ops::Bound::Unbounded));
        let mut last = true;
        for (key, held) in &mut behind {
            bytes += key.len() + held.bytes;
            keys.push((&key[..], held));
            if keys.len() == PAGE_KEYS || bytes > PAGE_BYTES {
                last = behind.next().is_none();
                break;
            }
        }
        Page { keys, bytes, last }
    }
}

/// Keys of a snapshot that follow each other.
#[derive(Debug)]
pub(crate) struct Page<'c> {
    keys: Vec<(&'c [u8], &'c Held)>,
    /// Of their keys and values.
    pub(crate) bytes: usize,
    last: bool,
}

impl Page<'_> {
    /// How many keys must be asked for, so that a store shows what is here, and whether it has more behind the last.
    pub(crate) fn limit(&self) -> i64 {
        i64::try_from(self.keys.len() + usize::from(self.last)).unwrap_or(i64::MAX)
    }

    /// How many keys are here.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Where the next page begins.
    pub(crate) fn next(&self) -> Option<Vec<u8>> {
        let (key, _) = self.keys.last().filter(|_| !self.last)?;
        Some([*key, b"\0"].concat())
    }

    /// The first key in which it differs from what a store shows of as many keys at the same revision.
    pub(crate) fn apart(&self, shown: &[KeyValue<'_>]) -> Option<String> {
        for n in 0..self.keys.len().max(shown.len()) {
            let (ours, theirs) = (self.keys.get(n), shown.get(n));
            let theirs = theirs.map(|kv| (kv.key.bytes(), Held::of(kv)));
            let (key, held, there) = match (ours, theirs) {
                (Some((key, held)), Some((other, there))) if *key == other && **held == there => continue,
                (Some((key, held)), Some((other, there))) if *key == other => {
                    (*key, Some(**held), Some(there))
                }
                (Some((key, held)), Some((other, _))) if *key < other => (*key, Some(**held), None),
                (Some((key, held)), None) => (*key, Some(**held), None),
                (_, Some((other, there))) => (other, None, Some(there)),
                (None, None) => continue,
            };
            let words =
                |held: Option<Held>| held.map_or_else(|| "nothing".to_owned(), |held| held.to_string());
            let (held, there) = (words(held), words(there));
            return Some(format!("key {}: the snapshot holds {held}, the store {there}", Blob::from(key)));
        }
        None
    }
}

impl Held {
    fn of(kv: &KeyValue<'_>) -> Self {
        let KeyValue { value, create_revision, mod_revision, version, lease, .. } = kv;
        Self {
            created: *create_revision,
            modified: *mod_revision,
            version: *version,
            lease: *lease,
            bytes: value.bytes().len(),
            hash: hash(value.bytes()),
        }
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { created, modified, version, lease, bytes, hash } = self;
        write!(
            f,
            "{bytes} bytes ({hash:016x}) of revision {modified}, version {version} since {created}, lease {lease:x}"
        )
    }
}

/// Of a value, to compare it with another in the same process.
fn hash(value: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(value);
    hasher.finish()
}

/// What a record is kept under, or what a compaction left: the revision, and whether it is a deletion.
fn revision(at: &[u8]) -> Option<(i64, bool)> {
    let (main, rest) = at.split_first_chunk()?;
    let (sub, mark) = rest.strip_prefix(b"_")?.split_first_chunk()?;
    let (main, sub) = (i64::from_be_bytes(*main), i64::from_be_bytes(*sub));
    let deleted = mark == b"t";
    (main >= 0 && sub >= 0 && (deleted || mark.is_empty())).then_some((main, deleted))
}

fn record(at: &[u8], what: &'static str) -> SnapshotError {
    let shown: &[u8] = at.get(..32).unwrap_or(at);
    SnapshotError::Record { record: shown.escape_ascii().to_string(), what }
}

#[cfg(test)]
mod tests;

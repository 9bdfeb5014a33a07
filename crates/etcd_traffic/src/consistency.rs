//! What a linearizable read of one key may find, given what was written to the key.
//!
//! Pure: writes and a finding in, the contradiction out. A write whose outcome is unknown may be found or not; one that
//! certainly failed may not; the newest acknowledged one must be, unless something newer is.

use std::fmt;

use history::Blob;
use serde::{Serialize, Serializer};

/// Values are shown up to here; the rest is in the history.
const SHOWN_BYTES: usize = 40;

/// What the writer was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Applied, at this revision.
    Acknowledged(i64),
    /// Perhaps applied, now or later.
    Unknown,
    /// Certainly not applied.
    Failed,
}

/// One write of the key, begun before the read ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Write<'a> {
    /// What was written.
    pub value: &'a [u8],
    /// What the writer was told. `Acknowledged` only if that was before the read began: a write that was acknowledged
    /// later need not be found yet, and is `Unknown` here.
    pub fate: Fate,
}

/// A value with the revision of its write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// The value; only its beginning is shown.
    #[serde(serialize_with = "beginning")]
    pub value: Blob<'static>,
    /// The revision at which it was written.
    pub revision: i64,
}

/// What is wrong with what was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Nothing is there.
    Lost,
    /// Another value at the same revision.
    Changed,
    /// A value from before the newest acknowledged write.
    Older,
    /// The value of a write that certainly failed.
    Rejected,
    /// A known value, written again at a revision that nobody was told.
    Repeated,
    /// A value that nobody wrote.
    Unwritten,
}

/// A read that contradicts what was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// What is wrong.
    pub kind: Kind,
    /// The key.
    pub key: Blob<'static>,
    /// The newest acknowledged write; `None` where none was.
    pub expected: Option<Seen>,
    /// What the read found; `None` where nothing.
    pub found: Option<Seen>,
    /// The member that answered the read.
    pub member: String,
}

/// Compares what `member` answered for `key` with the writes of that key.
///
/// # Errors
/// The contradiction, where there is one.
pub fn compare(
    key: &[u8],
    writes: &[Write<'_>],
    found: Option<&Seen>,
    member: &str,
) -> Result<(), Box<Mismatch>> {
    let newest = writes.iter().filter_map(acknowledged).max_by_key(|seen| seen.revision);
    let kind = match (&newest, found) {
        (None, None) => return Ok(()),
        (Some(_), None) => Kind::Lost,
        (newest, Some(found)) => match contradiction(writes, newest.as_ref(), found) {
            None => return Ok(()),
            Some(kind) => kind,
        },
    };
    Err(Box::new(Mismatch {
        kind,
        key: Blob::from(key.to_vec()),
        expected: newest,
        found: found.cloned(),
        member: member.to_owned(),
    }))
}

fn acknowledged(write: &Write<'_>) -> Option<Seen> {
    match write.fate {
        Fate::Acknowledged(revision) => Some(Seen { value: Blob::from(write.value.to_vec()), revision }),
        Fate::Unknown | Fate::Failed => None,
    }
}

fn contradiction(writes: &[Write<'_>], newest: Option<&Seen>, found: &Seen) -> Option<Kind> {
    let same = |write: &&Write<'_>| write.value == found.value.bytes();
    match newest {
        Some(newest) if found.revision < newest.revision => Some(Kind::Older),
        Some(newest) if found.revision == newest.revision => {
            (found.value != newest.value).then_some(Kind::Changed)
        }
        // Newer than all that was acknowledged: only a write of unknown outcome explains it.
        _ if writes.iter().filter(same).any(|write| write.fate == Fate::Unknown) => None,
        _ => Some(match writes.iter().find(same).map(|write| write.fate) {
            Some(Fate::Failed) => Kind::Rejected,
            Some(_) => Kind::Repeated,
            None => Kind::Unwritten,
        }),
    }
}

/// A value as people read it: whole, or its beginning and its size.
pub(crate) fn shown(value: &[u8]) -> String {
    match value.get(..SHOWN_BYTES) {
        Some(beginning) if value.len() > SHOWN_BYTES => {
            format!("{}... ({} bytes)", Blob::from(beginning), value.len())
        }
        _ => Blob::from(value).to_string(),
    }
}

fn beginning<S: Serializer>(value: &Blob<'_>, serializer: S) -> Result<S::Ok, S::Error> {
    match value.bytes().len() > SHOWN_BYTES {
        true => serializer.serialize_str(&shown(value.bytes())),
        false => value.serialize(serializer),
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' of revision {}", shown(self.value.bytes()), self.revision)
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |seen: &Option<Seen>| seen.as_ref().map_or_else(|| "nothing".to_owned(), Seen::to_string);
        write!(f, "key '{}': {} expected, {} found", self.key, show(&self.expected), show(&self.found))?;
        let why = match self.kind {
            Kind::Lost => "an acknowledged write is lost",
            Kind::Changed => "the value of an acknowledged write has changed",
            Kind::Older => "an acknowledged write is hidden by an older one",
            Kind::Rejected => "a write that failed for certain was applied",
            Kind::Repeated => "a write was applied again",
            Kind::Unwritten => "nobody wrote what was found",
        };
        write!(f, " ({why}; answered by {})", self.member)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACK_5: Fate = Fate::Acknowledged(5);
    const ACK_7: Fate = Fate::Acknowledged(7);

    fn kind(writes: &[(&str, Fate)], found: Option<(&str, i64)>) -> Option<Kind> {
        let writes: Vec<Write<'_>> =
            writes.iter().map(|(value, fate)| Write { value: value.as_bytes(), fate: *fate }).collect();
        let found = found.map(|(value, revision)| Seen { value: Blob::from(value.to_owned()), revision });
        compare(b"k", &writes, found.as_ref(), "etcd1").err().map(|mismatch| mismatch.kind)
    }

    #[test]
    fn an_acknowledged_write_must_be_there_as_it_was_written() {
        let writes = [("a", ACK_5)];
        assert_eq!(kind(&writes, Some(("a", 5))), None);
        assert_eq!(kind(&writes, None), Some(Kind::Lost));
        assert_eq!(kind(&writes, Some(("b", 5))), Some(Kind::Changed));
        assert_eq!(kind(&writes, Some(("a", 4))), Some(Kind::Older));
        assert_eq!(kind(&writes, Some(("a", 6))), Some(Kind::Repeated));
        assert_eq!(kind(&writes, Some(("b", 6))), Some(Kind::Unwritten));
    }

    #[test]
    fn an_unknown_write_may_be_there_or_not() {
        let writes = [("a", Fate::Unknown)];
        assert_eq!(kind(&writes, Some(("a", 9))), None);
        assert_eq!(kind(&writes, None), None);
        assert_eq!(kind(&writes, Some(("b", 9))), Some(Kind::Unwritten));
    }

    #[test]
    fn a_failed_write_must_not_be_there() {
        let writes = [("a", Fate::Failed)];
        assert_eq!(kind(&writes, None), None);
        assert_eq!(kind(&writes, Some(("a", 9))), Some(Kind::Rejected));
    }

    #[test]
    fn a_newer_write_may_hide_an_older_one_and_never_the_other_way_round() {
        let both = [("a", ACK_5), ("b", ACK_7)];
        assert_eq!(kind(&both, Some(("b", 7))), None);
        assert_eq!(kind(&both, Some(("a", 5))), Some(Kind::Older));
        assert_eq!(kind(&both, None), Some(Kind::Lost));
        let unknown_after = [("a", ACK_5), ("b", Fate::Unknown)];
        assert_eq!(kind(&unknown_after, Some(("b", 6))), None);
        assert_eq!(kind(&unknown_after, Some(("a", 5))), None);
        assert_eq!(kind(&unknown_after, Some(("b", 4))), Some(Kind::Older));
        assert_eq!(kind(&unknown_after, None), Some(Kind::Lost));
    }

    #[test]
    fn the_same_value_twice_is_explained_by_the_unknown_one() {
        assert_eq!(kind(&[("a", ACK_5), ("a", Fate::Unknown)], Some(("a", 9))), None);
        assert_eq!(kind(&[("a", Fate::Failed), ("a", Fate::Unknown)], Some(("a", 9))), None);
    }

    #[test]
    fn a_mismatch_says_key_values_and_revisions() {
        let writes = [Write { value: b"v1", fate: ACK_7 }];
        let found = Seen { value: Blob::from("v0"), revision: 5 };
        let mismatch = compare(b"k", &writes, Some(&found), "etcd1").unwrap_err();
        assert_eq!(
            mismatch.to_string(),
            "key 'k': 'v1' of revision 7 expected, 'v0' of revision 5 found \
             (an acknowledged write is hidden by an older one; answered by etcd1)"
        );
        assert_eq!(
            serde_json::to_value(&mismatch).unwrap(),
            serde_json::json!({
                "kind": "older", "key": "k", "member": "etcd1",
                "expected": {"value": "v1", "revision": 7}, "found": {"value": "v0", "revision": 5},
            })
        );
    }

    #[test]
    fn of_a_large_value_the_beginning_is_shown() {
        let seen = |bytes: usize| Seen { value: Blob::from("v".repeat(bytes)), revision: 5 };
        let large = format!("{}... (65536 bytes)", "v".repeat(40));
        assert_eq!(seen(65_536).to_string(), format!("'{large}' of revision 5"));
        assert_eq!(serde_json::to_value(seen(65_536)).unwrap()["value"], large);
        assert_eq!(serde_json::to_value(seen(40)).unwrap()["value"], "v".repeat(40));
    }
}

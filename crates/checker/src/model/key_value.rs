//! A store of texts by key: get, put, delete, append.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use super::{AsRegister, EntryOf, Model, RegisterOp, RegisterReply, Value};
use crate::entry::{Entry, Outcome};

/// A key or a value; shared, because histories repeat them.
pub type Text = Arc<str>;

/// A store of texts. Keys are independent of each other.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyValue {
    /// A get of a key that is not there replies with an empty text, as if it were there.
    pub absent_is_empty: bool,
}

/// A request to the store.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each variant's text names its fields")]
pub enum KvOp {
    /// Read a key.
    Get { key: Text },
    /// Write a key.
    Put { key: Text, value: Text },
    /// Remove a key.
    Delete { key: Text },
    /// Put a text at the end of what a key holds; an absent key holds nothing.
    Append { key: Text, value: Text },
}

/// The store's reply.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KvReply {
    /// To a get; `None`: the key is not there.
    Value(Option<Text>),
    /// To everything else.
    Done,
}

impl KvOp {
    /// The key it works on.
    #[must_use]
    pub fn key(&self) -> &Text {
        match self {
            Self::Get { key } | Self::Put { key, .. } | Self::Delete { key } | Self::Append { key, .. } => {
                key
            }
        }
    }
}

/// Stands for texts that no get shows; the search makes sure that none shows this one.
const FORGOTTEN: &str = "\u{10ffff}forgotten";

/// Any number for a key; two keys may share one.
fn number(key: &str) -> u64 {
    let mut hash = DefaultHasher::new();
    key.hash(&mut hash);
    hash.finish()
}

impl Model for KeyValue {
    type State = BTreeMap<Text, Text>;
    type Op = KvOp;
    type Reply = KvReply;
    type Key = Text;

    fn init(&self) -> Self::State {
        BTreeMap::new()
    }

    fn step(&self, state: &Self::State, op: &KvOp) -> (Option<Self::State>, KvReply) {
        let held = state.get(op.key());
        let next = match op {
            KvOp::Get { .. } => {
                let absent = || self.absent_is_empty.then(Text::default);
                return (None, KvReply::Value(held.cloned().or_else(absent)));
            }
            KvOp::Put { value, .. } => Some(value.clone()),
            KvOp::Append { value, .. } => Some(match held {
                Some(held) => [&**held, value].concat().into(),
                None => value.clone(),
            }),
            KvOp::Delete { .. } => None,
        };
        let mut state = state.clone();
        match next {
            Some(value) => state.insert(op.key().clone(), value),
            None => state.remove(op.key()),
        };
        (Some(state), KvReply::Done)
    }

    fn is_read_only(&self, op: &KvOp, _: &KvReply) -> bool {
        self.never_writes(op)
    }

    fn never_writes(&self, op: &KvOp) -> bool {
        matches!(op, KvOp::Get { .. })
    }

    fn observes(&self, op: &KvOp, _: &KvReply) -> bool {
        self.never_writes(op)
    }

    fn partition(&self, op: &KvOp) -> Option<Text> {
        Some(op.key().clone())
    }

    fn subject(&self, op: &KvOp, _: &KvReply) -> Option<u64> {
        Some(number(op.key()))
    }

    fn at_stake(&self, _: &Self::State, op: &KvOp) -> Option<u64> {
        Some(number(op.key()))
    }

    fn provider_of(&self, op: &KvOp) -> Option<u64> {
        matches!(op, KvOp::Put { .. } | KvOp::Delete { .. }).then(|| number(op.key()))
    }

    /// Appends only make a text longer. So, from a state on and until the next put or delete of the key, a get shows a text
    /// that begins with the one that is held now; nothing at all only where nothing is held.
    fn keeps(&self, state: &Self::State, op: &KvOp, reply: &KvReply) -> bool {
        match (state.get(op.key()), reply) {
            (_, KvReply::Done) | (None, _) => true,
            (Some(_), KvReply::Value(None)) => false,
            (Some(held), KvReply::Value(Some(shown))) => shown.starts_with(&**held),
        }
    }

    /// A text that no get shows the beginning of only grows, until a put or delete: which text it is never shows.
    fn forgotten(&self, state: &Self::State, op: &KvOp) -> Option<Self::State> {
        let mut state = state.clone();
        *state.get_mut(op.key())? = Text::from(FORGOTTEN);
        Some(state)
    }

    /// After the last put or delete before a get, [`Model::keeps`] speaks of the text that this one left.
    fn provides(&self, writer: &KvOp, op: &KvOp, reply: &KvReply) -> bool {
        match writer {
            _ if writer.key() != op.key() => false,
            KvOp::Delete { .. } => true,
            KvOp::Put { value, .. } => match reply {
                KvReply::Value(Some(shown)) => shown.starts_with(&**value),
                KvReply::Value(None) => false,
                KvReply::Done => true,
            },
            KvOp::Get { .. } | KvOp::Append { .. } => false,
        }
    }

    fn key_name(&self, key: &Text) -> String {
        key.escape_debug().to_string()
    }

    /// Of one key, if all that happens to it is get and put.
    fn as_register<'a>(&self, entries: &'a [EntryOf<Self>]) -> Option<AsRegister<'a>> {
        let key = entries.first()?.op.key();
        let mut numbers: HashMap<&str, u32> = HashMap::new();
        if self.absent_is_empty {
            numbers.insert("", Value::NIL.0);
        }
        let mut value = |text: &'a str| {
            let next = u32::try_from(numbers.len()).expect("fewer values than 2^31");
            Value(*numbers.entry(text).or_insert(next))
        };
        let entry = |entry: &'a EntryOf<Self>| {
            let op = match &entry.op {
                op if op.key() != key => return None,
                KvOp::Get { .. } => RegisterOp::Read,
                KvOp::Put { value: text, .. } => RegisterOp::Write(value(text)),
                KvOp::Append { .. } | KvOp::Delete { .. } => return None,
            };
            let outcome = match &entry.outcome {
                Outcome::Ok(KvReply::Value(Some(text))) => Outcome::Ok(RegisterReply::Value(value(text))),
                Outcome::Ok(KvReply::Value(None)) => Outcome::Ok(RegisterReply::Value(Value::NIL)),
                Outcome::Ok(KvReply::Done) => Outcome::Ok(RegisterReply::Written),
                Outcome::Failed => Outcome::Failed,
                Outcome::Unknown => Outcome::Unknown,
            };
            Some(Entry { client: entry.client, call: entry.call, returned: entry.returned, op, outcome })
        };
        Some((Value::NIL, Cow::Owned(entries.iter().map(entry).collect::<Option<_>>()?)))
    }

    fn describe(&self, op: &KvOp, outcome: &Outcome<KvReply>) -> String {
        let key = op.key().escape_debug();
        match (op, outcome) {
            (KvOp::Get { .. }, Outcome::Ok(KvReply::Value(Some(value)))) => {
                format!("read {key} = \"{}\"", value.escape_debug())
            }
            (KvOp::Get { .. }, Outcome::Ok(_)) => format!("found no {key}"),
            (KvOp::Get { .. }, _) => format!("tried to read {key}"),
            (KvOp::Put { value, .. }, Outcome::Ok(_)) => format!("put {key} = \"{}\"", value.escape_debug()),
            (KvOp::Delete { .. }, Outcome::Ok(_)) => format!("deleted {key}"),
            (KvOp::Append { value, .. }, Outcome::Ok(_)) => {
                format!("appended \"{}\" to {key}", value.escape_debug())
            }
            (KvOp::Put { value, .. }, _) => {
                super::tried(&format!("put {key} = \"{}\"", value.escape_debug()), outcome)
            }
            (KvOp::Delete { .. }, _) => super::tried(&format!("delete {key}"), outcome),
            (KvOp::Append { value, .. }, _) => {
                super::tried(&format!("append \"{}\" to {key}", value.escape_debug()), outcome)
            }
        }
    }
}

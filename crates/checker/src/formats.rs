//! Histories that other tools recorded, as lists of operations.
//!
//! Pure parsers: bytes in, operations or an error with line and column out. They open no file and judge nothing. What a
//! file does not say is not guessed; where the tools differ in what a word means, the reader of that format says which
//! meaning it takes.

mod edn;
mod etcd_report;
mod jepsen_edn;
mod jepsen_log;
mod pairing;
mod place;

use std::fmt;
use std::str::FromStr;

use history::History;
pub use place::ParseError;

use crate::model::{Bank, EntryOf, KeyValue, Keyed, Mutex, Register, Transactions, Versioned};
use crate::options::Times;

/// A way to write a history down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// The log of a Jepsen run: lines with `jepsen.util`.
    JepsenLog,
    /// Jepsen's `history.edn`: maps with `:process`, `:type`, `:f` and `:value`.
    JepsenEdn,
    /// porcupine's test data for a key-value store: one such map on each line, with `:key`.
    PorcupineKv,
    /// etcd's robustness tests: `operations.json` or `watch.json` of one client.
    EtcdReport,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::JepsenLog, Self::JepsenEdn, Self::PorcupineKv, Self::EtcdReport];
}

/// The model that a history's operations belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ModelName {
    /// Read, write and compare-and-set, of one register or of independent ones.
    Register,
    /// Get, put, delete and append, by key.
    KeyValue,
    /// Transfers between accounts, and reads of all balances.
    Bank,
    /// A lock.
    Mutex,
    /// etcd, with its revisions.
    Etcd,
}

/// The operations of a file, with the model they belong to.
#[derive(Debug)]
#[expect(missing_docs, reason = "each variant's text names its fields")]
pub enum Recorded {
    /// Of one register.
    Register { model: Register, entries: Vec<EntryOf<Register>> },
    /// Of several, by key.
    Registers { model: Keyed<Register>, entries: Vec<EntryOf<Keyed<Register>>> },
    /// Of several whose replies carry versions, by key.
    Versioned { model: Keyed<Versioned>, entries: Vec<EntryOf<Keyed<Versioned>>> },
    /// Of a store of texts, where each is a transaction.
    Transactions { model: Transactions, entries: Vec<EntryOf<Transactions>> },
    /// Of a store of texts.
    KeyValue { model: KeyValue, entries: Vec<EntryOf<KeyValue>> },
    /// Of a bank.
    Bank { model: Bank, entries: Vec<EntryOf<Bank>> },
    /// Of a lock.
    Mutex { model: Mutex, entries: Vec<EntryOf<Mutex>> },
    /// Of an etcd cluster. Several files of one run belong together: see [`Recorded::join`].
    Etcd(Box<History<'static>>),
}

/// A file that was read.
#[derive(Debug)]
pub struct Loaded {
    /// The format it was in.
    pub format: Format,
    /// What it holds.
    pub recorded: Recorded,
    /// What its times are counted in.
    pub times: Times,
}

/// Reads a file that is in memory. Where no format is given, the name's ending and the first bytes tell it; where no model is
/// given, the operations do.
///
/// # Errors
/// When the bytes are not in the format, with line and column; when no format fits; or when the operations do not belong to
/// the wished model.
pub fn read(
    name: &str,
    bytes: &[u8],
    format: Option<Format>,
    model: Option<ModelName>,
) -> Result<Loaded, ParseError> {
    let text = place::text(bytes)?;
    let format = match format.or_else(|| detect(name, text)) {
        Some(format) => format,
        None => {
            return Err(ParseError::at(text, 0, "no known format; name one: ".to_owned() + &names(&FORMATS)));
        }
    };
    let (recorded, times) = match format {
        Format::JepsenLog => jepsen_log::read(text)?,
        Format::JepsenEdn => jepsen_edn::read(text, false)?,
        Format::PorcupineKv => jepsen_edn::read(text, true)?,
        Format::EtcdReport => (etcd_report::read(name, text)?, Times::Nanos),
    };
    if let Some(model) = model
        && model != recorded.model()
    {
        let message = format!("these operations are of the model {}, not {model}", recorded.model());
        return Err(ParseError::at(text, 0, message));
    }
    Ok(Loaded { format, recorded, times })
}

/// The format that the file's name and beginning speak for.
#[must_use]
pub fn detect(name: &str, text: &str) -> Option<Format> {
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let start = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n', ',']);
    let head: String = start.chars().take(4096).collect();
    if matches!(name, "operations.json" | "watch.json") || head.starts_with("{\"") || head.starts_with("{\n")
    {
        return Some(Format::EtcdReport);
    }
    if head.starts_with(['{', '[', '(', '#', ';']) {
        let keyed = head.lines().next().is_some_and(|line| line.contains(":key "));
        return Some(if keyed { Format::PorcupineKv } else { Format::JepsenEdn });
    }
    text.contains("jepsen.util").then_some(Format::JepsenLog)
}

impl Recorded {
    /// The model the operations belong to.
    #[must_use]
    pub fn model(&self) -> ModelName {
        match self {
            Self::Register { .. } | Self::Registers { .. } | Self::Versioned { .. } => ModelName::Register,
            Self::KeyValue { .. } | Self::Transactions { .. } => ModelName::KeyValue,
            Self::Bank { .. } => ModelName::Bank,
            Self::Mutex { .. } => ModelName::Mutex,
            Self::Etcd(_) => ModelName::Etcd,
        }
    }

    /// How many operations it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Register { entries, .. } => entries.len(),
            Self::Registers { entries, .. } => entries.len(),
            Self::Versioned { entries, .. } => entries.len(),
            Self::Transactions { entries, .. } => entries.len(),
            Self::KeyValue { entries, .. } => entries.len(),
            Self::Bank { entries, .. } => entries.len(),
            Self::Mutex { entries, .. } => entries.len(),
            Self::Etcd(history) => history.operations.len(),
        }
    }

    /// True when it holds no operation.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds the operations of another file of the same run, on the same clock.
    ///
    /// # Errors
    /// Gives the other one back if they are not both of etcd: other tools write one file for a run.
    pub fn join(&mut self, other: Self) -> Result<(), Self> {
        match (self, other) {
            (Self::Etcd(history), Self::Etcd(other)) => {
                etcd_report::join(history, *other);
                Ok(())
            }
            (_, other) => Err(other),
        }
    }
}

/// Names for the command line; of several names for one format the first is shown.
const FORMATS: [(&str, Format); 6] = [
    ("jepsen-log", Format::JepsenLog),
    ("jepsen-edn", Format::JepsenEdn),
    ("edn", Format::JepsenEdn),
    ("porcupine-kv", Format::PorcupineKv),
    ("porcupine", Format::PorcupineKv),
    ("etcd-report", Format::EtcdReport),
];

/// Names for the command line; of two names for one model the first is shown.
const MODELS: [(&str, ModelName); 7] = [
    ("register", ModelName::Register),
    ("cas-register", ModelName::Register),
    ("key-value", ModelName::KeyValue),
    ("append", ModelName::KeyValue),
    ("bank", ModelName::Bank),
    ("mutex", ModelName::Mutex),
    ("etcd", ModelName::Etcd),
];

fn names<T>(table: &[(&str, T)]) -> String {
    table.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

fn find<T: Copy>(table: &[(&str, T)], name: &str) -> Result<T, String> {
    let found = table.iter().find(|entry| entry.0 == name);
    found.map(|entry| entry.1).ok_or_else(|| format!("`{name}` is none of {}", names(table)))
}

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        find(&FORMATS, name)
    }
}

impl FromStr for ModelName {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        find(&MODELS, name)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entry = FORMATS.iter().find(|entry| entry.1 == *self).expect("every format has a name");
        f.write_str(entry.0)
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entry = MODELS.iter().find(|entry| entry.1 == *self).expect("every model has a name");
        f.write_str(entry.0)
    }
}

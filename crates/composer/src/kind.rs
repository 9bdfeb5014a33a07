//! The seven kinds of test command and the file-name prefixes that mark them. Knows names only, no rules.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a command is for; its file-name prefix says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Prepares a timeline. One is chosen; it runs alone, before everything else and without faults.
    First,
    /// Drives beside other parallel drivers, copies of itself included.
    ParallelDriver,
    /// Drives with no other driver beside it, again and again.
    SerialDriver,
    /// Is the only driver command of its timeline and runs once.
    SingletonDriver,
    /// Runs beside drivers at any time.
    Anytime,
    /// Ends a timeline: whatever runs is killed, faults stop, then it runs alone.
    Eventually,
    /// Ends a timeline in which every started command ended by itself; runs alone, without faults.
    Finally,
}

impl Kind {
    /// All kinds, in the order in which a timeline meets them.
    pub const ALL: [Kind; 7] = [
        Kind::First,
        Kind::ParallelDriver,
        Kind::SerialDriver,
        Kind::SingletonDriver,
        Kind::Anytime,
        Kind::Eventually,
        Kind::Finally,
    ];

    /// The file-name prefix, with its underscore.
    pub fn prefix(self) -> &'static str {
        match self {
            Kind::First => "first_",
            Kind::ParallelDriver => "parallel_driver_",
            Kind::SerialDriver => "serial_driver_",
            Kind::SingletonDriver => "singleton_driver_",
            Kind::Anytime => "anytime_",
            Kind::Eventually => "eventually_",
            Kind::Finally => "finally_",
        }
    }

    /// The kind of a command with this file name; `None` without a known prefix, or with nothing after it.
    pub fn of_file_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| name.len() > kind.prefix().len() && name.starts_with(kind.prefix()))
    }

    /// Whether this is one of the three driver kinds.
    pub fn is_driver(self) -> bool {
        matches!(self, Kind::ParallelDriver | Kind::SerialDriver | Kind::SingletonDriver)
    }

    /// Whether a command of this kind ends its timeline.
    pub fn is_terminal(self) -> bool {
        matches!(self, Kind::Eventually | Kind::Finally)
    }
}

/// The prefix without its underscore, as in `parallel_driver`.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.prefix().trim_end_matches('_'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prefix_names_its_kind() {
        for kind in Kind::ALL {
            assert_eq!(Kind::of_file_name(&format!("{}x.sh", kind.prefix())), Some(kind));
            assert_eq!(format!("{kind}_"), kind.prefix());
        }
    }

    #[test]
    fn near_misses_are_no_command() {
        for name in
            ["", "first", "first_", "firstx", "driver_a", "Parallel_driver_a", " anytime_a", "helper_a"]
        {
            assert_eq!(Kind::of_file_name(name), None, "{name:?}");
        }
    }
}

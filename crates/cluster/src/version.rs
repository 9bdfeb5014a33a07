//! The version of a system under test, as its own `--version` prints it. Its order is for lists that people
//! read; which version is better, charts say.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A version such as `3.5.30`. It is safe as a part of a file name and of a URL.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version(String);

/// A text that cannot be a version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a version: expected something like 3.5.30")]
pub struct NotAVersion(String);

impl Version {
    /// The version as text, without a leading `v`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Ord for Version {
    /// By the numbers in it: 3.5.9 comes before 3.5.10.
    fn cmp(&self, other: &Self) -> Ordering {
        fn numbers(text: &str) -> Vec<u64> {
            text.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().unwrap_or(0)).collect()
        }
        numbers(&self.0).cmp(&numbers(&other.0)).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl FromStr for Version {
    type Err = NotAVersion;

    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        let bare = text.strip_prefix('v').unwrap_or(text);
        let starts_with_digit = bare.starts_with(|c: char| c.is_ascii_digit());
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+' | '_');
        if starts_with_digit && bare.chars().all(allowed) && !bare.contains("..") && bare.len() <= 64 {
            Ok(Self(bare.to_owned()))
        } else {
            Err(NotAVersion(text.to_owned()))
        }
    }
}

impl TryFrom<String> for Version {
    type Error = NotAVersion;

    fn try_from(text: String) -> Result<Self, NotAVersion> {
        text.parse()
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn versions_are_safe_in_paths() {
        for good in ["3.5.30", "v3.5.30", "7.4.0-rc1", "3.6.0+ds", "7"] {
            assert!(good.parse::<Version>().is_ok(), "{good}");
        }
        for bad in ["", "v", "latest", "3/5", "3..5", "../3", "3.5 0", ".3"] {
            assert!(bad.parse::<Version>().is_err(), "{bad}");
        }
        assert_eq!("v3.5.1".parse::<Version>().unwrap().as_str(), "3.5.1");
    }

    #[test]
    fn numbers_are_ordered_as_numbers() {
        let mut versions =
            ["3.5.10", "3.10.0", "3.5.9", "3.4.23"].map(|text| text.parse::<Version>().unwrap());
        versions.sort();
        assert_eq!(versions.each_ref().map(Version::as_str), ["3.4.23", "3.5.9", "3.5.10", "3.10.0"]);
    }
}

//! Reading YAML so that a person can mend it: every error names file, line and column, shows the line, and
//! says what would be right. It knows nothing of what the YAML means.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::de::DeserializeOwned;

use crate::nearest::nearest;

/// Why a YAML file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum YamlError {
    /// The file could not be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file's text is not what it should be.
    #[error("{}:{line}:{column}: {message}{excerpt}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: u64,
        /// From 1.
        column: u64,
        /// What is wrong and what would be right, as a fragment.
        message: String,
        /// The line with a mark below the column; starts with a line break, empty where there is no line.
        excerpt: String,
    },
}

/// Reads a YAML file into `T`.
///
/// # Errors
/// When the file cannot be read, is not YAML, or does not have the shape of `T`.
pub fn from_file<T: DeserializeOwned>(path: &Path) -> Result<T, YamlError> {
    let text =
        fs::read_to_string(path).map_err(|source| YamlError::Read { path: path.to_owned(), source })?;
    from_text(path, &text)
}

/// Reads YAML text into `T`; `path` is named in errors.
///
/// # Errors
/// When the text is not YAML or does not have the shape of `T`.
pub fn from_text<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, YamlError> {
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let (line, column) = error.location().map_or((1, 1), |at| (at.line(), at.column()));
        invalid(path, text, line, column, &mend(&error.to_string()))
    })
}

/// An error at a place in `text`, for checks that go beyond the shape of a type.
#[must_use]
pub fn invalid(path: &Path, text: &str, line: u64, column: u64, message: &str) -> YamlError {
    YamlError::Invalid {
        path: path.to_owned(),
        line,
        column,
        message: message.to_owned(),
        excerpt: excerpt(text, line, column).unwrap_or_default(),
    }
}

fn excerpt(text: &str, line: u64, column: u64) -> Option<String> {
    let shown = text.lines().nth(usize::try_from(line.checked_sub(1)?).ok()?)?;
    let indent = usize::try_from(column.checked_sub(1)?).ok()?;
    let mut excerpt = String::new();
    write!(excerpt, "\n{line:>5} | {shown}\n      | {:indent$}^", "").ok()?;
    Some(excerpt)
}

/// Turns the parser's message into one for the writer of the file.
fn mend(message: &str) -> String {
    // The place is shown in front, and the parser's own switches are no business of the writer.
    let message = message.split(" at line ").next().unwrap_or(message);
    let message = message.split(", set DuplicateKeyPolicy").next().unwrap_or(message);
    let whole_number = ["u8", "u16", "u32", "u64", "usize"].map(|kind| format!("invalid {kind}"));
    if whole_number.iter().any(|known| known == message) {
        return "expected a whole number, not negative and not too large".to_owned();
    }
    match did_you_mean(message) {
        Some(known) => format!("{message}; did you mean `{known}`?"),
        None => message.to_owned(),
    }
}

/// For "unknown field `x`, expected one of a, b, c": the one that is nearest to `x`.
fn did_you_mean(message: &str) -> Option<&str> {
    let (given, rest) = message.strip_prefix("unknown ")?.split_once('`')?.1.split_once('`')?;
    let known = rest.strip_prefix(", expected ")?;
    let known = known.strip_prefix("one of ").unwrap_or(known);
    nearest(given, known.split(", ").map(|name| name.trim_matches('`')))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use serde::Deserialize;

    use super::from_text;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its errors matter here")]
    struct Shape {
        name: String,
        port: u16,
        #[serde(default)]
        more: BTreeMap<String, u64>,
    }

    fn check(text: &str, expected: &str) {
        let error = from_text::<Shape>(Path::new("a.yaml"), text).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn errors_show_place_line_and_remedy() {
        check(
            "name: x\nprot: 1\n",
            "a.yaml:2:1: unknown field `prot`, expected one of name, port, more; did you mean `port`?\
             \n    2 | prot: 1\n      | ^",
        );
        check(
            "name: x\nport: seven\n",
            "a.yaml:2:7: expected a whole number, not negative and not too large\
             \n    2 | port: seven\n      |       ^",
        );
        check(
            "name: x\nname: y\nport: 1\n",
            "a.yaml:2:1: duplicate mapping key: name\n    2 | name: y\n      | ^",
        );
        check("name: x\n", "a.yaml:1:1: missing field `port`\n    1 | name: x\n      | ^");
        check("", "a.yaml:1:1: unexpected end of input");
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = super::from_file::<Shape>(Path::new("/nowhere/a.yaml")).unwrap_err();
        assert_eq!(error.to_string(), "/nowhere/a.yaml: No such file or directory (os error 2)");
    }
}

//! Where records go: a file that all processes of a command append to, a whole line at a time.

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io::{self, Write as _};

use crate::environment;

/// Appends one JSON document as a line. A record that cannot be written is lost: the program must not suffer for it, and
/// that records are missing shows in the run's verdict.
pub(crate) fn append(document: &[u8]) {
    if let Some(path) = environment::output() {
        let _ = append_to(&path, document);
    }
}

/// SDKs write some tens of records, so the file is opened for each: nothing is kept that a fork or a program which closes
/// all its files could break.
fn append_to(path: &OsStr, document: &[u8]) -> io::Result<()> {
    let mut line = document.trim_ascii().to_vec();
    if line.is_empty() {
        return Ok(());
    }
    // Some SDKs end a document with a line break and some do not; one within would tear it.
    line.iter_mut().filter(|byte| **byte == b'\n').for_each(|byte| *byte = b' ');
    line.push(b'\n');
    OpenOptions::new().create(true).append(true).open(path)?.write_all(&line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_document_is_one_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.jsonl");
        for document in ["{\"a\":1}", "{\"a\":2}\n", "", "{\"a\":\n3}\n\n"] {
            append_to(path.as_os_str(), document.as_bytes()).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), "{\"a\":1}\n{\"a\":2}\n{\"a\": 3}\n");
    }
}

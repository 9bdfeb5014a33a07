//! YAML as a tree of values, and the lines that its keys are on. Anchors and merges are resolved in the tree; a key that
//! comes from one has the line of what merges it.

use serde_json::Value;

/// Reads a document; an error is a fragment with its line.
pub(crate) fn read(text: &str) -> Result<Value, (usize, String)> {
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let line = error.location().map_or(1, |at| usize::try_from(at.line()).unwrap_or(1));
        (line, error.to_string())
    })
}

/// The line of the deepest of these keys that is written down.
pub(crate) fn line(text: &str, keys: &[&str]) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let (mut from, mut to, mut depth, mut best) = (0, lines.len(), None, 1);
    for key in keys {
        let is_key = |line: &&str| {
            let rest = line.trim_start().strip_prefix(key);
            rest.is_some_and(|rest| rest.trim_start().starts_with(':'))
                && depth.is_none_or(|depth| indent(line) > depth)
        };
        let Some(at) = (from..to).find(|n| is_key(&lines[*n])) else { break };
        let own = indent(lines[at]);
        let ends = |line: &&str| {
            !line.trim().is_empty() && !line.trim_start().starts_with('#') && indent(line) <= own
        };
        to = (at + 1..to).find(|n| ends(&lines[*n])).unwrap_or(to);
        (from, depth, best) = (at + 1, Some(own), at + 1);
    }
    best
}

/// A value's text where it is one, of any scalar kind.
pub(crate) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Array(parts) => parts.iter().map(text_of).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

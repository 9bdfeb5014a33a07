//! Texts with placeholders, as charts write command lines: `--name={name}`. `{{` and `}}` stand for braces.
//! A template knows its place in the chart, so that a wrong placeholder can be pointed at.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;

/// A text with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    pieces: Vec<Piece>,
    /// Where the text stands in its file, from 1; 0 where it came from no file.
    pub(crate) line: u64,
    /// See `line`.
    pub(crate) column: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Hole(String),
}

/// A placeholder that nothing stands for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown placeholder {{{0}}}")]
pub struct UnknownPlaceholder(pub String);

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// A sentence about a brace that has no partner, or an empty placeholder.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                plain.push_str(brace);
                rest = after;
            } else if brace == "}" {
                return Err(format!("`{text}` has a `}}` without `{{`; write `}}}}` for a brace"));
            } else {
                let Some((name, after)) = rest.split_once('}').filter(|(name, _)| is_name(name)) else {
                    return Err(format!(
                        "`{text}` has a `{{` that begins no placeholder; write `{{{{` for a brace"
                    ));
                };
                pieces.extend((!plain.is_empty()).then(|| Piece::Text(std::mem::take(&mut plain))));
                pieces.push(Piece::Hole(name.to_owned()));
                rest = after;
            }
        }
        plain.push_str(rest);
        pieces.extend((!plain.is_empty()).then_some(Piece::Text(plain)));
        Ok(Self { pieces, line: 0, column: 0 })
    }

    /// The text with each placeholder replaced by what `value` has for it.
    ///
    /// # Errors
    /// The first placeholder that `value` does not know.
    pub fn fill(&self, value: &dyn Fn(&str) -> Option<String>) -> Result<String, UnknownPlaceholder> {
        self.pieces
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => Ok(text.clone()),
                Piece::Hole(name) => value(name).ok_or_else(|| UnknownPlaceholder(name.clone())),
            })
            .collect()
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_'))
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Spanned::<String>::deserialize(deserializer)?;
        let parsed = Self::parse(&text.value).map_err(D::Error::custom)?;
        Ok(Self { line: text.referenced.line(), column: text.referenced.column(), ..parsed })
    }
}

#[cfg(test)]
mod tests {
    use super::{Template, UnknownPlaceholder};

    fn fill(text: &str) -> Result<String, UnknownPlaceholder> {
        let known = |name: &str| (name == "a.b").then(|| "X".to_owned());
        Template::parse(text).unwrap().fill(&known)
    }

    #[test]
    fn placeholders_are_filled_and_doubled_braces_are_braces() {
        assert_eq!(fill("--x={a.b}/{a.b}!"), Ok("--x=X/X!".into()));
        assert_eq!(fill("{{a.b}} {a.b}"), Ok("{a.b} X".into()));
        assert_eq!(fill(""), Ok(String::new()));
        assert_eq!(fill("{c}"), Err(UnknownPlaceholder("c".into())));
    }

    #[test]
    fn lone_braces_are_refused() {
        for text in ["{", "}", "a{b", "a}b", "{}", "{a b}", "{a{b}"] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
    }
}

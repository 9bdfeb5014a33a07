//! Keys and values: bytes that are written as text wherever they are text.
//!
//! It must not interpret them; a blob from a history is data, whatever it contains.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes of a key or a value. In a file: a JSON string, or `{"b64":"..."}` where they are not UTF-8.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Blob<'a>(pub Cow<'a, [u8]>);

impl<'a> Blob<'a> {
    /// The bytes themselves.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The same bytes, freed from what they were read from.
    #[must_use]
    pub fn into_owned(self) -> Blob<'static> {
        Blob(Cow::Owned(self.0.into_owned()))
    }

    /// As text, with what is not UTF-8 replaced; for classes and messages, which are ours.
    #[must_use]
    pub(crate) fn into_text(self) -> Cow<'a, str> {
        match self.0 {
            Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    /// The same bytes, without a copy.
    #[must_use]
    pub fn borrow(&'a self) -> Blob<'a> {
        Blob(Cow::Borrowed(&self.0))
    }
}

impl<'a> From<&'a str> for Blob<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text.as_bytes()))
    }
}

impl<'a> From<&'a [u8]> for Blob<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self(Cow::Borrowed(bytes))
    }
}

impl From<String> for Blob<'_> {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text.into_bytes()))
    }
}

impl From<Vec<u8>> for Blob<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Cow::Owned(bytes))
    }
}

impl fmt::Display for Blob<'_> {
    /// Text with control characters escaped, so that no blob can disturb a terminal or a line-based log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match std::str::from_utf8(&self.0) {
            Ok(text) => write!(f, "{}", text.escape_debug()),
            Err(_) => write!(f, "{}", self.0.escape_ascii()),
        }
    }
}

impl fmt::Debug for Blob<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl Serialize for Blob<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Ok(text) = std::str::from_utf8(&self.0) {
            serializer.serialize_str(text)
        } else {
            let mut map = serializer.serialize_map(Some(1))?;
            map.serialize_entry("b64", &STANDARD.encode(&self.0))?;
            map.end()
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Blob<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BlobVisitor)
    }
}

struct BlobVisitor;

impl<'de> Visitor<'de> for BlobVisitor {
    type Value = Blob<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, or {\"b64\": a base64 string}")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Blob::from(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Blob::from(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut bytes = None;
        while let Some(name) = map.next_key::<Cow<'_, str>>()? {
            if name != "b64" || bytes.is_some() {
                return Err(A::Error::custom("a blob object has one entry, b64"));
            }
            let text: Cow<'_, str> = map.next_value()?;
            bytes = Some(STANDARD.decode(text.as_bytes()).map_err(A::Error::custom)?);
        }
        bytes.map(Blob::from).ok_or_else(|| A::Error::missing_field("b64"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_stays_text_and_bytes_become_base64() {
        let json = |bytes: &[u8]| serde_json::to_string(&Blob::from(bytes)).unwrap();
        assert_eq!(json(b"k1"), r#""k1""#);
        assert_eq!(json(&[0xff, 0x00]), r#"{"b64":"/wA="}"#);
    }

    #[test]
    fn display_escapes_what_would_disturb_a_terminal() {
        assert_eq!(Blob::from("a\u{1b}[2Jb\n").to_string(), "a\\u{1b}[2Jb\\n");
    }

    #[test]
    fn an_object_that_is_no_blob_is_an_error() {
        for text in [r#"{"b64":"!"}"#, r"{}", r#"{"b64":"","x":1}"#, "7", r#"{"b65":""}"#] {
            assert!(serde_json::from_str::<Blob<'_>>(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_byte_string_survives(bytes: Vec<u8>) {
            let json = serde_json::to_string(&Blob::from(bytes.as_slice())).unwrap();
            let back: Blob<'_> = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(back.bytes(), bytes.as_slice());
        }
    }
}

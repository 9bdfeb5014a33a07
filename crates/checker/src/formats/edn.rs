//! The part of EDN (Clojure's data notation) that histories are written in.
//!
//! Tags are passed over: a record or a tagged pair is read as the map or vector it wraps.

use std::borrow::Cow;

use super::place::ParseError;

/// Deeper than any history, and far from the end of the stack.
const DEEPEST: usize = 64;

/// One form, with the offset where it begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Form<'a> {
    pub(super) offset: usize,
    pub(super) data: Data<'a>,
}

/// What a form holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Data<'a> {
    Nil,
    Int(i64),
    Text(Cow<'a, str>),
    /// With its colon.
    Keyword(&'a str),
    /// Anything else that is one word: booleans, symbols, other numbers, characters.
    Word(&'a str),
    /// A list, a vector or a set.
    Items(Vec<Form<'a>>),
    /// Keys and values in turn.
    Map(Vec<(Form<'a>, Form<'a>)>),
}

impl<'a> Form<'a> {
    /// The value at a keyword of a map.
    pub(super) fn get(&self, keyword: &str) -> Option<&Form<'a>> {
        let Data::Map(pairs) = &self.data else { return None };
        pairs.iter().find(|(key, _)| key.data == Data::Keyword(keyword)).map(|(_, value)| value)
    }

    /// The items of a list, a vector or a set.
    pub(super) fn items(&self) -> Option<&[Form<'a>]> {
        match &self.data {
            Data::Items(items) => Some(items),
            _ => None,
        }
    }

    /// The number.
    pub(super) fn int(&self) -> Option<i64> {
        match self.data {
            Data::Int(number) => Some(number),
            _ => None,
        }
    }
}

/// Reads forms one after the other.
pub(super) struct Reader<'a> {
    text: &'a str,
    offset: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, offset: if text.starts_with('\u{feff}') { 3 } else { 0 } }
    }

    /// The next form; `None` at the end.
    pub(super) fn next_form(&mut self) -> Result<Option<Form<'a>>, ParseError> {
        self.skip(0)?;
        if self.offset == self.text.len() { Ok(None) } else { self.form(0).map(Some) }
    }

    /// True if the next thing opens a vector or a list; it is entered. For a history that is one vector of maps.
    pub(super) fn enter(&mut self) -> Result<bool, ParseError> {
        self.skip(0)?;
        let opens = matches!(self.peek(), Some(b'[' | b'('));
        self.offset += usize::from(opens);
        Ok(opens)
    }

    /// True if the next thing closes what was entered.
    pub(super) fn leave(&mut self) -> Result<bool, ParseError> {
        self.skip(0)?;
        let closes = matches!(self.peek(), Some(b']' | b')'));
        self.offset += usize::from(closes);
        Ok(closes)
    }

    pub(super) fn error(&self, offset: usize, message: impl Into<String>) -> ParseError {
        ParseError::at(self.text, offset, message)
    }

    pub(super) fn offset(&self) -> usize {
        self.offset
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.offset).copied()
    }

    /// Passes over blanks, commas, comments and discarded forms.
    fn skip(&mut self, depth: usize) -> Result<(), ParseError> {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\r' | b'\n' | b',') => self.offset += 1,
                Some(b';') => {
                    let rest = &self.text[self.offset..];
                    self.offset += rest.find('\n').unwrap_or(rest.len());
                }
                Some(b'#') if self.text[self.offset..].starts_with("#_") => {
                    self.offset += 2;
                    self.form(depth + 1)?;
                }
                _ => return Ok(()),
            }
        }
    }

    fn form(&mut self, depth: usize) -> Result<Form<'a>, ParseError> {
        if depth > DEEPEST {
            return Err(self.error(self.offset, "nested too deeply"));
        }
        self.skip(depth)?;
        let offset = self.offset;
        let data = match self.peek() {
            None => return Err(self.error(offset, "the file ends where a value is expected")),
            Some(b'{') => self.map(depth)?,
            Some(b'[') => Data::Items(self.items(b']', depth)?),
            Some(b'(') => Data::Items(self.items(b')', depth)?),
            Some(b'"') => Data::Text(self.string()?),
            Some(b'#') => {
                self.offset += 1;
                if self.peek() == Some(b'{') {
                    Data::Items(self.items(b'}', depth)?)
                } else {
                    self.word();
                    self.form(depth + 1)?.data
                }
            }
            Some(b']' | b')' | b'}') => return Err(self.error(offset, "closes what was not opened")),
            Some(_) => self.atom()?,
        };
        Ok(Form { offset, data })
    }

    fn items(&mut self, close: u8, depth: usize) -> Result<Vec<Form<'a>>, ParseError> {
        let began = self.offset;
        self.offset += 1;
        let mut items = Vec::new();
        loop {
            self.skip(depth)?;
            match self.peek() {
                Some(byte) if byte == close => {
                    self.offset += 1;
                    return Ok(items);
                }
                None => return Err(self.error(began, "is never closed")),
                Some(_) => items.push(self.form(depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Data<'a>, ParseError> {
        let began = self.offset;
        let mut items = self.items(b'}', depth)?.into_iter();
        let mut pairs = Vec::with_capacity(items.len() / 2);
        while let Some(key) = items.next() {
            let Some(value) = items.next() else {
                return Err(self.error(began, "a map with a key that has no value"));
            };
            pairs.push((key, value));
        }
        Ok(Data::Map(pairs))
    }

    fn string(&mut self) -> Result<Cow<'a, str>, ParseError> {
        let began = self.offset;
        let rest = &self.text[began + 1..];
        let plain = rest.find(['"', '\\']).ok_or_else(|| self.error(began, "a text that is never closed"))?;
        if rest.as_bytes()[plain] == b'"' {
            self.offset += plain + 2;
            return Ok(Cow::Borrowed(&rest[..plain]));
        }
        let mut text = String::new();
        let mut signs = rest.char_indices();
        while let Some((at, sign)) = signs.next() {
            match sign {
                '"' => {
                    self.offset += at + 2;
                    return Ok(Cow::Owned(text));
                }
                '\\' => {
                    let escape = |at: usize| self.error(began + 1 + at, "an escape that EDN does not have");
                    text.push(match signs.next().ok_or_else(|| escape(at))?.1 {
                        'n' => '\n',
                        't' => '\t',
                        'r' => '\r',
                        sign @ ('"' | '\\' | '/') => sign,
                        'u' => {
                            let hex: String = signs.by_ref().take(4).map(|(_, sign)| sign).collect();
                            let code = u32::from_str_radix(&hex, 16).ok().and_then(char::from_u32);
                            code.ok_or_else(|| escape(at))?
                        }
                        _ => return Err(escape(at)),
                    });
                }
                sign => text.push(sign),
            }
        }
        Err(self.error(began, "a text that is never closed"))
    }

    /// Up to the next blank or bracket.
    fn word(&mut self) -> &'a str {
        let rest = &self.text[self.offset..];
        let end = rest.find([' ', '\t', '\r', '\n', ',', '{', '}', '[', ']', '(', ')', '"', ';']);
        let word = &rest[..end.unwrap_or(rest.len())];
        self.offset += word.len();
        word
    }

    fn atom(&mut self) -> Result<Data<'a>, ParseError> {
        let offset = self.offset;
        let word = self.word();
        if word.is_empty() {
            return Err(self.error(offset, "expected a value"));
        }
        if word == "nil" {
            return Ok(Data::Nil);
        }
        if word.starts_with(':') {
            return Ok(Data::Keyword(word));
        }
        // Clojure writes big numbers as 12N.
        let digits = word.strip_suffix('N').unwrap_or(word);
        Ok(digits.parse().map_or(Data::Word(word), Data::Int))
    }
}

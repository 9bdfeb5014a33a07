//! Stores by key: `:get`, `:put`, `:append`, `:delete` with `:key`, or with `[key value]` pairs.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use super::{Event, Events};
use crate::formats::Recorded;
use crate::formats::edn::{Data, Form};
use crate::formats::place::ParseError;
use crate::model::{KeyValue, KvOp, KvReply, Text};

pub(super) fn read(events: &Events<'_>, absent_is_empty: bool) -> Result<Recorded, ParseError> {
    // Lists are read where appends have no texts.
    let lists = events
        .list
        .iter()
        .any(|event| part(events, event).is_ok_and(|micro| matches!(micro.value.data, Data::Items(_))));
    let texts = RefCell::new(Texts::new(lists));
    let op = |event: &Event<'_>| texts.borrow_mut().op(events, &part(events, event)?, event.offset);
    let reply = |event: &Event<'_>, op: &mut KvOp| {
        if !matches!(op, KvOp::Get { .. }) {
            return Ok(KvReply::Done);
        }
        let value = part(events, event)?.value;
        Ok(KvReply::Value(texts.borrow_mut().held(events, value)?))
    };
    let entries = events.pair(op, reply)?;
    Ok(Recorded::KeyValue { model: KeyValue { absent_is_empty }, entries })
}

/// What is done to one key.
pub(super) struct Micro<'e, 'a> {
    pub(super) f: &'e str,
    pub(super) key: &'e Form<'a>,
    pub(super) value: &'e Form<'a>,
}

fn part<'e, 'a>(events: &Events<'_>, event: &'e Event<'a>) -> Result<Micro<'e, 'a>, ParseError> {
    if let Some(key) = &event.key {
        return Ok(Micro { f: event.f, key, value: &event.value });
    }
    let Some([key, value]) = event.value.items() else {
        return Err(events.error(&event.value, "expected [key value], or a :key"));
    };
    Ok(Micro { f: event.f, key, value })
}

/// One copy of each text.
///
/// Lists that grow by `:append` (Elle's list-append) are kept as texts, one line for each element: two lists are equal exactly
/// if their texts are.
pub(super) struct Texts {
    lists: bool,
    known: HashMap<String, Text>,
}

impl Texts {
    pub(super) fn new(lists: bool) -> Self {
        Self { lists, known: HashMap::new() }
    }

    /// The operation; `offset` is where it stands, for an error.
    pub(super) fn op(
        &mut self,
        events: &Events<'_>,
        micro: &Micro<'_, '_>,
        offset: usize,
    ) -> Result<KvOp, ParseError> {
        let key = self.text(events, micro.key)?;
        Ok(match micro.f {
            ":get" | ":read" | ":r" => KvOp::Get { key },
            ":delete" => KvOp::Delete { key },
            ":put" | ":write" | ":w" => KvOp::Put { key, value: self.text(events, micro.value)? },
            ":append" => KvOp::Append { key, value: self.element(events, micro.value)? },
            f => {
                let message = format!("expected :get, :put, :delete or :append here, not {f}");
                return Err(ParseError::at(events.text, offset, message));
            }
        })
    }

    fn shared(&mut self, text: &str) -> Text {
        if let Some(text) = self.known.get(text) {
            return text.clone();
        }
        let shared: Text = Arc::from(text);
        self.known.insert(text.to_owned(), shared.clone());
        shared
    }

    fn text(&mut self, events: &Events<'_>, form: &Form<'_>) -> Result<Text, ParseError> {
        match &form.data {
            Data::Text(text) => Ok(self.shared(text)),
            Data::Int(number) => Ok(self.shared(&number.to_string())),
            Data::Keyword(word) | Data::Word(word) => Ok(self.shared(word)),
            Data::Nil => Ok(self.shared("nil")),
            Data::Items(_) | Data::Map(_) => Err(events.error(form, "expected one value")),
        }
    }

    /// What an append adds: the text itself, or a line of a list.
    fn element(&mut self, events: &Events<'_>, form: &Form<'_>) -> Result<Text, ParseError> {
        let text = self.text(events, form)?;
        if !self.lists {
            return Ok(text);
        }
        let line = line(&text);
        Ok(self.shared(&line))
    }

    /// What a get saw.
    pub(super) fn held(&mut self, events: &Events<'_>, form: &Form<'_>) -> Result<Option<Text>, ParseError> {
        let Data::Items(items) = &form.data else {
            return if form.data == Data::Nil { Ok(None) } else { self.text(events, form).map(Some) };
        };
        let mut list = String::new();
        for item in items {
            list.push_str(&line(&self.text(events, item)?));
        }
        // A key that was never appended to and an empty list are the same.
        Ok((!list.is_empty()).then(|| Arc::from(list)))
    }
}

/// One element of a list, so that no element can look like two.
fn line(element: &str) -> String {
    element.replace('\\', "\\\\").replace('\n', "\\n") + "\n"
}

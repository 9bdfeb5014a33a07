//! Registers: `:read`, `:write` and `:cas`, of one register, or of independent ones where every value is `[key value]`.

use std::cell::RefCell;
use std::collections::HashMap;

use super::{Event, Events};
use crate::formats::Recorded;
use crate::formats::edn::{Data, Form};
use crate::formats::place::ParseError;
use crate::model::{Keyed, KeyedOp, Register, RegisterOp, RegisterReply, Value};

pub(super) fn read(events: &Events<'_>) -> Result<Recorded, ParseError> {
    let independent = events.list.iter().all(is_keyed);
    let mut keys = Keys::default();
    // `pair` takes two closures, and both name values.
    let names = RefCell::new(Names::default());
    let op = |event: &Event<'_>| {
        let (key, value) = if independent { keyed(event) } else { (None, &event.value) };
        let mut names = names.borrow_mut();
        let op = match event.f {
            ":read" => RegisterOp::Read,
            ":write" => RegisterOp::Write(names.value(events, value)?),
            ":cas" => {
                let (from, to) = names.pair(events, value)?;
                RegisterOp::Cas { from, to }
            }
            _ => return Err(events.unexpected(event, ":read, :write or :cas")),
        };
        Ok(KeyedOp { key: key.map_or(Ok(0), |key| keys.number(events, key))?, op })
    };
    let reply = |event: &Event<'_>, op: &mut KeyedOp<RegisterOp>| match op.op {
        RegisterOp::Read => {
            let value = if independent { keyed(event).1 } else { &event.value };
            Ok(RegisterReply::Value(names.borrow_mut().value(events, value)?))
        }
        RegisterOp::Write(_) => Ok(RegisterReply::Written),
        RegisterOp::Cas { .. } => Ok(RegisterReply::Swapped(true)),
    };
    let entries = events.pair(op, reply)?;
    let register = Register { init: Value::NIL, names: names.into_inner().names };
    if !independent {
        let entries = entries.into_iter().map(|entry| entry.map_op(|op| op.op)).collect();
        return Ok(Recorded::Register { model: register, entries });
    }
    Ok(Recorded::Registers { model: Keyed { model: register, names: keys.names() }, entries })
}

/// Key and value of an event whose value is such a pair; without a key if it is none.
pub(super) fn keyed<'e, 'a>(event: &'e Event<'a>) -> (Option<&'e Form<'a>>, &'e Form<'a>) {
    match event.value.items() {
        Some([key, value]) => (Some(key), value),
        _ => (None, &event.value),
    }
}

/// A pair whose second is what the operation's value would be by itself.
fn is_keyed(event: &Event<'_>) -> bool {
    let Some([_, value]) = event.value.items() else { return false };
    event.f != ":cas" || value.items().is_some_and(|pair| pair.len() == 2) || event.ended.is_some()
}

/// Numbers for keys, in the order in which they are met.
#[derive(Debug, Default)]
pub(super) struct Keys {
    names: Names,
    numbers: HashMap<Value, u32>,
    met: Vec<Value>,
}

impl Keys {
    pub(super) fn number(&mut self, events: &Events<'_>, form: &Form<'_>) -> Result<u32, ParseError> {
        let symbol = self.names.value(events, form)?;
        let next = u32::try_from(self.met.len()).expect("fewer keys than 2^32");
        let number = *self.numbers.entry(symbol).or_insert(next);
        if number == next {
            self.met.push(symbol);
        }
        Ok(number)
    }

    /// By number.
    pub(super) fn names(self) -> Vec<String> {
        let keys = Register { init: Value::NIL, names: self.names.names };
        self.met.into_iter().map(|symbol| keys.name(symbol)).collect()
    }
}

/// Numbers for values that are no small numbers themselves.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) names: Vec<String>,
    numbers: HashMap<String, u32>,
}

impl Names {
    pub(super) fn value(&mut self, events: &Events<'_>, form: &Form<'_>) -> Result<Value, ParseError> {
        let name = match &form.data {
            Data::Nil => return Ok(Value::NIL),
            Data::Int(number) => match u32::try_from(*number) {
                Ok(number) if number < Value::NAMED => return Ok(Value(number)),
                _ => number.to_string(),
            },
            Data::Text(text) => format!("\"{text}\""),
            Data::Keyword(word) | Data::Word(word) => (*word).to_owned(),
            Data::Items(_) | Data::Map(_) => return Err(events.error(form, "expected one value")),
        };
        let next = Value::NAMED + u32::try_from(self.names.len()).expect("fewer names than 2^31");
        let number = *self.numbers.entry(name.clone()).or_insert(next);
        if number == next {
            self.names.push(name);
        }
        Ok(Value(number))
    }

    /// The `[expected new]` of a compare-and-set.
    pub(super) fn pair(
        &mut self,
        events: &Events<'_>,
        form: &Form<'_>,
    ) -> Result<(Value, Value), ParseError> {
        let Some([from, to]) = form.items() else {
            return Err(events.error(form, "expected [expected new]"));
        };
        Ok((self.value(events, from)?, self.value(events, to)?))
    }
}

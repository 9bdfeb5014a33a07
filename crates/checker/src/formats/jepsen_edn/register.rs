//! Registers: `:read`, `:write` and `:cas`, of one register, or of independent ones where every value is `[key value]`.

use std::collections::HashMap;

use super::{Event, Events};
use crate::formats::Recorded;
use crate::formats::edn::{Data, Form};
use crate::formats::place::ParseError;
use crate::model::{Keyed, KeyedOp, Register, RegisterOp, RegisterReply, Value};

pub(super) fn read(events: &Events<'_>) -> Result<Recorded, ParseError> {
    let independent = events.list.iter().all(is_keyed);
    let mut names = Names::default();
    let mut keys = Names::default();
    let mut numbers: HashMap<u32, u32> = HashMap::new();
    let key =
        |event: &Event<'_>, keys: &mut Names, numbers: &mut HashMap<u32, u32>| -> Result<u32, ParseError> {
            if !independent {
                return Ok(0);
            }
            let symbol = keys.value(events, &event.value.items().expect("all values are pairs")[0])?;
            let next = u32::try_from(numbers.len()).expect("fewer keys than 2^32");
            Ok(*numbers.entry(symbol.0).or_insert(next))
        };
    // `pair` takes two closures, and both name values.
    let shared = std::cell::RefCell::new(&mut names);
    let op = |event: &Event<'_>| {
        let value =
            if independent { &event.value.items().expect("all values are pairs")[1] } else { &event.value };
        let op = match event.f {
            ":read" => RegisterOp::Read,
            ":write" => RegisterOp::Write(shared.borrow_mut().value(events, value)?),
            ":cas" => {
                let Some([from, to]) = value.items() else {
                    return Err(events.error(value, "expected [expected new]"));
                };
                let mut names = shared.borrow_mut();
                RegisterOp::Cas { from: names.value(events, from)?, to: names.value(events, to)? }
            }
            _ => return Err(events.unexpected(event, ":read, :write or :cas")),
        };
        Ok(KeyedOp { key: key(event, &mut keys, &mut numbers)?, op })
    };
    let reply = |event: &Event<'_>, op: &mut KeyedOp<RegisterOp>| match op.op {
        RegisterOp::Read => {
            let value = if independent {
                &event.value.items().expect("all values are pairs")[1]
            } else {
                &event.value
            };
            Ok(RegisterReply::Value(shared.borrow_mut().value(events, value)?))
        }
        RegisterOp::Write(_) => Ok(RegisterReply::Written),
        RegisterOp::Cas { .. } => Ok(RegisterReply::Swapped(true)),
    };
    let entries = events.pair(op, reply)?;
    let register = Register { init: Value::NIL, names: names.names };
    if !independent {
        let entries = entries.into_iter().map(|entry| entry.map_op(|op| op.op)).collect();
        return Ok(Recorded::Register { model: register, entries });
    }
    let mut symbols: Vec<(u32, u32)> = numbers.into_iter().map(|(symbol, number)| (number, symbol)).collect();
    symbols.sort_unstable();
    let keys = Register { init: Value::NIL, names: keys.names };
    let names = symbols.into_iter().map(|(_, symbol)| keys.name(Value(symbol))).collect();
    Ok(Recorded::Registers { model: Keyed { model: register, names }, entries })
}

/// A pair whose second is what the operation's value would be by itself.
fn is_keyed(event: &Event<'_>) -> bool {
    let Some([_, value]) = event.value.items() else { return false };
    event.f != ":cas" || value.items().is_some_and(|pair| pair.len() == 2) || event.ended.is_some()
}

/// Numbers for values that are no small numbers themselves.
#[derive(Debug, Default)]
struct Names {
    names: Vec<String>,
    numbers: HashMap<String, u32>,
}

impl Names {
    fn value(&mut self, events: &Events<'_>, form: &Form<'_>) -> Result<Value, ParseError> {
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
}

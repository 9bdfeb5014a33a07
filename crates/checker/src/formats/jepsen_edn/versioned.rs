//! Registers with versions, as Jepsen's suite for etcd records them: every value is `[key [version value]]`, where nobody knows
//! the version of what is only asked for, and a compare-and-set has `[expected new]` in the place of the value.

use std::cell::RefCell;

use super::register::{Keys, Names, keyed};
use super::{Event, Events};
use crate::formats::Recorded;
use crate::formats::edn::{Data, Form};
use crate::formats::place::ParseError;
use crate::model::{Keyed, KeyedOp, Register, RegisterOp, Value, Versioned, VersionedReply};

/// Whether all values are of this shape. A plain compare-and-set of an independent register looks like a version and a value, so
/// it takes a read or a write to tell.
pub(super) fn fits(events: &Events<'_>) -> bool {
    let mut told = false;
    let all = events.list.iter().all(|event| {
        let (Some(_), value) = keyed(event) else { return false };
        let Some([_, value]) = value.items() else { return false };
        told |= event.f != ":cas";
        event.f != ":cas" || value.items().is_some_and(|pair| pair.len() == 2)
    });
    all && told
}

pub(super) fn read(events: &Events<'_>) -> Result<Recorded, ParseError> {
    let mut keys = Keys::default();
    // `pair` takes two closures, and both name values.
    let names = RefCell::new(Names::default());
    let op = |event: &Event<'_>| {
        let (key, _, value) = parts(events, event)?;
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
        Ok(KeyedOp { key: keys.number(events, key)?, op })
    };
    let reply = |event: &Event<'_>, op: &mut KeyedOp<RegisterOp>| {
        let (_, version, value) = parts(events, event)?;
        let number = match &version.data {
            Data::Int(number) => u64::try_from(*number).ok(),
            // The version of a key that is not there.
            Data::Nil if op.op == RegisterOp::Read => Some(0),
            _ => None,
        };
        let number = number.ok_or_else(|| events.error(version, "expected a version"))?;
        Ok(match op.op {
            RegisterOp::Read => VersionedReply::Value(number, names.borrow_mut().value(events, value)?),
            RegisterOp::Write(_) | RegisterOp::Cas { .. } => VersionedReply::Written(number),
        })
    };
    let entries = events.pair(op, reply)?;
    let register = Register { init: Value::NIL, names: names.into_inner().names };
    let model = Keyed { model: Versioned { register }, names: keys.names() };
    Ok(Recorded::Versioned { model, entries })
}

/// Key, version and value.
fn parts<'e, 'a>(
    events: &Events<'_>,
    event: &'e Event<'a>,
) -> Result<(&'e Form<'a>, &'e Form<'a>, &'e Form<'a>), ParseError> {
    if let (Some(key), pair) = keyed(event)
        && let Some([version, value]) = pair.items()
    {
        return Ok((key, version, value));
    }
    Err(events.error(&event.value, "expected [key [version value]]"))
}

//! A bank: `:transfer {:from 0 :to 1 :amount 5}`, and `:read` of a map from account to balance.
//!
//! The file does not say what the accounts held at first. A read that returned before any transfer began does; without one
//! the history cannot be checked. As in Jepsen's own check, no balance may fall below zero.

use std::collections::BTreeMap;

use super::{Event, Events};
use crate::formats::Recorded;
use crate::formats::edn::{Data, Form};
use crate::formats::pairing::Ended;
use crate::formats::place::ParseError;
use crate::model::{Bank, BankOp, BankReply};

pub(super) fn read(events: &Events<'_>) -> Result<Recorded, ParseError> {
    let first = initial(events)?;
    let accounts: Vec<i64> = first.keys().copied().collect();
    let account = |form: Option<&Form<'_>>, event: &Event<'_>| {
        let number = form.and_then(Form::int).and_then(|name| accounts.binary_search(&name).ok());
        let number = number.and_then(|number| u32::try_from(number).ok());
        number.ok_or_else(|| {
            events.error(&event.value, "expected the number of an account that the first read shows")
        })
    };
    let op = |event: &Event<'_>| match event.f {
        ":read" => Ok(BankOp::Read),
        ":transfer" => {
            let amount = event.value.get(":amount").and_then(Form::int).filter(|&amount| amount >= 0);
            Ok(BankOp::Transfer {
                from: account(event.value.get(":from"), event)?,
                to: account(event.value.get(":to"), event)?,
                amount: amount
                    .ok_or_else(|| events.error(&event.value, "expected an :amount of at least 0"))?,
            })
        }
        _ => Err(events.unexpected(event, ":read or :transfer")),
    };
    let reply = |event: &Event<'_>, op: &mut BankOp| {
        if *op != BankOp::Read {
            return Ok(BankReply::Transferred(true));
        }
        let balances = balances(events, &event.value)?;
        if !balances.keys().eq(accounts.iter()) {
            return Err(events.error(&event.value, "expected the accounts that the first read shows"));
        }
        Ok(BankReply::Balances(balances.into_values().collect()))
    };
    let entries = events.pair(op, reply)?;
    let model = Bank { balances: first.into_values().collect(), overdraft: false };
    Ok(Recorded::Bank { model, entries })
}

/// The balances before any transfer.
fn initial(events: &Events<'_>) -> Result<BTreeMap<i64, i64>, ParseError> {
    for event in &events.list {
        match (event.f, event.ended) {
            (":read", Some(Ended::Ok)) => return balances(events, &event.value),
            (":transfer", _) => {
                let message = "a transfer begins before any read shows what the accounts hold at first";
                return Err(ParseError::at(events.text, event.offset, message));
            }
            _ => {}
        }
    }
    Err(ParseError::at(events.text, 0, "no read shows what the accounts hold at first"))
}

fn balances(events: &Events<'_>, form: &Form<'_>) -> Result<BTreeMap<i64, i64>, ParseError> {
    let wrong =
        |form: &Form<'_>| events.error(form, "expected a map from accounts to balances: {0 10, 1 15}");
    let Data::Map(pairs) = &form.data else { return Err(wrong(form)) };
    let pair = |(account, balance): &(Form<'_>, Form<'_>)| {
        account.int().zip(balance.int()).ok_or_else(|| wrong(account))
    };
    pairs.iter().map(pair).collect()
}

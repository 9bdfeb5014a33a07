//! A bank: accounts, transfers that fail when the source is short, and reads of all balances at once.

use super::Model;
use crate::entry::Outcome;

/// A bank with these balances at first.
#[derive(Clone, Debug)]
pub struct Bank {
    /// Balance of each account.
    pub balances: Vec<i64>,
    /// A balance may fall below zero: transfers are never refused.
    pub overdraft: bool,
}

/// A request to the bank.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BankOp {
    /// Read all balances.
    Read,
    /// Move money.
    Transfer {
        /// The account that pays.
        from: u32,
        /// The account that gets.
        to: u32,
        /// How much; never negative.
        amount: i64,
    },
}

/// The bank's reply.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum BankReply {
    /// To a read: the balance of each account.
    Balances(Box<[i64]>),
    /// To a transfer: whether the source had enough.
    Transferred(bool),
}

impl Model for Bank {
    type State = Box<[i64]>;
    type Op = BankOp;
    type Reply = BankReply;
    type Key = ();

    fn init(&self) -> Self::State {
        self.balances.clone().into()
    }

    fn step(&self, state: &Self::State, op: &BankOp) -> (Option<Self::State>, BankReply) {
        let BankOp::Transfer { from, to, amount } = *op else {
            return (None, BankReply::Balances(state.clone()));
        };
        let (from, to) = (from as usize, to as usize);
        let accounts = state.len();
        if from >= accounts || to >= accounts || (!self.overdraft && state[from] < amount) {
            return (None, BankReply::Transferred(false));
        }
        let mut state = state.clone();
        let Some(less) = state[from].checked_sub(amount) else {
            return (None, BankReply::Transferred(false));
        };
        state[from] = less;
        let Some(more) = state[to].checked_add(amount) else { return (None, BankReply::Transferred(false)) };
        state[to] = more;
        (Some(state), BankReply::Transferred(true))
    }

    fn is_read_only(&self, op: &BankOp, reply: &BankReply) -> bool {
        *op == BankOp::Read || *reply == BankReply::Transferred(false)
    }

    fn never_writes(&self, op: &BankOp) -> bool {
        *op == BankOp::Read
    }

    fn absurd(&self, _: &BankOp, reply: &BankReply) -> Option<String> {
        let BankReply::Balances(balances) = reply else { return None };
        let sum = |balances: &[i64]| balances.iter().map(|&balance| i128::from(balance)).sum::<i128>();
        let (expected, found) = (sum(&self.balances), sum(balances));
        if balances.len() != self.balances.len() {
            return Some(format!("saw {} accounts of {}", balances.len(), self.balances.len()));
        }
        if expected != found {
            return Some(format!("saw {found} in all, where transfers keep {expected}"));
        }
        let low = balances.iter().find(|&&balance| balance < 0 && !self.overdraft)?;
        (self.balances.iter().all(|&b| b >= 0)).then(|| format!("saw a balance of {low}"))
    }

    fn describe(&self, op: &BankOp, outcome: &Outcome<BankReply>) -> String {
        match (op, outcome) {
            (BankOp::Read, Outcome::Ok(BankReply::Balances(balances))) => format!("read {balances:?}"),
            (BankOp::Read, _) => "tried to read all balances".to_owned(),
            (BankOp::Transfer { from, to, amount }, Outcome::Ok(BankReply::Transferred(true))) => {
                format!("moved {amount} from account {from} to {to}")
            }
            (BankOp::Transfer { from, to, amount }, Outcome::Ok(_)) => {
                format!("was refused to move {amount} from account {from} to {to}")
            }
            (BankOp::Transfer { from, to, amount }, _) => {
                super::tried(&format!("move {amount} from account {from} to {to}"), outcome)
            }
        }
    }
}

//! Operations with an unknown outcome that took effect for certain, as if they had been answered.

use super::packed::{Kind, Packed};
use super::{Action, Ending, Kv, Log, NONE, Span, index};

impl<'a> Log<'a> {
    /// The history with these operations answered, each with the revision of what it put. What else it would have been
    /// told is left out. Those of which not all is known that they did stay as they are.
    pub(in crate::etcd) fn with_known(&self, found: &[(u32, Kv<'a>)]) -> Self {
        let mut log = self.clone();
        for (op, kv) in found {
            let Some(action) = log.done(&self.action(*op), kv) else { continue };
            let known = &mut log.ops[*op as usize];
            (known.action, known.ending, known.revision) = (action, Ending::Ok, kv.modified);
        }
        log
    }

    /// What an action did, as it put this.
    fn done(&mut self, action: &Action<'a>, kv: &Kv<'a>) -> Option<Packed> {
        match *action {
            Action::Put { .. } => Some(self.pack_put(action)),
            Action::Txn(txn) => {
                let txn = self.txns[txn as usize];
                let puts = |branch: Span| {
                    let put = |action| matches!(action, Action::Put { key, value, .. } if key == kv.key && value == kv.value);
                    self.inners(branch).any(put)
                };
                let (success, failure) = (puts(txn.success), puts(txn.failure));
                if success == failure {
                    return None;
                }
                let branch: Vec<Action<'a>> =
                    self.inners(if success { txn.success } else { txn.failure }).collect();
                let known = |action: &Action<'_>| matches!(action, Action::Put { .. } | Action::Range { .. });
                if !branch.iter().all(known) {
                    return None;
                }
                let start = index(self.actions.len());
                for put in branch.iter().filter(|action| matches!(action, Action::Put { .. })) {
                    let put = self.pack_put(put);
                    self.actions.push(put);
                }
                let branch = Span { start, len: index(self.actions.len()) - start };
                let (success, failure) =
                    if success { (branch, Span::default()) } else { (Span::default(), branch) };
                self.txns.push(super::Txn { success, failure, succeeded: Some(failure.len == 0), ..txn });
                Some(Packed::new(Kind::Txn, index(self.txns.len() - 1), NONE))
            }
            _ => None,
        }
    }

    /// What was there before was not told.
    fn pack_put(&mut self, action: &Action<'a>) -> Packed {
        match *action {
            Action::Put { key, value, lease, keep_lease, .. } => {
                self.pack(Action::Put { key, value, lease, keep_lease, want_prev: false, prev: NONE })
            }
            other => self.pack(other),
        }
    }
}

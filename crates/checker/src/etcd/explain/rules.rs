//! Broken rules about leases and revisions, in words.

use history::Nanos;

use super::super::rules::Broken;
use super::{Explain, invalid, ms};
use crate::Verdict;

impl Explain<'_> {
    pub(in crate::etcd) fn rule(&self, broken: &Broken) -> Verdict {
        let since = |early: u32, late: u32| {
            let (over, asked) = (self.operation(early).deadline, self.operation(late).invoked);
            ms(Nanos(asked), Nanos(over))
        };
        match *broken {
            Broken::NeverGranted { op, lease } => {
                let sentence = format!(
                    "{} succeeded with lease {lease}, which nobody had asked for until it was answered",
                    self.what(op)
                );
                invalid("lease-never-granted", sentence, self.key_of(op), vec![op as usize])
            }
            Broken::Alive { op, lease, refresh } => {
                let sentence = format!(
                    "{} was told that lease {lease} is not there, but {}, answered {} before, had promised it more time",
                    self.what(op),
                    self.what(refresh),
                    since(refresh, op)
                );
                let key = self.key_of(op);
                invalid("living-lease-missed", sentence, key, vec![refresh as usize, op as usize])
            }
            Broken::GrantedAlive { op, lease, refresh } => {
                let sentence = format!(
                    "{} was granted lease {lease}, which was there already: {}, answered {} before, had promised it more \
                     time",
                    self.what(op),
                    self.what(refresh),
                    since(refresh, op)
                );
                invalid("living-lease-granted", sentence, None, vec![refresh as usize, op as usize])
            }
            Broken::Dead { op, lease, gone } => {
                let sentence = format!(
                    "{} succeeded with lease {lease}, which was gone for good when {} was answered, {} before",
                    self.what(op),
                    self.what(gone),
                    since(gone, op)
                );
                let key = self.key_of(op);
                invalid("dead-lease-used", sentence, key, vec![gone as usize, op as usize])
            }
            Broken::Forgotten { op, read, compaction } => {
                let sentence = format!(
                    "{} read revision {read}, which {}, acknowledged {} before, had made the store forget",
                    self.what(op),
                    self.what(compaction),
                    since(compaction, op)
                );
                let key = self.key_of(op);
                invalid("compacted-revision-read", sentence, key, vec![compaction as usize, op as usize])
            }
            Broken::Remembered { op, read } => {
                let sentence = format!(
                    "{} was told that revision {read} was compacted, and nobody had asked for that by then",
                    self.what(op)
                );
                invalid("revision-lost", sentence, None, vec![op as usize])
            }
            Broken::There { op, read, seen } => {
                let sentence = format!(
                    "{} was told that revision {read} is not there yet, {} after {} had been answered with revision {}",
                    self.what(op),
                    since(seen, op),
                    self.what(seen),
                    self.operation(seen).revision
                );
                invalid("revision-missed", sentence, None, vec![seen as usize, op as usize])
            }
        }
    }
}

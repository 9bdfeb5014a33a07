//! The properties that the platform reports of every template without being asked: exit codes and completion.
//! From records to verdicts; it reads no file and decides nothing about the run as a whole.

use crate::record::{CommandRecord, Ending, Killer};
use crate::template::Listed;
use serde::Serialize;

/// One entry per command: exit status zero whenever it finishes.
pub const ZERO_EXIT_CODE: &str = "Commands finish with zero exit code";
/// One entry per command: it came to its own end at least once.
pub const RUN_TO_COMPLETION: &str = "All commands were run to completion at least once";

/// So many counterexamples are kept of each property; all are counted.
const COUNTEREXAMPLES_KEPT: usize = 4;

/// Whether a property held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It held, and at least one execution shows it.
    Passing,
    /// An execution shows that it does not hold.
    Failing,
    /// No execution says anything about it.
    NotExercised,
}

/// One execution that speaks against a property.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Counterexample {
    /// The launch's number, which also names its output files.
    pub n: u32,
    /// As a shell reports it; `None` if it was not started.
    pub exit_code: Option<i32>,
    /// How it ended.
    pub ending: Ending,
}

/// A built-in property of one command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CommandProperty {
    /// [`ZERO_EXIT_CODE`] or [`RUN_TO_COMPLETION`].
    pub group: &'static str,
    /// The command, `template/file`.
    pub name: String,
    /// Whether it held.
    pub status: Status,
    /// Executions that speak for it.
    pub example_count: u64,
    /// Executions that speak against it.
    pub counterexample_count: u64,
    /// The first of those that speak against it.
    pub counterexamples: Vec<Counterexample>,
}

/// Both properties of each command, in the order of `commands`.
///
/// A kill that the composer or a fault made says nothing about exit codes. It says nothing about completion
/// either, since the command may not have had the time; a deadline, a crash or a failed start does.
pub fn properties(commands: &[Listed], records: &[CommandRecord]) -> Vec<CommandProperty> {
    let of = |listed: &Listed, group, judge: fn(&Ending) -> Speaks| {
        let executions = records.iter().filter(|record| record.command == listed.command);
        property(group, &listed.command, judge, executions)
    };
    let exit_codes = commands.iter().map(|listed| of(listed, ZERO_EXIT_CODE, about_exit_code));
    let completions = commands.iter().map(|listed| {
        let mut property = of(listed, RUN_TO_COMPLETION, about_completion);
        // Once is enough, whatever the other executions did.
        if property.example_count > 0 {
            property.status = Status::Passing;
        }
        property
    });
    exit_codes.chain(completions).collect()
}

#[derive(Clone, Copy, PartialEq)]
enum Speaks {
    For,
    Against,
    Not,
}

fn about_exit_code(ending: &Ending) -> Speaks {
    match ending {
        Ending::Exited { code: 0 } => Speaks::For,
        Ending::Exited { .. } | Ending::Signalled { .. } | Ending::NotStarted { .. } => Speaks::Against,
        Ending::Killed { .. } => Speaks::Not,
    }
}

fn about_completion(ending: &Ending) -> Speaks {
    match ending {
        Ending::Exited { .. } => Speaks::For,
        Ending::Signalled { .. } | Ending::NotStarted { .. } | Ending::Killed { by: Killer::Deadline } => {
            Speaks::Against
        }
        Ending::Killed { by: Killer::Eventually | Killer::Fault | Killer::End | Killer::Cancel } => {
            Speaks::Not
        }
    }
}

fn property<'a>(
    group: &'static str,
    command: &str,
    judge: fn(&Ending) -> Speaks,
    executions: impl Iterator<Item = &'a CommandRecord>,
) -> CommandProperty {
    let (mut example_count, mut against) = (0, Vec::new());
    for (n, ending) in executions.filter_map(|record| Some((record.n, &record.finished.as_ref()?.ending))) {
        match judge(ending) {
            Speaks::For => example_count += 1,
            Speaks::Against => {
                against.push(Counterexample { n, exit_code: ending.return_code(), ending: ending.clone() });
            }
            Speaks::Not => {}
        }
    }
    let status = match (against.len(), example_count) {
        (0, 0) => Status::NotExercised,
        (0, _) => Status::Passing,
        (_, _) => Status::Failing,
    };
    let counterexample_count = against.len() as u64;
    against.truncate(COUNTEREXAMPLES_KEPT);
    let name = command.to_owned();
    CommandProperty { group, name, status, example_count, counterexample_count, counterexamples: against }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::Kind;
    use crate::record::Finish;
    use history::Nanos;

    const COMMAND: &str = "main/anytime_a";

    fn record(n: u32, command: &str, ending: Option<Ending>) -> CommandRecord {
        let finished = ending.map(|ending| Finish {
            t: Nanos(2),
            ending,
            runtime_seconds: 0.0,
            stdout_bytes: 0,
            stderr_bytes: 0,
        });
        let command = command.to_owned();
        CommandRecord { n, command, kind: Kind::Anytime, seed: 0, pid: None, started: Nanos(1), finished }
    }

    /// The two properties of one command whose executions ended so.
    fn judged(endings: &[Option<Ending>]) -> [CommandProperty; 2] {
        let listed = [Listed { command: COMMAND.into(), kind: Kind::Anytime }];
        let mut records: Vec<_> = (1..).zip(endings).map(|(n, e)| record(n, COMMAND, e.clone())).collect();
        // Another command's failures are its own.
        records.push(record(99, "main/anytime_b", Some(Ending::Exited { code: 1 })));
        properties(&listed, &records).try_into().unwrap()
    }

    fn statuses(endings: &[Option<Ending>]) -> [Status; 2] {
        judged(endings).map(|property| property.status)
    }

    #[test]
    fn each_ending_speaks_for_or_against_as_on_the_platform() {
        use Status::{Failing, NotExercised, Passing};
        let killed = |by| Some(Ending::Killed { by });
        for (ending, expected) in [
            (Some(Ending::Exited { code: 0 }), [Passing, Passing]),
            (Some(Ending::Exited { code: 3 }), [Failing, Passing]),
            (Some(Ending::Signalled { signal: 11 }), [Failing, Failing]),
            (Some(Ending::NotStarted { reason: String::new() }), [Failing, Failing]),
            (killed(Killer::Deadline), [NotExercised, Failing]),
            (killed(Killer::Eventually), [NotExercised, NotExercised]),
            (killed(Killer::Fault), [NotExercised, NotExercised]),
            (killed(Killer::End), [NotExercised, NotExercised]),
            (killed(Killer::Cancel), [NotExercised, NotExercised]),
            (None, [NotExercised, NotExercised]),
        ] {
            assert_eq!(statuses(std::slice::from_ref(&ending)), expected, "{ending:?}");
        }
        assert_eq!(statuses(&[]), [NotExercised, NotExercised]);
    }

    #[test]
    fn one_completion_is_enough_and_one_bad_exit_code_is_too_much() {
        let good = Some(Ending::Exited { code: 0 });
        let hung = Some(Ending::Killed { by: Killer::Deadline });
        let bad = Some(Ending::Exited { code: 7 });
        let [exit_code, completion] = judged(&[good.clone(), hung, bad, good]);
        assert_eq!((exit_code.group, exit_code.status), (ZERO_EXIT_CODE, Status::Failing));
        assert_eq!((exit_code.example_count, exit_code.counterexample_count), (2, 1));
        assert_eq!((exit_code.counterexamples[0].n, exit_code.counterexamples[0].exit_code), (3, Some(7)));
        assert_eq!((completion.group, completion.status), (RUN_TO_COMPLETION, Status::Passing));
        assert_eq!((completion.example_count, completion.counterexample_count), (3, 1));
    }

    #[test]
    fn few_counterexamples_are_kept_and_all_are_counted() {
        let [exit_code, _] = judged(&vec![Some(Ending::Exited { code: 1 }); 50]);
        assert_eq!((exit_code.counterexamples.len(), exit_code.counterexample_count), (4, 50));
    }
}

//! The last step before members run: every command line, environment and directory is decided and can be
//! shown; nothing has happened yet.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::chart::Chart;
use crate::template::UnknownPlaceholder;
use crate::wiring::{Scope, Wiring};

/// A system that is ready to be started.
#[derive(Debug)]
pub struct Launch {
    pub(crate) chart: Chart,
    pub(crate) wiring: Wiring,
    pub(crate) commands: Vec<MemberCommand>,
    pub(crate) run_dir: PathBuf,
}

/// What will be run for one member. Shown as a line that a shell would take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberCommand {
    /// The member's name.
    pub member: String,
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Further arguments for a start with [`crate::Member::rejoin`].
    pub arguments_to_rejoin: Vec<String>,
    /// Its whole environment.
    pub environment: BTreeMap<String, String>,
    /// Its data, `members/<name>` in the run's directory; also its working directory.
    pub data_dir: PathBuf,
    /// What it prints, `members/<name>.log`.
    pub log: PathBuf,
}

impl Launch {
    /// Decides everything for members of `chart` that run `program`, with data and logs below `run_dir`.
    ///
    /// # Errors
    /// When the chart has a placeholder that nothing stands for; a chart that was loaded has none.
    pub fn new(
        chart: &Chart,
        program: &Path,
        run_dir: &Path,
        wiring: Wiring,
    ) -> Result<Self, UnknownPlaceholder> {
        let members = run_dir.join("members");
        let commands = (0..wiring.members.len())
            .map(|index| command(chart, program, &members, &wiring, index))
            .collect::<Result<_, _>>()?;
        Ok(Self { chart: chart.clone(), wiring, commands, run_dir: run_dir.to_owned() })
    }

    /// What will be run, in the order of members.
    #[must_use]
    pub fn commands(&self) -> &[MemberCommand] {
        &self.commands
    }
}

fn command(
    chart: &Chart,
    program: &Path,
    dir: &Path,
    wiring: &Wiring,
    index: usize,
) -> Result<MemberCommand, UnknownPlaceholder> {
    let spec = &chart.process;
    let member = &wiring.members[index];
    let data_dir = dir.join(&member.name);
    let scope = Scope::of_launch(chart, wiring, index, &data_dir.to_string_lossy());
    let value = |name: &str| scope.value(name);
    let later = if index == 0 { &[] } else { spec.arguments_after_first.as_slice() };
    let arguments = spec.arguments.iter().chain(later).map(|argument| argument.fill(&value));
    let rejoin = spec.arguments_to_rejoin.iter().map(|argument| argument.fill(&value));
    let mut environment = BTreeMap::new();
    for (name, template) in &spec.environment {
        environment.insert(name.clone(), template.fill(&value)?);
    }
    environment.extend(member.environment.clone());
    Ok(MemberCommand {
        member: member.name.clone(),
        program: program.to_owned(),
        arguments: arguments.collect::<Result<_, _>>()?,
        arguments_to_rejoin: rejoin.collect::<Result<_, _>>()?,
        environment,
        log: dir.join(format!("{}.log", member.name)),
        data_dir,
    })
}

impl fmt::Display for MemberCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "env -i")?;
        for (name, value) in &self.environment {
            write!(f, " {name}={}", quoted(value))?;
        }
        write!(f, " {}", quoted(&self.program.to_string_lossy()))?;
        self.arguments.iter().try_for_each(|argument| write!(f, " {}", quoted(argument)))
    }
}

/// A word as a POSIX shell reads it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_survive_a_shell() {
        assert_eq!(quoted("--name=a,b=http://c:1"), "--name=a,b=http://c:1");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}

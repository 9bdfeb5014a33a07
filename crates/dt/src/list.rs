//! `dt list`: which charts, suites, profiles and runs there are, here or at a service, a line each.

use report::known::{Known, Named};

use crate::cli::{ListArgs, Listable};
use crate::exit::{self, Exit, UsageError};
use crate::home::Home;
use crate::remote::Remote;
use crate::serve::{Choices, RunEntry, listed};
use crate::suite;

pub(crate) fn run(args: &ListArgs) -> anyhow::Result<Exit> {
    let lines = match (&args.server, args.what) {
        (Some(server), what) => at(&Remote::new(server)?, what)?,
        (None, Listable::Runs) => listed(&args.runs).iter().map(told).collect(),
        (None, what) => here(what)?,
    };
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    exit::show(&lines.iter().map(|(name, about)| format!("{name:<width$}  {about}\n")).collect::<String>())
}

fn at(remote: &Remote, what: Listable) -> anyhow::Result<Vec<(String, String)>> {
    if what == Listable::Runs {
        let runs: Vec<RunEntry> = remote.get("/api/runs")?;
        return Ok(runs.iter().map(told).collect());
    }
    let choices: Choices = remote.get("/api/suites")?;
    let choices = match what {
        Listable::Suites => choices.suites,
        Listable::Profiles => choices.profiles,
        Listable::Charts | Listable::Known | Listable::Runs => {
            let what = "a service tells suites, profiles and runs; known defects are the same everywhere, and charts are files beside its suites";
            return Err(UsageError(what.to_owned()).into());
        }
    };
    Ok(choices.into_iter().map(|choice| (choice.name, choice.about)).collect())
}

/// A run and what it came to.
fn told(run: &RunEntry) -> (String, String) {
    let about = match (run.is_running(), run.sentence.as_str()) {
        (true, _) => format!("goes on: {}", run.subject),
        (false, "") => {
            format!("{}: not judged", if run.subject.is_empty() { "damaged" } else { &run.subject })
        }
        (false, sentence) => sentence.to_owned(),
    };
    (run.name.clone(), about)
}

/// A defect and the versions that have it.
fn known(known: &Known) -> (String, String) {
    let Known { named: Named { id, title, .. }, affected, .. } = known;
    let versions: Vec<String> = affected.iter().map(ToString::to_string).collect();
    (id.clone(), format!("{title} ({})", versions.join(", ")))
}

fn here(what: Listable) -> anyhow::Result<Vec<(String, String)>> {
    let home = Home::find()?;
    let mut lines = Vec::new();
    match what {
        Listable::Charts => {
            for name in cluster::chart::names(&home.charts())? {
                lines.push((name.clone(), cluster::chart::load(&home.charts(), &name)?.about));
            }
        }
        Listable::Suites => {
            for name in suite::names(&home.suites())? {
                lines.push((name.clone(), suite::load(&home.suites(), &name)?.about));
            }
        }
        Listable::Profiles => lines = chaos::Profile::list()?,
        Listable::Known => lines = Known::of("etcd")?.iter().map(known).collect(),
        Listable::Runs => {}
    }
    Ok(lines)
}

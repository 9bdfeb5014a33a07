//! The `dt` command: parses the command line, does one thing, and exits with the code that says how it went.

mod check;
mod cli;
mod doctor;
mod exit;
mod fetch;
mod heal;
mod home;
mod lint;
mod list;
mod material;
mod record;
mod remote;
mod run;
mod serve;
mod suite;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use cli::{Cli, Command};
use exit::Exit;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let help = !error.use_stderr();
            // Nobody is left to tell when even this cannot be written.
            let _ = error.print();
            return if help { Exit::Valid } else { Exit::Usage }.into();
        }
    };
    exit::report(dispatch(cli.command)).into()
}

fn dispatch(command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Run(args) => match &args.server {
            Some(server) => remote::run(&args, server),
            None => run::run(&args),
        },
        Command::Check(args) => check::run(&args),
        Command::List(args) => list::run(&args),
        Command::Fetch { chart, version } => fetch::run(&chart, version.as_deref()),
        Command::Lint(args) => lint::run(&args),
        Command::Heal { dir, server } => match server {
            Some(server) => heal::by(&server, &dir),
            None => heal::run(&dir),
        },
        Command::Serve(args) => serve::run(&args),
        Command::Doctor => doctor::run(),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "dt", &mut script);
            exit::show(&String::from_utf8_lossy(&script))
        }
    }
}

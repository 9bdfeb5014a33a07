//! The way to the platform: images under the repository's names, pushed, and a run launched with them.
//!
//! With `--dry-run` nothing happens: the exact commands and the request are printed, secrets masked.

mod config;
mod images;
mod launch;

use clap::{Args, Subcommand};

use config::Tenant;

/// What is to be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Build the images under the repository's names.
    Build(ImageArgs),
    /// Push them.
    Push(ImageArgs),
    /// Launch a run with them.
    Launch(LaunchArgs),
}

/// Which images.
#[derive(Debug, Args)]
pub(crate) struct ImageArgs {
    /// Print what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// The images' tag; runs of one day are told apart by it.
    #[arg(long, default_value = "v1")]
    tag: String,
    /// The version of etcd.
    #[arg(long, default_value = images::ETCD)]
    etcd_version: String,
    /// Instrument our programs for coverage.
    #[arg(long)]
    coverage: bool,
}

/// What run.
#[derive(Debug, Args)]
pub(crate) struct LaunchArgs {
    #[command(flatten)]
    images: ImageArgs,
    /// The platform's entry, as the tenant has it.
    #[arg(long, default_value = "basic_test")]
    launcher: String,
    /// What the report is called.
    #[arg(long, default_value = "etcd-traffic")]
    description: String,
    /// How long it explores.
    #[arg(long, value_name = "MINUTES", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    minutes: u32,
    /// Who gets the report; may be given more than once.
    #[arg(long = "recipient", value_name = "ADDRESS")]
    recipients: Vec<String>,
    /// Which faults: none, resilient, high_availability or legacy.
    #[arg(long, default_value = "high_availability")]
    fault_tolerance: String,
    /// Another place than the tenant's own, such as a test's.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

pub(crate) fn run(action: &Action) -> anyhow::Result<()> {
    match action {
        Action::Build(args) => images::build(args, &Tenant::repository()?),
        Action::Push(args) => images::push(args, &Tenant::repository()?),
        Action::Launch(args) => launch::run(args, &Tenant::of_environment(args.url.as_deref())?),
    }
}

//! Members and clients in containers that docker compose starts, of this project or anybody's.
//!
//! [`Docker::find`] looks for the engine and for compose in either of its versions; [`Project::read`] takes a compose file
//! as compose itself understands it; [`scan`] finds the templates in its images; [`Stack`] starts a copy of the project
//! under names and labels of one run, watches it, and removes it. A run's containers are found by their label alone, so they
//! can be removed without anything else of the run.
//!
//! It disturbs nothing and knows no test command.

mod chart;
mod docker;
mod error;
mod fitting;
mod images;
mod project;
pub mod scan;
mod stack;
mod watch;

pub use chart::ComposeSpec;
pub use docker::{Docker, Tool};
pub use error::ComposeError;
pub use fitting::Fitting;
pub use project::{Project, Service};
pub use stack::{RUN_LABEL, Stack, remove};

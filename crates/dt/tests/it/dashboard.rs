//! A service that was just built, on a port of its own.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;

use crate::harness::{Ended, dt_alone};

/// A service, and where it is.
pub(crate) struct Served {
    pub(crate) at: String,
    _process: Ended,
}

/// Starts a service on the runs in `dir`.
pub(crate) fn serve(dir: &Path, args: &[&str]) -> Served {
    let mut command = dt_alone(dir, &["serve", "--listen", "127.0.0.1:0"]);
    command.args(args);
    let mut process = Ended(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
    let mut words = BufReader::new(process.0.stderr.take().unwrap()).lines();
    let told = words.find_map(|line| line.unwrap().strip_prefix("serving ").map(str::to_owned)).unwrap();
    // What it says later is nobody's concern here, and must not stop it.
    std::thread::spawn(move || words.for_each(drop));
    Served { at: told.split(',').next().unwrap().to_owned(), _process: process }
}

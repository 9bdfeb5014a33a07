//! `dt serve`: a service on one address that starts runs, shows them while they go on, and keeps the past ones at hand.
//!
//! It owns no run. A run is a process of its own that writes a directory; the service reads directories, so a browser
//! never slows a run, and a service that is started again finds what goes on. Nothing comes in but words for `dt run`.

mod api;
mod bounded;
mod compare;
mod guard;
mod live;
mod metrics;
mod openapi;
mod page;
mod runs;
mod starter;

pub(crate) use api::Choices;
pub(crate) use runs::RunEntry;
pub(crate) use starter::{QueueState, RunRequest, Waiting};

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use self::bounded::Bounded;
use crate::cli::ServeArgs;
use crate::exit::{Exit, UsageError};
use crate::home::{self, Home};
use crate::run::{interrupt, say};

/// Shorter tokens can be guessed.
const TOKEN_LEAST: usize = 16;
/// Requests that are answered at once, live pages among them; further ones are told to come back.
const REQUESTS_MAX: usize = 128;
/// Connections that are held at once, most of them by browsers that may ask again.
const CONNECTIONS_MAX: usize = 256;

/// What all requests share.
#[derive(Clone)]
struct Service(Arc<Inner>);

struct Inner {
    home: Home,
    runs: PathBuf,
    token: Option<String>,
    /// The names that this service may be called by.
    hosts: Vec<String>,
    catalog: Mutex<runs::Catalog>,
    queue: Mutex<starter::Queue>,
    watched: Mutex<HashMap<String, live::Watched>>,
    permits: Arc<Semaphore>,
    counts: metrics::Counts,
}

impl std::ops::Deref for Service {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// A thread that panicked while it held a lock left a state that is still the state.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn run(args: &ServeArgs) -> anyhow::Result<Exit> {
    let token = args.token.clone().or_else(home::token);
    check_token(args, token.as_deref())?;
    let home = Home::find()?;
    let runs = std::path::absolute(&args.runs)?;
    fs::create_dir_all(&runs).with_context(|| format!("cannot make {}", runs.display()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(args, home, runs, token))
}

fn check_token(args: &ServeArgs, token: Option<&str>) -> Result<(), UsageError> {
    if args.listen.ip().is_loopback() && token.is_none() {
        return Ok(());
    }
    let why = match token {
        Some(token) if token.len() >= TOKEN_LEAST => return Ok(()),
        Some(_) => format!("the token is shorter than {TOKEN_LEAST} characters"),
        None => format!("{} can be reached by others", args.listen.ip()),
    };
    Err(UsageError(format!("{why}: give --token, or set DT_TOKEN, to at least {TOKEN_LEAST} characters")))
}

async fn serve(args: &ServeArgs, home: Home, runs: PathBuf, token: Option<String>) -> anyhow::Result<Exit> {
    let mut interrupted = interrupt::listen()?;
    let listener = TcpListener::bind(args.listen).await;
    let listener = listener.with_context(|| format!("cannot listen on {}", args.listen))?;
    let address = listener.local_addr()?;
    say(&format!("serving http://{address}, runs in {}", home::shown(&runs)));
    let service = Service(Arc::new(Inner {
        home,
        runs,
        hosts: guard::hosts(address, &args.host),
        token,
        catalog: Mutex::default(),
        queue: Mutex::default(),
        watched: Mutex::default(),
        permits: Arc::new(Semaphore::new(REQUESTS_MAX)),
        counts: metrics::Counts::default(),
    }));
    let starting = tokio::spawn(starter::start_what_waits(service.clone()));
    let served = tokio::select! {
        // Live pages would hold up an end in order, and lose nothing by one without.
        _ = interrupted.wait_for(|yes| *yes) => Ok(()),
        served = axum::serve(Bounded::new(listener, CONNECTIONS_MAX), router(service)) => served.context("the service broke down"),
    };
    starting.abort();
    served.map(|()| Exit::Valid)
}

/// All runs of a directory, the newest first.
pub(crate) fn listed(runs: &Path) -> Vec<RunEntry> {
    runs::Catalog::default().list(runs)
}

fn router(service: Service) -> Router {
    let router = openapi::ROUTES
        .iter()
        .fold(Router::new(), |router, route| router.route(route.path, (route.handler)()));
    router
        .merge(page::router())
        .fallback(api::nothing_there)
        .layer(axum::extract::DefaultBodyLimit::max(guard::BODY_MAX))
        .layer(axum::middleware::from_fn_with_state(service.clone(), guard::check))
        .with_state(service)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_loopback_a_token_is_asked_for() {
        let args = |listen: &str| ServeArgs {
            listen: listen.parse().unwrap(),
            host: Vec::new(),
            token: None,
            runs: "runs".into(),
        };
        assert!(check_token(&args("127.0.0.1:0"), None).is_ok());
        assert!(check_token(&args("[::1]:0"), None).is_ok());
        assert!(check_token(&args("0.0.0.0:0"), None).is_err());
        assert!(check_token(&args("0.0.0.0:0"), Some("short")).is_err());
        assert!(check_token(&args("127.0.0.1:0"), Some("short")).is_err());
        assert!(check_token(&args("0.0.0.0:0"), Some("0123456789abcdef")).is_ok());
    }
}

//! The service's pages: all runs with a form that starts one, a run while it goes on, a report, two runs beside each
//! other. They are made of the report's own pieces, and of data that the template escapes.

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use axum::routing::get;
use maud::{Markup, PreEscaped, html};
use report::html::{document, moments, plain, sections};
use report::{Outcome, View};

use super::api::{self, Pair, Refused};
use super::compare::{self, Comparison};
use super::runs::{self, RunEntry, State as RunState};
use super::starter;
use super::{Service, lock};
use crate::check;

/// What makes the service's pages talk to it.
const SCRIPT: &str = include_str!("page/service.js");
/// Runs that one page lists; the API lists more.
const LISTED_MAX: usize = 100;

type Page = Result<Response, Refused>;

pub(super) fn router() -> Router<Service> {
    Router::new().route("/", get(index)).route("/runs/{name}", get(run)).route("/compare", get(comparison))
}

async fn work<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refused> {
    let failed = |error| Refused(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}"));
    tokio::task::spawn_blocking(work).await.map_err(failed)
}

fn page(title: &str, body: &Markup) -> Response {
    Html(document(title, body, SCRIPT)).into_response()
}

fn top(title: &str, actions: &Markup) -> Markup {
    html! {
        a.skip href="#main" { "Skip to the content" }
        header.top {
            p.brand { a href="/" { b { "etcd-traffic" } } " " span { (plain(title)) } }
            nav aria-label="Service" { (actions) }
            button.theme type="button" data-theme-switch aria-label="Switch between light and dark" { "◐" }
        }
    }
}

async fn index(State(service): State<Service>) -> Page {
    let shared = service.clone();
    let found = work(move || {
        let listed = lock(&shared.catalog).list(&shared.runs);
        (listed, api::choices(&shared))
    });
    let (listed, choices) = found.await?;
    let choices =
        choices.map_err(|error| Refused(StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}")))?;
    let body = html! {
        (top("", &html! { a href="/api/openapi.json" { "API" } a href="/metrics" { "Metrics" } }))
        main #main {
            section aria-label="Start a run" {
                h1 { "Runs" }
                (form(&choices, usual(&listed, &choices)))
                p.answer role="status" aria-live="polite" data-answer {}
            }
            section aria-label="Now" data-now { (now(&service, &listed)) }
            section aria-label="Past runs" { (past(&listed)) }
        }
    };
    Ok(page("Runs", &body))
}

/// The suite of the last run; the one that the first words of the README run, where there was none.
fn usual<'a>(listed: &'a [RunEntry], choices: &api::Choices) -> &'a str {
    let known = |run: &&RunEntry| choices.suites.iter().any(|suite| suite.name == run.suite);
    listed.iter().find(known).map_or("etcd", |run| &run.suite)
}

fn form(choices: &api::Choices, usual: &str) -> Markup {
    html! {
        form.start data-start {
            label { "Suite" select name="suite" { @for one in &choices.suites { option value=(one.name) title=(one.about) selected[one.name == usual] { (one.name) } } } }
            label { "Seconds" input name="seconds" type="number" min="1" max="86400" value="30" required; }
            label { "Faults" select name="profile" {
                option value="" { "the suite's own" }
                @for one in &choices.profiles { option value=(one.name) title=(one.about) { (one.name) } }
            } }
            label { "Version" input name="version" placeholder="newest" pattern="[0-9]+[.][0-9]+[.][0-9]+"; }
            label { "Members" select name="members" { option value="" { "the suite's own" } @for n in [1, 3, 5] { option value=(n) { (n) } } } }
            label { "Seed" input name="seed" type="number" min="0" placeholder="drawn"; }
            button.primary type="submit" { "Start" }
        }
    }
}

/// What goes on and what waits.
fn now(service: &Service, listed: &[RunEntry]) -> Markup {
    let queue = starter::state(service);
    let running: Vec<&RunEntry> = listed.iter().filter(|run| api::goes_on(run)).collect();
    html! {
        @if let Some(failure) = &queue.failure { p.sentence { b { "The last run could not begin." } } pre tabindex="0" { (plain(failure)) } }
        @for run in running {
            p.running { span.sign aria-hidden="true" {} a href={ "/runs/" (run.name) } { (plain(&run.name)) } " goes on" }
        }
        @if queue.starting { p { "A run is being started." } }
        @if !queue.waiting.is_empty() {
            ul.waiting {
                @for waiting in &queue.waiting {
                    li { "Waits: " (plain(&waiting.request.suite)) " " button type="button" data-take-back=(waiting.id) { "Take back" } }
                }
            }
        }
    }
}

fn past(listed: &[RunEntry]) -> Markup {
    html! {
        @if listed.is_empty() {
            div.heading { h2 { "No runs yet" } p { "What is started above, or by " code { "dt run" } " in this directory, is listed here." } }
        } @else { (table(listed)) }
    }
}

fn table(listed: &[RunEntry]) -> Markup {
    html! {
        div.heading { h2 { "All runs" } p { (listed.len()) " in the directory; choose two to compare them" } }
        div.filters {
            label.search { span { "Filter" } input type="search" data-search placeholder="suite, version, seed, verdict…"; }
            button type="button" data-compare disabled { "Compare" }
        }
        div.scroll tabindex="0" role="region" aria-label="All runs, table" {
            table.runs {
                thead { tr { th scope="col" { "Compare" } th scope="col" { "Verdict" } th scope="col" { "Run" } th scope="col" { "What it came to" } th scope="col" { "Faults" } th scope="col" { "Operations" } } }
                tbody { @for run in listed.iter().take(LISTED_MAX) { (row(run)) } }
            }
        }
        @if listed.len() > LISTED_MAX { p.hint { (listed.len() - LISTED_MAX) " older ones are listed by the API." } }
    }
}

fn verdict(run: &RunEntry) -> &'static str {
    match (run.state, run.verdict) {
        (RunState::Running, _) => "running",
        (_, Some(Outcome::Valid)) => "valid",
        (_, Some(Outcome::Invalid)) => "invalid",
        (RunState::Interrupted, _) => "interrupted",
        (_, Some(Outcome::Unknown)) => "unknown",
        (_, Some(Outcome::Vacuous)) => "vacuous",
        (_, None) => "unknown",
    }
}

fn row(run: &RunEntry) -> Markup {
    html! {
        tr data-run=(run.name) {
            td { input type="checkbox" data-choose=(run.name) aria-label={ "Compare " (run.name) }; }
            td { span.badge.{ "is-" (verdict(run)) } { (verdict(run)) } }
            td { a href={ "/runs/" (run.name) } { (plain(&run.name)) } br; small { (run.began) } }
            td.wide { @if run.sentence.is_empty() { small { (plain(&run.subject)) } } @else { (plain(&run.sentence)) } }
            td { (plain(&run.profile)) }
            td.number { @if run.operations > 0 { (run.operations) } }
        }
    }
}

async fn run(State(service): State<Service>, Path(name): Path<String>) -> Page {
    let dir = api::dir(&service, &name)?;
    let (found, named) = (dir.clone(), name.clone());
    let entry = work(move || runs::entry(&found, &named)).await?;
    if !api::goes_on(&entry) && dir.join("report.html").is_file() {
        return Ok(Redirect::to(&format!("/api/runs/{name}/files/report.html")).into_response());
    }
    // Of one that was broken off, what can be shown of it.
    let (gone, found) = (!api::goes_on(&entry), dir.clone());
    let shown = if gone { work(move || check::view(&found).ok().map(broken_off)).await? } else { None };
    let actions = html! { a href="/" { "All runs" } };
    let body = html! {
        (top(&name, &actions))
        main #main data-live=(name) data-running=(api::goes_on(&entry)) {
            div.actions role="group" aria-label="This run" {
                @if api::goes_on(&entry) {
                    button type="button" data-act="heal" { "Heal all faults" }
                    button type="button" data-act="quiet" data-seconds="20" { "20 s without faults" }
                    button type="button" data-act="stop?keep=true" { "Stop, keep members" }
                    button.danger type="button" data-act="stop" { "Stop" }
                } @else {
                    button type="button" data-act="heal" { "Heal what it left behind" }
                    button type="button" data-act="judge" { "Judge it" }
                }
                p.answer role="status" aria-live="polite" data-answer {}
            }
            p.pulse role="status" data-head { @if api::goes_on(&entry) { "The run is being looked at." } @else { "The run was broken off before it was judged." } }
            div data-sections {
                @for section in shown.iter().flat_map(sections) {
                    section id=(section.id) aria-label=(section.title) { (PreEscaped(section.body)) }
                }
                @if gone && shown.is_none() { section { h1 { "Nothing of this run can be read" } } }
            }
        }
        @match &shown {
            Some(view) => (moments(view)),
            None => script type="application/json" id="moments" { "null" },
        }
    };
    Ok(page(&name, &body))
}

fn broken_off(mut view: View) -> View {
    view.verdict = view.verdict.or(Some(Outcome::Unknown));
    view.sentence = format!("{} was tested, and the run was broken off before it was judged", view.subject);
    view
}

async fn comparison(State(service): State<Service>, Query(pair): Query<Pair>) -> Page {
    let (a, b) = (api::dir(&service, &pair.a)?, api::dir(&service, &pair.b)?);
    let compared = work(move || compare::compare(&a, &b)).await?;
    let compared =
        compared.map_err(|error| Refused(StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}")))?;
    let body = html! {
        (top("two runs", &html! { a href="/" { "All runs" } }))
        main #main { (beside(&compared)) }
    };
    Ok(page("Two runs", &body))
}

fn beside(compared: &Comparison) -> Markup {
    let head = html! {
        thead { tr { th scope="col" { "Of" } @for run in &compared.runs { th scope="col" { a href={ "/runs/" (run) } { (plain(run)) } } } } }
    };
    let table = |title: &str, pairs: &[compare::Pair]| {
        html! {
            div.scroll tabindex="0" role="region" aria-label=(title) {
                table {
                    (head)
                    tbody { @for pair in pairs { tr.is-different[pair.a != pair.b] { th scope="row" { (plain(&pair.name)) } td { (plain(&pair.a)) } td { (plain(&pair.b)) } } } }
                }
            }
        }
    };
    html! {
        section {
            h1 { "Two runs beside each other" }
            ul.notes { @for sentence in &compared.sentences { li { (plain(sentence)) } } }
        }
        section {
            div.heading { h2 { "Properties that differ" } }
            @if compared.properties.is_empty() { p { "None: every property has the same status in both." } }
            @else { (table("Properties that differ", &compared.properties)) }
        }
        section { div.heading { h2 { "Numbers" } } (table("Numbers", &compared.numbers)) }
    }
}

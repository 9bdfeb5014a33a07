//! The service's page in a browser, through a whole run: start, live updates, heal, stop, reopen.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use browser::Browser;

use crate::harness::{Ended, dt, dt_alone, etcd, scratch};
use crate::pages::{browser, kept_to_itself, looked_at, open_file, text};

const SOON: Duration = Duration::from_secs(30);
/// A run begins, ends and is judged within this, on a busy machine, too.
const LATER: Duration = Duration::from_secs(120);

/// A service, and where it is.
pub(crate) struct Served {
    pub(crate) at: String,
    _process: Ended,
}

/// Starts a service on the runs in `dir`. The etcd that tests are given is the one that its runs find.
pub(crate) fn serve(dir: &Path, etcd: Option<&Path>, args: &[&str]) -> Served {
    let words = ["serve", "--listen", "127.0.0.1:0"];
    // Without an etcd, nothing is started.
    let mut command = if etcd.is_some() { dt(dir, &words) } else { dt_alone(dir, &words) };
    command.args(args);
    if let Some(programs) = etcd.and_then(Path::parent) {
        command.env("PATH", format!("{}:/usr/bin:/bin", programs.display()));
    }
    let mut process = Ended(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
    let mut words = BufReader::new(process.0.stderr.take().unwrap()).lines();
    let told = words.find_map(|line| line.unwrap().strip_prefix("serving ").map(str::to_owned)).unwrap();
    // What it says later is nobody's concern here, and must not stop it.
    std::thread::spawn(move || words.for_each(drop));
    Served { at: told.split(',').next().unwrap().to_owned(), _process: process }
}

fn waited(browser: &Browser, what: &str, within: Duration, script: &str) {
    if let Err(error) = browser.wait(what, within, script) {
        let page = text(browser, "return document.body.innerText.slice(0, 3000)");
        panic!("{error}\nconsole: {:?}\npage: {page}", browser.console());
    }
}

#[test]
fn a_run_is_started_watched_healed_stopped_and_opened_again() {
    let Some(etcd) = etcd() else { return };
    let dir = scratch();
    let Some(browser) = browser(dir.path()) else { return };
    let served = serve(dir.path(), Some(&etcd), &[]);

    browser.open(&served.at).unwrap();
    looked_at(&browser, "service-empty");
    browser.write("input[name=seconds]", "120").unwrap();
    browser.write("input[name=seed]", "7").unwrap();
    browser.run("document.querySelector('select[name=profile]').value = 'brutal'", &[]).unwrap();
    browser.click(".start button").unwrap();
    waited(&browser, "the page of the run", LATER, "return location.pathname.startsWith('/runs/')");

    watched(&browser);
    looked_at(&browser, "live");
    healed(&browser);
    browser.click("[data-act=stop]").unwrap();
    waited(&browser, "the report", LATER, "return location.pathname.endsWith('/report.html')");
    kept_to_itself(&browser, &served.at);

    browser.open(&served.at).unwrap();
    assert_eq!(text(&browser, "return document.querySelectorAll('[data-run]').length"), "1");
    looked_at(&browser, "service-list");
    browser.click("[data-run] a").unwrap();
    waited(&browser, "the report again", SOON, "return document.querySelector('#timeline .chart') !== null");
    kept_to_itself(&browser, &served.at);
    let run = std::fs::canonicalize(dir.path().join("runs/latest")).unwrap();
    open_file(&browser, &run.join("report.html"));
    looked_at(&browser, "report-run");
}

/// The numbers of a run move on, and so does the moment that is shown.
fn watched(browser: &Browser) {
    let answered = "
        const head = document.querySelector('[data-head]').textContent.match(/([\\d,]+) answered/);
        return head && Number(head[1].replaceAll(',', ''))";
    let more_than = |n: u64| format!("const n = (() => {{ {answered} }})(); return n > {n} && String(n)");
    let first = browser.wait("operations", LATER, &more_than(0)).unwrap();
    let first: u64 = first.as_str().unwrap().parse().unwrap();
    waited(browser, "more operations", SOON, &more_than(first));
    waited(browser, "plots", SOON, "return document.querySelector('#timeline svg') !== null");
    waited(browser, "events", SOON, "return document.querySelector('[data-event]') !== null");
    waited(browser, "members' numbers", SOON, "return document.querySelector('#members table') !== null");
}

/// Faults end when they are told to.
fn healed(browser: &Browser) {
    waited(
        browser,
        "a fault",
        LATER,
        "return document.querySelector('[data-head]').textContent.includes('faults: ')",
    );
    browser.click("[data-act=quiet]").unwrap();
    waited(
        browser,
        "quiet",
        LATER,
        "return document.querySelector('[data-answer]').textContent.startsWith('No faults')",
    );
    waited(
        browser,
        "the end of all faults",
        SOON,
        "return !document.querySelector('[data-head]').textContent.includes('faults: ')",
    );
    browser.click("[data-act=heal]").unwrap();
    waited(
        browser,
        "an answer",
        LATER,
        "return document.querySelector('[data-answer]').textContent === 'Healed.'",
    );
}

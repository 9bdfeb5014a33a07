//! The service's pages in a browser, through a whole run: start, live updates, heal, stop, reopen.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use browser::Browser;
use serde_json::Value;

use crate::harness::{Ended, dt, dt_alone, etcd, left_behind, scratch};
use crate::pages::{browser, keep, kept_to_itself, looked_at, open_file, text};

const SOON: Duration = Duration::from_secs(30);
/// A run begins, ends and is judged within this, on a busy machine, too.
const LATER: Duration = Duration::from_secs(120);

/// A service, and where it is.
pub(crate) struct Served {
    pub(crate) at: String,
    pub(crate) process: Ended,
}

impl Served {
    /// What is there for programs.
    pub(crate) fn get(&self, path: &str) -> Value {
        let mut answer = ureq::get(format!("{}{path}", self.at)).call().unwrap();
        serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap()
    }

    /// Has something done.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Value {
        let request = ureq::post(format!("{}{path}", self.at)).header("content-type", "application/json");
        let mut answer = request.send(body.to_string()).unwrap();
        serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap()
    }

    /// The newest run, if it is in this state.
    pub(crate) fn newest(&self, state: &str) -> Option<String> {
        let runs = self.get("/api/runs?limit=1");
        (runs[0]["state"] == state).then(|| runs[0]["name"].as_str().unwrap_or_default().to_owned())
    }
}

/// Starts a service on the runs in `dir`. The etcd that tests are given is the one that its runs find; without one, none
/// is started.
pub(crate) fn serve(dir: &Path, etcd: Option<&Path>, args: &[&str]) -> Served {
    let words = ["serve", "--listen", "127.0.0.1:0"];
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
    Served { at: told.split(',').next().unwrap().to_owned(), process }
}

/// Waits; where it was in vain, the page tells what it showed instead.
pub(crate) fn waited(browser: &Browser, what: &str, within: Duration, script: &str) {
    if let Err(error) = browser.wait(what, within, script) {
        let page = text(browser, "return location.href + '\\n' + document.body.innerText.slice(0, 3000)");
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
    browser.write("input[name=seconds]", "300").unwrap();
    browser.write("input[name=seed]", "7").unwrap();
    browser.run("document.querySelector('select[name=profile]').value = 'brutal'", &[]).unwrap();
    browser.click(".start button").unwrap();
    waited(&browser, "the page of the run", LATER, "return location.pathname.startsWith('/runs/')");

    watched(&browser);
    in_order(&browser);
    looked_at(&browser, "live");
    filtered(&browser);
    healed(&browser);
    let run = std::fs::canonicalize(dir.path().join("runs/latest")).unwrap();
    browser.click("[data-act=stop]").unwrap();
    waited(&browser, "the report", LATER, "return location.pathname.endsWith('/report.html')");
    assert_eq!(left_behind(&run), Vec::<String>::new());
    kept_to_itself(&browser, &served.at);

    browser.open(&served.at).unwrap();
    assert_eq!(text(&browser, "return document.querySelectorAll('[data-run]').length"), "1");
    looked_at(&browser, "service-list");
    browser.click("[data-run] a").unwrap();
    waited(&browser, "the report again", SOON, "return document.querySelector('#timeline .chart') !== null");
    kept_to_itself(&browser, &served.at);
    open_file(&browser, &run.join("report.html"));
    looked_at(&browser, "report-stopped");
    kept_to_itself(&browser, "file://");
}

/// The numbers of a run move on, and all that is told of it comes.
fn watched(browser: &Browser) {
    let answered = "
        const head = document.querySelector('[data-head]').textContent.match(/([\\d,]+) answered/);
        return head && Number(head[1].replaceAll(',', ''))";
    let more_than = |n: u64| format!("const n = (() => {{ {answered} }})(); return n > {n} && String(n)");
    waited(browser, "operations", LATER, &more_than(0));
    let first: u64 = text(browser, &more_than(0)).parse().unwrap();
    waited(browser, "more operations", SOON, &more_than(first));
    waited(browser, "plots", SOON, "return document.querySelector('#timeline svg') !== null");
    waited(browser, "events", SOON, "return document.querySelector('[data-event]') !== null");
    waited(
        browser,
        "what members tell of themselves",
        LATER,
        "return /MiB/.test(document.querySelector('#members table')?.innerText)",
    );
    waited(
        browser,
        "bytes on a link",
        LATER,
        "return Array.from(document.querySelectorAll('#links td')).some((cell) => /[1-9].* \\w?i?B\\/s/.test(cell.innerText))",
    );
}

/// Sections come one by one, and stand in the same order whichever came first.
fn in_order(browser: &Browser) {
    let order = [
        "verdict",
        "timeline",
        "members",
        "links",
        "events",
        "properties",
        "faults",
        "latency",
        "commands",
        "setup",
    ];
    let script = "return Array.from(document.querySelectorAll('[data-sections] > section')).map((one) => one.id).join(' ')";
    let found = text(browser, script);
    let mut expected = order.to_vec();
    expected.retain(|id| found.split(' ').any(|one| one == *id));
    assert_eq!(found, expected.join(" "));
    assert!(expected.len() > 7, "{found}");
}

/// Events can be narrowed down, and stay so while they are renewed.
fn filtered(browser: &Browser) {
    browser.click("[data-events=command]").unwrap();
    let only = "
        const shown = Array.from(document.querySelectorAll('[data-event]')).filter((line) => line.checkVisibility());
        return shown.length > 0 && shown.every((line) => line.dataset.event === 'command')
            && document.querySelector('[data-events=command]').getAttribute('aria-pressed') === 'true'";
    waited(browser, "commands only", SOON, only);
    browser.run("window.then = document.querySelector('#events').textContent", &[]).unwrap();
    waited(
        browser,
        "new events",
        SOON,
        "return window.then !== document.querySelector('#events').textContent",
    );
    waited(browser, "commands only, still", SOON, only);
    browser.click("[data-events='']").unwrap();
}

/// Faults end when they are told to.
fn healed(browser: &Browser) {
    let faults = "document.querySelector('[data-head]').textContent.includes('faults: ')";
    waited(browser, "a fault", LATER, &format!("return {faults}"));
    browser.click("[data-act=quiet]").unwrap();
    let told =
        |words: &str| format!("return document.querySelector('[data-answer]').textContent === '{words}'");
    waited(browser, "quiet", LATER, &told("No faults for a while."));
    waited(browser, "the end of all faults", SOON, &format!("return !({faults})"));
    browser.click("[data-act=heal]").unwrap();
    waited(browser, "an answer", LATER, &told("Healed."));
}

#[test]
fn a_run_that_is_stopped_can_keep_its_members() {
    let Some(etcd) = etcd() else { return };
    let dir = scratch();
    let Some(browser) = browser(dir.path()) else { return };
    let served = serve(dir.path(), Some(&etcd), &[]);
    browser.open(&served.at).unwrap();
    browser.write("input[name=seconds]", "300").unwrap();
    let choose = "
        document.querySelector('select[name=profile]').value = 'none';
        document.querySelector('select[name=members]').value = '1';";
    browser.run(choose, &[]).unwrap();
    browser.click(".start button").unwrap();
    waited(
        &browser,
        "operations",
        LATER,
        "return / [1-9][\\d,]* answered/.test(document.querySelector('[data-head]')?.textContent)",
    );
    let run = std::fs::canonicalize(dir.path().join("runs/latest")).unwrap();

    browser.click("[data-act='stop?keep=true']").unwrap();
    let kept = "return document.querySelector('[data-head]').textContent.match(/Its members keep running: \\S*:(\\d+)/)?.[1]";
    waited(&browser, "members that keep running", LATER, kept);
    let port: u16 = text(&browser, kept).parse().unwrap();
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_ok(), "the member answers");
    assert!(run.join("report.html").is_file(), "the run is judged");
    // Who comes later sees it, too.
    browser.open(&format!("{}/runs/{}", served.at, run.file_name().unwrap().display())).unwrap();
    waited(&browser, "members that keep running", SOON, kept);
    keep(&browser.picture(false).unwrap(), "kept-members.png");

    browser.click("[data-act=stop]").unwrap();
    waited(&browser, "the report", LATER, "return location.pathname.endsWith('/report.html')");
    assert_eq!(left_behind(&run), Vec::<String>::new());
    kept_to_itself(&browser, &served.at);
}

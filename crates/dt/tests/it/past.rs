//! Past runs at a service: listed, narrowed down, set beside each other, opened again; those too that were broken off.

use std::fs;
use std::path::Path;
use std::time::Duration;

use browser::Browser;
use serde_json::{Value, json};

use crate::dashboard::{Served, serve, waited};
use crate::harness::{dt_alone, ran, scratch};
use crate::million::million;
use crate::pages::{browser, kept_to_itself, looked_at, text};
use crate::reports::{LOST_WRITE_NAME, lost_write};

const SOON: Duration = Duration::from_secs(60);
/// The names of the three runs; one of another history, one that was never judged.
const OTHER: &str = "20260102T000000Z-etcd-2";
const BROKEN_OFF: &str = "20260101T000000Z-etcd-1";

/// Three runs, and a service for them.
fn served(dir: &Path) -> Served {
    let runs = dir.join("runs");
    for name in [OTHER, BROKEN_OFF] {
        fs::rename(lost_write(&runs), runs.join(name)).unwrap();
    }
    let other = runs.join(OTHER);
    fs::remove_dir_all(other.join("history")).unwrap();
    million(&other, 3_000);
    for run in [lost_write(&runs), other] {
        ran(dt_alone(dir, &["check", run.to_str().unwrap()]));
    }
    fs::write(runs.join(BROKEN_OFF).join("events.jsonl"), "").unwrap();
    serve(dir, None, &[])
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|run| run["name"].as_str().unwrap()).collect()
}

#[test]
fn past_runs_are_listed_filtered_and_compared_for_programs() {
    let dir = scratch();
    let served = served(dir.path());
    let all = served.get("/api/runs");
    assert_eq!(names(&all), [LOST_WRITE_NAME, OTHER, BROKEN_OFF], "the newest first");
    assert_eq!((&all[0]["verdict"], &all[0]["state"]), (&json!("invalid"), &json!("ended")));
    assert_eq!((&all[2]["verdict"], &all[2]["state"]), (&json!(null), &json!("interrupted")));
    assert_eq!(names(&served.get("/api/runs?verdict=invalid&limit=1")), [LOST_WRITE_NAME]);
    assert_eq!(names(&served.get("/api/runs?limit=2")), [LOST_WRITE_NAME, OTHER]);
    assert_eq!(names(&served.get("/api/runs?suite=nosuch")), Vec::<&str>::new());

    let compared = served.get(&format!("/api/compare?a={LOST_WRITE_NAME}&b={OTHER}"));
    let property = "Every reply fits one order of all operations that respects real time";
    let differs = compared["properties"].as_array().unwrap().iter().find(|pair| pair["name"] == property);
    assert_eq!(differs.unwrap()["a"], "failing", "{compared}");
    let same = served.get(&format!("/api/compare?a={OTHER}&b={OTHER}"));
    assert_eq!(same["properties"], json!([]));
    assert!(same["numbers"].as_array().unwrap().iter().all(|pair| pair["a"] == pair["b"]), "{same}");

    let view = served.get(&format!("/api/runs/{LOST_WRITE_NAME}/view"));
    assert_eq!(view["verdict"], "invalid");
}

#[test]
fn past_runs_are_found_again_in_a_browser() {
    let dir = scratch();
    let Some(browser) = browser(dir.path()) else { return };
    let served = served(dir.path());
    browser.open(&served.at).unwrap();
    assert_eq!(shown(&browser), 3);
    looked_at(&browser, "service-runs");

    browser.write("[data-search]", "INVALID lost").unwrap();
    assert_eq!(shown(&browser), 1);
    browser.run("const field = document.querySelector('[data-search]'); field.value = ''; field.dispatchEvent(new Event('input', { bubbles: true }))", &[]).unwrap();
    assert_eq!(shown(&browser), 3);

    let choose = |name: &str| browser.click(&format!("[data-choose='{name}']")).unwrap();
    let disabled = "return document.querySelector('[data-compare]').disabled";
    choose(LOST_WRITE_NAME);
    assert_eq!(text(&browser, disabled), "true", "one is not enough");
    choose(OTHER);
    browser.click("[data-compare]").unwrap();
    waited(
        &browser,
        "two runs",
        SOON,
        "return location.pathname === '/compare' && document.querySelector('.is-different') !== null",
    );
    looked_at(&browser, "compare");

    browser.open(&format!("{}/runs/{LOST_WRITE_NAME}", served.at)).unwrap();
    waited(&browser, "the report", SOON, "return document.querySelector('.verdict.is-invalid') !== null");

    // One that was broken off can be judged from here; then it has a report, too.
    browser.open(&format!("{}/runs/{BROKEN_OFF}", served.at)).unwrap();
    looked_at(&browser, "broken-off");
    browser.click("[data-act=judge]").unwrap();
    waited(
        &browser,
        "its report",
        SOON,
        "return location.pathname.endsWith('/report.html') && document.querySelector('.verdict') !== null",
    );
    kept_to_itself(&browser, &served.at);
}

fn shown(browser: &Browser) -> u64 {
    let script = "return Array.from(document.querySelectorAll('[data-run]')).filter((row) => row.checkVisibility()).length";
    browser.run(script, &[]).unwrap().as_u64().unwrap()
}

//! Reports in a browser: of a run in which etcd 3.5.1 lost writes, of a million operations, of what means harm.

use std::fs;
use std::path::{Path, PathBuf};

use browser::{Browser, key};

use crate::harness::{dt, dt_alone, etcd, ran, scratch};
use crate::million::million;
use crate::pages::{browser, keep, kept_to_itself, looked_at, open_file, text};

/// A recorded run of etcd 3.5.1 that was killed in the moment of its answers. One operation in twenty is left of it, and
/// its revisions are numbered anew.
const LOST_WRITE: &[u8] = include_bytes!("../data/etcd-3.5.1-lost-write.tar.gz");
pub(crate) const LOST_WRITE_NAME: &str = "etcd-3.5.1-lost-write";

/// A page of a run of any length is smaller.
const PAGE_MAX: u64 = 2_000_000;

pub(crate) fn lost_write(dir: &Path) -> PathBuf {
    tar::Archive::new(flate2::read::GzDecoder::new(LOST_WRITE)).unpack(dir).unwrap();
    dir.join(LOST_WRITE_NAME)
}

/// Judges the run; gives the exit code and the page.
fn judged(dir: &Path, run: &Path) -> (i32, PathBuf) {
    let (code, out, err) = ran(dt_alone(dir, &["check", run.to_str().unwrap()]));
    assert!([0, 1, 2].contains(&code), "{out}\n{err}");
    (code, run.join("report.html"))
}

/// When the browser had painted something for the first time, in milliseconds after it began to load the page.
fn first_paint(browser: &Browser) -> f64 {
    let script = "
        const painted = performance.getEntriesByName('first-contentful-paint')[0];
        return painted && painted.startTime";
    browser
        .wait("something to be painted", std::time::Duration::from_secs(60), script)
        .unwrap()
        .as_f64()
        .unwrap()
}

#[test]
fn a_lost_write_is_seen_by_eye_and_by_keyboard() {
    let dir = scratch();
    let Some(browser) = browser(dir.path()) else { return };
    let (code, page) = judged(dir.path(), &lost_write(dir.path()));
    assert_eq!(code, 1);
    open_file(&browser, &page);
    let head = text(&browser, "return document.querySelector('.verdict').innerText");
    assert!(head.contains("INVALID") && head.contains("etcd 3.5.1 (1 member) broke a promise"), "{head}");
    let red = "return getComputedStyle(document.querySelector('.verdict .word')).color";
    assert_ne!(text(&browser, red), text(&browser, "return getComputedStyle(document.body).color"));

    // The impossible operation is chosen and in sight; arrow keys walk to its neighbours and back.
    let chosen = "return document.querySelector('.op[aria-pressed=true]')?.className";
    assert!(text(&browser, chosen).contains("impossible"));
    let shown = "return document.querySelector('[data-details] dl:not([hidden])').innerText";
    let first = text(&browser, shown);
    browser.run("document.querySelector('.op[aria-pressed=true]').focus()", &[]).unwrap();
    browser.press(&[key::HOME]).unwrap();
    let home = text(&browser, shown);
    assert_ne!(first, home);
    browser.press(&[key::RIGHT]).unwrap();
    assert_ne!(text(&browser, shown), home);
    assert_eq!(text(&browser, "return document.activeElement.className.split(' ')[0]"), "op");

    // The moment that is shown follows the slider.
    browser.run("document.querySelector('#moment').focus()", &[]).unwrap();
    browser.press(&[key::HOME]).unwrap();
    let moment = "return document.querySelector('#moment-text').textContent";
    let before = text(&browser, moment);
    browser.press(&[key::END]).unwrap();
    assert_ne!(text(&browser, moment), before);

    browser.click(".filters [data-filter=failing]").unwrap();
    let rows =
        "return Array.from(document.querySelectorAll('[data-status]')).filter((row) => row.checkVisibility())
        .every((row) => row.dataset.status === 'failing')";
    assert_eq!(text(&browser, rows), "true");
    browser.click(".filters [data-filter='']").unwrap();
    browser.click("[data-theme-switch]").unwrap();
    assert_eq!(text(&browser, "return document.documentElement.style.colorScheme"), "dark");
    browser.click("[data-theme-switch]").unwrap();
    // What was chosen here is not what the next reader finds.
    open_file(&browser, &page);
    looked_at(&browser, "report-lost-write");
    kept_to_itself(&browser, "file://");
}

#[test]
fn a_million_operations_are_one_small_page() {
    let dir = scratch();
    let Some(browser) = browser(dir.path()) else { return };
    let run = lost_write(dir.path());
    fs::remove_dir_all(run.join("history")).unwrap();
    fs::remove_file(run.join("events.jsonl")).unwrap();
    million(&run, 1_000_000);
    let (_, page) = judged(dir.path(), &run);
    let size = fs::metadata(&page).unwrap().len();
    assert!(size < PAGE_MAX, "{size} bytes");
    open_file(&browser, &page);
    let paint = first_paint(&browser);
    keep(
        format!("1,000,000 operations: {size} bytes, first paint after {paint:.0} ms\n").as_bytes(),
        "million.txt",
    );
    assert!(text(&browser, "return document.querySelector('.facts').innerText").contains("1,000,000"));
    looked_at(&browser, "report-million");
    kept_to_itself(&browser, "file://");
}

#[test]
fn a_valid_run_says_so_and_what_it_did_not_exercise() {
    let Some(etcd) = etcd() else { return };
    let dir = scratch();
    let Some(browser) = browser(dir.path()) else { return };
    let mut run =
        dt(dir.path(), &["run", "etcd", "-t", "20", "--seed", "7", "--terminal", "eventually", "--bin"]);
    run.arg(etcd);
    let (code, out, err) = ran(run);
    assert_eq!(code, 0, "{out}\n{err}");
    let page = dir.path().join("runs/latest/report.html");
    assert!(fs::metadata(&page).unwrap().len() < PAGE_MAX);
    open_file(&browser, &page);
    let head = text(&browser, "return document.querySelector('.verdict.is-valid').innerText");
    assert!(head.contains("VALID") && head.contains("(3 members) kept its promises"), "{head}");
    let green = "return getComputedStyle(document.querySelector('.verdict .word')).color";
    assert_ne!(text(&browser, green), text(&browser, "return getComputedStyle(document.body).color"));
    let body = text(&browser, "return document.body.innerText");
    for told in ["--seed 7", "Not put to the test", "Timeline", "Operations", "Faults", "Latency", "Commands"]
    {
        assert!(body.contains(told), "{told}: {body}");
    }
    assert_eq!(text(&browser, "return document.querySelector('#violation') === null"), "true");
    assert_eq!(text(&browser, "return document.querySelectorAll('[data-status=failing]').length"), "0");

    // The repeating command can be copied, or is chosen to be copied by hand.
    browser.click("[data-copy]").unwrap();
    let copied = "return document.querySelector('[data-copy]').textContent === 'Copied' || String(getSelection()).includes('dt run etcd')";
    browser.wait("the command to be copied", std::time::Duration::from_secs(30), copied).unwrap();
    looked_at(&browser, "report-valid");
    kept_to_itself(&browser, "file://");
}

/// What would do harm as markup, script or an end of text; and what a page must bear.
fn hostile() -> Vec<String> {
    vec![
        "<script>window.hacked = 1</script>".to_owned(),
        "\"><img src=x onerror=window.hacked=1>".to_owned(),
        "</script><script>window.hacked = 1</script><!--".to_owned(),
        "' onmouseover='window.hacked=1' style='background:url(http://evil.example/x)".to_owned(),
        "\u{0}\u{1b}[2J\u{202e}\u{2066}drow".to_owned(),
        "\u{5e9}\u{5dc}\u{5d5}\u{5dd} \u{627}\u{644}\u{633}\u{644}\u{627}\u{645}".to_owned(),
    ]
}

#[test]
fn what_means_harm_stays_text() {
    let dir = scratch();
    let Some(browser) = browser(dir.path()) else { return };
    for (n, word) in hostile().into_iter().enumerate() {
        let within = dir.path().join(n.to_string());
        let run = lost_write(&within);
        // As the key that is lost, as a member's name, in what a command printed and in what a member logged.
        let json = serde_json::to_string(&word).unwrap();
        poisoned(&run, &["MpOlk0TFrrkGiUUI82/00010", "etcd0", "main/"], json.trim_matches('"'));
        let (code, page) = judged(dir.path(), &run);
        assert_eq!(code, 1, "{n}: the run is judged as before");
        assert!(fs::metadata(&page).unwrap().len() < PAGE_MAX, "{n}");
        open_file(&browser, &page);
        browser
            .run("document.querySelectorAll('details').forEach((part) => { part.open = true; })", &[])
            .unwrap();
        assert_eq!(text(&browser, "return String(window.hacked)"), "undefined", "{n}");
        assert_eq!(
            text(&browser, "return document.querySelectorAll('img, [onmouseover], [onerror]').length"),
            "0"
        );
        assert_eq!(text(&browser, "return document.querySelectorAll('script').length"), "2", "{n}");
        let head = text(&browser, "return document.querySelector('.verdict').innerText");
        assert!(head.contains("INVALID"), "{n}: {head}");
        assert!(!head.contains(['\u{0}', '\u{202e}', '\u{2066}']), "{n}");
        keep(&browser.picture(false).unwrap(), &format!("hostile-{n}.png"));
        kept_to_itself(&browser, "file://");
    }
}

/// Puts `word` behind each of `places` wherever it is in the files of a run.
fn poisoned(run: &Path, places: &[&str], word: &str) {
    let dirs = [run.to_owned(), run.join("history"), run.join("sdk")];
    let entries = dirs.iter().flat_map(|dir| fs::read_dir(dir).unwrap()).map(|entry| entry.unwrap().path());
    for path in entries.filter(|path| path.is_file()) {
        let mut text = fs::read_to_string(&path).unwrap();
        for place in places {
            text = text.replace(place, &format!("{place}{word}"));
        }
        fs::write(&path, text).unwrap();
    }
}

/// Its name, what it does, and what the verdict tells of it.
type Damage = (&'static str, fn(&Path), &'static str);

#[test]
fn a_damaged_run_shows_what_can_be_shown() {
    let dir = scratch();
    let Some(browser) = browser(dir.path()) else { return };
    let damages: [Damage; 6] = [
        ("run", |run| fs::write(run.join("run.json"), "{").unwrap(), "run.json"),
        ("commands", |run| fs::remove_file(run.join("commands.jsonl")).unwrap(), "commands.jsonl"),
        ("faults", |run| fs::write(run.join("faults.jsonl"), "torn\n{").unwrap(), "faults.jsonl"),
        ("events", |run| fs::write(run.join("events.jsonl"), "\u{0}\n").unwrap(), "events.jsonl"),
        ("metrics", |run| fs::write(run.join("metrics.jsonl"), "[]\n[[[").unwrap(), ""),
        ("history", torn, "cut off"),
    ];
    for (name, damage, told) in damages {
        let run = lost_write(&dir.path().join(name));
        damage(&run);
        let (code, out, err) = ran(dt_alone(dir.path(), &["check", run.to_str().unwrap()]));
        assert!((out.clone() + &err).contains(told), "{name}: {code}\n{out}\n{err}");
        let page = run.join("report.html");
        assert_eq!(code != 3, page.exists(), "{name}: {out}\n{err}");
        if page.exists() {
            open_file(&browser, &page);
            let body = text(&browser, "return document.body.innerText");
            assert!(body.contains(told), "{name}: {body}");
            kept_to_itself(&browser, "file://");
        }
    }
}

fn torn(run: &Path) {
    for entry in fs::read_dir(run.join("history")).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 3]).unwrap();
    }
}

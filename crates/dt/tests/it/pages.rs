//! Looking at pages in a browser: what it must show, what it must not do, and pictures that are kept for people.

use std::fs;
use std::path::{Path, PathBuf};

use browser::{Browser, Look, Programs, key};
use serde_json::Value;

/// The sizes and colours that pages are looked at in.
const LOOKS: [(&str, Look); 3] = [
    ("light", Look { width: 1280, height: 900, dark: false }),
    ("dark", Look { width: 1280, height: 900, dark: true }),
    ("narrow", Look { width: 390, height: 844, dark: false }),
];

/// A browser, or `None` where there is none and that is fine.
#[expect(clippy::disallowed_methods, reason = "tests are told by their environment where they run")]
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
pub(crate) fn browser(scratch: &Path) -> Option<Browser> {
    let Some(programs) = Programs::find() else {
        assert!(std::env::var_os("CI").is_none(), "no chromium with its driver: use `cargo xtask test`");
        eprintln!("SKIPPED: needs chromium and chromedriver (apt install chromium chromium-driver)");
        return None;
    };
    let browser = Browser::start(&programs, scratch).unwrap();
    browser.look(LOOKS[0].1).unwrap();
    Some(browser)
}

/// Opens a file as a reader does who was sent it.
pub(crate) fn open_file(browser: &Browser, file: &Path) {
    browser.open(&format!("file://{}", fs::canonicalize(file).unwrap().display())).unwrap();
}

/// What the script returns, as text.
pub(crate) fn text(browser: &Browser, script: &str) -> String {
    let value = browser.run(script, &[]).unwrap();
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Nothing was told to the console, and nothing was asked of any place but `home`.
pub(crate) fn kept_to_itself(browser: &Browser, home: &str) {
    assert_eq!(browser.console().unwrap(), Vec::<String>::new(), "messages in the console");
    let foreign = |url: &String| !url.starts_with(home) && !url.starts_with("data:");
    let requests = browser.requests().unwrap();
    assert!(!requests.is_empty(), "the browser tells what it asks for");
    let foreign: Vec<String> = requests.into_iter().filter(foreign).collect();
    assert_eq!(foreign, Vec::<String>::new(), "requests to another place than {home}");
}

/// Looks at the page in every size and colour, keeps pictures as `name-*.png`, and judges whether everybody can use it.
pub(crate) fn looked_at(browser: &Browser, name: &str) {
    let mut findings = Vec::new();
    for (kind, look) in LOOKS {
        browser.look(look).unwrap();
        keep(&browser.picture(true).unwrap(), &format!("{name}-{kind}.png"));
        keep(&browser.picture(false).unwrap(), &format!("{name}-{kind}-first.png"));
        let wide = sideways(browser);
        if !wide.is_empty() {
            findings.push(format!("{kind}: the page itself scrolls sideways: {wide}"));
        }
        // Colours are others in the dark; everything else is the same.
        findings.extend(judged(browser, !look.dark).into_iter().map(|finding| format!("{kind}: {finding}")));
    }
    assert!(findings.is_empty(), "{name}:\n{}", findings.join("\n"));
    browser.look(LOOKS[0].1).unwrap();
    sound(browser, name);
    walked_through(browser, name);
}

/// Pictures and figures of the tests, beside what cargo builds.
pub(crate) fn keep(bytes: &[u8], name: &str) {
    let dir: PathBuf = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("screenshots");
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join(name), bytes).unwrap();
}

/// What sticks out at the right, if anything makes the page wider than its window.
fn sideways(browser: &Browser) -> String {
    let script = "
        const width = document.documentElement.clientWidth;
        if (document.documentElement.scrollWidth <= width) return '';
        const out = Array.from(document.querySelectorAll('body *'))
            .filter((part) => part.getBoundingClientRect().right > width + 1
                && !part.closest('.scroll, .lanes, .logs, nav, .skip, .chart'));
        return document.documentElement.scrollWidth + ' of ' + width + ': '
            + out.slice(0, 5).map((part) => part.tagName + '.' + part.className).join(', ');";
    // After a change of the window's size the page is laid out again, some time.
    let settled = format!("return (() => {{ {script} }})() === ''");
    match browser.wait("a page as wide as its window", std::time::Duration::from_secs(5), &settled) {
        Ok(_) => String::new(),
        Err(_) => text(browser, script),
    }
}

/// What axe-core finds; nothing where it is not at hand.
#[expect(clippy::disallowed_methods, reason = "tests are told by their environment where the rules are")]
#[expect(clippy::print_stderr, reason = "a skipped check says so")]
fn judged(browser: &Browser, all_rules: bool) -> Vec<String> {
    let Some(rules) = std::env::var_os("ETCD_TRAFFIC_TEST_AXE") else {
        assert!(std::env::var_os("CI").is_none(), "ETCD_TRAFFIC_TEST_AXE is not set: use `cargo xtask test`");
        eprintln!("SKIPPED: axe-core's rules; use `cargo xtask test`");
        return Vec::new();
    };
    if browser.run("return typeof axe === 'object'", &[]).unwrap() == false {
        browser.run(&fs::read_to_string(rules).unwrap(), &[]).unwrap();
    }
    let which = if all_rules { "" } else { "runOnly: ['color-contrast'], " };
    let script = "
        const done = arguments[arguments.length - 1];
        // Of hundreds of rows that are made alike, and of drawings that are told in words beside them, some are enough:
        // the rules take a second for every hundred elements.
        const alike = [['.chart'], ['.behind'], ['.track'], ['tbody tr:nth-child(n+6)'], ['.logs p:nth-child(n+6)'], ['.properties .property:nth-of-type(n+6)']];
        const exclude = alike.filter(([what]) => document.querySelector(what));
        axe.run({ include: [['html']], exclude }, { WHICH resultTypes: ['violations'] }).then(
            (found) => done(found.violations.flatMap((rule) => rule.nodes.slice(0, 4).map((node) =>
                rule.id + ': ' + node.html.slice(0, 200) + ': ' + node.failureSummary))),
            (error) => done(['axe: ' + error]));";
    strings(&browser.run_async(&script.replace("WHICH ", which)).unwrap())
}

/// The skeleton that a screen reader reads a page by.
fn sound(browser: &Browser, name: &str) {
    let script = "
        const found = [];
        const all = (what) => Array.from(document.querySelectorAll(what));
        const expect = (yes, what) => { if (!yes) found.push(what); };
        expect(document.documentElement.lang === 'en', 'the language is not told');
        expect(document.title.length > 3, 'there is no title');
        expect(all('h1').length === 1, 'headings of the first level: ' + all('h1').length);
        expect(all('main').length === 1, 'main landmarks: ' + all('main').length);
        const levels = all('h1, h2, h3, h4').map((heading) => Number(heading.tagName[1]));
        levels.forEach((level, n) => expect(n === 0 || level <= levels[n - 1] + 1, 'a heading of level ' + level + ' after ' + levels[n - 1]));
        const ids = all('[id]').map((part) => part.id);
        expect(new Set(ids).size === ids.length, 'an id is there twice');
        all('a[href^=\"#\"]').forEach((link) => expect(document.getElementById(link.hash.slice(1)), 'a link to nothing: ' + link.hash));
        all('table').forEach((table) => expect(table.querySelector('th[scope]'), 'a table without headers'));
        return found;";
    assert_eq!(strings(&browser.run(script, &[]).unwrap()), Vec::<String>::new(), "{name}");
}

/// Walks through the page by the tab key: every step is on something that can be seen to have it, in the order of the
/// page, and nothing that can be clicked on is passed over.
fn walked_through(browser: &Browser, name: &str) {
    let prepare = "
        window.reachable = () => Array.from(document.querySelectorAll('a[href], button, input, select, summary')).filter((part) =>
            part.tabIndex >= 0 && !part.disabled && part.checkVisibility());
        // Where a click was last, the next step would begin.
        document.body.tabIndex = -1; document.body.focus(); document.body.removeAttribute('tabindex'); scrollTo(0, 0);
        window.walked = []; window.there = reachable();
        window.step = () => {
            const now = document.activeElement;
            if (!now || now === document.body || walked.includes(now)) return null;
            const box = now.getBoundingClientRect(), style = getComputedStyle(now), last = walked[walked.length - 1];
            walked.push(now);
            const what = now.tagName + ' ' + (now.getAttribute('aria-label') || now.textContent || now.name).trim().slice(0, 40);
            if (box.width < 1 || box.height < 1) return what + ': has no size';
            if (box.bottom < 0 || box.top > innerHeight) return what + ': is out of sight';
            if (style.outlineStyle === 'none' && style.boxShadow === 'none') return what + ': does not show that it has the focus';
            if (last && !(last.compareDocumentPosition(now) & Node.DOCUMENT_POSITION_FOLLOWING)) return what + ': is before the step before';
            return '';
        };
        return there.length;";
    let expected = browser.run(prepare, &[]).unwrap().as_u64().unwrap();
    for _ in 0..expected + 60 {
        browser.press(&[key::TAB]).unwrap();
        match browser.run("return step()", &[]).unwrap() {
            Value::Null => break,
            told => assert_eq!(told, "", "{name}: walking by tab"),
        }
    }
    // On a live page more may come behind the walker's back.
    let missed = "return reachable().filter((part) => there.includes(part) && !walked.includes(part)).map((part) => part.outerHTML.slice(0, 100))";
    assert_eq!(
        strings(&browser.run(missed, &[]).unwrap()),
        Vec::<String>::new(),
        "{name}: never reached by tab"
    );
}

fn strings(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().map(|one| one.as_str().unwrap_or_default().to_owned()).collect()
}

//! A browser without a window, for tests and measurements: as much of W3C WebDriver, and of what Chromium adds to it, as
//! they need.
//!
//! It must not know what the pages are that it shows.

mod config;
mod session;

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

pub use config::Programs;
use session::Session;

/// What goes wrong with a browser.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum Error {
    #[error("cannot start {program}")]
    Start { program: String, source: std::io::Error },
    #[error("the driver ended before it told its port")]
    Silent,
    #[error("no answer to {command}")]
    Transport { command: String, source: Box<ureq::Error> },
    #[error("{command} was refused: {message}")]
    Refused { command: String, message: String },
    #[error("waited {seconds} s for {what}; the last answer was {last}")]
    Waited { what: String, seconds: u64, last: String },
    #[error("{what} is not what a picture is made of")]
    Picture { what: &'static str },
}

/// How a page is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Width of the window in CSS pixels.
    pub width: u32,
    /// Its height.
    pub height: u32,
    /// Whether the reader likes it dark.
    pub dark: bool,
}

/// A key that has no letter, as WebDriver names it.
pub mod key {
    #![expect(missing_docs, reason = "the names of keys")]
    pub const TAB: char = '\u{e004}';
    pub const ENTER: char = '\u{e007}';
    pub const SHIFT: char = '\u{e008}';
    pub const RIGHT: char = '\u{e014}';
    pub const END: char = '\u{e010}';
    pub const HOME: char = '\u{e011}';
}

/// A browser with one page.
#[derive(Debug)]
pub struct Browser {
    session: Session,
}

impl Browser {
    /// Starts a browser. What it writes is below `scratch`, and it looks up no name: it reaches this machine only.
    ///
    /// # Errors
    /// When a program cannot be started, or gives no session.
    pub fn start(programs: &Programs, scratch: &Path) -> Result<Self, Error> {
        Ok(Self { session: Session::start(programs, scratch)? })
    }

    /// Goes to an address and waits until it is loaded.
    ///
    /// # Errors
    /// When it cannot be loaded.
    pub fn open(&self, url: &str) -> Result<(), Error> {
        self.session.post("url", &json!({ "url": url })).map(drop)
    }

    /// Runs the body of a function in the page, with `args` as its `arguments`, and gives what it returns.
    ///
    /// # Errors
    /// When the script throws.
    pub fn run(&self, script: &str, args: &[Value]) -> Result<Value, Error> {
        self.session.post("execute/sync", &json!({"script": script, "args": args}))
    }

    /// The same for a script that calls the last of its `arguments` with its result.
    ///
    /// # Errors
    /// When the script throws, or does not answer in time.
    pub fn run_async(&self, script: &str) -> Result<Value, Error> {
        self.session.post("execute/async", &json!({"script": script, "args": []}))
    }

    /// Polls until the script gives something that is neither `null` nor `false`.
    ///
    /// # Errors
    /// When it does not in time, or the script throws. (A page that is being replaced has no answer, and is asked again.)
    pub fn wait(&self, what: &str, within: Duration, script: &str) -> Result<Value, Error> {
        let mut last = String::new();
        let polled = session::poll(within, || match self.run(script, &[]) {
            Ok(Value::Null | Value::Bool(false)) => None,
            Ok(found) => Some(found),
            Err(error) => {
                last = error.to_string();
                None
            }
        });
        polled.ok_or_else(|| Error::Waited { what: what.to_owned(), seconds: within.as_secs(), last })
    }

    /// Scrolls to what the CSS selector finds first and clicks on it, as a mouse does: whatever covers it would be hit.
    ///
    /// # Errors
    /// When there is nothing, or it cannot be clicked on.
    pub fn click(&self, selector: &str) -> Result<(), Error> {
        let element = self.element(selector)?;
        // A browser takes what is under a bar at the top of the window for being in sight.
        self.run(
            "document.querySelector(arguments[0]).scrollIntoView({ block: 'center' })",
            &[json!(selector)],
        )?;
        self.session.post(&format!("element/{element}/click"), &json!({})).map(drop)
    }

    /// Writes into a field in place of what it holds.
    ///
    /// # Errors
    /// When there is no such field.
    pub fn write(&self, selector: &str, text: &str) -> Result<(), Error> {
        let element = self.element(selector)?;
        self.session.post(&format!("element/{element}/clear"), &json!({}))?;
        self.session.post(&format!("element/{element}/value"), &json!({ "text": text })).map(drop)
    }

    fn element(&self, selector: &str) -> Result<String, Error> {
        let found = self.session.post("element", &json!({"using": "css selector", "value": selector}))?;
        let id = found.as_object().and_then(|found| found.values().next()).and_then(Value::as_str);
        Ok(id.unwrap_or_default().to_owned())
    }

    /// Presses and releases keys one after another; see [`key`]. With [`key::SHIFT`] first, it is held meanwhile.
    ///
    /// # Errors
    /// When the browser is gone.
    pub fn press(&self, keys: &[char]) -> Result<(), Error> {
        let held = keys.first().filter(|first| **first == key::SHIFT);
        let plain = &keys[usize::from(held.is_some())..];
        let event = |kind: &str, key: &char| json!({"type": kind, "value": key.to_string()});
        let mut events: Vec<Value> = held.iter().map(|key| event("keyDown", key)).collect();
        events.extend(plain.iter().flat_map(|key| [event("keyDown", key), event("keyUp", key)]));
        events.extend(held.iter().map(|key| event("keyUp", key)));
        let actions = json!({"actions": [{"type": "key", "id": "keyboard", "actions": events}]});
        self.session.post("actions", &actions).map(drop)
    }

    /// What the console was told since the last question, of whatever level.
    ///
    /// # Errors
    /// When the browser is gone.
    pub fn console(&self) -> Result<Vec<String>, Error> {
        let entries = self.session.post("se/log", &json!({"type": "browser"}))?;
        let text = |entry: &Value| {
            let part = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
            format!("{}: {}", part("level"), part("message"))
        };
        Ok(entries.as_array().into_iter().flatten().map(text).collect())
    }

    /// The addresses of all requests since the last question.
    ///
    /// # Errors
    /// When the browser is gone.
    pub fn requests(&self) -> Result<Vec<String>, Error> {
        let entries = self.session.post("se/log", &json!({"type": "performance"}))?;
        let address = |entry: &Value| {
            let event: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
            let event = &event["message"];
            let sent = event["method"] == "Network.requestWillBeSent";
            sent.then(|| event["params"]["request"]["url"].as_str().unwrap_or_default().to_owned())
        };
        Ok(entries.as_array().into_iter().flatten().filter_map(address).collect())
    }

    /// Sets the size of the window, and what the reader likes.
    ///
    /// # Errors
    /// When the browser is gone.
    pub fn look(&self, look: Look) -> Result<(), Error> {
        let scheme = if look.dark { "dark" } else { "light" };
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.chromium("Emulation.setEmulatedMedia", &json!({ "features": features }))?;
        let size =
            json!({"width": look.width, "height": look.height, "deviceScaleFactor": 1, "mobile": false});
        self.chromium("Emulation.setDeviceMetricsOverride", &size).map(drop)
    }

    /// A picture of the page as PNG: of all of it, or of what is in the window.
    ///
    /// # Errors
    /// When the browser gives none.
    pub fn picture(&self, whole: bool) -> Result<Vec<u8>, Error> {
        let how = json!({"format": "png", "captureBeyondViewport": whole});
        let mut how = how.as_object().cloned().unwrap_or_default();
        if whole {
            let size = &self.chromium("Page.getLayoutMetrics", &json!({}))?["cssContentSize"];
            let clip = json!({"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1});
            how.insert("clip".to_owned(), clip);
        }
        let taken = self.chromium("Page.captureScreenshot", &how.into())?;
        let data = taken["data"].as_str().unwrap_or_default();
        STANDARD.decode(data).map_err(|_| Error::Picture { what: "the answer" })
    }

    /// A command of the DevTools protocol.
    ///
    /// # Errors
    /// When the browser refuses it.
    pub fn chromium(&self, command: &str, params: &Value) -> Result<Value, Error> {
        self.session.post("goog/cdp/execute", &json!({"cmd": command, "params": params}))
    }
}

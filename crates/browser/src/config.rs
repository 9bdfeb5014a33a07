//! Where the browser and its driver are. The only module here that reads the environment.

use std::env;
use std::path::PathBuf;

/// A browser and the driver that was built for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Programs {
    /// Chromium, or a browser made of it.
    pub browser: PathBuf,
    /// Its chromedriver.
    pub driver: PathBuf,
}

/// What the browser is called, by who packages it.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

impl Programs {
    /// The ones that the PATH leads to; `None` where one of them is missing.
    #[must_use]
    pub fn find() -> Option<Self> {
        let browser = BROWSERS.iter().find_map(|name| on_the_path(name))?;
        Some(Self { browser, driver: on_the_path("chromedriver")? })
    }
}

#[expect(clippy::disallowed_methods, reason = "this is where the environment is read")]
fn on_the_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file())
}

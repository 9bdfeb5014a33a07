//! The other end of `dt serve`: `dt run`, `dt list` and `dt heal` with `--server` have done there what they would do here.

mod run;

use std::io::{BufRead as _, BufReader};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::Agent;

use crate::exit::UsageError;
use crate::home;

pub(crate) use run::run;

/// Healing waits for faults to end, up to a minute; everything else is answered at once.
const ANSWER_WITHIN: Duration = Duration::from_secs(90);
/// A verdict with all its examples is far smaller.
const ANSWER_MAX: u64 = 64 << 20;

/// A service.
#[derive(Debug)]
pub(crate) struct Remote {
    agent: Agent,
    at: String,
    token: Option<String>,
}

impl Remote {
    /// The service at this URL. Its token, if it wants one, is in `DT_TOKEN`.
    pub(crate) fn new(url: &str) -> anyhow::Result<Self> {
        let at = url.trim_end_matches('/');
        if !at.starts_with("http://") {
            let what = "such as http://127.0.0.1:8470, where `dt serve` listens";
            return Err(UsageError(format!("--server is {url:?}: give the service's address, {what}")).into());
        }
        let config = Agent::config_builder().http_status_as_error(false).max_redirects(0);
        Ok(Self { agent: config.build().into(), at: at.to_owned(), token: home::token() })
    }

    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let request = self.agent.get(format!("{}{path}", self.at));
        let request = request.config().timeout_global(Some(ANSWER_WITHIN)).build();
        self.answer(self.with_token(request).call())
    }

    pub(crate) fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> anyhow::Result<T> {
        let request =
            self.agent.post(format!("{}{path}", self.at)).header("content-type", "application/json");
        let request = request.config().timeout_global(Some(ANSWER_WITHIN)).build();
        self.answer(self.with_token(request).send(serde_json::to_string(body)?))
    }

    /// The data of each event of a stream, until it ends or `each` has enough.
    pub(crate) fn events(
        &self,
        path: &str,
        mut each: impl FnMut(&str, &Value) -> bool,
    ) -> anyhow::Result<()> {
        let request = self.agent.get(format!("{}{path}", self.at));
        let answer = self.with_token(request).call().with_context(|| self.unreachable())?;
        let mut kind = String::new();
        for line in BufReader::new(answer.into_body().into_reader()).lines() {
            let line = line.context("the service's stream broke off")?;
            if let Some(name) = line.strip_prefix("event: ") {
                kind = name.to_owned();
            } else if let Some(data) = line.strip_prefix("data: ")
                && !each(&kind, &serde_json::from_str(data).unwrap_or_default())
            {
                break;
            }
        }
        Ok(())
    }

    fn with_token<B>(&self, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
        match &self.token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        }
    }

    fn unreachable(&self) -> String {
        format!("the service at {} does not answer: is `dt serve` running there?", self.at)
    }

    fn answer<T: DeserializeOwned>(
        &self,
        answered: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> anyhow::Result<T> {
        let mut answer = answered.with_context(|| self.unreachable())?;
        let text = answer.body_mut().with_config().limit(ANSWER_MAX).read_to_string();
        let text = text.context("the service's answer broke off")?;
        if !answer.status().is_success() {
            let told: Value = serde_json::from_str(&text).unwrap_or_default();
            let why = told["error"].as_str().map_or_else(|| text.trim().to_owned(), str::to_owned);
            if answer.status().as_u16() == 422 {
                return Err(UsageError(why).into());
            }
            bail!("the service refused: {why}");
        }
        serde_json::from_str(&text).with_context(|| format!("{} is no service of dt's version", self.at))
    }
}

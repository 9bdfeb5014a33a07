//! Whose platform it is, from the environment: secrets have no place on a command line.

use anyhow::Context as _;

/// Where images go, such as `registry/project/repository`.
const REPOSITORY: &str = "ANTITHESIS_REPOSITORY";
const TENANT: &str = "ANTITHESIS_TENANT";
const USERNAME: &str = "ANTITHESIS_USERNAME";
const PASSWORD: &str = "ANTITHESIS_PASSWORD";

/// A tenant of the platform.
#[derive(Debug, Clone)]
pub(super) struct Tenant {
    /// Where the platform listens.
    pub(super) url: String,
    pub(super) repository: String,
    pub(super) username: String,
    pub(super) password: String,
}

impl Tenant {
    pub(super) fn repository() -> anyhow::Result<String> {
        let repository = read(REPOSITORY, "the registry and repository that the platform gave you")?;
        Ok(repository.trim_end_matches('/').to_owned())
    }

    pub(super) fn of_environment(url: Option<&str>) -> anyhow::Result<Self> {
        let url = match url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("https://{}.antithesis.com", read(TENANT, "the name before .antithesis.com")?),
        };
        Ok(Self {
            url,
            repository: Self::repository()?,
            username: read(USERNAME, "the user whom the platform gave you")?,
            password: read(PASSWORD, "that user's password")?,
        })
    }
}

#[expect(clippy::disallowed_methods, reason = "this is where the environment is read")]
fn read(name: &str, what: &str) -> anyhow::Result<String> {
    let value = std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    value.with_context(|| format!("{name} is not set: it is {what}"))
}

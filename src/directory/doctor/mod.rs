//! Tries every server of a directory as a login would use it, and says what is wrong with it and what to write
//! instead. Not for the running daemon, whose own probes ask for no more than a sign of life.

mod connection;
mod contents;
mod host;
mod lockout;
mod root;

use std::sync::Arc;

use crate::model::{Check, Now, Outcome, TypedName};

use super::SetupError;
use super::dial::Dialer;
use super::servers::Servers;
use super::settings::{Server, Settings};
use crate::tls;

pub use host::examine as examine_host;
pub use lockout::{Allowance, Throttle};

/// What to ask about beside the directory itself.
#[derive(Debug)]
pub struct Questions<'a> {
    /// A user to try; none for whoever is found first.
    pub user: Option<&'a TypedName>,
    /// Names of groups, in lower case, that should each be one group.
    pub groups: &'a [String],
    /// When the broker refuses wrong passwords of one user itself.
    pub throttle: Throttle,
    /// Whether a user who is not here may be one of another source.
    pub others_follow: bool,
}

/// What one server is like.
#[derive(Debug)]
pub struct Examined {
    /// The server, as a URL.
    pub server: String,
    /// What was looked at, in this order.
    pub checks: Vec<Check>,
    /// Whether the user to try was found; anybody, if none was given.
    pub has_user: bool,
}

impl Examined {
    /// Whether a login could work there.
    pub fn lets_people_in(&self) -> bool {
        self.checks.iter().all(|check| check.outcome != Outcome::Bad)
    }
}

/// Looks at each server of the settings. Takes the settings' deadlines for each step. Must be called within a tokio
/// runtime.
///
/// # Errors
/// The authorities of `ca_file` (or the system's) cannot be read.
pub async fn examine(
    settings: &Settings,
    questions: &Questions<'_>,
    now: Now,
) -> Result<Vec<Examined>, SetupError> {
    let mut all = Vec::new();
    for server in &settings.servers {
        all.push(one(server, settings, questions, now).await?);
    }
    Ok(all)
}

/// Looks at one server, as far as the last thing without which nothing after it can work.
async fn one(
    server: &Server,
    settings: &Settings,
    questions: &Questions<'_>,
    now: Now,
) -> Result<Examined, SetupError> {
    let mut examined = Examined {
        server: server.to_string(),
        checks: Vec::new(),
        has_user: false,
    };
    let tls = Settings::need_tls(std::slice::from_ref(server))
        .then(|| tls::client(settings.ca_file.as_deref()))
        .transpose()
        .map_err(|error| SetupError(error.to_string()))?;
    examined.checks = connection::checks(&Dialer::new(server, tls, settings), now).await;
    if !examined.lets_people_in() {
        return Ok(examined);
    }
    let checks = &mut examined.checks;
    let alone = Settings {
        servers: vec![server.clone()],
        ..settings.clone()
    };
    let servers = Arc::new(Servers::start(&alone)?);
    match root::read(&servers).await {
        Ok(root) => {
            checks.push(Check::good(match &settings.service {
                Some(service) => format!("bind_dn {} may bind", service.dn),
                None => "no bind_dn: searches are anonymous".to_owned(),
            }));
            checks.extend(root.checks(&alone, now));
            let (contents, has_user) = contents::checks(&servers, &alone, &root, questions, now).await;
            checks.extend(contents);
            checks.extend(lockout::checks(&servers, &alone, &root, &questions.throttle).await);
            examined.has_user = has_user;
        }
        Err(unavailable) => checks.push(Check::bad(unavailable.cause, None)),
    }
    Ok(examined)
}

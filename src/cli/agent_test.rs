//! `x2godirector agent-test`: whether the agent of a host does what the broker asks of it.

use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;

use super::host_choice::{HostChoice, is_not_asked};
use super::{ConfigurationFolders, EXIT_FAILURE, EXIT_USAGE, checks, complain, complain_about};
use crate::agent::{Asked, Examination, Settings};
use crate::config;
use crate::model::{Outcome, SessionUser};

/// Arguments of `agent-test`.
#[derive(Debug, Args)]
pub(super) struct AgentTest {
    #[command(flatten)]
    host: HostChoice,
    /// Somebody with an account on the host: also ask for their sessions, and whether the agent can act for them
    #[arg(long, value_name = "NAME", value_parser = session_user)]
    user: Option<SessionUser>,
    #[command(flatten)]
    configuration: ConfigurationFolders,
}

impl AgentTest {
    /// Prints every check. Succeeds (0) if all is well, and fails (1) otherwise.
    pub(super) fn run(self) -> ExitCode {
        let configuration = match config::load(&self.configuration.folders, config::process_environment()) {
            Ok(configuration) => configuration,
            Err(problems) => return complain_about(&problems),
        };
        let asked = match self.host.find(&configuration.farms) {
            Ok(asked) => asked,
            Err(why) => return complain(&why, EXIT_USAGE),
        };
        if let Some(why) = is_not_asked(&asked) {
            return complain(&why, EXIT_FAILURE);
        }
        match test(configuration.agent, &asked, self.user.as_ref()) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::from(EXIT_FAILURE),
            Err(error) => complain(&format!("{error:#}"), EXIT_FAILURE),
        }
    }
}

/// Prints what the host says, and whether all of it is well.
#[tokio::main(flavor = "current_thread")]
pub(super) async fn test(
    settings: Settings,
    asked: &Asked,
    user: Option<&SessionUser>,
) -> anyhow::Result<bool> {
    let examination = Examination::new(settings).context("a folder for connections")?;
    let found = examination.host(asked, user).await;
    let mut out = io::stdout().lock();
    writeln!(out, "{} ({})", asked.name, asked.machine)
        .and_then(|()| checks::print(&mut out, &found))
        .and_then(|()| out.flush())
        .context("standard output")?;
    let all_is_well = found.iter().all(|check| check.outcome == Outcome::Good);
    if all_is_well && user.is_none() {
        eprintln!("Whether it can act for users is tried with --user NAME.");
    }
    Ok(all_is_well)
}

fn session_user(text: &str) -> Result<SessionUser, String> {
    SessionUser::new(text).map_err(|why| why.to_string())
}

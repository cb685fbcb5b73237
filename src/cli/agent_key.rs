//! `x2godirector agent-key`: the SSH key that the broker shows to the hosts.

use std::process::ExitCode;

use clap::Args;

use super::{ConfigurationFolders, EXIT_FAILURE, complain, complain_about};
use crate::agent::Settings;
use crate::agent::broker_key::{self, BrokerKeyError, public_line};
use crate::config;

/// Arguments of `agent-key`.
#[derive(Debug, Args)]
pub(super) struct AgentKey {
    #[command(flatten)]
    configuration: ConfigurationFolders,
}

impl AgentKey {
    /// Makes the key pair if there is none, and prints the public half on standard output, alone.
    pub(super) fn run(self) -> ExitCode {
        let configuration = match config::load(&self.configuration.folders, config::process_environment()) {
            Ok(configuration) => configuration,
            Err(problems) => return complain_about(&problems),
        };
        match present(&configuration.agent) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => complain(&error, EXIT_FAILURE),
        }
    }
}

fn present(settings: &Settings) -> Result<(), BrokerKeyError> {
    let made = broker_key::make(settings)?;
    let key = broker_key::public(settings)?;
    println!("{}", public_line(&key));
    let path = settings.private_key.display();
    let what = if made { "made" } else { "was there already" };
    eprintln!(
        "The key {path} {what}: {}. Next, for each host of conf.d:\n  x2godirector agent-authorize HOST\n  \
         x2godirector agent-test HOST\nGuard the file: whoever has it acts on the hosts for every user.",
        key.fingerprint()
    );
    Ok(())
}

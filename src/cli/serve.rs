//! `x2godirector serve`: the daemon.

use std::process::ExitCode;

use clap::Args;

use super::{ConfigurationFolders, EXIT_CONFIGURATION, EXIT_FAILURE, complain, complain_about};
use crate::app::{App, StartError};
use crate::http::Activated;
use crate::observe::{FILTER_VARIABLE, Logs};

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    configuration: ConfigurationFolders,
}

impl Serve {
    /// Serves until a signal ends it.
    pub(super) fn run(self) -> ExitCode {
        // First, while there is one thread: it changes the environment.
        let activated = match Activated::from_environment() {
            Ok(activated) => activated,
            Err(error) => return refuse(&StartError::from(error)),
        };
        let logs = match Logs::start() {
            Ok(logs) => logs,
            Err(error) => return complain(&format_args!("{FILTER_VARIABLE}: {error}"), EXIT_CONFIGURATION),
        };
        let runtime = match tokio::runtime::Runtime::new() {
            Ok(runtime) => runtime,
            Err(error) => return complain(&error, EXIT_FAILURE),
        };
        runtime.block_on(async {
            match App::start(self.configuration.folders, activated, logs).await {
                Ok(app) => {
                    app.run().await;
                    ExitCode::SUCCESS
                }
                Err(error) => refuse(&error),
            }
        })
    }
}

/// Says why the daemon does not start. What the admin has to put right in the configuration is told apart, so
/// that systemd does not start it again and again (`RestartPreventExitStatus=`).
fn refuse(error: &StartError) -> ExitCode {
    match error {
        StartError::Configuration(problems) => complain_about(problems),
        StartError::Certificate(_)
        | StartError::Directory(_)
        | StartError::Audit(_)
        | StartError::Activation(_) => complain(error, EXIT_CONFIGURATION),
        StartError::Store(_) | StartError::Bind(_) | StartError::Socket(_) | StartError::System(_) => {
            complain(error, EXIT_FAILURE)
        }
    }
}

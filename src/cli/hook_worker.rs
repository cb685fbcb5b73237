//! `x2godirector hook-worker`: the process whose user the site's programs run as.

use std::process::ExitCode;

use clap::Args;
use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use super::{ConfigurationFolders, EXIT_CONFIGURATION, EXIT_FAILURE, complain, complain_about};
use crate::app::{descriptors, systemd};
use crate::config;
use crate::hooks::{Settings, StartError, Worker};
use crate::observe::Logs;

/// Arguments of `hook-worker`.
#[derive(Debug, Args)]
pub(super) struct HookWorker {
    #[command(flatten)]
    configuration: ConfigurationFolders,
}

impl HookWorker {
    /// Serves until a signal ends it.
    pub(super) fn run(&self) -> ExitCode {
        // Before anything is opened: programs must find nothing that this process was started with.
        if let Err(error) = descriptors::close_inherited() {
            return complain(&error, EXIT_FAILURE);
        }
        if let Err(error) = Logs::start() {
            return complain(&error, EXIT_CONFIGURATION);
        }
        let settings = config::load_hook_worker(&self.configuration.folders, config::process_environment());
        let settings = match settings {
            Ok(settings) => settings,
            Err(problems) => return complain_about(&problems),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        match runtime
            .map_err(StartError::from)
            .and_then(|runtime| runtime.block_on(serve(settings)))
        {
            Ok(()) => ExitCode::SUCCESS,
            Err(error @ StartError::System(_)) => complain(&error, EXIT_FAILURE),
            Err(error) => complain(&error, EXIT_CONFIGURATION),
        }
    }
}

async fn serve(settings: Settings) -> Result<(), StartError> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let socket = settings.socket.clone();
    let worker = Worker::start(settings)?;
    tracing::info!("hook worker listening on {}", socket.display());
    systemd::tell(&[NotifyState::Ready]);
    // On this thread too, and until the last answer is given.
    let mut watch = JoinSet::new();
    watch.spawn(systemd::keep_watch());
    let stop = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: programs that run are waited for");
        systemd::tell(&[NotifyState::Stopping]);
    };
    worker.serve(stop).await;
    Ok(())
}

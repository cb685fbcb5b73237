//! `x2godirector pam-worker`: the process that may read what PAM modules read, and its processes.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use super::{ConfigurationFolders, EXIT_CONFIGURATION, EXIT_FAILURE, complain, complain_about};
use crate::app::{core_dumps, systemd};
use crate::config;
use crate::observe::Logs;
use crate::pam_worker::{Service, StartError, Worker, WorkerSettings, run_process};

/// Arguments of `pam-worker`.
#[derive(Debug, Args)]
pub(super) struct PamWorker {
    #[command(flatten)]
    configuration: ConfigurationFolders,
    /// Run transactions for the worker at the other end of standard input; the worker starts such processes
    #[arg(long, hide = true, requires = "service")]
    transactions: bool,
    #[arg(long, hide = true, requires = "transactions")]
    service: Option<String>,
    #[arg(long, hide = true, requires = "transactions")]
    service_folder: Option<PathBuf>,
    #[arg(long, hide = true, requires = "transactions")]
    new_privileges: bool,
}

impl PamWorker {
    /// Serves until a signal ends it, or until the worker that started this process is gone.
    pub(super) fn run(self) -> ExitCode {
        if let Err(error) = core_dumps::forbid() {
            return complain(&error, EXIT_FAILURE);
        }
        if let (true, Some(name)) = (self.transactions, self.service) {
            let service = Service {
                name,
                folder: self.service_folder,
                new_privileges: self.new_privileges,
            };
            return match run_process(&service) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => complain(&error, EXIT_FAILURE),
            };
        }
        if let Err(error) = Logs::start() {
            return complain(&error, EXIT_CONFIGURATION);
        }
        let settings = config::load_pam_worker(&self.configuration.folders, config::process_environment());
        match settings {
            Ok(settings) => supervise(settings),
            Err(problems) => complain_about(&problems),
        }
    }
}

/// Runs the worker on this thread alone: its processes end with the thread that started them.
fn supervise(settings: WorkerSettings) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let served = runtime.map(|runtime| runtime.block_on(serve(settings)));
    match served {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(Stopped::Start(error @ StartError::NoService { .. }))) => complain(&error, EXIT_CONFIGURATION),
        Ok(Err(error)) => complain(&error, EXIT_FAILURE),
        Err(error) => complain(&error, EXIT_FAILURE),
    }
}

/// Why the worker does not serve.
#[derive(Debug, thiserror::Error)]
enum Stopped {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    System(#[from] io::Error),
}

async fn serve(settings: WorkerSettings) -> Result<(), Stopped> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut hang_up = signal(SignalKind::hangup())?;
    let socket = settings.socket.clone();
    let worker = Worker::start(settings).await?;
    tracing::info!("PAM worker listening on {}", socket.display());
    systemd::tell(&[NotifyState::Ready]);
    // On this thread too, and until the last answer is given.
    let mut watch = JoinSet::new();
    watch.spawn(systemd::keep_watch());
    let stop = async {
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = hang_up.recv() => tracing::warn!("the PAM worker takes new settings at its next restart"),
            }
        }
        tracing::info!("stopping: logins under way are finished first");
        systemd::tell(&[NotifyState::Stopping]);
    };
    worker.serve(stop).await;
    Ok(())
}

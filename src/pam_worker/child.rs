//! A process of the worker, as the worker sees it: started, asked, killed.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::net::UnixStream;
use tokio::process::Command;
use tokio::time::timeout;

use super::limits::{REPLY_BYTES_MAX, REQUEST_BYTES_MAX};
use super::message::{Reply, Request};
use super::settings::Service;
use crate::worker_socket::frame;

/// This program, whatever became of its file since it was started.
const PROGRAM: &str = "/proc/self/exe";
/// Where modules find the programs that they run.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";
/// A process that is not ready by then has gone wrong.
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the end of a process that closed its socket is waited for, to say how it ended.
const END_TIMEOUT: Duration = Duration::from_secs(1);
/// How many questions one process answers before it is replaced: modules leak.
const USES_MAX: u32 = 256;

/// A process that waits for a question. It is killed when dropped, with whatever its modules started in its
/// process group.
#[derive(Debug)]
pub(super) struct Child {
    process: tokio::process::Child,
    socket: UnixStream,
    uses: u32,
}

/// The process is lost, and with it the answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Lost {
    /// It took too long and was killed.
    #[error("the process was killed because it took longer than {} s", .0.as_secs())]
    Late(Duration),
    /// It ended by itself, in a module.
    #[error("the process ended: {0}")]
    Ended(String),
    /// It answered what is no answer.
    #[error("the process answered nonsense: {0}")]
    Nonsense(String),
}

impl Child {
    /// Starts a process and waits until it is ready.
    ///
    /// # Errors
    /// It cannot be started, or ends or hangs before it is ready; its own words are in the log.
    pub(super) async fn start(service: &Service) -> io::Result<Self> {
        let (ours, theirs) = StdUnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let process = command(service, theirs).spawn()?;
        let mut child = Self {
            process,
            socket: UnixStream::from_std(ours)?,
            uses: 0,
        };
        let ready = timeout(START_TIMEOUT, frame::read(&mut child.socket, REQUEST_BYTES_MAX)).await;
        match ready {
            Ok(Ok(body)) if Reply::decode(&body) == Ok(Reply::Pong) => Ok(child),
            Ok(_) => Err(io::Error::other(format!("it ended: {}", child.end().await))),
            Err(_) => Err(io::Error::other("it was not ready in time")),
        }
    }

    /// Whether it can be asked once more.
    pub(super) fn is_usable(&mut self) -> bool {
        self.uses < USES_MAX && matches!(self.process.try_wait(), Ok(None))
    }

    /// Asks it. After an error there is nothing to be had of it any more.
    ///
    /// # Errors
    /// No answer came.
    pub(super) async fn ask(&mut self, request: &Request, limit: Duration) -> Result<Reply, Lost> {
        self.uses += 1;
        let exchange = async {
            frame::write(&mut self.socket, &request.encode()).await?;
            frame::read(&mut self.socket, REPLY_BYTES_MAX).await
        };
        match timeout(limit, exchange).await {
            Ok(Ok(body)) => Reply::decode(&body).map_err(|error| Lost::Nonsense(error.to_string())),
            Ok(Err(_)) => Err(Lost::Ended(self.end().await)),
            Err(_) => Err(Lost::Late(limit)),
        }
    }

    /// How it ended, in words.
    async fn end(&mut self) -> String {
        match timeout(END_TIMEOUT, self.process.wait()).await {
            Ok(Ok(status)) => status.to_string(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it closed its socket and goes on running".to_owned(),
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Its id is its own, and that of its group, until it was waited for; Tokio kills and reaps it too.
        if let Some(id) = self.process.id().and_then(|id| i32::try_from(id).ok()) {
            // Fails only if all of the group has ended.
            let _ = killpg(Pid::from_raw(id), Signal::SIGKILL);
        }
    }
}

/// The command line of a process, with its socket as standard input and an environment of its own.
fn command(service: &Service, socket: StdUnixStream) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .arg0("x2godirector")
        .args(["pam-worker", "--transactions", "--service", &service.name])
        .env_clear()
        .env("PATH", PATH)
        .stdin(Stdio::from(OwnedFd::from(socket)))
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .process_group(0)
        .kill_on_drop(true);
    if let Some(folder) = &service.folder {
        command.arg("--service-folder").arg::<&Path>(folder);
    }
    if service.new_privileges {
        command.arg("--new-privileges");
    }
    command
}

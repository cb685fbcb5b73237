//! Between a question and the program that answers it: the words of a command line go there, what the program wrote
//! comes back.

use std::future::Future;

use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::command::Command;
use super::output::{OUTPUT_BYTES_MAX, Output};
use super::{Agent, AgentError, Answer, Load, ServerCount, Sessions, Settings};
use super::{load_lines, server_lines, session_lines};
use crate::model::{AuthorizedKey, Machine, SessionId, SessionUser};

/// A way to run the program of a machine.
pub(super) trait Carrier: Send + Sync + std::fmt::Debug {
    /// How it is asked.
    fn settings(&self) -> &Settings;

    /// Runs a command line there. Ends within the settings' time, whatever the machine does.
    fn run(
        &self,
        machine: &Machine,
        words: &[&str],
    ) -> impl Future<Output = Result<Output, AgentError>> + Send;

    /// Asks the program, and gives what it says behind its yes.
    fn ask(
        &self,
        machine: &Machine,
        command: Command<'_>,
    ) -> impl Future<Output = Result<String, AgentError>> + Send {
        async move {
            let output = self.run(machine, &command.words(self.settings())).await?;
            output.body().map(std::borrow::Cow::into_owned)
        }
    }
}

impl<C: Carrier> Agent for C {
    fn ping<'a>(&'a self, machine: &'a Machine) -> Answer<'a, ()> {
        Box::pin(async move { done(self.ask(machine, Command::Ping).await) })
    }

    fn load<'a>(&'a self, machine: &'a Machine) -> Answer<'a, Load> {
        Box::pin(async move { load_lines::read(&self.ask(machine, Command::CheckLoad).await?) })
    }

    fn session_counts<'a>(
        &'a self,
        machine: &'a Machine,
        user: &'a SessionUser,
    ) -> Answer<'a, Vec<ServerCount>> {
        Box::pin(async move { server_lines::read(&self.ask(machine, Command::GetServers(user)).await?) })
    }

    fn sessions<'a>(&'a self, machine: &'a Machine, user: &'a SessionUser) -> Answer<'a, Sessions> {
        Box::pin(async move {
            let body = self.ask(machine, Command::ListSessions(user)).await?;
            Ok(session_lines::read(&body, user))
        })
    }

    fn suspend<'a>(
        &'a self,
        machine: &'a Machine,
        user: &'a SessionUser,
        session: &'a SessionId,
    ) -> Answer<'a, ()> {
        let command = Command::SuspendSession(user, session);
        Box::pin(async move { done(self.ask(machine, command).await) })
    }

    fn terminate<'a>(
        &'a self,
        machine: &'a Machine,
        user: &'a SessionUser,
        session: &'a SessionId,
    ) -> Answer<'a, ()> {
        let command = Command::TerminateSession(user, session);
        Box::pin(async move { done(self.ask(machine, command).await) })
    }

    fn add_key<'a>(
        &'a self,
        machine: &'a Machine,
        user: &'a SessionUser,
        key: &'a AuthorizedKey,
    ) -> Answer<'a, ()> {
        Box::pin(async move { done(self.ask(machine, Command::AddAuthKey(user, key)).await) })
    }

    fn remove_key<'a>(
        &'a self,
        machine: &'a Machine,
        user: &'a SessionUser,
        key: &'a AuthorizedKey,
    ) -> Answer<'a, ()> {
        Box::pin(async move { done(self.ask(machine, Command::DelAuthKey(user, key)).await) })
    }
}

/// What is behind the yes of a task that only does something means nothing.
fn done(said: Result<String, AgentError>) -> Result<(), AgentError> {
    said.map(drop)
}

/// Reads both outputs to their ends, or until one is longer than anything that the program has to say.
pub(super) async fn read_bounded(
    stdout: impl AsyncRead + Unpin,
    stderr: impl AsyncRead + Unpin,
) -> Result<Output, AgentError> {
    let (stdout, stderr) = tokio::try_join!(read_one(stdout), read_one(stderr))?;
    Ok(Output { stdout, stderr })
}

async fn read_one(from: impl AsyncRead + Unpin) -> Result<Vec<u8>, AgentError> {
    let mut bytes = Vec::new();
    let most = OUTPUT_BYTES_MAX as u64 + 1;
    match from.take(most).read_to_end(&mut bytes).await {
        Ok(read) if read > OUTPUT_BYTES_MAX => Err(AgentError::Garbled(format!(
            "it is longer than {} KiB",
            OUTPUT_BYTES_MAX / 1024
        ))),
        Ok(_) => Ok(bytes),
        Err(error) => Err(AgentError::Lost(error.to_string())),
    }
}

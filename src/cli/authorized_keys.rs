//! `x2godirector authorized-keys`: what sshd on an X2Go host runs (`AuthorizedKeysCommand`).

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::{EXIT_FAILURE, complain};
use crate::host_side::{Settings, ask, may_be_asked_about};
use crate::model::AuthorizedKey;

/// How long all of it may take: somebody waits for a login, and sshd for us.
const PATIENCE: Duration = Duration::from_secs(2);

/// Arguments of `authorized-keys`.
#[derive(Debug, Args)]
pub(super) struct AuthorizedKeys {
    /// The account that somebody logs in to (`%u` of sshd)
    user: String,
    /// Where the broker is and what this host is known by there
    #[arg(long, value_name = "FILE", default_value = "/etc/x2godirector/host.toml")]
    config: PathBuf,
}

impl AuthorizedKeys {
    /// Prints the keys, all of them or none. Whatever is wrong, sshd goes on with its other ways; a failure it writes
    /// into its log.
    pub(super) fn run(self) -> ExitCode {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return complain(&error, EXIT_FAILURE),
        };
        let keys = runtime.block_on(async { timeout(PATIENCE, keys(self.user, self.config)).await });
        // A name service that hangs is not waited for.
        runtime.shutdown_background();
        let printed = match keys {
            Ok(Ok(keys)) => print(&keys).map_err(|error| error.to_string()),
            Ok(Err(error)) => Err(format!("{error:#}")),
            Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
        };
        match printed {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => complain(&why, EXIT_FAILURE),
        }
    }
}

/// The keys of an account; none, without asking, of one that cannot have any.
async fn keys(name: String, config: PathBuf) -> anyhow::Result<Vec<AuthorizedKey>> {
    let Some(user) = spawn_blocking(move || may_be_asked_about(&name)).await? else {
        return Ok(Vec::new());
    };
    let (settings, config) = spawn_blocking(move || (Settings::read(&config), config)).await?;
    let Some(settings) = settings? else {
        // Nothing went wrong, so sshd logs nothing; whoever runs this by hand wants to know.
        eprintln!("x2godirector: {} names no broker yet", config.display());
        return Ok(Vec::new());
    };
    Ok(ask(settings, user).await?)
}

fn print(keys: &[AuthorizedKey]) -> io::Result<()> {
    let lines: String = keys.iter().map(|key| format!("{}\n", key.as_str())).collect();
    io::stdout().write_all(lines.as_bytes())
}

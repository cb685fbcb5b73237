//! `x2godirector doctor`: tries what logins stand on, and says what is wrong.

mod agents;
mod dialled;
mod parts;

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;

use self::parts::{Part, Parts};
use super::{ConfigurationFolders, EXIT_FAILURE, checks, complain, complain_about};
use crate::config::{self, Configuration};
use crate::model::TypedName;

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// A user to try, as they would type it; left out, whoever the directory names first
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    #[command(flatten)]
    configuration: ConfigurationFolders,
}

impl Doctor {
    /// Prints every check. Succeeds (0) if a login could work, and fails (1) otherwise.
    pub(super) fn run(self) -> ExitCode {
        let configuration = match config::load(&self.configuration.folders, config::process_environment()) {
            Ok(configuration) => configuration,
            Err(problems) => return complain_about(&problems),
        };
        match self.examine(&configuration) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::from(EXIT_FAILURE),
            Err(error) => complain(&format!("{error:#}"), EXIT_FAILURE),
        }
    }

    /// Prints, and says whether a login could work.
    fn examine(&self, configuration: &Configuration) -> anyhow::Result<bool> {
        let user = self.user.as_deref().map(TypedName::new).transpose()?;
        let parts = Parts::examine(configuration, user.as_ref())?;
        let mut out = io::stdout().lock();
        print(&mut out, &parts.parts).context("standard output")?;
        let verdict = if parts.let_people_in {
            "A login could work."
        } else {
            "No login can work."
        };
        writeln!(out, "{verdict}").context("standard output")?;
        Ok(parts.let_people_in)
    }
}

fn print(out: &mut impl Write, parts: &[Part]) -> io::Result<()> {
    for Part { title, checks } in parts {
        writeln!(out, "{title}")?;
        checks::print(out, checks)?;
        writeln!(out)?;
    }
    out.flush()
}

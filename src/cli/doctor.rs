//! `x2godirector doctor`: tries what logins stand on, and says what is wrong.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;

use super::{ConfigurationFolders, EXIT_FAILURE, complain, complain_about};
use crate::app::clock;
use crate::config::{self, Accounts, Configuration};
use crate::directory::{Questions, examine};
use crate::entitlement::{GroupPattern, Policy};
use crate::model::{Check, Outcome, TypedName};

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// A user to try, as they would type it; left out, whoever the directory names first
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    #[command(flatten)]
    configuration: ConfigurationFolders,
}

/// Things that were looked at together.
struct Part {
    /// What they are about.
    title: String,
    /// What was found.
    checks: Vec<Check>,
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
        let (directory, lets_people_in) = directory(configuration, user.as_ref())?;
        let mut out = io::stdout().lock();
        print(&mut out, &directory).context("standard output")?;
        let verdict = if lets_people_in {
            "A login could work."
        } else {
            "No login can work."
        };
        writeln!(out, "{verdict}").context("standard output")?;
        Ok(lets_people_in)
    }
}

/// The servers of the directory, and whether one of them would do.
#[tokio::main(flavor = "current_thread")]
async fn directory(
    configuration: &Configuration,
    user: Option<&TypedName>,
) -> anyhow::Result<(Vec<Part>, bool)> {
    let settings = match &configuration.accounts {
        Accounts::Unproven => {
            bail!("nobody proves anything (methods = [\"none\"]): there is no directory to try")
        }
        Accounts::Host(_) => {
            bail!("the accounts are this host's own (source = \"nss\"): there is no directory to try")
        }
        Accounts::Directory(settings)
        | Accounts::DirectoryByPam(settings, _)
        | Accounts::DirectoryThenHost {
            directory: settings, ..
        } => settings,
    };
    let throttle = &configuration.authentication.throttle;
    let questions = Questions {
        user,
        groups: &named_groups(&configuration.policy),
        failures_max: Some(u32::from(throttle.user.count.max(throttle.user_elsewhere.count))),
    };
    let servers = examine(settings, &questions, clock::now()).await?;
    let lets_people_in = servers.iter().any(|server| server.lets_people_in());
    let parts = servers.into_iter().map(|server| Part {
        title: server.server,
        checks: server.checks,
    });
    Ok((parts.collect(), lets_people_in))
}

/// The groups that rules name by a bare name, in lower case.
fn named_groups(policy: &Policy) -> Vec<String> {
    let patterns = policy
        .rules()
        .flat_map(|rule| [&rule.groups, &rule.all_groups, &rule.except_groups])
        .flatten();
    let names: BTreeSet<&str> = patterns
        .filter_map(|pattern| match pattern {
            GroupPattern::Name(glob) => glob.exact(),
            GroupPattern::Dn(_) => None,
        })
        .collect();
    names.into_iter().map(str::to_owned).collect()
}

fn print(out: &mut impl Write, parts: &[Part]) -> io::Result<()> {
    for Part { title, checks } in parts {
        writeln!(out, "{title}")?;
        for Check {
            what,
            outcome,
            advice,
        } in checks
        {
            let mark = match outcome {
                Outcome::Good => '✓',
                Outcome::Doubtful => '!',
                Outcome::Bad => '✗',
            };
            writeln!(out, "  {mark} {what}")?;
            if let Some(advice) = advice {
                writeln!(out, "    → {advice}")?;
            }
        }
        writeln!(out)?;
    }
    out.flush()
}

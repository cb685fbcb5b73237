//! The command line: one file per subcommand, and the exit codes they share.

mod agent_authorize;
mod agent_key;
mod agent_test;
mod asking;
mod audit;
mod authorized_keys;
pub mod check;
mod checks;
mod diff;
mod doctor;
#[cfg(test)]
mod documented;
mod drain;
mod explain;
mod format;
mod generate;
mod hook_worker;
mod host;
mod host_agent;
mod host_choice;
mod host_credential;
mod hosts;
mod import;
mod log_level;
mod lookup;
mod pam_worker;
mod recorded;
mod reload;
mod serve;
mod sessions;
mod ssh_frontend;
mod status;
mod table;
mod throttle;
mod tickets;

use std::ffi::OsString;
use std::fmt::Display;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory as _, Parser, Subcommand};

use crate::config::{self, Diagnostic};
use crate::model::{version, visible_lines};

pub use host::run_on_host;

/// Something went wrong that is neither the arguments' fault nor the configuration's.
const EXIT_FAILURE: u8 = 1;
/// sysexits.h `EX_USAGE`: the arguments are wrong.
const EXIT_USAGE: u8 = 64;
/// sysexits.h `EX_CONFIG`: something in the configuration stops the program.
const EXIT_CONFIGURATION: u8 = 78;

/// The session broker for X2Go that takes its users, groups and profiles from a directory
///
/// Begin with docs/install.md, and with docs/troubleshooting.md where something does not work; a package has put the
/// folder docs into /usr/share/doc/x2godirector. Commands exit with 64 if their arguments are wrong, and with 78 if the
/// configuration stops them, where their own page says nothing else.
#[derive(Debug, Parser)]
#[command(name = "x2godirector", version = version(), propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the broker
    ///
    /// Answers X2Go Clients until it gets SIGTERM, then finishes the requests under way. SIGHUP reads the
    /// configuration again; if anything in it is wrong, the one in use stays.
    Serve(serve::Serve),
    /// Run PAM and look up users for the broker
    ///
    /// Answers only the broker, on a private socket; each login runs in a process that can be killed. Needs to
    /// read what the PAM modules read, so it has a user of its own. docs/pam.md says how to set it up.
    PamWorker(pam_worker::PamWorker),
    /// Run the site's own programs for the broker
    ///
    /// Answers only the broker, on a private socket; the programs of [hooks] run as this command's user, which
    /// must be the one of [hooks] user and not root. docs/hooks.md says how to set it up.
    HookWorker(hook_worker::HookWorker),
    /// Say what is wrong with a configuration
    ///
    /// Prints each problem as `file:line:col: message`, at most 200 of them. Exits with 0 if the configuration can
    /// be used, with 1 if it cannot. Asks nobody: `doctor` tries the directory and the rest. Run it as the daemon's user or
    /// as root: it reads the secrets that the configuration names.
    Check(ConfigurationFolders),
    /// Show which profiles a user would be offered, and why
    ///
    /// Each profile with the rules that give it or take it away, each rule with what matched or did not, and the user's
    /// groups with the way into each. Looks the user up as a login would, and asks for no password. Exits with 0 also if
    /// nothing is offered, and with 1 if there is no such user or the directory does not answer.
    Explain(explain::Explain),
    /// Try what logins stand on, and say what is wrong
    ///
    /// Tries every LDAP server as a login uses it (connection, certificate, bind_dn, users, groups), the PAM service
    /// and its worker, the broker's certificate, and the agents of the hosts. Prints what is wrong and what to write
    /// instead. Exits with 0 if a login could work, with 1 if none can, and with 78 if the configuration has errors. Run
    /// it as the daemon's user or as root: it reads the secrets that the configuration names.
    Doctor(doctor::Doctor),
    /// Make the SSH key that the broker shows to the hosts of agents
    ///
    /// Makes the pair where [agent] private_key says, unless it is there, and prints the public half. Run it as the
    /// daemon's user or as root. docs/agents.md has the whole way.
    AgentKey(agent_key::AgentKey),
    /// Make a host and the broker known to each other
    ///
    /// Notes the host's key for the broker, after asking; puts the broker's key on the host, over your own ssh as root
    /// there, so that it can run the agent and nothing else, from this machine; and tries the agent.
    AgentAuthorize(agent_authorize::AgentAuthorize),
    /// Try the agent of a host, and say what is wrong
    ///
    /// Exits with 0 if all is well, with 1 if something is not, with 64 if there is no such host, and with 78 if the
    /// configuration has errors. Run it as the daemon's user or as root.
    AgentTest(agent_test::AgentTest),
    /// Show what changes for whom between two configurations
    ///
    /// Asks for every user, from every network and at every time that the rules of either tell apart: who gains or
    /// loses which profile, and which keys change. Exits with 0 if nothing changes, with 1 if something does, and
    /// with 2 if it cannot be said completely.
    Diff(diff::Diff),
    /// Turn an x2gobroker site into files for conf.d
    ///
    /// Prints `file:line: message` for each line of the old files that is not carried over or works differently
    /// from now on. docs/migrate.md has the whole way.
    Import(import::Import),
    /// Show what was decided, and explain a decision
    ///
    /// With an id, the rules are asked again for the person, place and time that the decision's line recorded, and
    /// the answer is compared with the one that was given. Nothing but the file and the configuration is read.
    Audit(audit::Audit),
    /// Have the daemon read its configuration again
    ///
    /// Prints what `check` would, and then whether the new configuration is in use (exit code 0) or the earlier
    /// one still is (1). The same as SIGHUP, with an answer.
    Reload(reload::Reload),
    /// Ask the daemon for a user of this machine, as X2Go Client does over SSH
    ///
    /// What X2Go Client runs that is started with --broker-url=ssh://USER@HOST/usr/bin/x2godirector-ssh: under that
    /// name the program is this command. It may be the command that sshd forces. docs/ssh.md says how to set it up.
    SshFrontend(ssh_frontend::SshFrontend),
    /// Show how the daemon is
    ///
    /// Its version, the configuration in use and what became of the last reload, the certificate's days, directory, hosts,
    /// tickets and leases.
    Status(status::Status),
    /// Show the hosts of all farms: their health, and what is on them
    ///
    /// With the age of each number; what is wrong with a host stands below the table. docs/farms.md says what the
    /// columns mean.
    Hosts(hosts::Hosts),
    /// Show the sessions that the broker knows of
    ///
    /// Those that hosts told of within the last 15 minutes, and the leases that stand for a session of which none did.
    /// AGE is how long ago that was so.
    Sessions(sessions::Sessions),
    /// Let nothing new start on a host, or show the hosts where nothing does
    ///
    /// What runs there goes on, and can be resumed. Prints who is still there. A drain outlives a restart.
    Drain(drain::Drain),
    /// Let sessions start on a host again
    Undrain(drain::Undrain),
    /// Show who has tickets, from where and until when; or end those of a user
    ///
    /// A ticket stands for a login: as long as it counts, its client shows no password to the directory.
    Tickets(tickets::Tickets),
    /// Show whose failed logins are counted and who is refused for them; or forget failures
    ///
    /// docs/throttle.md says who is refused for whose failures.
    Throttle(throttle::Throttle),
    /// Make, list and end what X2Go hosts are known by that ask for keys
    HostCredential(host_credential::HostCredential),
    /// Print the keys that open an account on this X2Go host now
    ///
    /// For sshd (`AuthorizedKeysCommand`): asks the broker, which knows this host by a credential. Prints nothing for
    /// accounts of the system, and whenever anything goes wrong. docs/authorized-keys.md says how to set it up.
    AuthorizedKeys(authorized_keys::AuthorizedKeys),
    /// Show or change what the daemon logs
    LogLevel(log_level::LogLevel),
    /// Write man pages or shell completion, for packages
    #[command(hide = true)]
    Generate(generate::Generate),
}

/// Where the configuration is.
#[derive(Debug, Args)]
struct ConfigurationFolders {
    /// A folder of *.toml files, read in the order of their names
    ///
    /// May be given several times: what a later folder says overrides what an earlier one says, and variables
    /// such as X2GODIRECTOR__SERVER__LISTEN override both.
    #[arg(
        long = "config",
        value_name = "DIR",
        default_value = "/etc/x2godirector/conf.d"
    )]
    folders: Vec<PathBuf>,
}

/// Runs the command that the arguments name and gives the program's exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Arguments = match read(ssh_frontend::spelt_out(arguments)) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    match arguments.command {
        Command::Serve(serve) => serve.run(),
        Command::PamWorker(worker) => worker.run(),
        Command::HookWorker(worker) => worker.run(),
        Command::Check(configuration) => check::run(&configuration.folders),
        Command::Doctor(doctor) => doctor.run(),
        Command::AgentKey(key) => key.run(),
        Command::AgentAuthorize(authorize) => authorize.run(),
        Command::AgentTest(test) => test.run(),
        Command::Explain(explain) => explain.run(),
        Command::Diff(diff) => diff.run(),
        Command::Import(import) => import.run(),
        Command::Audit(audit) => audit.run(),
        Command::Reload(reload) => reload.run(),
        Command::SshFrontend(frontend) => frontend.run(),
        Command::Status(status) => status.run(),
        Command::Hosts(hosts) => hosts.run(),
        Command::Sessions(sessions) => sessions.run(),
        Command::Drain(drain) => drain.run(),
        Command::Undrain(undrain) => undrain.run(),
        Command::Tickets(tickets) => tickets.run(),
        Command::Throttle(throttle) => throttle.run(),
        Command::HostCredential(credential) => credential.run(),
        Command::AuthorizedKeys(keys) => keys.run(),
        Command::LogLevel(log_level) => log_level.run(),
        Command::Generate(generate) => generate.run([Arguments::command(), host::HostArguments::command()]),
    }
}

/// The arguments of a program; or what was printed in their place, as its exit code: help, the version, what is wrong.
fn read<Arguments: Parser>(arguments: impl IntoIterator<Item = OsString>) -> Result<Arguments, ExitCode> {
    Arguments::try_parse_from(arguments).map_err(|answer| {
        // Nothing is left to tell if the terminal is gone.
        let _ = answer.print();
        if answer.use_stderr() {
            ExitCode::from(EXIT_USAGE)
        } else {
            ExitCode::SUCCESS
        }
    })
}

/// Prints what went wrong, and gives the exit code for it.
fn complain(what: &impl Display, exit: u8) -> ExitCode {
    eprintln!("x2godirector: {}", visible_lines(&what.to_string()));
    ExitCode::from(exit)
}

/// Prints what is wrong with the configuration, and gives the exit code for it.
fn complain_about(problems: &[Diagnostic]) -> ExitCode {
    for told in config::told(problems) {
        eprintln!("{told}\n");
    }
    complain(&"the configuration cannot be used", EXIT_CONFIGURATION)
}

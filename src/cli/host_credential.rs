//! `x2godirector host-credential`: what X2Go hosts are known by when they ask for keys.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::asking::Asking;
use super::table::{Table, to_the_second};
use crate::admin::{Answer, HostCredentialAdded, HostCredentialReport, HostCredentialRevoked, Request};

/// Arguments of `host-credential`.
#[derive(Debug, Args)]
pub(super) struct HostCredential {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    asking: Asking,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make a credential for a host, and print it this once
    ///
    /// An earlier one of the host ends. docs/authorized-keys.md says where it goes on the host.
    Add {
        /// The host, as `hosts` lists it: HOST, or FARM/HOST where that is not clear
        host: String,
    },
    /// End the credential of a host
    Revoke {
        /// The host, also one that conf.d has no more: FARM/HOST then
        host: String,
    },
    /// Show which hosts have a credential, and since when
    List,
}

impl HostCredential {
    /// Does what was asked for.
    pub(super) fn run(self) -> ExitCode {
        match self.what {
            What::Add { host } => {
                let pick = |answer| match answer {
                    Answer::HostCredentialAdded(added) => Some(added),
                    _ => None,
                };
                let request = Request::AddHostCredential { host };
                self.asking.run(&request, pick, added_text)
            }
            What::Revoke { host } => {
                let pick = |answer| match answer {
                    Answer::HostCredentialRevoked(revoked) => Some(revoked),
                    _ => None,
                };
                let request = Request::RevokeHostCredential { host };
                self.asking.run(&request, pick, revoked_text)
            }
            What::List => {
                let pick = |answer| match answer {
                    Answer::HostCredentials(credentials) => Some(credentials),
                    _ => None,
                };
                self.asking
                    .run(&Request::HostCredentials, pick, |credentials| text(credentials))
            }
        }
    }
}

/// The credential alone, so that it can be sent on into a file.
fn added_text(added: &HostCredentialAdded) -> String {
    format!("{}\n", added.credential)
}

fn revoked_text(revoked: &HostCredentialRevoked) -> String {
    match revoked.credentials {
        0 => format!("{} has no credential\n", revoked.host),
        _ => format!("the credential of {} counts no more\n", revoked.host),
    }
}

fn text(credentials: &[HostCredentialReport]) -> String {
    let mut table = Table::new(["HOST", "SINCE"]);
    for credential in credentials {
        table.row([credential.host.clone(), to_the_second(&credential.added)]);
    }
    table.to_string()
}

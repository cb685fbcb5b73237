//! Passwords that PAM checks: of this host's own users, and of users of the directory.

use rand::RngCore;

use super::accounts::{Accounts, Asked};
use crate::directory::{
    ChangeAnswer, Directory, Entry, Host, PasswordAnswer, PasswordState, Refusal, Rejection, Unavailable,
};
use crate::model::{ClientAddress, Now, Password, Source, TypedName, UserName};
use crate::pam_worker::{Change, Client, Unreachable, Verdict};

/// Users whose passwords PAM checks, under their canonical names.
pub struct PamAccounts {
    users: Users,
    pam: Pam,
}

/// Where the users are.
enum Users {
    OfHost(Host),
    OfDirectory(Directory),
}

impl PamAccounts {
    /// This host's own users.
    pub fn of_host(host: Host, client: Client) -> Self {
        Self {
            users: Users::OfHost(host),
            pam: Pam::new(client),
        }
    }

    /// The users of the directory, which PAM knows under the same names.
    pub fn of_directory(directory: Directory, client: Client) -> Self {
        Self {
            users: Users::OfDirectory(directory),
            pam: Pam::new(client),
        }
    }
}

impl Accounts for PamAccounts {
    fn source(&self) -> Source {
        match self.users {
            Users::OfHost(_) => Source::Nss,
            Users::OfDirectory(_) => Source::Ldap,
        }
    }

    fn is_reachable(&self) -> bool {
        self.pam.client.is_reachable()
            && match &self.users {
                Users::OfHost(_) => true,
                Users::OfDirectory(directory) => directory.healthy(),
            }
    }

    fn find<'a>(&'a self, name: &'a TypedName, now: Now) -> Asked<'a, Option<Entry>> {
        match &self.users {
            Users::OfHost(host) => Box::pin(host.find(name, now)),
            Users::OfDirectory(directory) => Box::pin(directory.find(name, now)),
        }
    }

    fn knows<'a>(&'a self, name: &'a TypedName) -> Asked<'a, bool> {
        match &self.users {
            Users::OfHost(host) => Box::pin(host.knows(name)),
            Users::OfDirectory(directory) => Box::pin(directory.knows(name)),
        }
    }

    fn check_password<'a>(
        &'a self,
        entry: &'a Entry,
        password: &'a Password,
        client: ClientAddress,
    ) -> Asked<'a, PasswordAnswer> {
        Box::pin(self.pam.check(&entry.user, password, client))
    }

    fn change_password<'a>(
        &'a self,
        entry: &'a Entry,
        old: &'a Password,
        new: &'a Password,
        client: ClientAddress,
    ) -> Asked<'a, ChangeAnswer> {
        Box::pin(self.pam.change(&entry.user, (old, new), client))
    }

    fn reject_password<'a>(&'a self, password: &'a Password, client: ClientAddress) -> Asked<'a, ()> {
        Box::pin(self.pam.reject(password, client))
    }
}

/// What the worker says, in the words of a login.
struct Pam {
    client: Client,
    /// The name of a user who cannot exist. One for the life of this, since modules that count failures keep
    /// something for each name.
    nobody: String,
}

impl Pam {
    fn new(client: Client) -> Self {
        let mut random = [0; 8];
        rand::rng().fill_bytes(&mut random);
        // Within the 32 characters that a name of a Linux user may have.
        let nobody = format!("x2gonobody{:016x}", u64::from_be_bytes(random));
        Self { client, nobody }
    }

    async fn check(
        &self,
        user: &UserName,
        password: &Password,
        client: ClientAddress,
    ) -> Result<PasswordAnswer, Unavailable> {
        let verdict = self
            .client
            .authenticate(user.as_str(), password, client.ip())
            .await?;
        Ok(match verdict {
            Verdict::Right {
                must_change, said, ..
            } => {
                note(user, &said);
                PasswordAnswer::Accepted(if must_change {
                    PasswordState::MustChange
                } else {
                    PasswordState::Valid
                })
            }
            Verdict::Wrong | Verdict::Unknown => PasswordAnswer::Wrong,
            Verdict::Refused { why, said } => {
                note(user, &said);
                PasswordAnswer::Refused(Refusal::Pam(why))
            }
        })
    }

    async fn change(
        &self,
        user: &UserName,
        (old, new): (&Password, &Password),
        client: ClientAddress,
    ) -> Result<ChangeAnswer, Unavailable> {
        let change = self
            .client
            .change_password(user.as_str(), old, new, client.ip())
            .await
            .map_err(perhaps_made)?;
        Ok(match change {
            Change::Changed { .. } => ChangeAnswer::Changed,
            Change::Wrong | Change::Unknown => ChangeAnswer::Wrong,
            Change::Refused { why, said } => {
                note(user, &said);
                ChangeAnswer::Refused(Refusal::Pam(why))
            }
            Change::Rejected { said } => ChangeAnswer::Rejected(Rejection::Said(said.join("; "))),
        })
    }

    /// Shows the password for nobody, so that it takes the time that PAM takes over a failure.
    async fn reject(&self, password: &Password, client: ClientAddress) -> Result<(), Unavailable> {
        // Whatever PAM says about nobody, nobody is let in.
        let _ = self
            .client
            .authenticate(&self.nobody, password, client.ip())
            .await?;
        Ok(())
    }
}

/// What went wrong with a change, and whether it may have been made all the same.
fn perhaps_made(error: Unreachable) -> Unavailable {
    let shown = error.sent;
    let Unavailable { cause } = error.into();
    Unavailable {
        cause: if shown {
            format!("{cause}; the passwords had been given to PAM and the change may have been made")
        } else {
            cause
        },
    }
}

/// Tells the admin what the modules told a user who cannot see it.
fn note(user: &UserName, said: &[String]) {
    if !said.is_empty() {
        tracing::info!(%user, ?said, "PAM modules told the user");
    }
}

//! Changing a password.

use std::sync::Arc;

use tracing::Instrument as _;

use super::accounts::Accounts;
use super::attempt::Attempt;
use super::chain::Found;
use super::failure::Failure;
use super::limits::Limits;
use super::login::{Login, Settled, judge};
use super::password_checks::{Checked, CheckedChange, PasswordChecks};
use super::tickets::{Changed, Tickets};
use crate::directory::{AccountState, ChangeAnswer, Entry, PasswordAnswer, Rejection};
use crate::model::{Account, ClientAddress, Door, Now, Password, Source, TicketText, TypedName};
use crate::observe::{Stage, Stages};
use crate::store::TicketRecord;

/// What became of a new password whose sender proved the old one.
#[derive(Debug)]
pub struct PasswordChange {
    /// Whose password it is.
    pub account: Account,
    /// Whether the new one holds now, or why not.
    pub outcome: Result<(), Rejection>,
}

impl Login {
    /// Changes a password. The old one is shown to the source afresh, whatever ticket came with it, and a wrong one
    /// counts like that of a login. After a change all tickets of the account are void, durably, but the one that it
    /// was made with, which takes the old password too as long as it comes from the same client.
    ///
    /// A change that was begun ends, with all that belongs to it, even if the request goes away.
    ///
    /// # Errors
    /// The old password was not proven, or it could not be found out. The cause of an
    /// [`Unavailable`](Failure::Unavailable) says so where the password was changed all the same.
    pub async fn change_password(
        &self,
        attempt: &Attempt<'_>,
        new: &Password,
    ) -> Result<PasswordChange, Failure> {
        self.has_passwords()?;
        let old = attempt.password.ok_or(Failure::NoPassword)?;
        let candidate = self.tickets.redeem_for_change(attempt).await?;
        if candidate.is_none() {
            self.admit_name(attempt).await?;
        }
        self.ask_gate(attempt).await?;
        let found = self.find(attempt).await?;
        let accounts = Arc::clone(&found.accounts);
        let (ticket, found) = match self.settle(candidate, found, attempt).await? {
            Settled::Proven(ticket, entry) => (Some(ticket), Found::in_source(&accounts, entry)),
            Settled::Open(found) => (None, found),
        };
        let same = old.expose() == new.expose();
        let entry = match &found.entry {
            Some(entry) if may_change(entry) && !same => entry.clone(),
            _ => {
                let accepted = self.check_password(found, old, attempt).await?;
                return Ok(PasswordChange {
                    account: accepted.account,
                    outcome: Err(Rejection::Same),
                });
            }
        };
        let account = found.account(&entry);
        let change = Change {
            sources: self.chain.sources(),
            accounts,
            checks: Arc::clone(&self.checks),
            limits: Arc::clone(&self.limits),
            tickets: self.tickets.clone(),
            account: account.clone(),
            entry,
            ticket: ticket.zip(attempt.ticket.cloned()),
            typed: attempt.user.clone(),
            old: old.clone(),
            new: new.clone(),
            door: attempt.door,
            client: attempt.client,
            now: attempt.now,
        };
        let _bind = attempt.stages.enter(Stage::Bind);
        let outcome = tokio::spawn(change.run().in_current_span())
            .await
            .unwrap_or_else(|_| Err(unavailable("the change of the password ended early")))?;
        Ok(PasswordChange { account, outcome })
    }
}

/// Whether a change for this account may be tried. Else its password is only checked, and the state decides.
fn may_change(entry: &Entry) -> bool {
    matches!(entry.state, AccountState::Active | AccountState::Locked)
}

fn unavailable(cause: &str) -> Failure {
    Failure::Unavailable {
        cause: cause.to_owned(),
    }
}

/// One change under way, with all that it needs to end without the request.
struct Change {
    /// All sources that the login may ask.
    sources: Vec<Source>,
    accounts: Arc<dyn Accounts>,
    checks: Arc<PasswordChecks>,
    limits: Arc<Limits>,
    tickets: Tickets,
    account: Account,
    entry: Entry,
    /// The ticket that it is made with, and its text.
    ticket: Option<(TicketRecord, TicketText)>,
    typed: TypedName,
    old: Password,
    new: Password,
    door: Door,
    client: ClientAddress,
    now: Now,
}

impl Change {
    async fn run(self) -> Result<Result<(), Rejection>, Failure> {
        let attempt = Attempt {
            user: &self.typed,
            password: Some(&self.old),
            ticket: None,
            door: self.door,
            client: self.client,
            now: self.now,
            // Measured as a whole by the request, which need not wait for its end.
            stages: &Stages::default(),
            gate: None,
        };
        let passwords = (&self.old, &self.new);
        let checked = self
            .checks
            .change(
                &self.sources,
                &self.accounts,
                &self.entry,
                passwords,
                &attempt,
                &self.limits,
            )
            .await?;
        let refused = match checked {
            CheckedChange::Answer(ChangeAnswer::Changed) => {
                self.conclude().await.map_err(|failure| {
                    unavailable(&format!(
                        "the password was changed, but its tickets were not ended: {failure}"
                    ))
                })?;
                return Ok(Ok(()));
            }
            CheckedChange::Answer(ChangeAnswer::Rejected(rejection)) => return Ok(Err(rejection)),
            CheckedChange::Answer(ChangeAnswer::Wrong) => Checked::Answer(PasswordAnswer::Wrong),
            CheckedChange::Answer(ChangeAnswer::Refused(refusal)) => {
                Checked::Answer(PasswordAnswer::Refused(refusal))
            }
            CheckedChange::Untried(checked) => {
                self.checks.take_the_time_of_one(&self.sources).await;
                checked
            }
        };
        Err(judge(refused, self.entry.state).err().unwrap_or(Failure::Wrong))
    }

    /// Lets the new password count everywhere, and the old one nowhere but with the ticket of the change.
    async fn conclude(&self) -> Result<(), Failure> {
        // The directory tells the time of this change; without it the ticket would look older than the password.
        let found = self.accounts.find(&self.typed, self.now).await;
        let after = found.ok().flatten().filter(|entry| entry.key == self.entry.key);
        self.checks.note_change(
            &self.accounts,
            after.as_ref().unwrap_or(&self.entry),
            (&self.old, &self.new),
            self.now,
        );
        match (&self.ticket, after) {
            (Some((record, text)), Some(after)) => {
                let changed = Changed {
                    ticket: text,
                    old: &self.old,
                    new: &self.new,
                    client: self.client,
                    at: after.password_changed,
                };
                self.tickets.keep_only(record.clone(), &changed).await?;
            }
            _ => self.tickets.revoke(&self.account).await?,
        }
        Ok(())
    }
}

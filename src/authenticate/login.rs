//! The order of a login.

use std::sync::Arc;

use super::attempt::Attempt;
use super::chain::{Chain, Found};
use super::failure::Failure;
use super::password_checks::{Checked, PasswordChecks, Subject};
use super::settings::Settings;
use super::tickets::Tickets;
use super::verified::{Proof, Verified};
use crate::directory::{AccountState, Entry, PasswordAnswer, PasswordState, Refusal};
use crate::model::Password;
use crate::store::{Store, TicketRecord};

/// Proves who somebody is. One belongs to one snapshot of the configuration; the store and the checks outlast it.
pub struct Login {
    chain: Chain,
    checks: Arc<PasswordChecks>,
    tickets: Tickets,
}

impl Login {
    /// A login path over these parts.
    pub fn new(
        chain: impl Into<Chain>,
        checks: Arc<PasswordChecks>,
        store: Arc<dyn Store>,
        settings: Settings,
    ) -> Self {
        Self {
            chain: chain.into(),
            checks,
            tickets: Tickets::new(store, settings),
        }
    }

    /// Whether logins can be proven now, as far as is known without asking.
    pub fn is_ready(&self) -> bool {
        self.chain.is_ready()
    }

    /// Proves a user by a ticket with the password of its login, and else by the password alone: one bind, and
    /// a new ticket.
    ///
    /// # Errors
    /// Why nobody was proven; all but [`Failure::Unavailable`] are answers about the user. A ticket that does
    /// not count is no failure.
    pub async fn password_or_ticket(&self, attempt: &Attempt<'_>) -> Result<Verified, Failure> {
        let password = attempt.password.ok_or(Failure::NoPassword)?;
        let candidate = self.tickets.redeem(attempt, password).await?;
        let found = self.chain.find(attempt.user, attempt.now).await?;
        match self.settle(candidate, found, attempt).await? {
            Settled::Proven(ticket, entry) => {
                let renewed = self.tickets.rotate(&ticket, password, attempt.now).await;
                self.tickets.touch(&ticket, attempt.now);
                Ok(Verified::new(ticket.account, entry, Proof::Ticket, renewed))
            }
            Settled::Open(found) => self.by_password(found, password, attempt).await,
        }
    }

    /// Proves a user by a ticket with the password of its login, and by nothing else: no password goes to the
    /// directory. Gives no new ticket, since the client may never see the reply to an event.
    ///
    /// # Errors
    /// [`Failure::TicketInvalid`] or [`Failure::Unavailable`].
    pub async fn ticket_only(&self, attempt: &Attempt<'_>) -> Result<Verified, Failure> {
        let password = attempt.password.ok_or(Failure::TicketInvalid)?;
        let candidate = self.tickets.redeem(attempt, password).await?;
        let candidate = candidate.ok_or(Failure::TicketInvalid)?;
        let found = self.chain.find(attempt.user, attempt.now).await?;
        match self.settle(Some(candidate), found, attempt).await? {
            Settled::Proven(ticket, entry) => {
                self.tickets.touch(&ticket, attempt.now);
                Ok(Verified::new(ticket.account, entry, Proof::Ticket, Ok(None)))
            }
            Settled::Open(found) => Err(found.unasked.map_or(Failure::TicketInvalid, Failure::from)),
        }
    }

    /// Holds the ticket against what the directory says now. Where that ends tickets, they are ended before
    /// this returns.
    async fn settle(
        &self,
        candidate: Option<TicketRecord>,
        found: Found,
        attempt: &Attempt<'_>,
    ) -> Result<Settled, Failure> {
        let Some(entry) = &found.entry else {
            // The name was typed by somebody who need not be the ticket's owner.
            if let Some(ticket) = candidate
                && found.unasked.is_none()
                && ticket.account.user.folded() == attempt.user.folded()
            {
                self.tickets.revoke(&ticket.account).await?;
            }
            return Ok(Settled::Open(found));
        };
        let account = found.account(entry);
        if entry.state != AccountState::Active {
            self.tickets.revoke(&account).await?;
            return Ok(Settled::Open(found));
        }
        match candidate {
            Some(ticket) if ticket.account == account => {
                if ticket.password_changed == entry.password_changed {
                    return Ok(Settled::Proven(ticket, entry.clone()));
                }
                self.tickets.revoke(&account).await?;
                Ok(Settled::Open(found))
            }
            _ => Ok(Settled::Open(found)),
        }
    }

    async fn by_password(
        &self,
        found: Found,
        password: &Password,
        attempt: &Attempt<'_>,
    ) -> Result<Verified, Failure> {
        let subject = match &found.entry {
            Some(entry) => Subject::Known(entry.clone()),
            None => Subject::Unknown(attempt.user.clone()),
        };
        let checked = self
            .checks
            .check(
                &self.chain,
                &found.accounts,
                subject,
                password,
                attempt.client,
                attempt.now,
            )
            .await?;
        let Some(entry) = found.entry.as_ref() else {
            return Err(found.unasked.map_or(Failure::Unknown, Failure::from));
        };
        judge(checked, entry.state)?;
        let account = found.account(entry);
        let ticket = self
            .tickets
            .issue(&account, entry.password_changed, attempt, password)
            .await
            .map(Some);
        Ok(Verified::new(account, entry.clone(), Proof::Password, ticket))
    }
}

/// What the directory's word about a user makes of the ticket.
enum Settled {
    /// It counts.
    Proven(TicketRecord, Entry),
    /// There is none that counts; what was found is still to be proven by password.
    Open(Found),
}

/// Whether a check of the password lets this account in. A locked account may have opened by itself, which the
/// directory knows and its entry need not show: there the bind decides.
fn judge(checked: Checked, state: AccountState) -> Result<(), Failure> {
    match (checked, state) {
        (Checked::Repeated, _) => Err(Failure::RepeatedWrong),
        (Checked::Answer(PasswordAnswer::Refused(refusal)), _) => Err(Failure::Refused(refusal)),
        (Checked::Answer(PasswordAnswer::Wrong), AccountState::Locked) => {
            Err(Failure::Refused(Refusal::Locked))
        }
        (Checked::Answer(PasswordAnswer::Wrong), _) => Err(Failure::Wrong),
        (Checked::Answer(PasswordAnswer::Accepted(_)), AccountState::Disabled) => {
            Err(Failure::Refused(Refusal::Disabled))
        }
        (Checked::Answer(PasswordAnswer::Accepted(_)), AccountState::Expired) => {
            Err(Failure::Refused(Refusal::Expired))
        }
        (Checked::Answer(PasswordAnswer::Accepted(PasswordState::MustChange)), _) => Err(Failure::MustChange),
        (Checked::Answer(PasswordAnswer::Accepted(_)), AccountState::Active | AccountState::Locked) => Ok(()),
    }
}

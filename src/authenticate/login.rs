//! The order of a login.

use std::sync::Arc;

use super::attempt::Attempt;
use super::chain::{Chain, Found};
use super::failure::Failure;
use super::limits::Limits;
use super::password_checks::{Checked, PasswordChecks, Subject};
use super::settings::Settings;
use super::throttle::{Counted, Refused};
use super::tickets::{Tickets, password_end};
use super::verified::{ChangeOnly, Proof, Proven, Verified};
use crate::directory::{AccountState, Entry, PasswordAnswer, PasswordState, Refusal, Unavailable};
use crate::model::{Account, ClientAddress, Now, Password, TypedName};
use crate::observe::Stage;
use crate::store::{Store, TicketRecord};

/// Proves who somebody is. One belongs to one snapshot of the configuration; the store and the checks outlast it.
pub struct Login {
    pub(super) chain: Chain,
    pub(super) checks: Arc<PasswordChecks>,
    pub(super) limits: Arc<Limits>,
    is_unproven: bool,
    pub(super) tickets: Tickets,
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
            limits: Arc::clone(&settings.throttle),
            is_unproven: settings.is_unproven(),
            tickets: Tickets::new(store, settings),
        }
    }

    /// Whether logins can be proven now, as far as is known without asking.
    pub fn is_ready(&self) -> bool {
        self.chain.is_ready()
    }

    /// The account of that name and its entry, as a login would find them; none if nobody of that name may log in. It
    /// proves nothing.
    ///
    /// # Errors
    /// A source could not be asked whose word is needed.
    pub async fn look_up(&self, name: &TypedName, now: Now) -> Result<Option<(Account, Entry)>, Unavailable> {
        let found = self.chain.find(name, now).await?;
        match (&found.entry, &found.unasked) {
            (Some(entry), _) => Ok(Some((found.account(entry), entry.clone()))),
            (None, None) => Ok(None),
            (None, Some(unavailable)) => Err(unavailable.clone()),
        }
    }

    /// Proves a user by a ticket with the password of its login, and else by the password alone: one bind, and
    /// a new ticket. A ticket of the JSON door counts there without the password.
    ///
    /// # Errors
    /// Why nobody was proven; all but [`Failure::Unavailable`] are answers about the user. A ticket that does
    /// not count is no failure.
    pub async fn password_or_ticket(&self, attempt: &Attempt<'_>) -> Result<Proven, Failure> {
        if self.is_unproven {
            return self.believe(attempt).await;
        }
        let candidate = self.tickets.redeem(attempt).await?;
        if candidate.is_none() {
            attempt.password.ok_or(Failure::NoPassword)?;
            self.admit_name(attempt).await?;
            self.ask_gate(attempt).await?;
        }
        let had_ticket = candidate.is_some();
        let found = self.find(attempt).await?;
        match self.settle(candidate, found, attempt).await? {
            Settled::Proven(ticket, entry) => {
                let renewed = self.tickets.rotate(&ticket, attempt).await;
                self.tickets.touch(&ticket, attempt.now);
                let end = ticket.password_end;
                let verified = Verified::new(ticket.account, entry, Proof::Ticket, end, renewed);
                Ok(Proven::Verified(verified))
            }
            Settled::Open(found) => {
                let password = attempt.password.ok_or(Failure::TicketInvalid)?;
                if had_ticket {
                    self.ask_gate(attempt).await?;
                }
                self.by_password(found, password, attempt).await
            }
        }
    }

    /// Proves a user by a ticket with the password of its login, and by nothing else: no password goes to the
    /// directory. Gives no new ticket, since the client may never see the reply to an event.
    ///
    /// # Errors
    /// [`Failure::TicketInvalid`] or [`Failure::Unavailable`].
    pub async fn ticket_only(&self, attempt: &Attempt<'_>) -> Result<Verified, Failure> {
        let candidate = self.tickets.redeem(attempt).await?;
        let candidate = candidate.ok_or(Failure::TicketInvalid)?;
        let found = self.find(attempt).await?;
        match self.settle(Some(candidate), found, attempt).await? {
            Settled::Proven(ticket, entry) => {
                self.tickets.touch(&ticket, attempt.now);
                let end = ticket.password_end;
                Ok(Verified::new(ticket.account, entry, Proof::Ticket, end, Ok(None)))
            }
            Settled::Open(found) => Err(found.unasked.map_or(Failure::TicketInvalid, Failure::from)),
        }
    }

    /// What somebody at this client is called who gives no name.
    ///
    /// # Errors
    /// [`Failure::NoName`] where names are to be proven.
    pub fn nameless(&self, client: ClientAddress) -> Result<TypedName, Failure> {
        if self.is_unproven {
            return Ok(TypedName::anonymous(client));
        }
        Err(Failure::NoName)
    }

    /// Whether there are passwords at all.
    ///
    /// # Errors
    /// [`Failure::NothingProven`] where the configuration asks for none.
    pub fn has_passwords(&self) -> Result<(), Failure> {
        if self.is_unproven {
            return Err(Failure::NothingProven);
        }
        Ok(())
    }

    /// Takes somebody at their word, as the configuration wants it. Without a ticket, which would prove no more.
    async fn believe(&self, attempt: &Attempt<'_>) -> Result<Proven, Failure> {
        let found = self.find(attempt).await?;
        let entry = found.entry.as_ref().ok_or(Failure::Unknown)?;
        Ok(Proven::Verified(Verified::new(
            found.account(entry),
            entry.clone(),
            Proof::Nothing,
            None,
            Ok(None),
        )))
    }

    /// Takes a connection test, unless the client has had its share of them.
    ///
    /// # Errors
    /// [`Failure::Throttled`].
    pub fn connection_test(&self, client: ClientAddress, now: Now) -> Result<(), Failure> {
        let taken = self.checks.throttle().connection_test(client, now);
        taken.map_err(Failure::Throttled)
    }

    /// What the throttle counts now, under the limits of this configuration.
    pub fn throttled_now(&self, now: Now) -> Vec<Counted> {
        self.checks.throttle().list(&self.limits, now)
    }

    /// What the sources have of the name.
    pub(super) async fn find(&self, attempt: &Attempt<'_>) -> Result<Found, Unavailable> {
        let _search = attempt.stages.enter(Stage::Search);
        self.chain.find(attempt.user, attempt.now).await
    }

    /// Holds the ticket against what the directory says now. Where that ends tickets, they are ended before
    /// this returns.
    pub(super) async fn settle(
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
    ) -> Result<Proven, Failure> {
        let Accepted {
            account,
            entry,
            state,
        } = self.check_password(found, password, attempt).await?;
        if state == PasswordState::MustChangeElsewhere {
            return Ok(Proven::ChangeOnly(ChangeOnly::new(account, false, Ok(None))));
        }
        let ticket = if attempt.door.issues_tickets() {
            let issued = self
                .tickets
                .issue(&account, entry.password_changed, state, attempt);
            issued.await.map(Some)
        } else {
            Ok(None)
        };
        Ok(if state == PasswordState::MustChange {
            Proven::ChangeOnly(ChangeOnly::new(account, true, ticket))
        } else {
            let end = password_end(state, attempt.now);
            Proven::Verified(Verified::new(account, entry, Proof::Password, end, ticket))
        })
    }

    /// Whose password it is, if it is right, and how long it will do. For a name that nobody has this takes as long.
    pub(super) async fn check_password(
        &self,
        found: Found,
        password: &Password,
        attempt: &Attempt<'_>,
    ) -> Result<Accepted, Failure> {
        let subject = match (&found.entry, &found.unasked) {
            (Some(entry), _) => Subject::Known(entry.clone()),
            (None, None) => Subject::Unknown(attempt.user.clone()),
            (None, Some(why)) => Subject::Unasked(attempt.user.clone(), why.clone()),
        };
        let checked = self
            .checks
            .check(
                &self.chain.sources(),
                &found.accounts,
                subject,
                password,
                attempt,
                &self.limits,
            )
            .await?;
        if let Checked::Throttled(refused) = checked {
            return Err(self.throttled(refused, attempt).await);
        }
        let Some(entry) = found.entry else {
            return Err(found.unasked.map_or(Failure::Unknown, Failure::from));
        };
        let state = judge(checked, entry.state)?;
        let account = Account {
            source: found.accounts.source(),
            user: entry.user.clone(),
        };
        Ok(Accepted {
            account,
            entry,
            state,
        })
    }

    /// Whether the gate lets the password be checked. A refusal takes the time of a check, so that it cannot be told
    /// from a wrong password.
    pub(super) async fn ask_gate(&self, attempt: &Attempt<'_>) -> Result<(), Failure> {
        let Some(gate) = attempt.gate else {
            return Ok(());
        };
        let admitted = gate.admit(attempt.user).await;
        if admitted.is_err() {
            self.checks.take_the_time_of_one(&self.chain.sources()).await;
        }
        admitted.map_err(Failure::Closed)
    }

    /// The first look of the throttle, before anybody is searched for.
    pub(super) async fn admit_name(&self, attempt: &Attempt<'_>) -> Result<(), Failure> {
        let throttle = self.checks.throttle();
        let admitted = {
            let _throttle = attempt.stages.enter(Stage::Throttle);
            throttle
                .admit_name(attempt.user, attempt.client, &self.limits, attempt.now)
                .await
        };
        match admitted {
            Ok(()) => Ok(()),
            Err(refused) => Err(self.throttled(refused, attempt).await),
        }
    }

    /// A refusal of the throttle takes the time of a check, holding neither a connection to the directory nor
    /// anything else, so that it cannot be told from a wrong password.
    async fn throttled(&self, refused: Refused, attempt: &Attempt<'_>) -> Failure {
        let _throttle = attempt.stages.enter(Stage::Throttle);
        self.checks.take_the_time_of_one(&self.chain.sources()).await;
        Failure::Throttled(refused)
    }
}

/// A password that is right.
pub(super) struct Accepted {
    /// Whose it is.
    pub(super) account: Account,
    /// Their entry.
    pub(super) entry: Entry,
    /// How long it will do.
    pub(super) state: PasswordState,
}

/// What the directory's word about a user makes of the ticket.
pub(super) enum Settled {
    /// It counts.
    Proven(TicketRecord, Entry),
    /// There is none that counts; what was found is still to be proven by password.
    Open(Found),
}

/// What a check of the password means for this account: how long the password will do, or why it does not. A locked
/// account may have opened by itself, which the directory knows and its entry need not show: there the bind decides. No
/// password is accepted for an account that is closed for good.
pub(super) fn judge(checked: Checked, state: AccountState) -> Result<PasswordState, Failure> {
    match (checked, state) {
        (Checked::Throttled(refused), _) => Err(Failure::Throttled(refused)),
        (Checked::Repeated, _) => Err(Failure::RepeatedWrong),
        (Checked::Answer(PasswordAnswer::Refused(refusal)), _) => Err(Failure::Refused(refusal)),
        (Checked::Answer(PasswordAnswer::Wrong), AccountState::Locked) => {
            Err(Failure::Refused(Refusal::Locked))
        }
        (Checked::Answer(PasswordAnswer::Wrong), _) => Err(Failure::Wrong),
        (Checked::Answer(PasswordAnswer::Accepted(password)), _) => Ok(password),
    }
}

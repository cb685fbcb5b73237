//! Tickets: what is kept of one, when it counts, and when it is exchanged for a new one.

use std::sync::Arc;
use std::time::Duration;

use rand::RngCore;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::attempt::Attempt;
use super::mac::{KEY_BYTES, mac};
use super::settings::Settings;
use crate::directory::PasswordState;
use crate::model::{Account, ClientAddress, Now, Password, PasswordEnd, TicketText};
use crate::store::{FormerPassword, Store, StoreError, TicketHash, TicketRecord};

/// A ticket older than this is exchanged.
const ROTATION: Duration = Duration::from_secs(10 * 60);
/// How long the old one counts beside the new one. X2Go Client reads its ticket when it builds a request, so
/// requests under way still carry the old one, and Qt repeats a request whose connection broke.
const GRACE: Duration = Duration::from_secs(2 * 60);

/// The tickets in the store, under the settings of now.
#[derive(Clone)]
pub(super) struct Tickets {
    store: Arc<dyn Store>,
    settings: Settings,
}

impl Tickets {
    pub(super) fn new(store: Arc<dyn Store>, settings: Settings) -> Self {
        Self { store, settings }
    }

    /// The ticket of this attempt, if it counts as far as can be told without the directory: known, not ended,
    /// shown at the same door from the same client with what belongs beside it. Another password is no
    /// mistake: the next person at a seat sends the last one's ticket.
    pub(super) async fn redeem(&self, attempt: &Attempt<'_>) -> Result<Option<TicketRecord>, StoreError> {
        let found = self.redeem_for_change(attempt).await?;
        Ok(found.filter(|ticket| !ticket.change_only))
    }

    /// Like [`Tickets::redeem`], but one that is only good for changing the password counts too.
    pub(super) async fn redeem_for_change(
        &self,
        attempt: &Attempt<'_>,
    ) -> Result<Option<TicketRecord>, StoreError> {
        let (Some(text), Some(beside)) = (attempt.ticket, attempt.beside_ticket()) else {
            return Ok(None);
        };
        let found = self.store.ticket(hash(text)).await?;
        Ok(found
            .filter(|ticket| {
                self.is_alive(ticket, attempt.now)
                    && ticket.door == attempt.door
                    && self.is_from(ticket, attempt)
            })
            .and_then(|ticket| opened(ticket, &mac_beside(text, beside), attempt)))
    }

    fn is_alive(&self, ticket: &TicketRecord, now: Now) -> bool {
        now < ticket.expires
            && now.since(ticket.login) < self.settings.ticket_lifetime
            && now.since(ticket.used) < self.settings.ticket_idle
            && !matches!(ticket.password_end, Some(PasswordEnd::At(end)) if end <= now)
    }

    fn is_from(&self, ticket: &TicketRecord, attempt: &Attempt<'_>) -> bool {
        match ticket.client {
            Some(client) => client == attempt.client.network(),
            None => !self.settings.bind_ticket_to_client,
        }
    }

    /// A new ticket for a login that was just proven; durable when it is given.
    pub(super) async fn issue(
        &self,
        account: &Account,
        password_changed: Option<Now>,
        state: PasswordState,
        attempt: &Attempt<'_>,
    ) -> Result<TicketText, StoreError> {
        let text = random_text();
        let beside = attempt.kept_beside_ticket();
        self.store
            .add_ticket(TicketRecord {
                hash: hash(&text),
                password_mac: mac_beside(&text, beside),
                account: account.clone(),
                door: attempt.door,
                client: attempt.ticket_network(self.settings.bind_ticket_to_client),
                login: attempt.now,
                issued: attempt.now,
                used: attempt.now,
                expires: attempt.now.plus(self.settings.ticket_lifetime),
                replaced: false,
                password_changed,
                password_end: password_end(state, attempt.now),
                former: None,
                change_only: state == PasswordState::MustChange,
            })
            .await?;
        Ok(text)
    }

    /// Exchanges the ticket if it is due; the new one ends when the old one would have, and takes the password alone
    /// that the client sends now. Of requests in parallel
    /// one gets the new ticket, the others keep what they have for the grace.
    pub(super) async fn rotate(
        &self,
        ticket: &TicketRecord,
        attempt: &Attempt<'_>,
    ) -> Result<Option<TicketText>, StoreError> {
        let (now, beside) = (attempt.now, attempt.kept_beside_ticket());
        if ticket.replaced || now.since(ticket.issued) < ROTATION {
            return Ok(None);
        }
        let text = random_text();
        let successor = TicketRecord {
            hash: hash(&text),
            password_mac: mac_beside(&text, beside),
            issued: now,
            used: now,
            former: None,
            ..ticket.clone()
        };
        let won = self
            .store
            .rotate_ticket(ticket.hash, now.plus(GRACE), successor)
            .await?;
        Ok(won.then_some(text))
    }

    /// Ends all tickets of an account whose password was just changed, but the one that it was changed with. That one
    /// takes the new password from now on and, from this client, the old one too, until it ends; durable when this
    /// returns.
    pub(super) async fn keep_only(
        &self,
        ticket: TicketRecord,
        change: &Changed<'_>,
    ) -> Result<(), StoreError> {
        let former = FormerPassword {
            mac: mac_beside(change.ticket, change.old.expose().as_bytes()),
            client: change.client.network(),
        };
        let kept = TicketRecord {
            password_mac: mac_beside(change.ticket, change.new.expose().as_bytes()),
            former: Some(Box::new(former)),
            password_changed: change.at,
            password_end: None,
            change_only: false,
            ..ticket
        };
        self.store.keep_only_ticket(kept).await.map(drop)
    }

    /// Notes that the ticket was used.
    pub(super) fn touch(&self, ticket: &TicketRecord, now: Now) {
        self.store.touch_ticket(ticket.hash, now);
    }

    /// Ends all tickets of an account; durable when this returns.
    pub(super) async fn revoke(&self, account: &Account) -> Result<(), StoreError> {
        self.store.revoke_tickets(account).await.map(drop)
    }
}

/// A change of a password that was made.
pub(super) struct Changed<'a> {
    /// The text of the ticket that it was made with.
    pub(super) ticket: &'a TicketText,
    /// The password before it.
    pub(super) old: &'a Password,
    /// The password after it.
    pub(super) new: &'a Password,
    /// The client that made it.
    pub(super) client: ClientAddress,
    /// The time of the last change, as the directory tells it after this one.
    pub(super) at: Option<Now>,
}

/// The ticket as a password with this MAC opens it; none if it does not. Opened by the password before a change it is
/// one of that client alone.
fn opened(ticket: TicketRecord, mac: &[u8; 32], attempt: &Attempt<'_>) -> Option<TicketRecord> {
    if bool::from(mac.ct_eq(&ticket.password_mac)) {
        return Some(ticket);
    }
    let former = ticket.former.as_ref()?;
    let opens = bool::from(mac.ct_eq(&former.mac)) && former.client == attempt.client.network();
    let client = Some(former.client);
    opens.then_some(TicketRecord { client, ..ticket })
}

/// When a password in this state will do no longer.
pub(super) fn password_end(state: PasswordState, now: Now) -> Option<PasswordEnd> {
    match state {
        PasswordState::Expires(time) => Some(PasswordEnd::At(now.plus(time))),
        PasswordState::Grace(logins) => Some(PasswordEnd::AfterLogins(logins)),
        PasswordState::Valid | PasswordState::MustChange | PasswordState::MustChangeElsewhere => None,
    }
}

fn random_text() -> TicketText {
    let mut bytes = Zeroizing::new([0; 32]);
    rand::rng().fill_bytes(&mut *bytes);
    TicketText::from_random(&bytes)
}

fn hash(text: &TicketText) -> TicketHash {
    TicketHash(Sha256::digest(text.expose()).into())
}

/// Keyed by the ticket's text, which is not kept: a stolen database holds nothing to test guesses against. Our
/// texts fill the key; a longer one is none of ours and was found under no hash.
fn mac_beside(text: &TicketText, beside: &[u8]) -> [u8; 32] {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    for (to, from) in key.iter_mut().zip(text.expose().bytes()) {
        *to = from;
    }
    mac(&key, &[beside])
}

//! What is kept.

use crate::model::{Account, Door, FarmName, HostName, Network, Now, PasswordEnd, SessionUser};

/// SHA-256 of a ticket's text: what is stolen with the database opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TicketHash(pub [u8; 32]);

/// One ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketRecord {
    /// The hash it is found by.
    pub hash: TicketHash,
    /// HMAC-SHA-256 of the password, keyed by the ticket's text, which is not kept.
    pub password_mac: [u8; 32],
    /// Whose it is.
    pub account: Account,
    /// The front end that issued it.
    pub door: Door,
    /// The client it was issued to, where tickets are bound to clients.
    pub client: Option<Network>,
    /// When the login happened that began this row of tickets; rotation keeps it.
    pub login: Now,
    /// When this ticket was issued.
    pub issued: Now,
    /// When it was last used.
    pub used: Now,
    /// When it ends whatever happens.
    pub expires: Now,
    /// Whether it has a successor; `expires` is then the end of the time that both count.
    pub replaced: bool,
    /// When the password was last changed, as the directory said at the login. Compared for equality alone,
    /// so that neither the directory's clock nor its unit (shadow counts days) can decide wrongly.
    pub password_changed: Option<Now>,
    /// When the password will do no longer, as the directory said at the login.
    pub password_end: Option<PasswordEnd>,
    /// The password that was changed with this ticket, which X2Go Client goes on sending. Boxed, for few have one.
    pub former: Option<Box<FormerPassword>>,
    /// Whether it is good for nothing but changing the password.
    pub change_only: bool,
}

/// A password that opens a ticket although it is the account's no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FormerPassword {
    /// HMAC-SHA-256 of it, keyed by the ticket's text.
    pub mac: [u8; 32],
    /// The client it may come from.
    pub client: Network,
}

/// What may be told of a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketUse {
    /// Whose it is.
    pub account: Account,
    /// The front end that issued it.
    pub door: Door,
    /// The client it was issued to, where tickets are bound to clients.
    pub client: Option<Network>,
    /// When its user logged in.
    pub login: Now,
    /// When it was last used.
    pub used: Now,
    /// When it ends whatever happens.
    pub expires: Now,
}

impl From<&TicketRecord> for TicketUse {
    fn from(ticket: &TicketRecord) -> Self {
        Self {
            account: ticket.account.clone(),
            door: ticket.door,
            client: ticket.client,
            login: ticket.login,
            used: ticket.used,
            expires: ticket.expires,
        }
    }
}

/// One lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseRecord {
    /// Whose it is.
    pub account: Account,
    /// The farm of its host.
    pub farm: FarmName,
    /// The farm of the offer that it was given for: another one if that had no host for it.
    pub offered: FarmName,
    /// The host.
    pub host: HostName,
    /// The account there under which the session runs; none where the lease was kept before this was.
    pub session_user: Option<SessionUser>,
    /// When it was given or last renewed.
    pub since: Now,
    /// When a session of it was seen.
    pub confirmed: Option<Now>,
    /// When it ends if nothing else happens.
    pub expires: Now,
}

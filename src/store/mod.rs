//! What must outlive a restart: tickets, leases, the keys that open sessions, what the throttle counted, drains and
//! users' last hosts.
//!
//! The room keeps records; what a ticket is worth and whom the throttle refuses is `authenticate`'s to say, what a
//! lease counts for `placement`'s, and where a key goes for `grant`'s.

mod database;
mod drain_statements;
mod drains;
mod embedded;
mod held;
mod history;
mod history_statements;
mod host_credential_statements;
mod host_credentials;
mod key_statements;
mod keys;
mod last_host_statements;
mod last_hosts;
mod records;
mod statements;
mod writer;

#[cfg(test)]
mod tests;

use std::future::Future;
use std::pin::Pin;

pub use drains::{DrainRecord, Drains};
pub use embedded::Embedded;
pub use history::{ATTEMPTS_MAX, AttemptRecord, Forgotten, History, Remembered, SeatRecord};
pub use host_credentials::{HostCredentialHash, HostCredentialRecord, HostCredentials};
pub use keys::{KeyId, KeyRecord, Keys};
pub use last_hosts::{LAST_HOSTS_MAX, LastHostRecord, LastHosts};
pub use records::{FormerPassword, LeaseRecord, TicketHash, TicketRecord, TicketUse};

use crate::model::{Account, FarmName, Now};

/// Most tickets of one account. Whoever knows one password can ask for tickets as fast as the directory binds;
/// this bounds what that fills. A user with more seats than this binds again at the one unused for longest.
pub const TICKETS_PER_ACCOUNT_MAX: usize = 64;

/// What a store call gives, some time later.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// The state that must outlive a restart. A call that changes something returns when the change is durable,
/// unless its description says otherwise. A caller that goes away before that leaves the change to be made.
pub trait Store: Send + Sync {
    /// Keeps a new ticket. Beyond [`TICKETS_PER_ACCOUNT_MAX`] the account's ticket unused for longest goes,
    /// one that has a successor before any other.
    fn add_ticket(&self, ticket: TicketRecord) -> Answer<'_, ()>;
    /// The ticket of that hash.
    fn ticket(&self, hash: TicketHash) -> Answer<'_, Option<TicketRecord>>;
    /// Keeps `successor`, marks the ticket `replaced` as replaced and lets it end at `end` if it would have
    /// lasted longer, in one step. Gives `false`, and changes nothing, if `replaced` is gone or already has a
    /// successor.
    fn rotate_ticket(&self, replaced: TicketHash, end: Now, successor: TicketRecord) -> Answer<'_, bool>;
    /// Where and when all tickets were used, in no order; enough to count them and nothing that opens one.
    fn ticket_uses(&self) -> Answer<'_, Vec<TicketUse>>;
    /// Notes that a ticket was used. Returns at once; the note is written behind.
    fn touch_ticket(&self, hash: TicketHash, at: Now);
    /// Removes all tickets of an account; says how many there were.
    fn revoke_tickets(&self, account: &Account) -> Answer<'_, usize>;
    /// Removes all tickets of an account but this one, which is kept as it is given here unless it is gone already,
    /// in one step; says how many there were.
    fn keep_only_ticket(&self, ticket: TicketRecord) -> Answer<'_, usize>;
    /// Removes tickets whose `expires` is not after `now`; says how many there were.
    fn prune_tickets(&self, now: Now) -> Answer<'_, usize>;
    /// All leases.
    fn leases(&self) -> Answer<'_, Vec<LeaseRecord>>;
    /// Keeps a lease in place of any earlier one of the same account and farm.
    fn put_lease(&self, lease: LeaseRecord) -> Answer<'_, ()>;
    /// Removes the lease of an account in a farm.
    fn remove_lease(&self, account: &Account, farm: &FarmName) -> Answer<'_, ()>;
}

/// The store could not do what was asked. Nothing was half done.
#[derive(Debug, Clone, thiserror::Error)]
#[error("state store: {0}")]
pub struct StoreError(pub String);

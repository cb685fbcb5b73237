//! What must outlive a restart: tickets and leases.

mod records;

use std::future::Future;
use std::pin::Pin;

pub use records::{LeaseRecord, TicketHash, TicketRecord};

use crate::model::{Account, FarmName, Now};

/// What a store call gives, some time later.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// The state that must outlive a restart. A call that changes something returns when the change is durable,
/// unless its description says otherwise.
pub trait Store: Send + Sync {
    /// Keeps a new ticket.
    fn add_ticket(&self, ticket: TicketRecord) -> Answer<'_, ()>;
    /// The ticket of that hash.
    fn ticket(&self, hash: TicketHash) -> Answer<'_, Option<TicketRecord>>;
    /// Keeps `successor` and notes in the ticket `replaced` that it has one since `at`, in one step. Gives
    /// `false`, and keeps nothing, if `replaced` is gone or already has a successor.
    fn rotate_ticket(&self, replaced: TicketHash, at: Now, successor: TicketRecord) -> Answer<'_, bool>;
    /// Notes that a ticket was used. Returns at once; the note is written behind.
    fn touch_ticket(&self, hash: TicketHash, at: Now);
    /// Removes all tickets of an account; says how many there were.
    fn revoke_tickets(&self, account: &Account) -> Answer<'_, usize>;
    /// Removes tickets that ended before `now`: `expires` has passed.
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

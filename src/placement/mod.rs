//! Which host an offer starts on.
//!
//! [`Farms`] knows which hosts answer and never asks them in a request's way; [`Placements`] holds the leases
//! and gives out hosts. What is chosen, and what counts as load, is pure: [`Ledger`] takes what is known of the hosts
//! ([`FarmFacts`]) and gives a lease, in a daemon as in a simulation. Whether a
//! profile may be had at all is not decided here: only a [`crate::model::Offered`] can be placed.

#![forbid(unsafe_code)]

mod answer;
mod asked;
mod back_off;
mod choose;
mod database;
mod disbelief;
mod drained;
mod drained_report;
mod draining;
mod facts;
mod farm;
mod farms;
mod flights;
mod found;
mod health;
mod ledger;
mod own_names;
mod placements;
mod probe;
mod report;
mod reserve;
mod review;
mod selects;
mod session_report;
mod site_load;
mod suspend;
mod watched_host;
mod watched_machines;

pub use answer::{FullFarm, NoHost, Placement};
pub use disbelief::{Disbelieved, Witness, WrongLines};
pub use drained::DrainError;
pub use drained_report::{DrainedHost, Draining};
pub use facts::{Counted, FarmFacts, HostFacts, Resumable, Site};
pub use farm::{Farm, Host, KeyWay};
pub use farms::Farms;
pub use found::FoundSession;
pub use ledger::{Ledger, Slot};
pub use placements::{Admitted, Placements, Stores, Wish};
pub use report::{Aged, HostState};
pub use reserve::Reservation;
pub use session_report::KnownSession;

#[cfg(test)]
mod tests;

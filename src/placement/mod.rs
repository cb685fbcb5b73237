//! Which host an offer starts on.
//!
//! [`Farms`] knows which hosts answer and never asks them in a request's way; [`Placements`] holds the leases
//! and gives out hosts. What is chosen, and what counts as load, is pure (`choose`, `ledger`). Whether a
//! profile may be had at all is not decided here: only a [`crate::model::Offered`] can be placed.

#![forbid(unsafe_code)]

mod answer;
mod choose;
mod farm;
mod farms;
mod health;
mod ledger;
mod placements;
mod probe;
mod report;
mod selects;

pub use answer::{NoHost, Placement};
pub use farm::{Farm, Host};
pub use farms::Farms;
pub use placements::Placements;
pub use report::HostState;

#[cfg(test)]
mod tests;

//! Which host an offer starts on.
//!
//! [`Farms`] knows which hosts answer and never asks them in a request's way; [`Placements`] holds the leases
//! and gives out hosts. What is chosen, and what counts as load, is pure (`choose`, `ledger`). Whether a
//! profile may be had at all is not decided here: only a [`crate::model::Offered`] can be placed.

#![forbid(unsafe_code)]

mod answer;
mod asked;
mod back_off;
mod choose;
mod database;
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
mod review;
mod selects;
mod session_report;
mod suspend;
mod watched_host;
mod watched_machines;

pub use answer::{NoHost, Placement};
pub use farm::{Farm, Host, KeyWay};
pub use farms::Farms;
pub use found::FoundSession;
pub use placements::Placements;
pub use report::{Aged, HostState};
pub use session_report::KnownSession;

#[cfg(test)]
mod tests;

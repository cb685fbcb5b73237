//! X2Go Director, the directory-integrated session broker for X2Go.
//!
//! ```text
//! bytes -> wire::Request -> authenticate -> Verified -> identity -> Identity -> entitlement -> Offer
//!       -> placement -> Placement -> grant -> wire::Reply -> bytes
//! ```
//! Each arrow is a type that only the room before it can make. `docs/architecture.md` has the picture, and a
//! test in `tests/` holds the rooms to it.

pub mod admin;
pub mod agent;
pub mod app;
pub mod audit;
pub mod authenticate;
pub mod broker;
pub mod cli;
pub mod config;
pub mod directory;
pub mod entitlement;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod grant;
pub mod hooks;
pub mod host_side;
pub mod http;
pub mod identity;
pub mod import;
pub mod model;
pub mod observe;
pub mod pam_worker;
pub mod placement;
pub mod socket;
pub mod ssh;
pub mod store;
pub mod tls;
pub mod wire;
pub mod worker_socket;

//! Whole-program tests: the built program and its rooms against real parts on loopback.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    missing_docs
)]

mod active_directory;
mod admin;
mod agent;
mod architecture;
mod authorized_keys;
mod chain;
mod check;
mod diff;
mod directory;
mod doctor;
mod documents;
mod expectations;
mod explain;
mod farm;
mod farms;
mod generated;
mod grant;
mod hooks;
mod host;
mod http;
mod import;
mod json;
mod lab;
mod login;
mod pam;
mod password;
mod real_client;
mod rules_guide;
mod secrets;
mod ssh;
mod storm;
mod sync;
mod throttle;
mod tickets;
mod uccs;
mod unproven;
mod upgrade;
mod version;
mod wire;

//! Real parts on loopback: each starts on a free port in a folder of its own and is stopped by its pid.

pub mod authority;
pub mod broker;
pub mod fake_ldap;
pub mod https;
pub mod process;
pub mod site;
pub mod slapd;

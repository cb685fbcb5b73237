//! Real parts on loopback: each starts on a free port in a folder of its own and is stopped by its pid.

pub mod agent;
pub mod authority;
pub mod broker;
pub mod cable;
pub mod display;
pub mod ds389;
pub mod fake_ldap;
pub mod farm_host;
pub mod greeter;
pub mod https;
pub mod journald;
pub mod pam;
pub mod process;
pub mod process_group;
pub mod pyhoca;
pub mod samba;
pub mod session_database;
pub mod site;
pub mod slapd;
pub mod sshd;
pub mod x2go_client;
pub mod x2go_host;

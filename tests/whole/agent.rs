//! Agents: the real x2gobroker-agent over the real sshd and without it, and hosts that do what none should.

mod commands;
mod real;
mod trouble;

use x2godirector::model::SessionUser;

fn session_user(name: &str) -> SessionUser {
    SessionUser::new(name).unwrap()
}

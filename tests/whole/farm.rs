//! A farm with nothing stood in for: X2Go servers with names, addresses and session databases of their own, their
//! agents, this broker, and X2Go Client. Needs root, for namespaces and a throw-away account.

mod away;
mod login_once;
mod resume;
mod site;

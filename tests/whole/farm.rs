//! A farm with nothing stood in for: X2Go servers with names and addresses of their own, with session databases of their
//! own or one for all, their agents, this broker, and X2Go Client. Needs root, for namespaces and a throw-away account.

mod away;
mod login_once;
mod resume;
mod shadow;
mod shared_database;
mod site;

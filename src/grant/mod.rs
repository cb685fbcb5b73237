//! Logging in once: the SSH keys that open a session without a second password.
//!
//! A key goes to a client together with the host that was chosen for it, opens the session user's account and no
//! other, and is gone after a few minutes. Which profiles log in so is the rules' and the profile's to say, which
//! hosts a session may be on is `placement`'s, and how a line comes to a host is `agent`'s.

#![forbid(unsafe_code)]

mod answer;
mod back_off;
mod book;
mod grants;
mod key_pair;
mod line;
mod placing;
mod pool;
mod removal;
mod settings;
mod turns;

pub use answer::{Given, NoKey};
pub use grants::{Asked, Counts, Grants, Origin, Wanted};
pub use pool::Pool;
pub use removal::Removal;
pub use settings::Settings;

#[cfg(test)]
mod tests;

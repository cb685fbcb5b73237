//! The shared words of the house as types that cannot be wrong.
//!
//! A value of these types has already passed its bounds and its alphabet, so no room checks a name, an
//! address or an id a second time. Nothing here does I/O, and nothing here knows any other room.

mod account;
mod address;
mod attribute;
mod check;
mod configuration_hash;
mod decision;
mod dn;
mod farm;
mod group;
mod hint;
mod host_credential;
mod key;
mod key_target;
mod limit;
mod machine;
mod now;
mod offered;
mod password_end;
mod person;
mod plain_line;
mod profile_id;
mod public_key;
mod secret;
mod session;
pub mod session_key;
mod session_kind;
mod ticket;
mod version;

pub use account::{Account, Door, Source, TypedName, UserName};
pub use address::{ClientAddress, Network};
pub use attribute::AttributeName;
pub use check::{Check, Outcome};
pub use configuration_hash::ConfigurationHash;
pub use decision::DecisionId;
pub use dn::Dn;
pub use farm::{FarmName, HostAddress, HostName};
pub use group::{GroupName, Membership};
pub use hint::did_you_mean;
pub use host_credential::HostCredential;
pub use key::{AuthorizedKey, PrivateKey};
pub use key_target::{KeyDelivery, KeyTarget};
pub use limit::{LIMIT_COUNT_MAX, LIMIT_WITHIN_MAX, Limit};
pub use machine::Machine;
pub use now::Now;
pub(crate) use now::to_the_second;
pub use offered::Offered;
pub use password_end::PasswordEnd;
pub use person::{Attributes, Authenticated, Person};
pub(crate) use plain_line::{deceives, plain_json, plain_line, visible, visible_lines};
pub use profile_id::ProfileId;
pub use public_key::{BadPublicKey, PublicKey};
pub use secret::{Password, Secret};
pub use session::{DisplayCookie, SESSION_USER_BYTES_MAX, Session, SessionId, SessionState, SessionUser};
pub use session_kind::SessionKind;
pub use ticket::TicketText;
pub use version::{COMMIT, VERSION, version};

/// Why a text cannot be a value of one of these types; the words are for the admin's log, never for a client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// Nothing was given where something is needed.
    #[error("{what} is empty")]
    Empty {
        /// The name of the thing in the admin's words.
        what: &'static str,
    },
    /// More than the type holds.
    #[error("{what} is longer than {limit_bytes} bytes")]
    TooLong {
        /// The name of the thing in the admin's words.
        what: &'static str,
        /// The most that is taken.
        limit_bytes: usize,
    },
    /// A character outside the alphabet of the type.
    #[error("{what} has a character that is not allowed there ({allowed})")]
    Character {
        /// The name of the thing in the admin's words.
        what: &'static str,
        /// The alphabet in words.
        allowed: &'static str,
    },
    /// A value of the right alphabet that means something else or nothing.
    #[error("{what} {why}")]
    Meaning {
        /// The name of the thing in the admin's words.
        what: &'static str,
        /// What is wrong with it, and what to write instead.
        why: &'static str,
    },
}

/// Checks the two bounds that every text from outside has: not empty, not longer than `limit_bytes`.
pub(crate) fn bounded(what: &'static str, text: &str, limit_bytes: usize) -> Result<(), Invalid> {
    if text.is_empty() {
        return Err(Invalid::Empty { what });
    }
    if text.len() > limit_bytes {
        return Err(Invalid::TooLong { what, limit_bytes });
    }
    Ok(())
}

/// Checks that `text` has no control characters (C0, DEL and C1), which could split a log line or a reply.
pub(crate) fn printable(what: &'static str, text: &str) -> Result<(), Invalid> {
    if text.chars().any(char::is_control) {
        return Err(Invalid::Character {
            what,
            allowed: "no control characters",
        });
    }
    Ok(())
}

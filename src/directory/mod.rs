//! The LDAP directory: the only room that knows `ldap3`.

mod entry;
mod settings;

pub use entry::{AccountState, BindAnswer, Entry, Unavailable};
pub use settings::{Schema, Server, ServiceAccount, Settings, Transport, UserLookup};

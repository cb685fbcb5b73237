//! The admin socket: what the command line asks the running daemon.
//!
//! ```text
//! cli -> Client -> one line of JSON -> admission (who is it?) -> Operations -> one line of JSON
//! ```
//! The socket itself, connections and the form of messages are `socket`'s.
//! What can be asked and answered stands in `message` and `report`, for both ends. Nothing is done here: that is
//! the daemon's, behind [`Operations`].

mod admission;
mod client;
mod drained;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod message;
mod operations;
mod question;
mod report;
mod server;
mod settings;

pub use client::{Client, ClientError};
pub use drained::{DrainReport, DrainedHost, HostWish, Undrained};
pub use message::{Answer, Clearing, Reply, Request};
pub use operations::{Asker, Operations};
pub use question::{About, Question};
pub use report::{
    AccountTickets, Cleared, CounterReport, DirectoryServer, HostCredentialAdded, HostCredentialReport,
    HostCredentialRevoked, HostReport, LastReload, LoadReport, LogLevel, ReloadReport, Revoked,
    SessionReport, Sessions, Status, Throttled, TicketReport, Tickets,
};
pub use server::start;
pub use settings::{DEFAULT_GROUP, DEFAULT_SOCKET, SOCKET, Settings};

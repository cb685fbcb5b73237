//! Unix sockets on which the daemon answers processes of this machine: made once and by one daemon, one line as
//! request and one as reply for each connection, bounds and deadlines on both, and who connected as the kernel says.
//!
//! What is asked and answered, and who may ask, is the matter of the rooms that have a socket.

mod client;
mod connection;
mod file;
mod machine;
mod message;
mod server;

pub use client::{NoReply, Patience, exchange};
pub use connection::Connection;
pub use file::{Named, Socket, SocketError};
pub use machine::{LookupError, Lookups, Peer};
pub use message::{BadMessage, decode, encode};
pub use server::{Desk, Limits, Server};

/// What the kernel takes as the path of a socket, in bytes (unix(7), `sun_path`), less the end of the text.
pub const PATH_BYTES_MAX: usize = 107;

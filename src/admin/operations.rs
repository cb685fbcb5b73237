//! What the room asks of the daemon.

use std::future::Future;

use super::message::{Reply, Request};

/// Who asks, as the kernel says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asker {
    /// The user id of the process that connected.
    pub uid: u32,
}

/// What stands behind the socket.
pub trait Operations: Send + Sync + 'static {
    /// Answers one request of somebody who may ask. The future is run to its end, also when the asker has gone
    /// meanwhile.
    fn answer(&self, request: Request, asker: Asker) -> impl Future<Output = Reply> + Send;

    /// Notes that somebody asked who may not.
    fn turned_away(&self, asker: Asker);
}

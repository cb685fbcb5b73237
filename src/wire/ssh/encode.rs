//! From a [`Reply`] to the text that X2Go Client reads between its marks.

use bytes::Bytes;

use crate::wire::{Reply, plain};

/// Writes a reply: ASCII that ends in a line feed, never nothing, since X2Go Client shows the standard error of a
/// command without output and quits. A refusal has no status here, and lacks the words that grant as everywhere.
///
/// A connection test is read as the answer to a selection, and a client expects a host in one.
pub fn encode(reply: &Reply) -> Bytes {
    let (_, text) = match reply {
        Reply::ConnectionTest => plain::encode(&Reply::Select {
            ticket: None,
            host: None,
        }),
        reply => plain::encode(reply),
    };
    text
}

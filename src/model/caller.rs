//! Where a request comes from and how it came in.

use super::{ClientAddress, Door};

/// The outside of a request: what a front end knows about it before anybody reads its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// The client's address; behind a believed proxy the one that the proxy names.
    pub address: ClientAddress,
    /// The front end that took the request.
    pub door: Door,
}

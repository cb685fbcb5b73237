//! The bytes to and from a server.

use tokio::io::{AsyncRead, AsyncWrite};

/// A connection, protected or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

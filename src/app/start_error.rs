//! What stops the daemon, or a reload.

use crate::audit::FileError;
use crate::config::Diagnostic;
use crate::http::{ActivationError, BindError, CertificateError};

use crate::socket::SocketError;
use crate::store::StoreError;

/// Why the daemon does not start, or does not take a new configuration.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration has errors.
    #[error("the configuration has errors")]
    Configuration(Vec<Diagnostic>),
    /// The certificate or its key cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The directory's settings cannot be used.
    #[error(transparent)]
    Directory(#[from] crate::directory::SetupError),
    /// The file for decisions cannot be used.
    #[error(transparent)]
    Audit(#[from] FileError),
    /// The state cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The sockets that systemd handed over are not those of the configuration.
    #[error(transparent)]
    Activation(#[from] ActivationError),
    /// An address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// A socket cannot be used.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The operating system refused something else.
    #[error("{0}")]
    System(#[from] std::io::Error),
}

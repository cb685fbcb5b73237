//! What `[server]` says, already checked.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::model::Network;

use super::certificate::{self, CertificateError};

/// The settings of the HTTPS front end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where to listen.
    pub listen: Vec<SocketAddr>,
    /// The certificate and its key.
    pub key_pair: KeyPair,
    /// Networks whose connections must begin with a PROXY protocol header.
    pub proxy_protocol_from: Vec<Network>,
    /// Networks whose `X-Forwarded-For` is believed.
    pub forwarded_for_from: Vec<Network>,
    /// Most connections at once. Those beyond wait in the kernel's queue.
    pub connections: usize,
    /// Most connections at once from one address (IPv6: from one /64); those beyond are closed. Well below
    /// `connections`, or one address can keep all others out.
    pub connections_per_source: usize,
    /// Longest wait for a PROXY header, and for a TLS handshake; during a graceful stop also for the first request of a
    /// connection.
    pub handshake_timeout: Duration,
    /// Longest wait for the head of a request, and then for its body; also how long an idle connection is
    /// kept.
    pub header_timeout: Duration,
    /// How long a graceful stop waits for requests under way.
    pub drain_timeout: Duration,
}

/// Where the certificate and its private key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPair {
    /// PEM files named in the configuration; both must be there.
    Files {
        /// The certificate, then its intermediates.
        certificate: PathBuf,
        /// Its private key.
        private_key: PathBuf,
    },
    /// Neither was named: a self-signed pair in this folder, made at first start.
    SelfSigned {
        /// The state folder.
        folder: PathBuf,
    },
}

impl KeyPair {
    /// Checks that the files that were named can be served. A self-signed pair is made or read when the server
    /// starts. Blocks on file access.
    ///
    /// # Errors
    /// Says which file is wrong and what to do.
    pub fn check(&self) -> Result<(), CertificateError> {
        match self {
            Self::Files {
                certificate,
                private_key,
            } => certificate::check_files(certificate, private_key),
            Self::SelfSigned { .. } => Ok(()),
        }
    }
}

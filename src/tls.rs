//! Whose certificates are believed where this program is the client.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// The authorities of the system, where Debian's `ca-certificates` puts them.
const SYSTEM_AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Why the authorities cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadAuthorities {
    /// The file cannot be used.
    #[error("{}: {why}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The library cannot.
    #[error("TLS cannot be set up: {0}")]
    Library(#[from] rustls::Error),
}

/// The settings of every TLS connection to a server: TLS 1.2 or 1.3, and the authorities of `ca_file` alone or,
/// without it, those of the system. Blocks on file access.
///
/// # Errors
/// Names the file and what is wrong with it.
pub fn client(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, BadAuthorities> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(authorities(ca_file)?)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn authorities(ca_file: Option<&Path>) -> Result<RootCertStore, BadAuthorities> {
    let path = ca_file.unwrap_or(Path::new(SYSTEM_AUTHORITIES));
    let bad = |why: String| BadAuthorities::File {
        path: path.to_owned(),
        why,
    };
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| bad(format!("cannot be read as PEM certificates: {error}")))?;
    let mut roots = RootCertStore::empty();
    if ca_file.is_some() {
        for certificate in certificates {
            roots.add(certificate).map_err(|error| {
                bad(format!(
                    "holds a certificate that cannot be an authority: {error}"
                ))
            })?;
        }
    } else {
        // One odd certificate in the system's bundle must not take all the others away.
        roots.add_parsable_certificates(certificates);
    }
    if roots.is_empty() {
        return Err(bad("holds no certificate".to_owned()));
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        let problem = |path: &Path| client(Some(path)).err().unwrap().to_string();
        assert!(problem(&file).contains("ca.pem"));
        std::fs::write(&file, "no certificate").unwrap();
        assert!(problem(&file).ends_with("holds no certificate"));
        std::fs::write(
            &file,
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        )
        .unwrap();
        assert!(problem(&file).contains("cannot be an authority"));
    }
}

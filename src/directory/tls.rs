//! Which certificates of directory servers are believed, and what to tell the admin about one that is not.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{CertificateError, ClientConfig, RootCertStore};

/// The authorities of the system, where Debian's `ca-certificates` puts them.
const SYSTEM_AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Why the authorities cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum BadAuthorities {
    #[error("{}: {why}", path.display())]
    File { path: PathBuf, why: String },
    #[error("TLS cannot be set up: {0}")]
    Library(#[from] rustls::Error),
}

/// The settings of every TLS connection to a server: TLS 1.2 or 1.3, and the authorities of `ca_file` alone or,
/// without it, those of the system.
pub(super) fn client(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, BadAuthorities> {
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

/// What to tell the admin about a failed handshake: what is wrong, and what to do about it.
pub(super) fn diagnosis(error: &io::Error) -> String {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let Some(inner) = inner else {
        return format!("TLS handshake failed: {error}; is this a TLS port?");
    };
    match inner {
        rustls::Error::InvalidCertificate(why) => certificate(why),
        rustls::Error::InvalidMessage(_) => format!("TLS handshake failed: {inner}; is this a TLS port?"),
        _ => format!("TLS handshake failed: {inner}"),
    }
}

fn certificate(why: &CertificateError) -> String {
    match why {
        CertificateError::UnknownIssuer => "the server's certificate is signed by an unknown authority: put \
             that authority's certificate into ca_file"
            .to_owned(),
        CertificateError::BadSignature => {
            "the server's certificate is signed by an authority that has the name \
             of one in ca_file but another key: put its current certificate there"
                .to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the server's certificate has expired: renew it on the server".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet: compare the clocks of both machines".to_owned()
        }
        // What Samba makes for itself, and old domain controllers have.
        CertificateError::NotValidForNameContext { expected, presented } if presented.is_empty() => format!(
            "the server's certificate has no subjectAltName, only a common name, which does not count (RFC 9525): \
             give the server a certificate whose subjectAltName has {} (for Samba: `tls certfile`, `tls keyfile` and \
             `tls cafile` in smb.conf), and put the authority that signs it into ca_file",
            expected.to_str()
        ),
        CertificateError::NotValidForNameContext { expected, presented } => format!(
            "the server's certificate is not for {}, only for {}: use one of its names in urls",
            expected.to_str(),
            presented.join(", ")
        ),
        CertificateError::Other(other) => {
            format!(
                "the server's certificate is refused: {}",
                unusual(other.0.as_ref())
            )
        }
        other => format!("the server's certificate is refused: {other}"),
    }
}

/// What `rustls` has no words of its own for.
fn unusual(why: &(dyn std::error::Error + 'static)) -> String {
    match why.downcast_ref::<webpki::Error>() {
        Some(webpki::Error::CaUsedAsEndEntity) => {
            "it is marked as an authority's own (CA:TRUE), as `openssl req \
             -x509` makes them: let the authority sign another for the server, without that mark"
                .to_owned()
        }
        Some(webpki::Error::UnsupportedCertVersion) => {
            "it is of version 1, which cannot have a subjectAltName: issue one of version 3".to_owned()
        }
        _ => why.to_string(),
    }
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

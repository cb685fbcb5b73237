//! What to tell the admin about a certificate of a directory server that is not believed.

use std::io;

use rustls::CertificateError;

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

//! The certificate and its key: from files to what TLS serves.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::{CertifiedKey, SigningKey, SingleCertAndKey};
use rustls::{InconsistentKeys, RootCertStore, ServerConfig, SignatureAlgorithm, SignatureScheme, version};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use zeroize::Zeroizing;

use super::{KeyPair, self_signed};
use crate::model::Now;

/// Longest file taken, in bytes; a chain has a few thousand.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What a client may ask for by ALPN. X2Go Client (Qt 5) asks for nothing.
const ALPN: [&[u8]; 2] = [b"http/1.1", b"http/1.0"];

/// Why the certificate cannot be served: which file, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}; it must be there and readable by the user that the broker runs as", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("{path} holds no {what}", path = path.display())]
    Nothing {
        /// The file.
        path: PathBuf,
        /// What should stand there.
        what: &'static str,
    },
    /// The key is of a kind that X2Go Clients with an older OpenSSL cannot use.
    #[error(
        "the key in {path} is neither RSA (2048 bits or more) nor ECDSA P-256, and other kinds do not work with every X2Go Client; \
         make a new key, for example with `openssl ecparam -name prime256v1 -genkey -noout`, and a certificate for it",
        path = path.display()
    )]
    KeyKind {
        /// The key's file.
        path: PathBuf,
    },
    /// The key belongs to another certificate.
    #[error(
        "the key in {private_key} does not belong to the first certificate in {certificate}; \
         the server's own certificate must stand first, its intermediates behind it",
        private_key = private_key.display(), certificate = certificate.display()
    )]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        private_key: PathBuf,
    },
    /// One file of the self-signed pair is lost.
    #[error(
        "of the self-signed pair only {present} is there; put {missing} back, or remove both to have a new pair made \
         (every client will then ask its user whether to trust it)",
        present = present.display(), missing = missing.display()
    )]
    Half {
        /// The file that is there.
        present: PathBuf,
        /// The file that is not.
        missing: PathBuf,
    },
    /// The self-signed pair cannot be written.
    #[error("cannot write {path}: {source}; the state folder must be there and belong to the user that the broker runs as", path = path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The self-signed pair cannot be made.
    #[error("cannot make a self-signed certificate: {0}; configure `certificate` and `private_key`")]
    Generate(rcgen::Error),
    /// TLS cannot be set up with it.
    #[error("cannot serve {path}: {source}", path = path.display())]
    Unusable {
        /// The certificate's file.
        path: PathBuf,
        /// What the TLS library says.
        source: rustls::Error,
    },
}

/// A certificate ready to be served.
#[derive(Debug, Clone)]
pub struct Served {
    pub(super) tls: Arc<ServerConfig>,
    pub(super) ends: Option<Now>,
    doubt: Option<String>,
}

impl Served {
    /// What is wrong with the certificate although it is served: that its time has not begun or is over.
    pub fn doubt(&self) -> Option<&str> {
        self.doubt.as_deref()
    }
}

impl CertificateError {
    /// The file to put right, where it is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Unreadable { path, .. }
            | Self::Nothing { path, .. }
            | Self::KeyKind { path }
            | Self::Unwritable { path, .. }
            | Self::Unusable { path, .. } => Some(path),
            Self::Mismatch { .. } | Self::Half { .. } | Self::Generate(_) => None,
        }
    }
}

/// Reads a pair and makes of it what [`Server`](super::Server) serves. A certificate out of its time is
/// served with a warning: clients that have accepted it still come in, and a broker that does not start helps
/// nobody. Blocks on file access.
///
/// # Errors
/// Says which file is wrong and what to do. Nothing that is served already is touched.
pub fn load(key_pair: &KeyPair, now: Now) -> Result<Served, CertificateError> {
    match key_pair {
        KeyPair::Files {
            certificate,
            private_key,
        } => load_files(certificate, private_key, now),
        KeyPair::SelfSigned { folder } => {
            let (certificate, private_key) = self_signed::ensure(folder, now)?;
            load_files(&certificate, &private_key, now)
        }
    }
}

fn load_files(certificate: &Path, private_key: &Path, now: Now) -> Result<Served, CertificateError> {
    let provider = Arc::new(ring::default_provider());
    let pair = read_pair(certificate, private_key, &provider)?;
    let words = pair
        .cert
        .first()
        .and_then(|leaf| out_of_time(leaf, now, &provider));
    let doubt = words.map(|words| format!("{} is out of its time: {words}", certificate.display()));
    if let Some(doubt) = &doubt {
        tracing::warn!("the certificate {doubt}");
    }
    let ends = pair.cert.first().and_then(times_of).map(|(_, end)| end);
    let unusable = |source| CertificateError::Unusable {
        path: certificate.to_owned(),
        source,
    };
    let mut config = ServerConfig::builder_with_provider(provider)
        // The Windows builds of X2Go Client have an OpenSSL that ends at TLS 1.2.
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])
        .map_err(unusable)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(pair)));
    config.alpn_protocols = ALPN.iter().map(|name| name.to_vec()).collect();
    Ok(Served {
        tls: Arc::new(config),
        ends,
        doubt,
    })
}

/// Checks that the files hold a pair that can be served. Blocks on file access.
///
/// # Errors
/// Says which file is wrong and what to do.
pub(super) fn check_files(certificate: &Path, private_key: &Path) -> Result<(), CertificateError> {
    read_pair(certificate, private_key, &ring::default_provider()).map(drop)
}

/// From when until when the first certificate of a pair that can be served is valid (RFC 5280 section 4.1.2.5); none
/// if it does not say so. Blocks on file access.
///
/// # Errors
/// Says which file is wrong and what to do.
pub(super) fn times(certificate: &Path, private_key: &Path) -> Result<Option<(Now, Now)>, CertificateError> {
    let pair = read_pair(certificate, private_key, &ring::default_provider())?;
    Ok(pair.cert.first().and_then(times_of))
}

/// The certificate with its intermediates, and the key that belongs to it.
fn read_pair(
    certificate: &Path,
    private_key: &Path,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, CertificateError> {
    let pair = CertifiedKey::new(read_chain(certificate)?, read_key(private_key, provider)?);
    match pair.keys_match() {
        // `Unknown` is a key that cannot tell its public half; those of ring can.
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(pair),
        Err(rustls::Error::InconsistentKeys(_)) => Err(CertificateError::Mismatch {
            certificate: certificate.to_owned(),
            private_key: private_key.to_owned(),
        }),
        Err(source) => Err(CertificateError::Unusable {
            path: certificate.to_owned(),
            source,
        }),
    }
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let (text, _) = read(path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        _ => Err(CertificateError::Nothing {
            path: path.to_owned(),
            what: "certificate in PEM form",
        }),
    }
}

fn read_key(path: &Path, provider: &CryptoProvider) -> Result<Arc<dyn SigningKey>, CertificateError> {
    let (text, mode) = read(path)?;
    if mode & 0o004 != 0 {
        tracing::warn!(private_key = %path.display(), "everybody on this machine can read the private key");
    }
    let der = PrivateKeyDer::from_pem_slice(&text).map_err(|_| CertificateError::Nothing {
        path: path.to_owned(),
        what: "private key in PEM form (one that is locked by a passphrase cannot be used)",
    })?;
    let kind = || CertificateError::KeyKind {
        path: path.to_owned(),
    };
    let key = provider.key_provider.load_private_key(der).map_err(|_| kind())?;
    let is_p256 = || {
        key.choose_scheme(&[SignatureScheme::ECDSA_NISTP256_SHA256])
            .is_some()
    };
    match key.algorithm() {
        SignatureAlgorithm::RSA => Ok(key),
        SignatureAlgorithm::ECDSA if is_p256() => Ok(key),
        _ => Err(kind()),
    }
}

/// The file's bytes, wiped after use for there may be a key among them, and its access rights.
fn read(path: &Path) -> Result<(Zeroizing<Vec<u8>>, u32), CertificateError> {
    let unreadable = |source| CertificateError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if metadata.len() > FILE_BYTES_MAX {
        return Err(unreadable(io::Error::other("longer than 1 MiB")));
    }
    // Room for all of it at once: a vector that grows leaves unwiped copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(
        usize::try_from(metadata.len()).unwrap_or(0) + 1,
    ));
    file.take(FILE_BYTES_MAX)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    Ok((bytes, metadata.permissions().mode()))
}

/// When the certificate begins and ends, if it says so as RFC 5280 section 4.1.2.5 wants it.
fn times_of(leaf: &CertificateDer<'_>) -> Option<(Now, Now)> {
    let (_, certificate) = X509Certificate::from_der(leaf).ok()?;
    let validity = certificate.validity();
    let moment = |seconds: i64| Now::from_unix_ms(seconds.saturating_mul(1000));
    Some((
        moment(validity.not_before.timestamp()),
        moment(validity.not_after.timestamp()),
    ))
}

/// In which way the certificate is not valid now, if so. Asks a verifier that trusts the certificate itself;
/// every complaint but the one about time is the clients' matter.
fn out_of_time(leaf: &CertificateDer<'static>, now: Now, provider: &Arc<CryptoProvider>) -> Option<String> {
    let mut roots = RootCertStore::empty();
    roots.add(leaf.clone()).ok()?;
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .ok()?;
    let anybody = ServerName::try_from("localhost").ok()?;
    let since_epoch = Duration::from_millis(u64::try_from(now.unix_ms()).unwrap_or(0));
    let now = UnixTime::since_unix_epoch(since_epoch);
    match verifier.verify_server_cert(leaf, &[], &anybody, &[], now) {
        Err(rustls::Error::InvalidCertificate(
            error @ (rustls::CertificateError::Expired
            | rustls::CertificateError::ExpiredContext { .. }
            | rustls::CertificateError::NotValidYet
            | rustls::CertificateError::NotValidYetContext { .. }),
        )) => Some(error.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rcgen::{
        CertificateParams, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, SignatureAlgorithm,
    };

    use super::*;

    const DAY_MS: i64 = 24 * 60 * 60 * 1000;

    fn now() -> Now {
        Now::from_unix_ms(1_790_000_000_000)
    }

    /// A folder with `certificate.pem` and `key.pem`.
    struct Pair {
        folder: tempfile::TempDir,
        leaf: CertificateDer<'static>,
    }

    impl Pair {
        fn new(kind: &'static SignatureAlgorithm) -> Self {
            let key = rcgen::KeyPair::generate_for(kind).unwrap();
            let certificate = CertificateParams::new(vec!["localhost".into()])
                .unwrap()
                .self_signed(&key)
                .unwrap();
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join("certificate.pem"), certificate.pem()).unwrap();
            fs::write(folder.path().join("key.pem"), key.serialize_pem()).unwrap();
            Self {
                folder,
                leaf: certificate.der().clone(),
            }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn load(&self) -> Result<Served, CertificateError> {
            load_files(&self.path("certificate.pem"), &self.path("key.pem"), now())
        }
    }

    #[test]
    fn a_p256_pair_is_served() {
        Pair::new(&PKCS_ECDSA_P256_SHA256).load().unwrap();
    }

    #[test]
    fn keys_that_old_clients_cannot_use_are_refused() {
        for kind in [&PKCS_ED25519, &PKCS_ECDSA_P384_SHA384] {
            let error = Pair::new(kind).load().unwrap_err();
            assert!(matches!(error, CertificateError::KeyKind { .. }), "{error}");
            assert!(error.to_string().contains("key.pem"), "{error}");
        }
    }

    #[test]
    fn a_key_of_another_certificate_is_a_mismatch() {
        let pair = Pair::new(&PKCS_ECDSA_P256_SHA256);
        let other = Pair::new(&PKCS_ECDSA_P256_SHA256);
        fs::copy(other.path("key.pem"), pair.path("key.pem")).unwrap();
        let error = pair.load().unwrap_err();
        assert!(matches!(error, CertificateError::Mismatch { .. }), "{error}");
    }

    #[test]
    fn a_missing_file_and_one_without_pem_are_named() {
        for (name, text) in [
            ("certificate.pem", None),
            ("key.pem", None),
            ("certificate.pem", Some("x")),
            (
                "key.pem",
                Some("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"),
            ),
            (
                "certificate.pem",
                Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
            ),
        ] {
            let pair = Pair::new(&PKCS_ECDSA_P256_SHA256);
            match text {
                Some(text) => fs::write(pair.path(name), text).unwrap(),
                None => fs::remove_file(pair.path(name)).unwrap(),
            }
            let error = pair.load().unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }

    #[test]
    fn a_file_without_end_is_not_read() {
        let pair = Pair::new(&PKCS_ECDSA_P256_SHA256);
        let error = load_files(Path::new("/dev/zero"), &pair.path("key.pem"), now()).unwrap_err();
        assert!(matches!(error, CertificateError::Nothing { .. }), "{error}");
    }

    #[test]
    fn a_certificate_out_of_its_time_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, _) = self_signed::ensure(folder.path(), now()).unwrap();
        let provider = Arc::new(ring::default_provider());
        let at = |days: i64| {
            let chain = read_chain(&certificate).unwrap();
            out_of_time(
                &chain[0],
                Now::from_unix_ms(now().unix_ms() + days * DAY_MS),
                &provider,
            )
        };
        assert_eq!(at(0), None);
        assert_eq!(at(3650), None);
        assert!(at(3653).unwrap().contains("expired"), "{:?}", at(3653));
        assert!(at(-2).is_some());
        let (_, end) = times_of(&read_chain(&certificate).unwrap()[0]).unwrap();
        let left = end.since(now());
        assert_eq!(left.as_secs() / (24 * 60 * 60), 3652);
        // One of a name, an issuer and a purpose of its own is nobody's matter here.
        assert_eq!(
            out_of_time(&Pair::new(&PKCS_ED25519).leaf, now(), &provider),
            None
        );
    }
}

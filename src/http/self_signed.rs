//! The self-signed pair for a site that has configured none: made once and then kept, since X2Go Client
//! remembers the exact certificate that its user has accepted.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, SanType,
};
use zeroize::Zeroizing;

use super::CertificateError;
use super::host_names::HostNames;
use crate::model::Now;

/// The certificate's file in the state folder.
const CERTIFICATE: &str = "self-signed-certificate.pem";
/// The key's file in the state folder.
const PRIVATE_KEY: &str = "self-signed-key.pem";
/// How long the certificate is valid: every renewal makes every client ask its user again.
const DAYS_VALID: u32 = 3652;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The last day on which a pair can be made, in the year 9500: X.509 has no years after 9999.
const LAST_DAY: Duration = Duration::from_secs(237_640_000_000);

/// The pair in this folder, as the paths of certificate and key; made if there is none yet.
///
/// # Errors
/// If only one of the two is there, or if the pair cannot be made.
pub(super) fn ensure(folder: &Path, now: Now) -> Result<(PathBuf, PathBuf), CertificateError> {
    if let Some(pair) = find(folder)? {
        return Ok(pair);
    }
    let (certificate, private_key) = paths(folder);
    make(&certificate, &private_key, &HostNames::of_this_machine(), now)?;
    tracing::info!(certificate = %certificate.display(), "made a self-signed certificate");
    Ok((certificate, private_key))
}

/// The pair in this folder, as the paths of certificate and key, if there is one.
///
/// # Errors
/// If only one of the two is there, or if the folder cannot be looked into.
pub(super) fn find(folder: &Path) -> Result<Option<(PathBuf, PathBuf)>, CertificateError> {
    let (certificate, private_key) = paths(folder);
    let is_there = |path: &Path| {
        path.try_exists().map_err(|source| CertificateError::Unreadable {
            path: path.to_owned(),
            source,
        })
    };
    match (is_there(&certificate)?, is_there(&private_key)?) {
        (true, true) => Ok(Some((certificate, private_key))),
        (false, false) => Ok(None),
        (true, false) => Err(CertificateError::Half {
            present: certificate,
            missing: private_key,
        }),
        (false, true) => Err(CertificateError::Half {
            present: private_key,
            missing: certificate,
        }),
    }
}

fn paths(folder: &Path) -> (PathBuf, PathBuf) {
    (folder.join(CERTIFICATE), folder.join(PRIVATE_KEY))
}

fn make(certificate: &Path, private_key: &Path, host: &HostNames, now: Now) -> Result<(), CertificateError> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(CertificateError::Generate)?;
    let pem = parameters(host, now)
        .and_then(|parameters| parameters.self_signed(&key))
        .map_err(CertificateError::Generate)?
        .pem();
    let key_pem = Zeroizing::new(key.serialize_pem());
    for (path, text, mode) in [
        (private_key, key_pem.as_str(), 0o600),
        (certificate, pem.as_str(), 0o644),
    ] {
        write_atomically(path, text.as_bytes(), mode).map_err(|source| CertificateError::Unwritable {
            path: path.to_owned(),
            source,
        })?;
    }
    Ok(())
}

fn parameters(host: &HostNames, now: Now) -> Result<CertificateParams, rcgen::Error> {
    let mut parameters = CertificateParams::new(host.names.clone())?;
    parameters
        .subject_alt_names
        .extend(host.addresses.iter().copied().map(SanType::IpAddress));
    parameters.distinguished_name = DistinguishedName::new();
    if let Some(full) = host.names.first() {
        // X.520 allows a common name 64 characters; the names that count are the alternative ones.
        let common = if full.len() <= 64 { full } else { "X2Go Director" };
        parameters.distinguished_name.push(DnType::CommonName, common);
    }
    parameters.is_ca = IsCa::ExplicitNoCa;
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let today = Duration::from_millis(u64::try_from(now.unix_ms()).unwrap_or(0)).clamp(DAY, LAST_DAY);
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    // From yesterday, for clients whose clock is late.
    parameters.not_before = epoch + (today - DAY);
    parameters.not_after = epoch + (today + DAY * DAYS_VALID);
    Ok(parameters)
}

/// Puts a file there whole or not at all, with exactly these access rights.
fn write_atomically(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let unfinished = path.with_extension("pem.new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(&unfinished)?;
    // The mode above is lessened by the umask, and does not count for a file left by a stopped start.
    file.set_permissions(Permissions::from_mode(mode))?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    // The rename itself is durable when the folder is.
    path.parent()
        .map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Now {
        Now::from_unix_ms(1_790_000_000_000)
    }

    #[test]
    fn the_pair_is_made_once_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = ensure(folder.path(), now()).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&certificate), mode(&key)), (0o644, 0o600));
        let first = (fs::read(&certificate).unwrap(), fs::read(&key).unwrap());
        ensure(folder.path(), now()).unwrap();
        assert_eq!((fs::read(&certificate).unwrap(), fs::read(&key).unwrap()), first);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_half_pair_is_said_and_not_overwritten() {
        for missing in [CERTIFICATE, PRIVATE_KEY] {
            let folder = tempfile::tempdir().unwrap();
            ensure(folder.path(), now()).unwrap();
            fs::remove_file(folder.path().join(missing)).unwrap();
            let error = ensure(folder.path(), now()).unwrap_err();
            assert!(matches!(error, CertificateError::Half { .. }), "{error}");
            assert!(error.to_string().contains(missing), "{error}");
            assert!(!folder.path().join(missing).exists());
        }
    }

    #[test]
    fn an_unfinished_key_of_a_stopped_start_does_not_stay_readable() {
        let folder = tempfile::tempdir().unwrap();
        let left = folder.path().join("self-signed-key.pem.new");
        fs::write(&left, "half a key").unwrap();
        fs::set_permissions(&left, Permissions::from_mode(0o666)).unwrap();
        let (_, key) = ensure(folder.path(), now()).unwrap();
        assert_eq!(fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!left.exists());
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error_that_names_the_file() {
        let error = ensure(Path::new("/nonexistent"), now()).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/self-signed"), "{error}");
    }

    #[test]
    fn long_names_and_every_clock_give_a_certificate() {
        let host = HostNames {
            names: vec![format!("{}.example.org", "a".repeat(60))],
            addresses: ["192.0.2.1".parse().unwrap()].into(),
        };
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        for ms in [i64::MIN, 0, 1_790_000_000_000, i64::MAX] {
            let parameters = parameters(&host, Now::from_unix_ms(ms)).unwrap();
            parameters.self_signed(&key).unwrap();
        }
    }
}

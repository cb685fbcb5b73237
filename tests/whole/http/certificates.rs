//! Handshakes of every kind of client and key, and changing the certificate while serving.

use std::fs;
use std::path::Path;
use std::process::Command;

use rustls::version::{TLS12, TLS13};
use x2godirector::http::{CertificateError, KeyPair, certificate};

use super::{Front, LIST, assert_granted, now};
use crate::lab::authority::Authority;
use crate::lab::https::{HttpsClient, Trust, tcp};

/// A pair that `authority` has issued for `localhost`, in files of this folder.
fn issue(authority: &Authority, folder: &Path) -> KeyPair {
    let issued = authority.issue(&["localhost"]);
    let pair = (folder.join("certificate.pem"), folder.join("key.pem"));
    fs::write(&pair.0, issued.certificate).unwrap();
    fs::write(&pair.1, issued.key).unwrap();
    KeyPair::Files {
        certificate: pair.0,
        private_key: pair.1,
    }
}

/// A self-signed RSA pair in this folder.
fn rsa(folder: &Path) -> KeyPair {
    let pair = (folder.join("certificate.pem"), folder.join("key.pem"));
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=localhost",
            "-days",
            "2",
        ])
        .arg("-out")
        .arg(&pair.0)
        .arg("-keyout")
        .arg(&pair.1)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    KeyPair::Files {
        certificate: pair.0,
        private_key: pair.1,
    }
}

#[tokio::test]
async fn tls_1_2_and_1_3_with_rsa_and_p256() {
    let files = tempfile::tempdir().unwrap();
    let rsa = rsa(files.path());
    for rsa in [None, Some(rsa)] {
        let front = Front::start_with(|settings| {
            if let Some(pair) = rsa {
                settings.key_pair = pair;
            }
        });
        for version in [&TLS12, &TLS13] {
            let tcp = tcp(front.address, None).await.unwrap();
            let mut client = HttpsClient::over(tcp, Trust::Anybody, &[version]).await.unwrap();
            assert_eq!(client.version(), version.version);
            assert_granted(&client.post_form("/plain/", LIST).await.unwrap());
        }
    }
}

#[tokio::test]
async fn the_self_signed_certificate_is_for_this_machine_and_stays() {
    let front = Front::start();
    let pem = fs::read_to_string(front.folder.path().join("self-signed-certificate.pem")).unwrap();
    let client = HttpsClient::connect(front.address, Trust::Authority(&pem), None)
        .await
        .unwrap();
    let first = client.certificate();

    let folder = front.folder.path().to_owned();
    let again = Front::start_with(|settings| settings.key_pair = KeyPair::SelfSigned { folder });
    assert_eq!(again.client().await.certificate(), first);
}

#[tokio::test]
async fn a_new_certificate_is_served_and_a_bad_one_is_not() {
    let (first, second) = (Authority::new("first"), Authority::new("second"));
    let files = tempfile::tempdir().unwrap();
    let pair = issue(&first, files.path());
    let front = Front::start_with(|settings| settings.key_pair = pair.clone());
    let mut kept = HttpsClient::connect(front.address, Trust::Authority(&first.pem), None)
        .await
        .unwrap();

    issue(&second, files.path());
    front
        .server
        .handle()
        .reload(certificate::load(&pair, now()).unwrap());
    HttpsClient::connect(front.address, Trust::Authority(&second.pem), None)
        .await
        .unwrap();
    assert!(
        HttpsClient::connect(front.address, Trust::Authority(&first.pem), None)
            .await
            .is_err()
    );
    assert_granted(&kept.post_form("/plain/", LIST).await.unwrap());

    let key = files.path().join("key.pem");
    fs::write(&key, first.issue(&["localhost"]).key).unwrap();
    let error = certificate::load(&pair, now()).unwrap_err();
    assert!(matches!(error, CertificateError::Mismatch { .. }), "{error}");
    fs::write(&key, "").unwrap();
    assert!(certificate::load(&pair, now()).is_err());
    HttpsClient::connect(front.address, Trust::Authority(&second.pem), None)
        .await
        .unwrap();
}

//! A certificate authority that lives for one test.

use std::fs;
use std::process::Command;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

/// An authority and its key.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its own certificate, for a client's `ca_file`.
    pub pem: String,
}

/// A certificate and its key, both in PEM.
pub struct Issued {
    /// The certificate.
    pub certificate: String,
    /// The key, PKCS #8.
    pub key: String,
}

impl Authority {
    /// A new authority of that name.
    pub fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, name);
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    /// A certificate for these host names and addresses.
    pub fn issue(&self, names: &[&str]) -> Issued {
        self.issue_with(names, |_| {})
    }

    /// A certificate for these host names and addresses, with `change` made to what is signed.
    pub fn issue_with(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Issued {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, "localhost");
        change(&mut params);
        Issued {
            certificate: params.signed_by(&key, &self.issuer).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }
}

/// A certificate of X.509 version 1, signed by its own key: what old instructions for openssl(1) make.
pub fn of_version_1() -> Issued {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let key = KeyPair::generate().unwrap();
    fs::write(at("key"), key.serialize_pem()).unwrap();
    for command in [
        "req -new -key key -subj /CN=localhost -out request",
        "x509 -req -in request -signkey key -days 30 -out certificate",
    ] {
        let done = Command::new("openssl")
            .args(command.split(' '))
            .current_dir(folder.path())
            .output()
            .expect("openssl is installed");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
    Issued {
        certificate: fs::read_to_string(at("certificate")).unwrap(),
        key: key.serialize_pem(),
    }
}

//! The credentials of the hosts that ask for keys.

use sha2::{Digest, Sha256};

use super::Answer;
use crate::model::{FarmName, HostCredential, HostName, Now};

/// SHA-256 of a credential: what is stolen with the database opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HostCredentialHash(pub [u8; 32]);

impl HostCredentialHash {
    /// The hash that this credential is found by.
    pub fn of(credential: &HostCredential) -> Self {
        Self(Sha256::digest(credential.expose()).into())
    }
}

/// The credential of one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostCredentialRecord {
    /// The hash it is found by.
    pub hash: HostCredentialHash,
    /// A farm of the host.
    pub farm: FarmName,
    /// Its name there.
    pub host: HostName,
    /// When it was made.
    pub added: Now,
}

/// Which host has which credential. A call that changes something returns when the change is durable.
pub trait HostCredentials: Send + Sync {
    /// The credential of that hash.
    fn host_credential(&self, hash: HostCredentialHash) -> Answer<'_, Option<HostCredentialRecord>>;
    /// All of them, in no order.
    fn host_credentials(&self) -> Answer<'_, Vec<HostCredentialRecord>>;
    /// Keeps a credential in place of an earlier one of the same host.
    fn put_host_credential(&self, record: HostCredentialRecord) -> Answer<'_, ()>;
    /// Removes the credential of a host; says how many there were.
    fn remove_host_credential(&self, farm: &FarmName, host: &HostName) -> Answer<'_, usize>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Embedded;

    fn record(byte: u8, host: &str) -> HostCredentialRecord {
        HostCredentialRecord {
            hash: HostCredentialHash::of(&HostCredential::from_random(&[byte; 32])),
            farm: FarmName::new("main").unwrap(),
            host: HostName::new(host).unwrap(),
            added: Now::from_unix_ms(i64::from(byte)),
        }
    }

    #[tokio::test]
    async fn a_host_has_one_credential_until_it_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state.db");
        let store = Embedded::open(&file).unwrap();
        let (first, second, other) = (record(1, "ts01"), record(2, "ts01"), record(3, "ts02"));
        for record in [&first, &other, &second] {
            store.put_host_credential(record.clone()).await.unwrap();
        }
        drop(store);
        let store = Embedded::open(&file).unwrap();
        assert_eq!(store.host_credential(first.hash).await.unwrap(), None);
        assert_eq!(
            store.host_credential(second.hash).await.unwrap().as_ref(),
            Some(&second)
        );
        assert_eq!(store.host_credentials().await.unwrap().len(), 2);
        assert_eq!(
            store
                .remove_host_credential(&second.farm, &second.host)
                .await
                .unwrap(),
            1
        );
        assert_eq!(
            store
                .remove_host_credential(&second.farm, &second.host)
                .await
                .unwrap(),
            0
        );
        assert_eq!(store.host_credentials().await.unwrap(), [other]);
    }
}

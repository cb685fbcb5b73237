//! HMAC-SHA-256 over a list of values.

use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Bytes of a key: one block of SHA-256, which HMAC takes as it is.
pub(super) const KEY_BYTES: usize = 64;

/// The MAC of the values in this order. Each goes in with its length, so that no two lists read the same.
pub(super) fn mac(key: &[u8; KEY_BYTES], values: &[&[u8]]) -> [u8; 32] {
    let mut mac = <Hmac<Sha256> as Mac>::new(key.into());
    for value in values {
        mac.update(&(value.len() as u64).to_be_bytes());
        mac.update(value);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_do_not_run_into_each_other() {
        let key = [1; KEY_BYTES];
        assert_eq!(mac(&key, &[b"ab", b"c"]), mac(&key, &[b"ab", b"c"]));
        assert_ne!(mac(&key, &[b"ab", b"c"]), mac(&key, &[b"a", b"bc"]));
        assert_ne!(mac(&key, &[b"ab"]), mac(&key, &[b"ab", b""]));
        assert_ne!(mac(&key, &[b"ab"]), mac(&[2; KEY_BYTES], &[b"ab"]));
    }
}

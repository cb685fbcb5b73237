//! Until when a certificate is good (RFC 5280 section 4.1.2.5), of one that TLS has already believed. Pure.

use crate::model::Now;

use super::account::generalized_time;
use super::ber::{Reader, tag};

/// Tags that LDAP has no use for, of times (X.690) and of the version of a certificate.
mod part {
    pub(super) const UTC_TIME: u8 = 0x17;
    pub(super) const GENERALIZED_TIME: u8 = 0x18;
    pub(super) const VERSION: u8 = 0xa0;
}

/// The end of the certificate's life; none if these bytes are no certificate.
pub(super) fn not_after(der: &[u8]) -> Option<Now> {
    let mut certificate = Reader(Reader(der).take(tag::SEQUENCE).ok()?);
    let mut signed = Reader(certificate.take(tag::SEQUENCE).ok()?);
    if signed.peek() == Some(part::VERSION) {
        signed.take(part::VERSION).ok()?;
    }
    let _serial = signed.take(tag::INTEGER).ok()?;
    let _algorithm = signed.take(tag::SEQUENCE).ok()?;
    let _issuer = signed.take(tag::SEQUENCE).ok()?;
    let mut validity = Reader(signed.take(tag::SEQUENCE).ok()?);
    let _from = validity.any().ok()?;
    let (kind, time) = validity.any().ok()?;
    let time = str::from_utf8(time).ok()?;
    match kind {
        part::GENERALIZED_TIME => generalized_time(time),
        // Two digits of the year: 50 and more are of the last century.
        part::UTC_TIME => {
            let century = if time.get(..2)? < "50" { "20" } else { "19" };
            generalized_time(&format!("{century}{time}"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn certificate(year: i32) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 3, 2);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn the_end_of_a_certificate_is_read_in_both_spellings() {
        for (year, moment) in [(2026, "2026-03-02T00:00:00Z"), (2055, "2055-03-02T00:00:00Z")] {
            assert_eq!(not_after(&certificate(year)), Some(moment.parse().unwrap()));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = not_after(&bytes);
        }

        #[test]
        fn near_misses_do_not_panic(at in 0_usize..200, byte: u8, cut in 0_usize..200) {
            let mut der = certificate(2026);
            der[at] = byte;
            let _ = not_after(&der);
            let _ = not_after(&der[..cut]);
        }
    }
}

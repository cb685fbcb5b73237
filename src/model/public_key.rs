//! A public SSH key as a line of text: parsed to its bones, and rebuilt from them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest as _, Sha256};

/// Longest line taken, in bytes: an RSA key of 8192 bits in base64 is below 1.5 KiB.
const LINE_BYTES_MAX: usize = 4096;
/// What ssh-keygen(1) makes at least nowadays, and NIST SP 800-57 asks for.
const RSA_BITS_MIN: usize = 2048;
/// Most that a line for a host has room for beside its options.
const RSA_BITS_MAX: usize = 8192;
/// Longest public exponent, in bytes; 65537 is usual.
const RSA_EXPONENT_BYTES_MAX: usize = 8;
const ED25519_BYTES: usize = 32;
/// The first byte of a point that is not compressed (SEC 1 section 2.3.3), the only form SSH has (RFC 5656).
const UNCOMPRESSED: u8 = 4;

/// The kinds of keys that are placed. DSA is gone from OpenSSH, and a key in hardware asks for a touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rsa,
    Ed25519,
    Ecdsa256,
    Ecdsa384,
    Ecdsa521,
}

impl Kind {
    const ALL: [Self; 5] = [
        Self::Rsa,
        Self::Ed25519,
        Self::Ecdsa256,
        Self::Ecdsa384,
        Self::Ecdsa521,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Rsa => "ssh-rsa",
            Self::Ed25519 => "ssh-ed25519",
            Self::Ecdsa256 => "ecdsa-sha2-nistp256",
            Self::Ecdsa384 => "ecdsa-sha2-nistp384",
            Self::Ecdsa521 => "ecdsa-sha2-nistp521",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A public key that was taken apart and found whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    kind: Kind,
    blob: Vec<u8>,
}

/// Why a text is no public key that may be placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPublicKey {
    /// Longer than any key.
    #[error("the public key is longer than {LINE_BYTES_MAX} bytes")]
    TooLong,
    /// There is no kind of key in it that is known here.
    #[error("the public key is none of ssh-rsa, ssh-ed25519 and ecdsa-sha2-nistp256, -384 and -521")]
    UnknownKind,
    /// What follows the kind is not one key of that kind.
    #[error("the public key is damaged")]
    Damaged,
    /// An RSA key that could be broken, or is absurdly long.
    #[error("the RSA key has not {RSA_BITS_MIN} to {RSA_BITS_MAX} bits")]
    RsaBits,
}

impl PublicKey {
    /// Reads a line of an authorized_keys file (sshd(8)): options, kind, key in base64, comment. Options and comment
    /// are passed over.
    ///
    /// # Errors
    /// Says what is wrong, with nothing of the text.
    pub fn parse(line: &str) -> Result<Self, BadPublicKey> {
        if line.len() > LINE_BYTES_MAX {
            return Err(BadPublicKey::TooLong);
        }
        let line = line.trim_matches([' ', '\t', '\r', '\n']);
        let (first, rest) = split_word(line);
        let (kind, rest) = match Kind::from_name(first) {
            Some(kind) => (kind, rest),
            None => {
                let (second, rest) = split_word(rest);
                (Kind::from_name(second).ok_or(BadPublicKey::UnknownKind)?, rest)
            }
        };
        let (encoded, _) = split_word(rest);
        let blob = STANDARD.decode(encoded).map_err(|_| BadPublicKey::Damaged)?;
        check(kind, &blob)?;
        Ok(Self { kind, blob })
    }

    /// What people compare keys by, as ssh-keygen(1) prints it: `SHA256:` and a digest in base64.
    pub fn fingerprint(&self) -> String {
        format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(&self.blob)))
    }
}

impl fmt::Display for PublicKey {
    /// The kind and the key in base64.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.name(), STANDARD.encode(&self.blob))
    }
}

/// The first word of a line and what follows it; blanks in double quotes are part of a word.
fn split_word(line: &str) -> (&str, &str) {
    let mut quoted = false;
    let mut escaped = false;
    let end = line.bytes().position(|byte| {
        let is_quote = byte == b'"' && !escaped;
        quoted ^= is_quote;
        escaped = byte == b'\\' && !escaped;
        !quoted && matches!(byte, b' ' | b'\t')
    });
    let (word, rest) = line.split_at(end.unwrap_or(line.len()));
    (word, rest.trim_start_matches([' ', '\t']))
}

/// Holds the bytes of a key against what RFC 4253 section 6.6, RFC 8709 and RFC 5656 section 3.1 say of its kind.
fn check(kind: Kind, blob: &[u8]) -> Result<(), BadPublicKey> {
    let mut fields = Fields(blob);
    if fields.next()? != kind.name().as_bytes() {
        return Err(BadPublicKey::Damaged);
    }
    match kind {
        Kind::Rsa => {
            check_exponent(fields.next()?)?;
            check_modulus(fields.next()?)?;
        }
        Kind::Ed25519 => {
            if fields.next()?.len() != ED25519_BYTES {
                return Err(BadPublicKey::Damaged);
            }
        }
        Kind::Ecdsa256 => check_point(&mut fields, b"nistp256", 32)?,
        Kind::Ecdsa384 => check_point(&mut fields, b"nistp384", 48)?,
        Kind::Ecdsa521 => check_point(&mut fields, b"nistp521", 66)?,
    }
    if fields.0.is_empty() {
        Ok(())
    } else {
        Err(BadPublicKey::Damaged)
    }
}

fn check_exponent(field: &[u8]) -> Result<(), BadPublicKey> {
    let exponent = positive(field)?;
    let is_odd = exponent.last().is_some_and(|byte| byte & 1 == 1);
    if !is_odd || exponent == [1] || exponent.len() > RSA_EXPONENT_BYTES_MAX {
        return Err(BadPublicKey::Damaged);
    }
    Ok(())
}

fn check_modulus(field: &[u8]) -> Result<(), BadPublicKey> {
    let modulus = positive(field)?;
    let bits = match modulus.first() {
        Some(first) => modulus.len() * 8 - first.leading_zeros() as usize,
        None => 0,
    };
    if !(RSA_BITS_MIN..=RSA_BITS_MAX).contains(&bits) {
        return Err(BadPublicKey::RsaBits);
    }
    if modulus.last().is_none_or(|byte| byte & 1 == 0) {
        return Err(BadPublicKey::Damaged);
    }
    Ok(())
}

fn check_point(fields: &mut Fields<'_>, curve: &[u8], coordinate_bytes: usize) -> Result<(), BadPublicKey> {
    let is_curve = fields.next()? == curve;
    let point = fields.next()?;
    if is_curve && point.first() == Some(&UNCOMPRESSED) && point.len() == 1 + 2 * coordinate_bytes {
        Ok(())
    } else {
        Err(BadPublicKey::Damaged)
    }
}

/// The digits of a number above 0, which are written without more zeros than the sign needs (RFC 4251 section 5).
fn positive(field: &[u8]) -> Result<&[u8], BadPublicKey> {
    match field {
        [0, rest @ ..] if rest.first().is_some_and(|byte| byte & 0x80 != 0) => Ok(rest),
        [first, ..] if (1..0x80).contains(first) => Ok(field),
        _ => Err(BadPublicKey::Damaged),
    }
}

/// The fields of a key: each has its length in four bytes before it (RFC 4251 section 5).
struct Fields<'b>(&'b [u8]);

impl<'b> Fields<'b> {
    fn next(&mut self) -> Result<&'b [u8], BadPublicKey> {
        let (length, rest) = self.0.split_first_chunk().ok_or(BadPublicKey::Damaged)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| BadPublicKey::Damaged)?;
        let (field, rest) = rest.split_at_checked(length).ok_or(BadPublicKey::Damaged)?;
        self.0 = rest;
        Ok(field)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ED25519: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

    fn field(bytes: &[u8]) -> Vec<u8> {
        let length = u32::try_from(bytes.len()).unwrap();
        [&length.to_be_bytes(), bytes].concat()
    }

    fn line(kind: &str, fields: &[&[u8]]) -> String {
        let blob: Vec<u8> = fields.iter().flat_map(|bytes| field(bytes)).collect();
        format!("{kind} {}", STANDARD.encode(blob))
    }

    fn rsa(exponent: &[u8], modulus: &[u8]) -> Result<PublicKey, BadPublicKey> {
        PublicKey::parse(&line("ssh-rsa", &[b"ssh-rsa", exponent, modulus]))
    }

    fn modulus(bytes: usize) -> Vec<u8> {
        [&[0][..], &vec![0xc1; bytes]].concat()
    }

    #[test]
    fn options_and_comments_are_dropped() {
        for text in [
            ED25519.to_owned(),
            format!("  {ED25519}\n"),
            format!("{ED25519} somebody@somewhere with blanks"),
            format!("no-X11-forwarding,no-pty,no-user-rc {ED25519} bob@127.0.0.1"),
            format!("command=\"rm -rf /; \\\"ssh-rsa AAAA\\\" #\",cert-authority\t{ED25519}"),
        ] {
            assert_eq!(PublicKey::parse(&text).unwrap().to_string(), ED25519, "{text}");
        }
    }

    #[test]
    fn a_fingerprint_is_that_of_ssh_keygen() {
        let key = PublicKey::parse(ED25519).unwrap();
        assert_eq!(
            key.fingerprint(),
            "SHA256:ZkAslGjFiUHdGf/WUL8rQvkib4PTvQatUV0OUQSncCA"
        );
    }

    #[test]
    fn keys_of_every_kind_are_taken() {
        let point = |bytes: usize| [&[4][..], &vec![7; 2 * bytes]].concat();
        for text in [
            line("ssh-rsa", &[b"ssh-rsa", &[1, 0, 1], &modulus(256)]),
            line("ssh-rsa", &[b"ssh-rsa", &[3], &modulus(1024)]),
            line("ssh-ed25519", &[b"ssh-ed25519", &[9; 32]]),
            line(
                "ecdsa-sha2-nistp256",
                &[b"ecdsa-sha2-nistp256", b"nistp256", &point(32)],
            ),
            line(
                "ecdsa-sha2-nistp384",
                &[b"ecdsa-sha2-nistp384", b"nistp384", &point(48)],
            ),
            line(
                "ecdsa-sha2-nistp521",
                &[b"ecdsa-sha2-nistp521", b"nistp521", &point(66)],
            ),
        ] {
            assert_eq!(PublicKey::parse(&text).map(|key| key.to_string()), Ok(text));
        }
    }

    #[test]
    fn keys_that_are_not_whole_are_refused() {
        let damaged = [
            line("ssh-ed25519", &[b"ssh-ed25519", &[9; 31]]),
            line("ssh-ed25519", &[b"ssh-rsa", &[9; 32]]),
            line("ssh-ed25519", &[b"ssh-ed25519", &[9; 32], b""]),
            line(
                "ecdsa-sha2-nistp256",
                &[b"ecdsa-sha2-nistp256", b"nistp384", &[4; 65]],
            ),
            line(
                "ecdsa-sha2-nistp256",
                &[b"ecdsa-sha2-nistp256", b"nistp256", &[2; 65]],
            ),
            line(
                "ecdsa-sha2-nistp256",
                &[b"ecdsa-sha2-nistp256", b"nistp256", &[4; 64]],
            ),
            "ssh-ed25519".to_owned(),
            "ssh-ed25519 AAAA*".to_owned(),
            "ssh-ed25519 /////w==".to_owned(),
            format!("{ED25519}A"),
        ];
        for text in damaged {
            assert_eq!(PublicKey::parse(&text), Err(BadPublicKey::Damaged), "{text}");
        }
        for text in [
            "",
            "hello",
            "ssh-dss AAAA",
            "a b ssh-rsa AAAA",
            &format!("restrict\n{ED25519}"),
        ] {
            assert_eq!(PublicKey::parse(text), Err(BadPublicKey::UnknownKind), "{text}");
        }
        let long = format!("{ED25519} {}", "x".repeat(LINE_BYTES_MAX));
        assert_eq!(PublicKey::parse(&long), Err(BadPublicKey::TooLong));
    }

    #[test]
    fn weak_and_absurd_rsa_keys_are_refused() {
        assert!(rsa(&[1, 0, 1], &modulus(256)).is_ok());
        assert_eq!(rsa(&[1, 0, 1], &modulus(255)), Err(BadPublicKey::RsaBits));
        assert_eq!(rsa(&[1, 0, 1], &modulus(1025)), Err(BadPublicKey::RsaBits));
        let mut even = modulus(256);
        *even.last_mut().unwrap() = 0xc0;
        assert_eq!(rsa(&[1, 0, 1], &even), Err(BadPublicKey::Damaged));
        let negative = vec![0xc1; 256];
        assert_eq!(rsa(&[1, 0, 1], &negative), Err(BadPublicKey::Damaged));
        let padded = [&[0][..], &modulus(256)].concat();
        assert_eq!(rsa(&[1, 0, 1], &padded), Err(BadPublicKey::Damaged));
        for exponent in [
            &[][..],
            &[0],
            &[1],
            &[2],
            &[1, 0],
            &[0x81],
            &[1, 0, 0, 0, 0, 0, 0, 0, 1],
        ] {
            assert_eq!(
                rsa(exponent, &modulus(256)),
                Err(BadPublicKey::Damaged),
                "{exponent:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_text_is_taken_or_refused(text in "\\PC{0,300}") {
            let _ = PublicKey::parse(&text);
        }

        #[test]
        fn any_bytes_in_base64_are_taken_or_refused(kind in 0..5usize, blob in proptest::collection::vec(any::<u8>(), 0..600)) {
            let text = format!("{} {}", Kind::ALL[kind].name(), STANDARD.encode(blob));
            if let Ok(key) = PublicKey::parse(&text) {
                prop_assert_eq!(key.to_string(), text);
            }
        }

        #[test]
        fn nothing_around_a_key_survives(before in "[a-z\",= -]{0,40}", after in "\\PC{0,40}") {
            let text = format!("{before} {ED25519} {after}");
            if let Ok(key) = PublicKey::parse(&text) {
                prop_assert_eq!(key.to_string(), ED25519);
            }
        }
    }
}

//! Keys that open sessions: the secret half for the client, the public half for the host.

use super::{Invalid, Secret, bounded};

/// Longest line, in bytes: options, a key of 4096 bits in base64 and a comment are below 1 KiB.
const LINE_BYTES_MAX: usize = 2048;

/// One line of an authorized_keys file (sshd(8)), options included, that passes through the shells of a host as
/// one word and can be found again there to remove it: the agent removes with sed(1), to which `*` is no letter.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AuthorizedKey(String);

impl AuthorizedKey {
    /// What an X2Go session does with its connection: commands, and the ports of its display, its sound and its shared
    /// folders; and a terminal, in which X2Go Client asks after logging in whether commands are run at all. No X11 of
    /// SSH's own, no agent, no `~/.ssh/rc`.
    pub const RESTRICTIONS: &str = "restrict,pty,port-forwarding";
    /// Stands before a key's id in the comment of its line.
    pub const COMMENT_PREFIX: &str = "x2godirector-";

    /// Takes 1 to 2048 letters A to Z, digits and `+ / = @ . _ : , " -` and blanks.
    ///
    /// # Errors
    /// Says which bound was crossed.
    pub fn new(line: &str) -> Result<Self, Invalid> {
        let what = "authorized key";
        bounded(what, line, LINE_BYTES_MAX)?;
        let known = |b: u8| b.is_ascii_alphanumeric() || b"+/=@._:,\" -".contains(&b);
        if !line.bytes().all(known) {
            return Err(Invalid::Character {
                what,
                allowed: "letters A to Z, digits and + / = @ . _ : , \" - and blanks",
            });
        }
        Ok(Self(line.to_owned()))
    }

    /// The line, without its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The secret half of a key pair, as a PEM text that ends with a line feed. It prints as `…` and is wiped.
#[derive(Debug, Clone)]
pub struct PrivateKey(Secret);

impl PrivateKey {
    /// Keeps the text.
    pub fn new(pem: Secret) -> Self {
        Self(pem)
    }

    /// The text, for the reply to its owner.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_word_for_every_shell() {
        let good = r#"restrict,port-forwarding,expiry-time="20301231",from="127.0.0.1" ssh-rsa AAAA+/== x2godirector"#;
        assert!(AuthorizedKey::new(good).is_ok());
        for bad in [
            "",
            "a\nb",
            "a!b",
            "a*b",
            "a\\b",
            "$(x)",
            "`x`",
            "a'b",
            "a;b",
            &"a".repeat(2049),
        ] {
            assert!(AuthorizedKey::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_private_key_is_not_printed() {
        let key = PrivateKey::new(Secret::new("-----BEGIN".to_owned()));
        assert_eq!(format!("{key:?}"), "PrivateKey(…)");
    }
}

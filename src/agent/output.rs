//! What the program wrote, and whether that means yes.
//!
//! It ends with 0 whatever happened, since a forced command (sshd(8)) loses the exit code, and it says `OK` before it
//! does what it is asked. So it did it only if `OK` is the first line and nobody complained on stderr.

use std::borrow::Cow;

use super::AgentError;

/// Most that is read of what a host writes to stdout, and to stderr.
pub(super) const OUTPUT_BYTES_MAX: usize = 64 * 1024;
/// Most characters of a host's words that an error repeats.
const TOLD_CHARS_MAX: usize = 200;
/// What perl(1), bash(1) and sudo(8) say of an account's locale or of a host's own name, while they do what they are
/// told.
const HARMLESS: [&str; 3] = [
    "perl: warning: ",
    "warning: setlocale: ",
    "unable to resolve host ",
];

/// What the program wrote, each at most [`OUTPUT_BYTES_MAX`] bytes.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Output {
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
}

impl Output {
    /// What is behind the line that says yes.
    ///
    /// # Errors
    /// It did not say yes, or somebody complained.
    pub(super) fn body(&self) -> Result<Cow<'_, str>, AgentError> {
        let complaint = complaint(&String::from_utf8_lossy(&self.stderr));
        if let Some(complaint) = complaint {
            let unknown = ["no such user on system", "operation on system user"];
            return Err(if unknown.iter().any(|words| complaint.contains(words)) {
                AgentError::NoSuchUser(complaint)
            } else {
                AgentError::Refused(complaint)
            });
        }
        let end = self.stdout.iter().position(|byte| *byte == b'\n');
        let (first, rest) = match end {
            Some(end) => (self.stdout.get(..end), self.stdout.get(end + 1..)),
            None => (Some(self.stdout.as_slice()), None),
        };
        match first {
            Some(b"OK") => Ok(String::from_utf8_lossy(rest.unwrap_or_default())),
            Some(b"") | None => Err(AgentError::Refused(
                "it says nothing, as for a task that it does not have; is x2goserver installed there?"
                    .to_owned(),
            )),
            Some(other) => Err(AgentError::Garbled(format!(
                "it begins with `{}` instead of OK",
                told(&String::from_utf8_lossy(other))
            ))),
        }
    }
}

/// What of a program's stderr means that something was not done.
fn complaint(stderr: &str) -> Option<String> {
    // Perl goes on about a locale with indented lines.
    let meant = stderr.lines().filter(|line| {
        !line.trim().is_empty()
            && !line.starts_with([' ', '\t'])
            && !HARMLESS.iter().any(|harmless| line.contains(harmless))
    });
    let meant: Vec<_> = meant.map(str::trim).collect();
    (!meant.is_empty()).then(|| told(&meant.join("; ")))
}

/// A host's words as a log may have them: bounded, and without control characters.
pub(super) fn told(words: &str) -> String {
    let words = words.trim();
    let mut told: String = words
        .chars()
        .take(TOLD_CHARS_MAX)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if words.chars().nth(TOLD_CHARS_MAX).is_some() {
        told.push('…');
    }
    told
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn body(stdout: &str, stderr: &str) -> Result<String, AgentError> {
        let output = Output {
            stdout: stdout.into(),
            stderr: stderr.into(),
        };
        output.body().map(Cow::into_owned)
    }

    #[test]
    fn yes_is_ok_and_no_complaint() {
        assert_eq!(body("OK\n", "").unwrap(), "");
        assert_eq!(body("OK", "").unwrap(), "");
        assert_eq!(body("OK\na|b\nc\n", "\n").unwrap(), "a|b\nc\n");
        let locale = "perl: warning: Setting locale failed.\nperl: warning: Please check that your locale settings:\n\
                      \tLANG = \"xx\"\n    are supported and installed on your system.\n\
                      sudo: unable to resolve host ts01: Name or service not known\n";
        assert_eq!(body("OK\n", locale).unwrap(), "");
    }

    #[test]
    fn everything_else_is_an_error_that_says_what() {
        let unknown = body(
            "",
            "no such user on system: nobody at /usr/lib/x2go/x2gobroker-agent.pl line 7.\n",
        );
        assert!(matches!(unknown, Err(AgentError::NoSuchUser(_))), "{unknown:?}");
        let system = body("", "operation on system user: root (with UID number: 0) at x\n");
        assert!(matches!(system, Err(AgentError::NoSuchUser(_))), "{system:?}");
        let half = body(
            "OK\n",
            "tee: /home/a/.x2go/authorized_keys: No space left on device\n",
        );
        assert_eq!(
            half,
            Err(AgentError::Refused(
                "tee: /home/a/.x2go/authorized_keys: No space left on device".to_owned()
            ))
        );
        assert!(matches!(body("", ""), Err(AgentError::Refused(_))));
        assert!(matches!(body("OKAY\n", ""), Err(AgentError::Garbled(_))));
        assert!(matches!(body("Welcome\nOK\n", ""), Err(AgentError::Garbled(_))));
    }

    proptest! {
        #[test]
        fn a_hosts_words_are_bounded_and_printable(words in ".{0,400}") {
            let told = told(&words);
            prop_assert!(told.chars().count() <= TOLD_CHARS_MAX + 1);
            prop_assert!(!told.contains(char::is_control));
        }
    }
}

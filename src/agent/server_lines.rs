//! The lines of `x2gogetservers`: a server's name and, with PostgreSQL, how many sessions it has.

use super::output::told;
use super::{AgentError, ServerCount};

/// Longest name of a host, in bytes (RFC 1035 section 2.3.4).
const NAME_BYTES_MAX: usize = 253;

/// The counts. One line that cannot be read makes the others doubtful too.
///
/// # Errors
/// Says which line cannot be read.
pub(super) fn read(body: &str) -> Result<Vec<ServerCount>, AgentError> {
    let lines = body.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| count(line).ok_or_else(|| AgentError::Garbled(format!("`{}` is no server", told(line)))))
        .collect()
}

fn count(line: &str) -> Option<ServerCount> {
    let mut words = line.split_ascii_whitespace();
    let server = words.next()?;
    let sessions = words.next().map(str::parse).transpose().ok()?;
    let known = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    let right = words.next().is_none() && server.len() <= NAME_BYTES_MAX && server.bytes().all(known);
    right.then(|| ServerCount {
        server: server.to_owned(),
        sessions,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_are_counts() {
        assert_eq!(read("").unwrap(), []);
        let counts = read("ts01 12\nts02.example.org").unwrap();
        assert_eq!(
            (counts[0].server.as_str(), counts[0].sessions),
            ("ts01", Some(12))
        );
        assert_eq!(counts[1].sessions, None);
        for bad in [
            "ts01 -1",
            "ts01 1 2",
            "ts\u{7}01 1",
            "12:ts01",
            "ts01 99999999999",
        ] {
            assert!(matches!(read(bad), Err(AgentError::Garbled(_))), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn names_are_plain(body in "(.{0,20}( [0-9]{1,3})?\n){0,4}") {
            for count in read(&body).unwrap_or_default() {
                prop_assert!(count.server.is_ascii() && !count.server.contains(char::is_control));
            }
        }
    }
}

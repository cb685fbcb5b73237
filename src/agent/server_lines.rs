//! The lines of `x2gogetservers`: a server's name and how many sessions it has; with SQLite, the name alone.

use super::output::told;
use super::{AgentError, ServerCount};

/// Longest name of a host, in bytes (RFC 1035 section 2.3.4).
const NAME_BYTES_MAX: usize = 253;

/// The counts. One line that cannot be read makes the others doubtful too.
///
/// # Errors
/// Says which line cannot be read, or that nothing is counted there.
pub(super) fn read(body: &str) -> Result<Vec<ServerCount>, AgentError> {
    let lines = body.lines().filter(|line| !line.trim().is_empty());
    lines.map(count).collect()
}

fn count(line: &str) -> Result<ServerCount, AgentError> {
    let known = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    let words: Vec<&str> = line.split_ascii_whitespace().take(3).collect();
    let named = words
        .first()
        .is_some_and(|server| server.len() <= NAME_BYTES_MAX && server.bytes().all(known));
    match words[..] {
        [_] if named => Err(AgentError::Refused(
            "it names the servers that have sessions and does not count these, as x2goserver with SQLite"
                .to_owned(),
        )),
        [server, sessions] if named && sessions.bytes().all(|b| b.is_ascii_digit()) => {
            let sessions = sessions.parse().map_err(|_| garbled(line))?;
            let server = server.to_owned();
            Ok(ServerCount { server, sessions })
        }
        _ => Err(garbled(line)),
    }
}

fn garbled(line: &str) -> AgentError {
    AgentError::Garbled(format!("`{}` is no server with a number", told(line)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_are_counts() {
        assert_eq!(read("").unwrap(), []);
        let counts = read("ts01 12\nts02.example.org 0").unwrap();
        assert_eq!((counts[0].server.as_str(), counts[0].sessions), ("ts01", 12));
        assert_eq!(counts[1].sessions, 0);
        assert!(matches!(read("ts01"), Err(AgentError::Refused(_))));
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
        fn names_are_plain(body in "(.{0,20} [0-9]{1,3}\n){0,4}") {
            for count in read(&body).unwrap_or_default() {
                prop_assert!(count.server.is_ascii() && !count.server.contains(char::is_control));
            }
        }
    }
}

//! The lines of `x2golistsessions` (its man page): one session each, fields between `|`.

use std::collections::BTreeSet;

use super::{LeftOut, Sessions};
use crate::model::{DisplayCookie, Session, SessionId, SessionState, SessionUser};

/// Most fields of a line: the man page has 14, and later versions have more behind them.
const FIELDS_MAX: usize = 32;
/// Longest text of a field, in bytes: a host's name has at most 253.
const TEXT_BYTES_MAX: usize = 253;
/// What begins or ends a part of a broker's reply, in which some of these texts may stand.
const PROTOCOL_WORDS: [&str; 5] = ["SERVER:", "SESSION_INFO", "_USER_SESSIONS", "AUTHID:", "-----"];

/// A line that is not given on.
enum NotGiven {
    /// The session has ended, or is being made and has no process yet: none of ours.
    NotThere,
    /// It is another user's.
    OfOther,
    /// It has control characters.
    ControlCharacter,
    /// It has words of the broker protocol.
    ProtocolWord,
    /// It is not what this user's line may be.
    Wrong,
}

/// The running and suspended sessions of the user. Lines of other users, with other characters than they may have, with
/// words of the broker protocol, or of a session that stood there already are left out and counted.
pub(super) fn read(body: &str, user: &SessionUser) -> Sessions {
    let (mut sessions, mut left_out) = (Vec::<Session>::new(), LeftOut::default());
    let mut seen = BTreeSet::new();
    for line in body.lines().filter(|line| !line.is_empty()) {
        match session(line, user) {
            Ok(session) if seen.insert(session.id.clone()) => sessions.push(session),
            Err(NotGiven::NotThere) => {}
            Err(NotGiven::OfOther) => left_out.of_others += 1,
            Err(NotGiven::ControlCharacter) => left_out.with_control_characters += 1,
            Err(NotGiven::ProtocolWord) => left_out.with_protocol_words += 1,
            Ok(_) | Err(NotGiven::Wrong) => left_out.unreadable += 1,
        }
    }
    Sessions { sessions, left_out }
}

fn session(line: &str, user: &SessionUser) -> Result<Session, NotGiven> {
    if line.contains(char::is_control) {
        return Err(NotGiven::ControlCharacter);
    }
    if PROTOCOL_WORDS.iter().any(|word| line.contains(word)) {
        return Err(NotGiven::ProtocolWord);
    }
    let fields: Vec<&str> = line.split('|').take(FIELDS_MAX + 1).collect();
    let [
        pid,
        id,
        display,
        server,
        state,
        started,
        cookie,
        client,
        graphics,
        sound,
        changed,
        owner,
        age,
        folders,
        ..,
    ] = fields[..]
    else {
        return Err(NotGiven::Wrong);
    };
    if owner != user.as_str() {
        return Err(NotGiven::OfOther);
    }
    if fields.len() > FIELDS_MAX {
        return Err(NotGiven::Wrong);
    }
    let state = match state {
        "F" => return Err(NotGiven::NotThere),
        // x2goinsertsession writes neither a process nor a state, which PostgreSQL takes for R; x2gocreatesession does.
        "" | "R" if pid.is_empty() => return Err(NotGiven::NotThere),
        "R" => SessionState::Running,
        "S" => SessionState::Suspended,
        _ => return Err(NotGiven::Wrong),
    };
    Ok(Session {
        id: SessionId::new(id).map_err(|_| NotGiven::Wrong)?,
        pid: number(pid)?,
        display: number(display)?,
        server: text(server)?,
        state,
        started: text(started)?,
        cookie: DisplayCookie::new(cookie).map_err(|_| NotGiven::Wrong)?,
        client: text(client)?,
        ports: [port(graphics)?, port(sound)?, port(folders)?],
        changed: text(changed)?,
        age_s: number(age)?,
    })
}

fn number<N: std::str::FromStr>(field: &str) -> Result<N, NotGiven> {
    field.parse().map_err(|_| NotGiven::Wrong)
}

/// A port; 0 where there is none.
fn port(field: &str) -> Result<u16, NotGiven> {
    match field {
        "" | "-1" => Ok(0),
        _ => number(field),
    }
}

/// A time, an address or a host's name.
fn text(field: &str) -> Result<String, NotGiven> {
    let known = |b: u8| b.is_ascii_alphanumeric() || b"._:%+- ".contains(&b);
    if field.len() > TEXT_BYTES_MAX || !field.bytes().all(known) {
        return Err(NotGiven::Wrong);
    }
    Ok(field.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LINE: &str = "4711|alice-51-1700000000_stDXFCE_dp24|51|ts01|S|2026-03-02T09:00:00|cookie|10.1.2.3|30001|\
                        30002|2026-03-02T10:00:00|alice|3600|30003|-1|-1";

    fn alice() -> SessionUser {
        SessionUser::new("alice").unwrap()
    }

    #[test]
    fn a_line_is_a_session() {
        let Sessions { sessions, left_out } = read(&format!("{LINE}\n"), &alice());
        assert!(sessions.len() == 1 && left_out.is_empty());
        let session = &sessions[0];
        assert_eq!(session.id.as_str(), "alice-51-1700000000_stDXFCE_dp24");
        assert_eq!((session.pid, session.display, session.age_s), (4711, 51, 3600));
        assert_eq!(
            (session.server.as_str(), session.client.as_str()),
            ("ts01", "10.1.2.3")
        );
        assert_eq!(session.state, SessionState::Suspended);
        assert_eq!(session.ports, [30001, 30002, 30003]);
        assert_eq!(session.started, "2026-03-02T09:00:00");
        assert_eq!(session.changed, "2026-03-02T10:00:00");
    }

    #[test]
    fn what_a_host_must_not_say_is_left_out_and_counted() {
        let counted = |of_others, with_control_characters, with_protocol_words, unreadable| LeftOut {
            of_others,
            with_control_characters,
            with_protocol_words,
            unreadable,
        };
        for (from, to, expected) in [
            ("|alice|", "|bob|", counted(1, 0, 0, 0)),
            ("ts01", "ts01\u{1b}[31m", counted(0, 1, 0, 0)),
            ("ts01", "SERVER:evil", counted(0, 0, 1, 0)),
            ("2026-03-02T09:00:00", "SESSION_INFO:", counted(0, 0, 1, 0)),
            ("10.1.2.3", "-----BEGIN", counted(0, 0, 1, 0)),
            ("|S|", "|X|", counted(0, 0, 0, 1)),
            ("alice-51", "-alice", counted(0, 0, 0, 1)),
            ("alice-51", "al ice", counted(0, 0, 0, 1)),
            ("4711", "-4711", counted(0, 0, 0, 1)),
            ("30001", "65536", counted(0, 0, 0, 1)),
            ("|3600|30003|-1|-1", "|3600", counted(0, 0, 0, 1)),
            ("ts01", &"x".repeat(254), counted(0, 0, 0, 1)),
            ("|-1|-1", &"|".repeat(40), counted(0, 0, 0, 1)),
        ] {
            assert!(LINE.contains(from));
            let Sessions { sessions, left_out } = read(&LINE.replacen(from, to, 1), &alice());
            assert_eq!((sessions.len(), left_out), (0, expected), "{from} as {to}");
        }
        let twice = read(&format!("{LINE}\n{LINE}\n"), &alice());
        assert_eq!((twice.sessions.len(), twice.left_out), (1, counted(0, 0, 0, 1)));
    }

    #[test]
    fn sessions_that_have_ended_or_are_being_made_are_no_fault() {
        for state in ["||", "|R|"] {
            let made = LINE
                .replace("4711|", "|")
                .replace("|S|", state)
                .replace("|cookie|10.1.2.3|30001|30002|", "|||||");
            let made = read(&made, &alice());
            assert!(made.sessions.is_empty() && made.left_out.is_empty());
        }
        let ended = read(&LINE.replace("|S|", "|F|"), &alice());
        assert!(ended.sessions.is_empty() && ended.left_out.is_empty());
        let without_ports = read(&LINE.replace("30003|-1|-1", "").replace("30001", "-1"), &alice());
        assert_eq!(without_ports.sessions[0].ports, [0, 30002, 0]);
    }

    proptest! {
        #[test]
        fn whatever_a_host_says_texts_are_plain(
            damage in ".{0,12}",
            at in any::<prop::sample::Index>(),
        ) {
            let at = at.index(LINE.len());
            let line = format!("{}{damage}{}", &LINE[..at], &LINE[at..]);
            for session in read(&line, &alice()).sessions {
                let texts = [&session.server, &session.started, &session.client, &session.changed];
                for text in texts {
                    prop_assert!(!text.contains(|c: char| c.is_control() || c == '|' || !c.is_ascii()));
                    prop_assert!(PROTOCOL_WORDS.iter().all(|word| !text.contains(word)));
                }
            }
        }
    }
}

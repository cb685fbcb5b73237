//! The lines of `x2golistsessions` (its man page): one session each, fields between `|`.

use std::collections::BTreeSet;

use super::Sessions;
use crate::model::{DisplayCookie, Session, SessionId, SessionState, SessionUser};

/// Most fields of a line: the man page has 14, and later versions have more behind them.
const FIELDS_MAX: usize = 32;
/// Longest text of a field, in bytes: a host's name has at most 253.
const TEXT_BYTES_MAX: usize = 253;
/// What begins or ends a part of a broker's reply, in which some of these texts may stand.
const PROTOCOL_WORDS: [&str; 5] = ["SERVER:", "SESSION_INFO", "_USER_SESSIONS", "AUTHID:", "-----"];

/// A line that is not given on.
enum NotGiven {
    /// The session has ended, which is none of ours.
    Ended,
    /// It is not what this user's line may be.
    Wrong,
}

/// The running and suspended sessions of the user. Lines of other users, with other characters than they may have, with
/// words of the broker protocol, or of a session that stood there already are left out and counted.
pub(super) fn read(body: &str, user: &SessionUser) -> Sessions {
    let (mut sessions, mut dropped) = (Vec::<Session>::new(), 0);
    let mut seen = BTreeSet::new();
    for line in body.lines().filter(|line| !line.is_empty()) {
        match session(line, user) {
            Ok(session) if seen.insert(session.id.clone()) => sessions.push(session),
            Err(NotGiven::Ended) => {}
            Ok(_) | Err(NotGiven::Wrong) => dropped += 1,
        }
    }
    Sessions { sessions, dropped }
}

fn session(line: &str, user: &SessionUser) -> Result<Session, NotGiven> {
    if PROTOCOL_WORDS.iter().any(|word| line.contains(word)) {
        return Err(NotGiven::Wrong);
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
    if fields.len() > FIELDS_MAX || owner != user.as_str() {
        return Err(NotGiven::Wrong);
    }
    let state = match state {
        "R" => SessionState::Running,
        "S" => SessionState::Suspended,
        "F" => return Err(NotGiven::Ended),
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
        let Sessions { sessions, dropped } = read(&format!("{LINE}\n"), &alice());
        assert_eq!((sessions.len(), dropped), (1, 0));
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
        for (from, to) in [
            ("|alice|", "|bob|"),
            ("ts01", "ts01\u{1b}[31m"),
            ("ts01", "SERVER:evil"),
            ("2026-03-02T09:00:00", "SESSION_INFO:"),
            ("10.1.2.3", "-----BEGIN"),
            ("|S|", "|X|"),
            ("alice-51", "-alice"),
            ("alice-51", "al ice"),
            ("4711", "-4711"),
            ("30001", "65536"),
            ("|3600|30003|-1|-1", "|3600"),
            ("ts01", &"x".repeat(254)),
            ("|-1|-1", &"|".repeat(40)),
        ] {
            assert!(LINE.contains(from));
            let Sessions { sessions, dropped } = read(&LINE.replacen(from, to, 1), &alice());
            assert_eq!((sessions.len(), dropped), (0, 1), "{from} as {to}");
        }
        let twice = read(&format!("{LINE}\n{LINE}\n"), &alice());
        assert_eq!((twice.sessions.len(), twice.dropped), (1, 1));
    }

    #[test]
    fn sessions_that_have_ended_are_no_fault() {
        let ended = read(&LINE.replace("|S|", "|F|"), &alice());
        assert_eq!((ended.sessions.len(), ended.dropped), (0, 0));
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

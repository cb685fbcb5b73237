//! One session as X2Go Client is told of it, for it to offer to resume it.

use std::fmt;

use zeroize::Zeroizing;

use super::plain::acts_in_selection;
use crate::model::{HostAddress, Session, SessionState, SessionUser};

/// Longest line, in bytes. The fields' own bounds keep all but the texts of a host well below it.
const LINE_BYTES_MAX: usize = 2048;

/// A line of SESSION_INFO: the fields of x2golistsessions(1), parted by `|`, with the address that the client dials in
/// field 4 and, behind those of an X2Go server, the user (X2Go Client's sources, 4.1.2.2). It prints as `…` and is
/// wiped: it has the cookie of the session's display.
#[derive(Clone)]
pub struct SessionLine(Zeroizing<String>);

/// A session that no line can tell of: the client would read it as something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("its line would mean something else to a client")]
pub struct Unspeakable;

impl SessionLine {
    /// The line for a session of `user` on the host that clients dial as `address`. Fields 12 and 15 are `user`,
    /// whatever the host said.
    ///
    /// # Errors
    /// If a text of the session has a separator, a control character or a word that acts in a reply, or the line is
    /// longer than 2048 bytes.
    pub fn new(session: &Session, address: &HostAddress, user: &SessionUser) -> Result<Self, Unspeakable> {
        let texts = [&session.started, &session.client, &session.changed];
        let parts = |c: char| c == '|' || c.is_control() || !c.is_ascii();
        if texts.iter().any(|text| text.contains(parts)) {
            return Err(Unspeakable);
        }
        let state = match session.state {
            SessionState::Running => "R",
            SessionState::Suspended => "S",
        };
        let (pid, display, age) = (session.pid, session.display, session.age_s);
        let [shown, sound, folders] = session.ports;
        let (address, cookie) = (address.as_str().to_ascii_lowercase(), session.cookie.expose());
        let (id, started, client, changed) =
            (&session.id, &session.started, &session.client, &session.changed);
        // In one piece: a line that grew would leave copies of the cookie behind.
        let mut line = Zeroizing::new(String::with_capacity(LINE_BYTES_MAX + 1));
        let written = fmt::write(
            &mut *line,
            format_args!(
                "{pid}|{id}|{display}|{address}|{state}|{started}|{cookie}|{client}|{shown}|{sound}|{changed}|{user}|{age}|{folders}|{user}"
            ),
        );
        if written.is_err() || line.len() > LINE_BYTES_MAX || acts_in_selection(&line) {
            return Err(Unspeakable);
        }
        Ok(Self(line))
    }

    /// The line without its end, for the reply to the session's owner.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SessionLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

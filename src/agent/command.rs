//! What the program is asked, as the words of its command line. Each word is made of characters that no shell reads
//! as anything else, or is quoted as one word on its way.

use super::Settings;
use crate::model::{AuthorizedKey, SessionId, SessionUser};

/// The program wants a name before every task, also before those that are about nobody and do not look at it.
const ANYBODY: &str = "x2gobroker";

/// A line that opens nothing.
const NO_KEY: &str = "x2godirector-test";

/// A task of `x2gobroker-agent` (its source of 0.0.4.3 says which there are and what they take).
#[derive(Debug, Clone, Copy)]
pub(super) enum Command<'a> {
    /// Says `OK`.
    Ping,
    /// The tasks that it has.
    AvailableTasks,
    /// Load average, memory and processors.
    CheckLoad,
    /// `x2golistsessions --all-servers` of the user.
    ListSessions(&'a SessionUser),
    /// How many sessions each server has, asked as the user.
    GetServers(&'a SessionUser),
    /// Suspends a session.
    SuspendSession(&'a SessionUser, &'a SessionId),
    /// Ends a session.
    TerminateSession(&'a SessionUser, &'a SessionId),
    /// Appends a line to the user's file of keys, unless it is the last line there.
    AddAuthKey(&'a SessionUser, &'a AuthorizedKey),
    /// Adds a line to the file of no user, `/dev/null`, in the user's name: it changes nothing, and complains where the
    /// program cannot act for users.
    ActAs(&'a SessionUser),
    /// Removes every such line.
    DelAuthKey(&'a SessionUser, &'a AuthorizedKey),
}

impl<'a> Command<'a> {
    /// The command line: the program first, then one word for each argument.
    pub(super) fn words(self, settings: &'a Settings) -> Vec<&'a str> {
        let file = settings.key_file.as_str();
        let (user, rest): (&str, Vec<&str>) = match self {
            Self::Ping => (ANYBODY, vec!["ping"]),
            Self::AvailableTasks => (ANYBODY, vec!["availabletasks"]),
            Self::CheckLoad => (ANYBODY, vec!["checkload"]),
            Self::ListSessions(user) => (user.as_str(), vec!["listsessions"]),
            Self::GetServers(user) => (user.as_str(), vec!["getservers"]),
            Self::SuspendSession(user, id) => (user.as_str(), vec!["suspendsession", id.as_str()]),
            Self::TerminateSession(user, id) => (user.as_str(), vec!["terminatesession", id.as_str()]),
            Self::AddAuthKey(user, key) => (user.as_str(), vec!["addauthkey", key.as_str(), file]),
            Self::ActAs(user) => (user.as_str(), vec!["addauthkey", NO_KEY, "/dev/null"]),
            Self::DelAuthKey(user, key) => (user.as_str(), vec!["delauthkey", key.as_str(), file]),
        };
        [vec![settings.command.as_str(), user], rest].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_argument_is_one_word() {
        let settings = Settings::beside(std::path::Path::new("/var/lib/x2godirector"));
        let user = SessionUser::new("alice").unwrap();
        let id = SessionId::new("alice-50-1700000000_stDXFCE_dp24").unwrap();
        let key = AuthorizedKey::new("restrict,from=\"10.0.0.1\" ssh-ed25519 AAAA x").unwrap();
        let words = |command: Command<'_>| command.words(&settings).join("\n");
        let program = "/usr/lib/x2go/x2gobroker-agent";
        assert_eq!(words(Command::Ping), format!("{program}\nx2gobroker\nping"));
        assert_eq!(
            words(Command::ListSessions(&user)),
            format!("{program}\nalice\nlistsessions")
        );
        assert_eq!(
            words(Command::SuspendSession(&user, &id)),
            format!("{program}\nalice\nsuspendsession\n{id}")
        );
        assert_eq!(
            words(Command::ActAs(&user)),
            format!("{program}\nalice\naddauthkey\nx2godirector-test\n/dev/null")
        );
        assert_eq!(
            words(Command::DelAuthKey(&user, &key)),
            format!(
                "{program}\nalice\ndelauthkey\n{}\n%h/.x2go/authorized_keys",
                key.as_str()
            )
        );
    }
}

//! What the broker's key may have the agent of this host do. Pure.

use std::time::Duration;

use super::key_line;
use crate::model::{Now, SessionId, SessionUser};

/// Longest command, in bytes: a key line of 2 KiB, and paths.
const COMMAND_BYTES_MAX: usize = 8 * 1024;
/// A line that opens nothing, and the file that is nobody's: with them the broker tries whether the agent can act for a
/// user.
const TRIAL: [&str; 2] = ["x2godirector-test", "/dev/null"];
/// How far ahead a key may end: the broker's end within an hour, and its clock, or a zone that it does not name, may be
/// others than ours.
const END_WITHIN: Duration = Duration::from_hours(24);

/// A task for the agent: its words are a user, the name of the task, and what that takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentTask {
    words: Vec<String>,
}

impl AgentTask {
    /// Reads a command as the broker writes it, whatever the program is called in it; none if it is anything else. Keys
    /// may be written into `key_file` alone, and only such as end by themselves within a day.
    pub fn read(command: &str, key_file: &str, now: Now) -> Option<Self> {
        if command.len() > COMMAND_BYTES_MAX {
            return None;
        }
        let mut words = words(command)?;
        if !words.remove(0).starts_with('/') {
            return None;
        }
        let [user, task, rest @ ..] = words.as_slice() else {
            return None;
        };
        let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
        let known = match (task.as_str(), rest.as_slice()) {
            ("ping" | "availabletasks" | "checkload" | "listsessions" | "getservers", []) => true,
            ("suspendsession" | "terminatesession", [id]) => SessionId::new(id).is_ok(),
            ("addauthkey", trial) if *trial == TRIAL => true,
            ("addauthkey", [line, file]) => {
                *file == key_file && key_line::end(line).is_some_and(|end| end <= now.plus(END_WITHIN))
            }
            ("delauthkey", [line, file]) => *file == key_file && key_line::end(line).is_some(),
            _ => false,
        };
        (known && SessionUser::new(user).is_ok()).then_some(Self { words })
    }

    /// The arguments for the agent.
    pub fn words(&self) -> &[String] {
        &self.words
    }
}

/// The words of a command, of which there is at least one: one blank between them, and each of characters that no shell
/// reads as anything else, or between single quotes as it is.
fn words(command: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = command;
    loop {
        let (word, behind) = match rest.strip_prefix('\'') {
            Some(quoted) => quoted.split_once('\'')?,
            None => rest.split_at(rest.find(|c| !is_plain(c)).unwrap_or(rest.len())),
        };
        if word.is_empty() || word.chars().any(char::is_control) {
            return None;
        }
        words.push(word.to_owned());
        if behind.is_empty() {
            return Some(words);
        }
        rest = behind.strip_prefix(' ')?;
    }
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_=/,.+@:%".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "%h/.x2go/authorized_keys";
    const LINE: &str = concat!(
        r#"restrict,pty,port-forwarding,expiry-time="20260702090030Z" ssh-ed25519 "#,
        "AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f x2godirector-000000000000003f"
    );

    fn read(command: &str) -> Option<String> {
        let now = "2026-07-02T09:00:00Z".parse().unwrap();
        AgentTask::read(command, FILE, now).map(|task| task.words().join("|"))
    }

    #[test]
    fn the_tasks_of_the_broker_pass() {
        let tomorrow = LINE.replace("20260702090030", "20260703090000");
        let far = LINE.replace("2026", "2099");
        for (command, words) in [
            ("/p x2gobroker ping", "x2gobroker|ping"),
            (
                "/p 'alice@example.org' listsessions",
                "alice@example.org|listsessions",
            ),
            (
                "/p alice suspendsession alice-50-17_stDXFCE_dp24",
                "alice|suspendsession|alice-50-17_stDXFCE_dp24",
            ),
            (
                "/p alice addauthkey x2godirector-test /dev/null",
                "alice|addauthkey|x2godirector-test|/dev/null",
            ),
            (
                &format!("/p alice addauthkey '{LINE}' '{FILE}'"),
                &format!("alice|addauthkey|{LINE}|{FILE}"),
            ),
            (
                &format!("/p alice addauthkey '{tomorrow}' {FILE}"),
                &format!("alice|addauthkey|{tomorrow}|{FILE}"),
            ),
            (
                &format!("/p alice delauthkey '{far}' {FILE}"),
                &format!("alice|delauthkey|{far}|{FILE}"),
            ),
        ] {
            assert_eq!(read(command).as_deref(), Some(words), "{command}");
        }
    }

    #[test]
    fn nothing_else_does() {
        let lasting = LINE.replace("expiry-time", "environment");
        let quoted = LINE.replace(
            "expiry-time=\"20260702090030Z\"",
            "environment=\"X=,expiry-time=\"",
        );
        let quoted_alone = LINE.replace(
            "port-forwarding,expiry-time=\"20260702090030Z\"",
            "environment=\"X=,expiry-time=\"",
        );
        let late = LINE.replace("20260702090030", "20260703090001");
        let far = LINE.replace("2026", "2099");
        let free = LINE.replace("restrict,", "");
        for command in [
            "",
            "/p",
            "/p alice",
            "p alice ping",
            "/p alice ping now",
            "/p alice ping ",
            "/p alice  ping",
            "/p -u ping",
            "/p 1000 ping",
            "/p alice sh",
            "/p alice findbusyservers",
            "/p alice suspendsession",
            "/p alice suspendsession -x",
            "/p alice listsessions; id",
            "/p alice listsessions | id",
            "/p alice listsessions\nid",
            "/p $(id) listsessions",
            "/p alice 'listsessions",
            "/p alice addauthkey x2godirector-test /etc/passwd",
            "/p alice delauthkey x2godirector-test /dev/null",
            &format!("/p alice addauthkey '{LINE}' %h/.ssh/authorized_keys"),
            &format!("/p alice addauthkey '{lasting}' {FILE}"),
            &format!("/p alice addauthkey '{quoted}' {FILE}"),
            &format!("/p alice addauthkey '{quoted_alone}' {FILE}"),
            &format!("/p alice delauthkey '{quoted_alone}' {FILE}"),
            &format!("/p alice addauthkey '{late}' {FILE}"),
            &format!("/p alice addauthkey '{far}' {FILE}"),
            &format!("/p alice addauthkey '{free}' {FILE}"),
            &format!("/p alice addauthkey '{LINE}'\\''x' {FILE}"),
            &format!("/p alice addauthkey '{}' {FILE}", LINE.replace("003f", "$(id)")),
            &format!("/p {} ping", "a".repeat(COMMAND_BYTES_MAX)),
        ] {
            assert_eq!(read(command), None, "{command}");
        }
    }
}

//! Why there is no connection, in words that say what to do. ssh(1) tells it on stderr, in English whatever the locale.

use crate::agent::Settings;
use crate::agent::host_key::known_as;
use crate::agent::output::told;
use crate::model::Machine;

/// What ssh says, what it means, and what to do; the first that fits.
const KNOWN: [(&str, &str); 9] = [
    (
        "HOST IDENTIFICATION HAS CHANGED",
        "its host key is not the one in {known_hosts}, so nothing is sent to it. If the machine was installed again, \
         run `ssh-keygen -f {known_hosts} -R '{name}'` as the broker's user and then `x2godirector agent-authorize` for \
         it; if not, somebody else answers under its address",
    ),
    (
        "Host key verification failed",
        "its host key is not in {known_hosts}; run `x2godirector agent-authorize` for it",
    ),
    (
        "UNPROTECTED PRIVATE KEY",
        "others can read {private_key}, so ssh does not use it; run `chmod 600 {private_key}`",
    ),
    (
        "Load key ",
        "ssh cannot use {private_key}: it must be the daemon's own and an OpenSSH private key without a passphrase",
    ),
    (
        "Permission denied (",
        "it does not let {user} in with the broker's key; run `x2godirector agent-authorize` for it. If it has the key, look \
         there whether its `from=` has this machine's address, and whether sshd lets {user} in at all",
    ),
    ("Could not resolve hostname", "there is no address for its name"),
    ("Connection refused", "nothing listens on its SSH port"),
    ("timed out", "it does not answer on its SSH port"),
    (
        "failed to execute ssh",
        "ssh cannot be run on this machine; install openssh-client",
    ),
];

/// What is wrong, from what ssh wrote to stderr before it ended.
pub(in crate::agent) fn explain(stderr: &str, machine: &Machine, settings: &Settings) -> String {
    let known = KNOWN.iter().find(|(said, _)| stderr.contains(said));
    match known {
        Some((_, meaning)) => {
            let meaning = meaning
                .replace("{known_hosts}", &settings.known_hosts.display().to_string())
                .replace("{private_key}", &settings.private_key.display().to_string())
                .replace("{user}", &settings.user)
                .replace("{name}", &known_as(machine));
            format!("{machine}: {meaning}")
        }
        None => {
            let last = stderr.lines().map(str::trim).rfind(|line| !line.is_empty());
            let last = last.map_or_else(|| "ssh ended without a word".to_owned(), told);
            format!("{machine}: {last}")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::model::HostAddress;

    fn explained(stderr: &str, port: u16) -> String {
        let machine = Machine::new(&HostAddress::new("ts01").unwrap(), port);
        explain(stderr, &machine, &Settings::beside(Path::new("/s")))
    }

    #[test]
    fn a_changed_host_key_is_said_clearly() {
        let said = "@@@@@@@\r\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r\n…\r\n\
                    Host key verification failed.\r\n";
        assert_eq!(
            explained(said, 2222),
            "ts01:2222: its host key is not the one in /s/ssh/known_hosts, so nothing is sent to it. If the machine \
             was installed again, run `ssh-keygen -f /s/ssh/known_hosts -R '[ts01]:2222'` as the broker's user \
             and then `x2godirector agent-authorize` for it; if not, somebody else answers under its address"
        );
    }

    #[test]
    fn the_rest_is_said_too() {
        let denied = explained("x2gobroker@ts01: Permission denied (publickey).\r\n", 22);
        assert!(
            denied.contains("x2gobroker in with the broker's key; run `x2godirector agent-authorize`"),
            "{denied}"
        );
        assert_eq!(
            explained("\nsomething\u{7} new\n\n", 22),
            "ts01:22: something\u{fffd} new"
        );
        assert_eq!(explained("", 22), "ts01:22: ssh ended without a word");
    }

    proptest! {
        #[test]
        fn whatever_ssh_says_it_is_one_bounded_line(stderr in "(?s).{0,2000}") {
            let explained = explained(&stderr, 22);
            prop_assert!(!explained.contains(char::is_control));
            prop_assert!(explained.chars().count() < 500);
        }
    }
}

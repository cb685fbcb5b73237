//! The keys that an admin may know from a sessions file and that cannot be set in a profile, with what to do
//! instead.

const NOT_FROM_A_BROKER: &str =
    "X2Go Client reads it from the user's own sessions file and never from a broker; leave it out";
const NOT_READ: &str = "X2Go Client does not read it; leave it out";
const SESSIONS: &str = "it tells about the user's sessions, which the broker finds out itself; leave it out";

/// Why the key of that name cannot be set in a profile, and what to write instead; none if nothing is known
/// about it. The words follow the key's name and a colon.
pub fn reserved(name: &str) -> Option<&'static str> {
    let why = match name {
        "user" => "it is the user who logged in; where the hosts know another name, write `session_user`",
        "host" => "placement chooses it; name the hosts in [farm.NAME.hosts.HOST] and the farm in `farm`",
        "sshport" => "it comes with the host; write `port` in [farm.NAME.hosts.HOST]",
        "key" => "in a broker's profile it names no key file, and only hides the login form; leave it out",
        "status" | "running" | "suspended" => SESSIONS,
        "layout" => {
            "X2Go Client ignores it from a broker; the layout comes from its command line (`--kbd-layout`)"
        }
        "fstunnel" | "iconvfrom" | "iconvto" | "shadowdisplay" | "shadowfullaccess" | "shadowuser"
        | "useiconv" => NOT_FROM_A_BROKER,
        "applications" | "autostart" | "defaultLayout" | "sessiontitle" | "startembed" | "useexports"
        | "variant" => NOT_READ,
        // Keys of x2gobroker's profiles, which sites bring along.
        _ if name.starts_with("acl-") => "who may have a profile is said by the rules in [rule.NAME]",
        _ if name.starts_with("broker-") => "it is no session key; the broker is set up in the other tables",
        _ => return None,
    };
    Some(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_set_is_explained() {
        assert!(reserved("host").unwrap().contains("[farm."));
        assert!(reserved("acl-groups-allow").unwrap().contains("[rule."));
        assert_eq!(reserved("fulscreen"), None);
    }
}

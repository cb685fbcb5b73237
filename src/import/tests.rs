//! The room from outside: whole small sites.

use super::*;

fn source(name: &str, text: &str) -> Source {
    Source {
        name: name.to_owned(),
        text: text.to_owned(),
    }
}

/// All files in one text, and the notes.
fn imported(profiles: &str, settings: &str) -> (String, Vec<String>) {
    let imported = import(&[source("p", profiles), source("s", settings)]).unwrap();
    let files = imported.files.iter().map(|file| file.text.as_str()).collect();
    (files, imported.notes.iter().map(ToString::to_string).collect())
}

/// The rules for a profile `p` with these lines.
fn rules(acl: &str) -> String {
    let imported = import(&[source("p", &format!("[p]\nname=P\nhost=ts\n{acl}"))]).unwrap();
    let rules = imported.files.iter().find(|file| file.name == "40-rules.toml");
    let lines = rules
        .unwrap()
        .text
        .lines()
        .filter(|line| !line.starts_with("# p:"));
    lines.skip(3).collect::<Vec<_>>().join("\n")
}

fn refusals(texts: &[&str]) -> Vec<String> {
    let sources: Vec<Source> = texts
        .iter()
        .zip(["a", "b", "c"])
        .map(|(text, name)| source(name, text))
        .collect();
    import(&sources)
        .unwrap_err()
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn every_line_is_carried_over_or_noted() {
    // A value that is not the one that is so anyway, for keys of the settings.
    let settings = "
require-cookie = true|my-cookie = 1|my-cookie-file = /x|check-credentials = false|require-password = false
use-static-cookie = true|auth-timeout = 77|cookie-directory = /x|verify-ip = false|pre_auth_scripts = x
post_auth_scripts = x|select_session_scripts = x|enable-plain-output = no|enable-json-output = true
enable-uccs-output = true|my-uccs-url-base = x|default-auth-mech = pam|default-user-db = libnss
default-group-db = libnss|ignore-primary-group-memberships = true|default-session-autologin = true
default-authorized-keys = %h/x|default-sshproxy-authorized-keys = %h/x|default-agent-query-mode = LOCAL
default-agent-hostkey-policy = x|default-portscan-x2goservers = off|default-use-load-checker = yes
load-checker-intervals = 5|misspelt = 1";
    let carried = [
        ("auth-timeout", "ticket_lifetime = \"77s\""),
        ("verify-ip", "bind_ticket_to_client = false"),
        ("default-session-autologin", "autologin = true"),
    ];
    for entry in settings.trim().split(['|', '\n']) {
        let (files, notes) = imported("[p]\nname=P\nhost=ts\n", &format!("[global]\n{entry}\n"));
        let carried = carried.iter().find(|(key, _)| entry.starts_with(key));
        assert_eq!(
            notes.iter().any(|note| note.starts_with("s:2: ")),
            carried.is_none(),
            "{entry}: {notes:?}"
        );
        assert!(
            carried.is_none_or(|(_, written)| files.contains(written)),
            "{files}"
        );
    }
    for section in [
        "broker_zeroconf",
        "broker_ldap",
        "authmech_https_get",
        "broker_own",
    ] {
        let (_, notes) = imported("[p]\nname=P\nhost=ts\n", &format!("[{section}]\nenable = yes\n"));
        assert!(notes.iter().any(|note| note.starts_with("s:2: ")), "{section}");
    }
    for entry in [
        "layout=de",
        "fstunnel=true",
        "status=R",
        "key=/x",
        "acl-user-allow=a",
        "fulscreen=1",
        "broker-x=1",
        "broker-authorized-keys=/x",
        "broker-agent-query-mode=SSH",
        "broker-portscan-x2goservers=false",
        "broker-use-load-checker=1",
        "broker-session-autologin=yes",
        "usebrokerpass=no",
        "speed=9",
        "user=",
        "user=a b",
        "name=",
        "rdpserver=a, b",
        "acl-any-order=allow-deny",
        "acl-users-order=allow-deny",
        "acl-users-allow=a*",
        "acl-groups-allow=cn=x",
        "acl-clients-allow=lab.example.org",
        "host=::1",
        "host=localhost",
        "host=a (b:99), c",
    ] {
        let (_, notes) = imported(&format!("[p]\n{entry}\n"), "[global]\n");
        assert!(
            notes
                .iter()
                .any(|note| note.starts_with("p:2: ") || note.starts_with("p:1: ")),
            "{entry}: {notes:?}"
        );
    }
}

#[test]
fn lists_become_the_rules_of_the_table() {
    assert_eq!(rules(""), "[rule.p]\neveryone = true\nprofiles = [\"p\"]");
    assert_eq!(
        rules(
            "acl-users-allow=a\nacl-users-deny=b\nacl-groups-allow=g\nacl-groups-deny=h\nacl-groups-order=allow-deny"
        ),
        "[rule.p-users]\nusers = [\"a\"]\nexcept_users = [\"b\"]\nprofiles = [\"p\"]\n\n\
         [rule.p-groups]\ngroups = [\"g\"]\nexcept_users = [\"b\"]\nprofiles = [\"p\"]"
    );
    assert_eq!(
        rules("acl-users-allow=ALL\nacl-users-deny=b\nacl-groups-allow=g"),
        "[rule.p]\neveryone = true\nexcept_users = [\"b\"]\nprofiles = [\"p\"]"
    );
    assert_eq!(
        rules("acl-clients-allow=ALL\nacl-clients-deny=10.0.0.0/8"),
        "[rule.p]\neveryone = true\nexcept_clients = [\"10.0.0.0/8\"]\nprofiles = [\"p\"]"
    );
    assert_eq!(
        rules("acl-users-deny=b"),
        "# Nobody gets p: neither acl-users-allow nor acl-groups-allow names anybody."
    );
    assert_eq!(
        rules("acl-groups-allow=g\nacl-groups-deny=ALL"),
        "# Nobody gets p: acl-groups-deny has ALL and counts first.\n\
         # If the lists that allow should count first, this is what is meant:\n\
         # [rule.p]\n# groups = [\"g\"]\n# profiles = [\"p\"]"
    );
}

#[test]
fn what_cannot_be_imported_is_refused_as_a_whole() {
    assert_eq!(
        refusals(&["[p]\nsound = perhaps\nword\n"]),
        ["a:3: x2gobroker cannot read this file: this line is neither `[section]` nor `key = value`"]
    );
    assert_eq!(
        refusals(&["[p]\nsound = perhaps\n[command]\n"]),
        [
            "a:2: `sound` must be yes, no, true, false, on, off, 1 or 0; x2gobroker fails over this too",
            "a:3: x2gobroker overlooks the key `command` if a profile has it for an id; rename this one"
        ]
    );
    assert_eq!(refusals(&["# nothing\n"]), ["a: has no session profiles"]);
    assert_eq!(
        refusals(&["[p]\n", "[global]\n", "[q]\n"]),
        ["c: is of the same kind as a; import one site at a time"]
    );
}

#[test]
fn notes_cannot_act_on_a_terminal() {
    let (_, notes) = imported("[p]\nname=P\nhost=ts\n\u{1b}[31m = x\n", "[global]\n");
    assert!(
        notes.iter().any(|note| note.starts_with("p:4: `\u{fffd}[31m`")),
        "{notes:?}"
    );
}

#[test]
fn ids_that_mean_something_else_are_changed() {
    let (files, notes) = imported(
        "[General]\nname=a\n[notice-1]\nname=b\n[a b]\nname=c\n[A-B]\nname=d\n",
        "[global]\n",
    );
    for id in ["profile-General", "profile-notice-1", "a-b", "A-B-2"] {
        assert!(files.contains(&format!("[profile.{id}]")), "{id} in {files}");
    }
    assert_eq!(
        notes.iter().filter(|note| note.contains("is now called")).count(),
        4
    );
}

//! `x2godirector doctor` against real directories.

mod parts;

use std::fs;
use std::net::TcpListener;
use std::process::{Command, Output};

use crate::active_directory;
use crate::lab::authority::Authority;
use crate::lab::samba::{self, Samba};
use crate::lab::site::{self, Reach};
use crate::lab::slapd::{self, Slapd};

/// What it says of this configuration, and whether a login could work.
fn examined(configuration: &str) -> (bool, String) {
    let (code, text) = examined_with(configuration, &[]);
    (code == Some(0), text)
}

/// The exit code with these arguments, and what it says.
fn examined_with(configuration: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("50-test.toml"), configuration).unwrap();
    let password = folder.path().join("service-password");
    fs::write(&password, slapd::SERVICE_PASSWORD).unwrap();
    crate::lab::broker::keep_secret(&password);
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_x2godirector"))
        .args(["doctor", "--config"])
        .arg(folder.path())
        .args(arguments)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
    (status.code(), text)
}

fn says(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn a_site_that_works_is_told_so() {
    let slapd = Slapd::start(&site::directory());
    let (good, text) = examined(&site::configuration(&slapd, Reach::Tls, 22));
    assert!(good, "{text}");
    says(
        &text,
        &[
            &format!("ldaps://localhost:{}\n", slapd.ldaps_port()),
            "  ✓ connected with TLS\n",
            "  ✓ the server's certificate is good for ",
            "  ✓ bind_dn cn=broker,dc=example,dc=org may bind\n",
            "  ✓ it gives long answers page by page\n",
            "  ✓ nested groups: one search for each level\n",
            "  ✓ user_base dc=example,dc=org is there\n",
            "  ✓ users are found, such as alice\n",
            "  ✓ groups are found: alice is in 1\n",
            "  ✓ every group that rules name is one group\n",
            "A login could work.\n",
        ],
    );
    assert!(!text.contains('✗') && !text.contains("  ! "), "{text}");
}

#[test]
fn each_thing_that_is_wrong_has_its_line() {
    let policy = format!(
        "dn: cn=policy,{base}\nobjectClass: organizationalRole\nobjectClass: pwdPolicy\ncn: policy\n\
         pwdAttribute: userPassword\npwdMaxFailure: 3\n\n\
         dn: ou=old,{groups}\nobjectClass: organizationalUnit\nou: old\n\n\
         dn: cn=staff,ou=old,{groups}\nobjectClass: groupOfNames\ncn: staff\nmember: {groups}\n\n",
        base = slapd::BASE,
        groups = slapd::GROUPS
    );
    let slapd = Slapd::start_with(&site::directory(), "moduleload ppolicy\noverlay ppolicy");
    slapd.add(&policy);
    let good = site::configuration(&slapd, Reach::Plain, 22);
    let (works, text) = examined(&good.replace("groups = [\"students\"]", "groups = [\"student\"]"));
    assert!(works, "{text}");
    says(
        &text,
        &[
            "  ! the directory locks an account after 3 wrong passwords and does not forget them within a day",
            "    → have the directory forget failures (pwdFailureCountInterval: 600), and write\n      \
             [authentication.throttle]\n      user = \"1 in 10m\"\n      user_elsewhere = \"1 in 10m\"\n",
            "  ! rules name the group `student`, which does not exist\n",
            "  ! rules name the group `staff`, and several are called so: it grants nothing\n",
            "    → write the one you mean: groups = [\"cn=staff,ou=groups,dc=example,dc=org\"]",
        ],
    );
    slapd.modify(&format!(
        "dn: cn=policy,{}\nchangetype: modify\nadd: pwdFailureCountInterval\npwdFailureCountInterval: 300\n",
        slapd::BASE
    ));
    let advised = "[authentication.throttle]\nuser = \"1 in 5m\"\nuser_elsewhere = \"1 in 5m\"\n";
    let (_, text) = examined(&good);
    says(
        &text,
        &[
            "  ! the directory locks an account after 3 wrong passwords in 5m, and the broker lets 15 through: ",
            &format!("    → {}\n", advised.trim().replace('\n', "\n      ")),
        ],
    );
    let (_, text) = examined(&(good.clone() + advised));
    says(
        &text,
        &["3 wrong passwords in 5m; the broker lets no more than 2 through\n"],
    );
    for (right, wrong, lines) in [
        (
            "schema = \"rfc2307bis\"",
            "schema = \"rfc2307bis\"\ngroup_base = \"ou=group,dc=example,dc=org\"",
            [
                "  ✗ group_base ou=group,dc=example,dc=org does not exist",
                "    → group_base = \"dc=example,dc=org\"",
            ],
        ),
        (
            "schema = \"rfc2307bis\"",
            "schema = \"active-directory\"",
            ["  ✗ this is no Active Directory", "    → schema = \"rfc2307bis\""],
        ),
        (
            "schema = \"rfc2307bis\"",
            "schema = \"rfc2307bis\"\nuser_attribute = \"employeeNumber\"",
            [
                "  ✗ no entry below dc=example,dc=org satisfies",
                "    → look at user_base",
            ],
        ),
        (
            "bind_dn = \"cn=broker,",
            "bind_dn = \"cn=brocker,",
            ["  ✗ ", "check bind_dn and bind_password_file"],
        ),
    ] {
        assert!(good.contains(right));
        let (works, text) = examined(&good.replace(right, wrong));
        assert!(!works, "{wrong}: {text}");
        says(&text, &lines);
        says(&text, &["No login can work."]);
    }
}

#[test]
fn one_server_that_works_is_enough_and_the_other_is_shown() {
    let authority = Authority::new("directory test authority");
    let soon = authority.issue_with(&["localhost"], |params| {
        let now = std::time::SystemTime::now();
        params.not_after = (now + std::time::Duration::from_secs(3 * 24 * 60 * 60)).into();
    });
    let slapd = Slapd::start_as(&site::directory(), "", &authority, &soon);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let good = site::configuration(&slapd, Reach::Tls, 22);
    let (works, text) = examined(&good.replace("urls = [", &format!("urls = [\"ldaps://{closed}\", ")));
    assert!(works, "{text}");
    says(
        &text,
        &[
            &format!("ldaps://{closed}\n  ✗ "),
            "Connection refused",
            "  ! the server's certificate is good for 2 more days\n    → renew it on the server\n",
            "A login could work.",
        ],
    );
}

#[test]
fn a_domain_is_looked_at_as_one() {
    let domain = Samba::shared();
    let good = active_directory::configuration(domain);
    let (works, text) = examined(&good.replace("groups = [\"g-staff\"]", "groups = [\"domain admins\"]"));
    assert!(works, "{text}");
    says(
        &text,
        &[
            "  ✓ nested groups: the server works them out (tokenGroups)\n",
            "  ✓ its clock agrees with ours\n",
            "  ✓ groups are found: ",
            "  ✓ every group that rules name is one group\n",
            &format!(
                "  ! the directory locks an account after {} wrong passwords in 30m, and the broker lets 15 through: ",
                samba::LOCKOUT_THRESHOLD
            ),
        ],
    );
    let (_, text) = examined(&good.replace("schema = \"active-directory\"", ""));
    says(
        &text,
        &["  ! this is an Active Directory\n    → schema = \"active-directory\"\n"],
    );
    let catalogue = domain.ldaps() + ":3269";
    let (_, text) = examined(&good.replace(&domain.ldaps(), &catalogue));
    says(&text, &["  ! this is the port of a global catalogue"]);
}

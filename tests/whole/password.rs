//! Passwords that expire, must be changed, and are changed: the built program between a client's requests and an
//! OpenLDAP with its password policy overlay, an Active Directory, and PAM.

mod change;
mod domain;
mod expiry;
mod host;
mod notices;

use std::fmt::Write as _;
use std::net::TcpListener;

use crate::lab::broker::Broker;
use crate::lab::site::{self, Reach, Site};
use crate::lab::slapd::{self, Slapd};

/// The overlay, its default policy, and the right of users to change their own password.
const OVERLAY: &str = "moduleload ppolicy
overlay ppolicy
ppolicy_default cn=default,ou=policies,dc=example,dc=org
ppolicy_use_lockout
ppolicy_hash_cleartext
access to attrs=userPassword by self write by anonymous auth by * none";

const DAY_S: i64 = 24 * 60 * 60;

/// One policy below `ou=policies`.
fn policy(name: &str, rules: &str) -> String {
    format!(
        "dn: cn={name},ou=policies,{base}\nobjectClass: device\nobjectClass: pwdPolicy\ncn: {name}\n\
         pwdAttribute: userPassword\npwdAllowUserChange: TRUE\n{rules}\n",
        base = slapd::BASE
    )
}

/// A user with the password `NAME-secret`, who is staff, and further attributes.
fn user(name: &str, attributes: &str) -> String {
    let person = slapd::people(&[name]);
    format!("{}\n{attributes}\n", person.trim_end())
}

/// The attributes of a user under another policy whose password was changed that long ago.
fn aged(policy: &str, days: f64) -> String {
    #[allow(clippy::cast_possible_truncation, reason = "some days")]
    let ago_s = (days * DAY_S as f64) as i64;
    let changed = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(ago_s);
    format!(
        "pwdPolicySubentry: cn={policy},ou=policies,{}\npwdChangedTime: {}\n",
        slapd::BASE,
        changed.strftime("%Y%m%d%H%M%SZ")
    )
}

/// The policies and who is under them. Without any other word a password has 8 characters, is none of the last
/// three, and three wrong ones lock the account.
fn directory() -> String {
    let mut ldif = format!(
        "dn: ou=policies,{}\nobjectClass: organizationalUnit\nou: policies\n\n",
        slapd::BASE
    );
    ldif += &policy(
        "default",
        "pwdMinLength: 8\npwdCheckQuality: 2\npwdInHistory: 3\npwdLockout: TRUE\npwdMaxFailure: 3\npwdMustChange: TRUE\n",
    );
    let aging = format!("pwdMaxAge: {}\npwdExpireWarning: {}\n", 30 * DAY_S, 20 * DAY_S);
    ldif += &policy("aging", &aging);
    ldif += &policy("grace", &format!("{aging}pwdGraceAuthNLimit: 5\n"));
    let names = [
        "alice", "bob", "reset", "soon", "later", "grace", "gone", "nobodys",
    ];
    ldif += &user("alice", "");
    ldif += &user("bob", "");
    ldif += &user("reset", "pwdReset: TRUE\n");
    ldif += &user("soon", &aged("aging", 27.5));
    ldif += &user("later", &aged("aging", 12.5));
    ldif += &user("grace", &aged("grace", 40.0));
    ldif += &user("gone", &aged("aging", 40.0));
    let staff: Vec<String> = names
        .iter()
        .filter(|name| **name != "nobodys")
        .map(|name| slapd::person(name))
        .collect();
    let staff: Vec<&str> = staff.iter().map(String::as_str).collect();
    ldif += &user("nobodys", "");
    ldif + &slapd::group_of_names("staff", &staff)
}

/// A site with that directory that tells its users what there is to tell, and with more configuration.
fn site(more: &str) -> Site {
    site_that_tells("no_profiles = true\npassword_expires_within = \"14d\"", more)
}

/// The same with these lines in `[notices]`.
fn site_that_tells(notices: &str, more: &str) -> Site {
    let slapd = Slapd::start_with(&directory(), OVERLAY);
    let host = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut configuration = site::configuration(&slapd, Reach::Tls, host.local_addr().unwrap().port());
    write!(configuration, "[notices]\n{notices}\n{more}\n").unwrap();
    Site {
        broker: Broker::start(&configuration),
        slapd,
        host: Some(host),
    }
}

/// The form of a `setpass`, its fields as X2Go Client orders them.
fn setpass(user: &str, old: &str, new: &str, ticket: &str) -> String {
    format!("task=setpass&newpass={new}&user={user}&password={old}&authid={ticket}")
}

/// What X2Go Client needs to be told of a change.
const CHANGED: &str = "Access granted\nPASSWORD CHANGED: OK\n";
/// The same of one that was not made.
const NOT_CHANGED: &str = "Access granted\nPASSWORD CHANGED: FAIL\n";

/// The names of the profiles in a list.
fn names(list: &str) -> Vec<String> {
    list.lines()
        .filter_map(|line| line.strip_prefix("name=\"")?.strip_suffix('"'))
        .map(ToOwned::to_owned)
        .collect()
}

/// The last line of the audit log.
fn last_decision(site: &Site) -> String {
    let log = site.broker.log();
    let line = log.lines().rfind(|line| line.contains("\"decision\":"));
    line.unwrap_or_default().to_owned()
}

/// How many failures the directory holds against somebody.
fn failures(site: &Site, user: &str) -> usize {
    site.slapd.values(&slapd::person(user), "pwdFailureTime").len()
}

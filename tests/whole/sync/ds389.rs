//! 389 Directory Server: login, accounts that are disabled, and groups kept in memory.

use crate::lab::ds389::Ds389;
use crate::lab::site::configuration_at;

use super::*;

const STAFF: [&str; 2] = ["office", "terminal"];

/// How many searches for the groups of somebody it was asked.
fn group_searches(server: &Ds389) -> usize {
    let log = server.log();
    let searches = log
        .lines()
        .filter(|line| line.contains(" SRCH ") && line.contains("member="));
    searches.filter(|line| !line.contains("(member=*)")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn people_log_in_and_changes_of_groups_and_accounts_count() {
    let server = Ds389::start(&directory());
    let text = configuration_at(&format!("ldap://127.0.0.1:{}", server.ldap_port()), 1);
    // By searching first: the same answers.
    let searching = Broker::start(&text.replace("[directory.ldap]", "[directory.ldap]\nsync = false"));
    let broker = Broker::start(&text);
    wait_for(&broker, KEPT, 1);
    for (user, expected) in [
        ("alice", &STAFF[..]),
        ("bob", &["xfce"]),
        ("dave", &STAFF),
        ("erin", &[]),
    ] {
        let before = group_searches(&server);
        assert_eq!(list_at(&broker, user, "").await, expected, "{user}");
        assert_eq!(group_searches(&server), before, "{user}");
        assert_eq!(list_at(&searching, user, "").await, expected, "{user}");
        assert!(group_searches(&server) > before, "{user}");
    }

    let erin = slapd::person("erin");
    let steps: [(String, &str, &[&str]); 7] = [
        (
            format!(
                "dn: {}\nchangetype: modify\nadd: member\nmember: {erin}\n",
                slapd::group("staff")
            ),
            "erin",
            &STAFF,
        ),
        (
            format!(
                "dn: {}\nchangetype: modify\ndelete: member\nmember: {erin}\n",
                slapd::group("staff")
            ),
            "erin",
            &[],
        ),
        // The memberOf plugin changes the name in the group around it, too.
        (
            format!(
                "dn: {}\nchangetype: modrdn\nnewrdn: cn=night\ndeleteoldrdn: 1\n",
                slapd::group("it")
            ),
            "dave",
            &STAFF,
        ),
        (
            format!(
                "dn: {}\nchangetype: modify\ndelete: member\nmember: {}\n",
                slapd::group("staff"),
                slapd::group("night")
            ),
            "dave",
            &[],
        ),
        (
            format!(
                "dn: {}\nchangetype: modify\nadd: member\nmember: {}\n",
                slapd::group("staff"),
                slapd::group("night")
            ),
            "dave",
            &STAFF,
        ),
        (
            format!("dn: {}\nchangetype: delete\n", slapd::group("students")),
            "bob",
            &[],
        ),
        // No group any more, by the filter.
        (
            format!(
                "dn: {}\nchangetype: modify\nreplace: objectClass\nobjectClass: top\nobjectClass: nsMemberOf\nobjectClass: organizationalRole\n-\ndelete: member\n",
                slapd::group("helpdesk")
            ),
            "dave",
            &[],
        ),
    ];
    for (ldif, user, expected) in steps {
        server.modify(&ldif);
        sleep(PROMISE).await;
        let before = group_searches(&server);
        assert_eq!(list_at(&broker, user, "").await, expected, "{ldif}");
        assert_eq!(group_searches(&server), before, "from the copy");
        assert_eq!(list_at(&searching, user, "").await, expected, "{ldif}");
    }
    assert_eq!(broker.log().matches(KEPT).count(), 1, "{}", broker.log());

    let form = list("alice", "alice-secret", "");
    let (_, granted) = post_from(broker.address, None, &form).await;
    let with_ticket = list("alice", "alice-secret", ticket(&granted));
    server.modify(&format!(
        "dn: {}\nchangetype: modify\nadd: nsAccountLock\nnsAccountLock: TRUE\n",
        slapd::person("alice")
    ));
    for form in [with_ticket, form] {
        let (status, refused) = post_from(broker.address, None, &form).await;
        assert_eq!(status, 200);
        assert!(!refused.contains("Access granted"), "{refused}");
    }
}

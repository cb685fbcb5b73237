//! Lists: who gets which profiles, and what a refusal tells and costs.

use std::time::Duration;

use crate::lab::broker::Broker;
use crate::lab::site::{Reach, Site, configuration, directory, list, post_from, profiles, select, ticket};
use crate::lab::slapd::{self, Slapd};

/// Refusals leave at multiples of this.
const REFUSAL_STEP: Duration = Duration::from_millis(250);

#[tokio::test(flavor = "multi_thread")]
async fn everybody_gets_exactly_their_profiles_however_the_directory_is_reached() {
    for reach in [Reach::Plain, Reach::StartTls, Reach::Tls] {
        let site = Site::start(reach);
        for (user, expected) in [
            ("alice", &["office", "terminal"][..]),
            ("bob", &["xfce"]),
            ("carol", &["office", "terminal", "xfce"]),
            ("dave", &["office", "terminal"]),
            ("erin", &[]),
        ] {
            assert_eq!(profiles(&site.list(user).await), expected, "{user} by {reach:?}");
        }
        assert!(site.list("bob").await.contains("name=\"XFCE of bob\""));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_is_what_the_client_needs_to_the_byte() {
    let site = Site::start(Reach::Tls);
    let reply = site.list("bob").await;
    let expected = format!(
        "AUTHID:{}\nAccess granted\nSTART_USER_SESSIONS\n[xfce]\ncommand=\"XFCE\"\nhost=\"main\"\n\
         name=\"XFCE of bob\"\nusebrokerpass=true\nuser=\"bob\"\nEND_USER_SESSIONS\nSTART_CLIENT_CONFIG\n\
         events=true\nliveevent=0\nsyncinterval=0\nEND_CLIENT_CONFIG\n",
        ticket(&reply)
    );
    assert_eq!(reply, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn deny_rules_count_from_where_the_client_is() {
    let site = Site::start(Reach::Tls);
    let form = list("carol", "carol-secret", "");
    let (_, from_the_hall) = post_from(site.broker.address, Some([127, 9, 1, 1].into()), &form).await;
    assert_eq!(profiles(&from_the_hall), ["office", "terminal"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_canonical_name_is_the_directorys_and_not_what_was_typed() {
    let site = Site::start(Reach::Tls);
    let reply = site.post(&list("BoB", "bob-secret", "")).await;
    assert!(reply.contains("user=\"bob\""), "{reply}");
    assert!(
        site.broker
            .log()
            .contains("\"account\":\"ldap:bob\",\"typed\":\"BoB\"")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_one_neutral_sentence_and_cost_at_most_one_bind() {
    let site = Site::start(Reach::Tls);
    let wrong = site.post(&list("alice", "typo", "")).await;
    assert!(!wrong.contains("Access granted"));
    assert_eq!(site.slapd.binds(&slapd::person("alice")), 1);
    // X2Go Client repeats a request whose connection broke.
    for (form, what) in [
        (list("alice", "typo", ""), "the same password again"),
        (list("nobody", "typo", ""), "an unknown user"),
        (list("alice", "", ""), "no password"),
        (
            list("alice", "", &"0".repeat(64)),
            "a ticket that is none, and no password",
        ),
        (list("al%00ice", "typo", ""), "a NUL in the name"),
        (
            list("alice", "ty%0Apo", ""),
            "a control character in the password",
        ),
        (list(&"a".repeat(300), "typo", ""), "a name that is too long"),
        (list("*", "alice-secret", ""), "a wildcard"),
        (list("alice)(uid=*", "alice-secret", ""), "a filter"),
        ("task=nonsense".to_owned(), "no task"),
        (String::new(), "nothing"),
    ] {
        assert_eq!(site.post(&form).await, wrong, "{what}");
    }
    assert_eq!(
        site.slapd.binds(&slapd::person("alice")),
        1,
        "each wrong password goes there once"
    );
}

/// A lower bound only: whatever was wrong, and however soon that was known, the refusal is not there before.
#[tokio::test(flavor = "multi_thread")]
async fn no_refusal_leaves_before_its_step() {
    let site = Site::start(Reach::Tls);
    let event =
        "task=clientevent&event=ALIVE&user=alice&sid=alice-50&server=ts01&password=alice-secret&authid=";
    for (form, what) in [
        (list("alice", "typo", ""), "a wrong password"),
        (
            list("alice", "typo", ""),
            "the same again, which nobody is asked about",
        ),
        (list("nobody", "typo", ""), "an unknown user"),
        (list("alice", "", ""), "no password"),
        (select("xfce", "alice", ""), "a profile that is not offered"),
        (event.to_owned(), "an event without a ticket"),
    ] {
        let begun = tokio::time::Instant::now();
        let (_, body) = post_from(site.broker.address, None, &form).await;
        assert!(!body.contains("Access granted"), "{what}: {body}");
        assert!(begun.elapsed() >= REFUSAL_STEP, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_with_its_password_costs_no_bind_and_survives_kill_and_restart() {
    let Site { broker, slapd, host } = Site::start(Reach::Tls);
    let site = Site { broker, slapd, host };
    let ticket = ticket(&site.list("alice").await).to_owned();
    let site = Site {
        broker: site.broker.kill_and_restart(),
        ..site
    };
    let again = site.post(&list("alice", "alice-secret", &ticket)).await;
    assert_eq!(profiles(&again), ["office", "terminal"]);
    assert!(!again.contains("AUTHID"), "the client keeps the one it has");
    assert_eq!(site.slapd.binds(&slapd::person("alice")), 1);

    // The next person at that seat sends the ticket of the one before.
    let bob = site.post(&list("bob", "bob-secret", &ticket)).await;
    assert_eq!(profiles(&bob), ["xfce"]);
    assert!(bob.contains("AUTHID"));
    let wrong = site.post(&list("alice", "bob-secret", &ticket)).await;
    assert!(!wrong.contains("Access granted"));

    site.slapd
        .modify(&format!("dn: {}\nchangetype: delete\n\n", slapd::person("alice")));
    let deleted = site.post(&list("alice", "alice-secret", &ticket)).await;
    assert!(
        !deleted.contains("Access granted"),
        "a deleted user's ticket opens nothing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_of_a_group_counts_at_the_next_list() {
    let site = Site::start(Reach::Tls);
    let ticket = ticket(&site.list("bob").await).to_owned();
    let change = |what: &str| {
        let (group, bob) = (slapd::group("staff"), slapd::person("bob"));
        site.slapd.modify(&format!(
            "dn: {group}\nchangetype: modify\n{what}: member\nmember: {bob}\n\n"
        ));
    };
    change("add");
    let form = list("bob", "bob-secret", &ticket);
    assert_eq!(profiles(&site.post(&form).await), ["office", "terminal", "xfce"]);
    change("delete");
    assert_eq!(profiles(&site.post(&form).await), ["xfce"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_tasks_are_answered_as_the_client_understands() {
    let site = Site::start(Reach::Tls);
    let test = site.post("task=testcon").await;
    assert!(test.starts_with("Access granted\n") && test.len() > 60_000);
    let setpass = |password: &str| format!("task=setpass&newpass=new&user=alice&password={password}&authid=");
    assert_eq!(
        site.post(&setpass("alice-secret")).await,
        "Access granted\nPASSWORD CHANGED: FAIL\n"
    );
    assert!(!site.post(&setpass("typo")).await.contains("Access granted"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_secret_is_logged() {
    let site = Site::start(Reach::Tls);
    let ticket = ticket(&site.post(&list("alice", "alice-secret", "")).await).to_owned();
    site.post(&list("alice", "marker-of-a-typo", &ticket)).await;
    site.post("task=setpass&newpass=marker-of-a-new-one&user=alice&password=alice-secret&authid=")
        .await;
    let log = site.broker.log();
    assert!(log.contains("\"task\":\"list\""), "{log}");
    for secret in ["alice-secret", "marker-of", slapd::SERVICE_PASSWORD, &ticket] {
        assert!(!log.contains(secret), "`{secret}` is in the log");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_core_file_is_written_of_what_passes_through() {
    let mut site = Site::start(Reach::Tls);
    let limits = format!("/proc/{}/limits", site.broker.process().id());
    let limits = std::fs::read_to_string(limits).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size"));
    let words: Vec<_> = core.unwrap().split_whitespace().collect();
    assert_eq!(words[4..6], ["0", "0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_needs_no_rights_but_to_its_own_files() {
    let slapd = Slapd::start(&directory());
    // The directory's authority lies in a folder of root's, and is not needed on loopback.
    let configuration: String = configuration(&slapd, Reach::Plain, 1)
        .lines()
        .filter(|line| !line.starts_with("ca_file"))
        .map(|line| format!("{line}\n"))
        .collect();
    let mut broker = Broker::start_without_rights(&configuration);
    let (_, body) = post_from(broker.address, None, &list("alice", "alice-secret", "")).await;
    assert_eq!(profiles(&body), ["office", "terminal"]);
    broker.process().signal("HUP");
    broker.process().wait_for_line("configuration reloaded");
    broker.process().signal("TERM");
    assert!(broker.process().wait().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_says_what_a_list_gives_and_through_which_groups() {
    let mut site = Site::start(Reach::Tls);
    for user in ["alice", "carol", "Dave", "erin"] {
        let listed = site.list(&user.to_lowercase()).await;
        let json = site
            .broker
            .run(&["explain", user, "--from", "127.0.0.1", "--format", "json"])
            .stdout;
        let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(json["user"], user.to_lowercase(), "the directory's name");
        assert_eq!(json["offers"], serde_json::json!(profiles(&listed)));
    }
    let dave = site.broker.run(&["explain", "dave"]);
    let text = String::from_utf8(dave.stdout).unwrap();
    assert!(text.contains("staff ← it ← helpdesk"), "{text}");

    assert!(!text.contains("refused at login"), "{text}");
    for (day, refused) in [("0", Some("account expired")), ("-1", None)] {
        site.slapd.modify(&format!(
            "dn: uid=dave,{}\nchangetype: modify\nreplace: shadowExpire\nshadowExpire: {day}\n",
            slapd::PEOPLE
        ));
        let json = site.broker.run(&["explain", "dave", "--format", "json"]);
        let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
        assert_eq!(json["refused_at_login"].as_str(), refused);
        assert!(!json["offers"].as_array().unwrap().is_empty(), "{json}");
        let text = String::from_utf8(site.broker.run(&["explain", "dave"]).stdout).unwrap();
        let begin = "dave would be refused at login: account expired. Otherwise:\n\ndave from an unknown";
        assert_eq!(text.starts_with(begin), refused.is_some(), "{text}");
    }

    let nobody = site.broker.run(&["explain", "nobody"]);
    assert_eq!(nobody.status.code(), Some(1));
    assert!(
        String::from_utf8(nobody.stderr)
            .unwrap()
            .contains("the directory does not have that name")
    );
    site.slapd.kill();
    let outage = site.broker.run(&["explain", "dave"]);
    assert_eq!(outage.status.code(), Some(1));
    assert!(
        String::from_utf8(outage.stderr)
            .unwrap()
            .contains("directory unavailable")
    );
}

//! The directory room and the whole program against a real Active Directory.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use x2godirector::directory::{
    AccountState, Directory, Entry, Filter, Key, PasswordAnswer, PasswordState, Refusal, Schema, Server,
    ServiceAccount, Settings, Transport, UserLookup,
};
use x2godirector::model::{Dn, Membership, Secret, TypedName};

use crate::directory::{now, password};
use crate::lab::broker::Broker;
use crate::lab::samba::{self, Certificate, Samba};
use crate::lab::site::{list, post_from, profiles};
use crate::lab::slapd::SERVICE_PASSWORD;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn settings(domain: &Samba) -> Settings {
    let schema = Schema::ActiveDirectory;
    let base = Dn::new(samba::BASE).unwrap();
    Settings {
        servers: vec![Server {
            host: domain.address().to_string(),
            port: 636,
            transport: Transport::Tls,
        }],
        ca_file: Some(domain.ca_file().to_owned()),
        service: Some(ServiceAccount {
            dn: Dn::new(samba::SERVICE).unwrap(),
            password: Secret::new(SERVICE_PASSWORD.into()),
        }),
        schema,
        nested_groups: true,
        user_lookup: UserLookup::Search {
            base: base.clone(),
            filter: Filter::default_for_users(schema),
        },
        user_attribute: schema.default_user_attribute().into(),
        base: base.clone(),
        group_base: base,
        group_filter: Filter::default_for_groups(schema),
        sync: true,
        attributes: Vec::new(),
        connect_timeout: Duration::from_secs(10),
        operation_timeout: Duration::from_secs(30),
        search_connections: 2,
        bind_connections: 2,
    }
}

fn directory(domain: &Samba) -> Directory {
    Directory::start(settings(domain)).unwrap()
}

async fn find(directory: &Directory, name: &str) -> Option<Entry> {
    directory
        .find(&TypedName::new(name).unwrap(), now())
        .await
        .unwrap()
}

/// The answer to the password that the lab gives to a user of that name.
async fn answer(directory: &Directory, name: &str) -> PasswordAnswer {
    let entry = find(directory, name).await.expect("an entry");
    let secret = password(&format!("{name}-secret"));
    directory.check_password(&entry, &secret).await.unwrap()
}

async fn groups(directory: &Directory, name: &str) -> Vec<Membership> {
    let entry = find(directory, name).await.expect("an entry");
    directory.memberships(&entry).await.unwrap()
}

/// Each group with its path, in the order of names: `staff<it<helpdesk`.
fn paths(memberships: &[Membership]) -> Vec<String> {
    let mut paths: Vec<String> = memberships
        .iter()
        .map(|group| {
            let via = group.via.iter().rev().map(|inner| format!("<{inner}"));
            format!("{}{}", group.name, via.collect::<String>())
        })
        .collect();
    paths.sort();
    paths
}

#[tokio::test(flavor = "multi_thread")]
async fn both_names_of_an_account_are_one_account_in_any_case() {
    let domain = Samba::shared();
    domain.add(&samba::user("Ann"));
    let directory = directory(domain);
    for typed in ["ann", "ANN", "ann@lab.example.org", "ANN@Lab.Example.Org"] {
        let entry = find(&directory, typed).await.expect(typed);
        assert_eq!(entry.user.as_str(), "Ann", "{typed}");
        assert_eq!(entry.key, Key::Dn(Dn::new(&samba::person("Ann")).unwrap()));
        assert_eq!(entry.state, AccountState::Active);
        assert!(entry.password_changed.is_some());
    }
    // The name of another domain, of a computer, and names that mean something in a filter.
    for typed in ["LAB\\ann", "ann@other.example.org", "dc1$", "an*", "*)(cn=*"] {
        assert!(find(&directory, typed).await.is_none(), "{typed}");
    }
    // What may be looked for in another source: neither name of a user, nor of anything else of the domain.
    for (typed, known) in [
        ("ann@lab.example.org", true),
        ("Domain Admins", true),
        ("no such name", false),
    ] {
        let name = TypedName::new(typed).unwrap();
        assert_eq!(directory.knows(&name).await, Ok(known), "{typed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_right_for_as_long_as_the_domain_says() {
    let domain = Samba::shared();
    let for_ever = (samba::NORMAL_ACCOUNT | 0x10000).to_string();
    domain.add(&(samba::user("ben") + &samba::user("ben-for-ever")));
    domain.set(&samba::person("ben-for-ever"), "userAccountControl", &for_ever);
    let directory = directory(domain);
    let PasswordAnswer::Accepted(PasswordState::Expires(left)) = answer(&directory, "ben").await else {
        panic!("a new domain lets passwords expire after 42 days");
    };
    assert!(left > 41 * DAY && left <= 42 * DAY, "{left:?}");
    assert_eq!(
        answer(&directory, "ben-for-ever").await,
        PasswordAnswer::Accepted(PasswordState::Valid)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_are_all_that_the_domain_counts() {
    let domain = Samba::shared();
    let member = samba::person;
    domain.add(
        &(samba::user("cleo")
            + &samba::group("c-desk", &[&member("cleo")])
            + &samba::group("c-it", &[&member("c-desk")])
            + &samba::group("c-staff", &[&member("c-it")])
            + &samba::group_of_type(samba::UNIVERSAL, "c-all", &[&member("c-staff")])
            + &samba::group_of_type(samba::DOMAIN_LOCAL, "c-local", &[&member("c-all")])
            + &samba::group_of_type(samba::MAIL_ONLY, "c-mail", &[&member("cleo")])
            + &samba::group("c-others", &[])),
    );
    let directory = directory(domain);
    let found = groups(&directory, "cleo").await;
    assert_eq!(
        paths(&found),
        [
            "Domain Users",
            "Users<Domain Users",
            "c-all<c-staff<c-it<c-desk",
            "c-desk",
            "c-it<c-desk",
            "c-local<c-all<c-staff<c-it<c-desk",
            "c-staff<c-it<c-desk",
        ]
    );
    assert!(found.iter().all(|group| group.unique && group.dn.is_some()));
    // A cycle, and another group: what is known of groups is kept, who is in them is not.
    let put = |group: &str, inner: &str| {
        domain.modify(&format!(
            "dn: {}\nchangetype: modify\nadd: member\nmember: {}\n\n",
            member(group),
            member(inner)
        ));
    };
    put("c-staff", "c-all");
    put("c-others", "c-desk");
    let more = groups(&directory, "cleo").await;
    assert_eq!(more.len(), found.len() + 1);
    assert!(more.iter().any(|group| group.name.as_str() == "c-others"));
    domain.modify(&format!(
        "dn: {}\nchangetype: modify\ndelete: member\nmember: {}\n\n",
        member("c-desk"),
        member("cleo")
    ));
    let fewer = groups(&directory, "cleo").await;
    assert_eq!(paths(&fewer), ["Domain Users", "Users<Domain Users"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_nesting_groups_are_the_direct_ones_and_the_primary_one() {
    let domain = Samba::shared();
    domain.add(
        &(samba::user("dora")
            + &samba::group("d-inner", &[&samba::person("dora")])
            + &samba::group("d-outer", &[&samba::person("d-inner")])
            + &samba::group_of_type(samba::MAIL_ONLY, "d-mail", &[&samba::person("dora")])),
    );
    let mut settings = settings(domain);
    settings.nested_groups = false;
    let directory = Directory::start(settings).unwrap();
    let found = groups(&directory, "dora").await;
    assert_eq!(paths(&found), ["Domain Users", "d-inner"]);
    assert!(found.iter().all(|group| group.unique));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_is_two_searches_once_its_groups_are_known() {
    let domain = Samba::shared();
    let member = samba::person;
    domain.add(
        &(samba::user("kate")
            + &samba::user("karl")
            + &samba::user_with("k-broker", SERVICE_PASSWORD, &[])
            + &samba::group("k-inner", &[&member("kate"), &member("karl")])
            + &samba::group("k-outer", &[&member("k-inner")])),
    );
    let mut settings = settings(domain);
    settings.service = Some(ServiceAccount {
        dn: Dn::new(&member("k-broker")).unwrap(),
        password: Secret::new(SERVICE_PASSWORD.into()),
    });
    let directory = Directory::start(settings).unwrap();
    let mut before = 0;
    // The first asks what groups there are, and whether others have their names; the second is somebody else.
    for (name, expected) in [("kate", 4), ("karl", 2), ("kate", 2)] {
        assert!(matches!(
            answer(&directory, name).await,
            PasswordAnswer::Accepted(_)
        ));
        let entry = find(&directory, name).await.expect("an entry");
        let between = domain.searches(&member("k-broker"));
        assert_eq!(between - before, 2, "one for each find");
        assert_eq!(directory.memberships(&entry).await.unwrap().len(), 4);
        before = domain.searches(&member("k-broker"));
        assert_eq!(1 + before - between, expected, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_groups_than_one_search_asks_for_are_all_found() {
    let domain = Samba::shared();
    let member = samba::person("emil");
    let many = (0..120).map(|at| samba::group(&format!("emil-{at}"), &[&member]));
    domain.add(&(samba::user("emil") + &many.collect::<String>()));
    let found = groups(&directory(domain), "emil").await;
    assert_eq!(found.len(), 122);
    assert!(found.iter().all(|group| group.unique));
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_elsewhere_in_the_domain_do_not_count() {
    let domain = Samba::shared();
    domain.add(&(samba::user("finn") + &samba::group("f-staff", &[&samba::person("finn")])));
    let mut settings = settings(domain);
    settings.group_base = Dn::new(samba::PEOPLE).unwrap();
    let found = groups(&Directory::start(settings).unwrap(), "finn").await;
    assert_eq!(paths(&found), ["f-staff"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_wants_tls_and_the_cause_says_so() {
    let domain = Samba::shared();
    let mut settings = settings(domain);
    settings.servers = vec![Server {
        host: domain.address().to_string(),
        port: 389,
        transport: Transport::Plain,
    }];
    let directory = Directory::start(settings.clone()).unwrap();
    let name = TypedName::new("anybody").unwrap();
    let refused = directory.find(&name, now()).await.unwrap_err();
    assert!(refused.cause.contains("code 8"), "{refused}");
    assert!(refused.cause.contains("use ldaps:// or start_tls"), "{refused}");
    for server in &mut settings.servers {
        server.transport = Transport::StartTls;
    }
    let directory = Directory::start(settings).unwrap();
    assert!(directory.find(&name, now()).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_samba_made_is_refused_with_what_to_do() {
    let domain = Samba::start(Certificate::SambasOwn);
    let directory = directory(&domain);
    let refused = directory.find(&TypedName::new("anybody").unwrap(), now()).await;
    let cause = refused.unwrap_err().cause;
    for words in [
        "no subjectAltName, only a common name",
        &format!("whose subjectAltName has {}", domain.address()),
        "`tls certfile`",
    ] {
        assert!(cause.contains(words), "{words}: {cause}");
    }
}

/// The configuration of a broker that asks the domain. A profile for each group that the tests name.
pub fn configuration(domain: &Samba) -> String {
    format!(
        r#"
[directory.ldap]
urls = ["{url}"]
ca_file = "{ca_file}"
bind_dn = "{service}"
bind_password_file = "service-password"
base_dn = "{base}"
schema = "active-directory"

[farm.main.hosts.ts01]
address = "127.0.0.1"

[profile_defaults]
farm = "main"

[profile.office]
name = "Office of ${{user}}"
command = "MATE"
export = "${{home}}/media:1;"

[profile.plain]
name = "Plain desktop"
command = "XFCE"

[rule.staff]
groups = ["g-staff"]
profiles = ["office"]

[rule.everybody-in-the-domain]
groups = ["domain users"]
profiles = ["plain"]
"#,
        url = domain.ldaps(),
        ca_file = domain.ca_file().display(),
        service = samba::SERVICE,
        base = samba::BASE,
    )
}

async fn login(broker: &Broker, user: &str, password: &str) -> String {
    let (status, body) = post_from(broker.address, None, &list(user, password, "")).await;
    assert_eq!(status, 200, "{body}");
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn people_of_a_domain_are_offered_what_their_groups_give_them() {
    let domain = Samba::shared();
    let gina = samba::user_with(
        "gina",
        "gina-secret",
        &[
            ("unixHomeDirectory", "/home/LAB/gina"),
            ("homeDirectory", r"\\files\gina"),
        ],
    );
    let member = samba::person;
    domain.add(
        &(gina
            + &samba::user("gus")
            + &samba::group("g-desk", &[&member("gina")])
            + &samba::group("g-it", &[&member("g-desk")])
            + &samba::group("g-staff", &[&member("g-it")])),
    );
    let broker = Broker::start(&configuration(domain));
    for typed in ["gina", "GINA", "Gina@lab.example.org"] {
        let answer = login(&broker, typed, "gina-secret").await;
        assert_eq!(profiles(&answer), ["office", "plain"], "{typed}");
        assert!(answer.contains("Office of gina"), "{answer}");
        assert!(answer.contains("/home/LAB/gina/media"), "{answer}");
    }
    assert_eq!(profiles(&login(&broker, "gus", "gus-secret").await), ["plain"]);
    let explained = broker.run(&["explain", "gina@lab.example.org"]);
    let text = String::from_utf8_lossy(&explained.stdout);
    assert!(text.contains("g-staff ← g-it ← g-desk"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_says_why_an_account_is_refused() {
    let domain = Samba::shared();
    let names = ["hugo", "h-disabled", "h-expired", "h-must-change", "h-locked"];
    domain.add(&names.map(samba::user).concat());
    domain.set(&samba::person("h-disabled"), "userAccountControl", "514");
    domain.set(
        &samba::person("h-expired"),
        "accountExpires",
        "134000000000000000",
    );
    domain.set(&samba::person("h-must-change"), "pwdLastSet", "0");
    // The throttle would refuse before the domain locks.
    let throttle = "[authentication.throttle]\nuser = \"100 in 5m\"\n";
    let broker = Broker::start(&(configuration(domain) + throttle));
    for attempt in 0..samba::LOCKOUT_THRESHOLD {
        login(&broker, "h-locked", &format!("wrong-{attempt}")).await;
    }
    for (name, cause) in [
        ("h-disabled", "account disabled"),
        ("h-expired", "account expired"),
        ("h-must-change", "the password must be changed"),
        ("h-locked", "account locked"),
    ] {
        let answer = login(&broker, name, &format!("{name}-secret")).await;
        assert!(!answer.contains("SUCCESS"), "{name}: {answer}");
        let log = broker.log();
        let said = log
            .lines()
            .any(|line| line.contains(name) && line.contains(cause));
        assert!(said, "{name}: {cause}\n{log}");
    }
    // To the client all refusals are one.
    assert_eq!(
        login(&broker, "h-disabled", "h-disabled-secret").await,
        login(&broker, "hugo", "wrong").await
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_told_apart_by_the_bind_alone() {
    let domain = Samba::shared();
    domain.add(&samba::user("ida"));
    let directory = directory(domain);
    let before = find(&directory, "ida").await.expect("an entry");
    let told = async |secret: &str| {
        directory
            .check_password(&before, &password(secret))
            .await
            .unwrap()
    };
    // Found while it was active, disabled a moment later.
    domain.set(&samba::person("ida"), "userAccountControl", "514");
    assert_eq!(
        told("ida-secret").await,
        PasswordAnswer::Refused(Refusal::Disabled)
    );
    assert_eq!(told("wrong").await, PasswordAnswer::Wrong);
    domain.set(&samba::person("ida"), "userAccountControl", "512");
    for _ in 1..samba::LOCKOUT_THRESHOLD {
        assert_eq!(told("wrong").await, PasswordAnswer::Wrong);
    }
    assert_eq!(told("ida-secret").await, PasswordAnswer::Refused(Refusal::Locked));
}

/// They stand in no attribute that a login reads: only the sub-code of the bind tells them.
#[tokio::test(flavor = "multi_thread")]
async fn the_audit_says_that_somebody_came_outside_their_hours() {
    let domain = Samba::shared();
    // The bits of a week's hours, none of them set.
    let never = STANDARD.encode([0; 21]);
    let person = samba::person("k-hours");
    domain.add(&samba::user("k-hours"));
    domain.modify(&format!(
        "dn: {person}\nchangetype: modify\nadd: logonHours\nlogonHours:: {never}\n\n"
    ));
    let broker = Broker::start(&configuration(domain));
    for (password, cause) in [
        ("guess", "wrong password".to_owned()),
        ("k-hours-secret", Refusal::Hours.to_string()),
    ] {
        let answer = login(&broker, "k-hours", password).await;
        assert!(!answer.contains("Access granted"), "{answer}");
        let log = broker.log();
        let line = log.lines().rfind(|line| line.contains("\"decision\":"));
        assert!(
            line.is_some_and(|line| line.contains(&cause)),
            "{cause}: {line:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_wrong_password_is_one_failure_in_the_domain() {
    let domain = Samba::shared();
    domain.add(&samba::user("jack"));
    let broker = Broker::start(&configuration(domain));
    let failures = || domain.bad_passwords(&samba::person("jack"));
    assert_eq!(failures(), 0);
    login(&broker, "jack", "wrong").await;
    assert_eq!(failures(), 1);
    // The same one again, by the other name: not even shown to the domain.
    login(&broker, "JACK@lab.example.org", "wrong").await;
    assert_eq!(failures(), 1);
    assert!(
        broker.log().contains("the same wrong password again"),
        "{}",
        broker.log()
    );
    login(&broker, "nobody-of-that-name", "wrong").await;
    let answer = login(&broker, "jack", "jack-secret").await;
    assert_eq!(profiles(&answer), ["plain"]);
    assert_eq!(failures(), 0);
}

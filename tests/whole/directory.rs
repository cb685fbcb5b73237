//! The directory room against real slapd processes, and against servers that answer nonsense.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use tokio::task::JoinSet;
use tokio::time::sleep;
use x2godirector::directory::{
    AccountState, Directory, Entry, Filter, Key, PasswordAnswer, PasswordState, Schema, Server,
    ServiceAccount, Settings, Transport, Unavailable, UserLookup,
};
use x2godirector::model::{Attributes, Dn, Membership, Now, Password, Secret, TypedName, UserName};

use crate::lab::authority::{self, Authority};
use crate::lab::fake_ldap::{self, FakeLdap};
use crate::lab::slapd::{self, Slapd};

const GROUP_FILTER: &str =
    "(|(objectClass=posixGroup)(objectClass=groupOfNames)(objectClass=groupOfUniqueNames))";

fn plain(server: &Slapd) -> Server {
    at(server.ldap_port(), Transport::Plain)
}

fn at(port: u16, transport: Transport) -> Server {
    let host = "127.0.0.1".to_owned();
    Server {
        host,
        port,
        transport,
    }
}

fn settings(servers: Vec<Server>) -> Settings {
    Settings {
        servers,
        ca_file: None,
        service: Some(ServiceAccount {
            dn: Dn::new(slapd::SERVICE).unwrap(),
            password: Secret::new(slapd::SERVICE_PASSWORD.into()),
        }),
        schema: Schema::Rfc2307bis,
        nested_groups: true,
        user_lookup: UserLookup::Search {
            base: Dn::new(slapd::PEOPLE).unwrap(),
            filter: Filter::new("(objectClass=inetOrgPerson)").unwrap(),
        },
        user_attribute: "uid".into(),
        base: Dn::new(slapd::BASE).unwrap(),
        group_base: Dn::new(slapd::GROUPS).unwrap(),
        group_filter: Filter::new(GROUP_FILTER).unwrap(),
        // The searches are counted here.
        sync: false,
        attributes: vec!["departmentNumber".into()],
        connect_timeout: Duration::from_secs(5),
        operation_timeout: Duration::from_secs(5),
        search_connections: 4,
        bind_connections: 8,
    }
}

/// The settings for the directory of this server alone. Nothing is kept in memory.
pub fn settings_of(server: &Slapd) -> Settings {
    settings(vec![plain(server)])
}

pub fn directory(server: &Slapd) -> Directory {
    Directory::start(settings_of(server)).unwrap()
}

#[allow(
    clippy::disallowed_methods,
    reason = "a test is an edge: it hands the time in"
)]
pub fn now() -> Now {
    SystemTime::now().into()
}

pub fn password(text: &str) -> Password {
    Password::new(Secret::new(text.to_owned())).unwrap()
}

async fn find(directory: &Directory, name: &str) -> Result<Option<Entry>, Unavailable> {
    directory.find(&TypedName::new(name).unwrap(), now()).await
}

async fn entry(directory: &Directory, name: &str) -> Entry {
    find(directory, name).await.unwrap().expect("an entry")
}

/// The whole of a login: search, bind, groups.
async fn login(directory: &Directory, name: &str) -> Result<Vec<Membership>, Unavailable> {
    let entry = find(directory, name).await?.expect("an entry");
    assert_eq!(entry.user.as_str(), name);
    let secret = password(&format!("{name}-secret"));
    let answer = directory.check_password(&entry, &secret).await?;
    assert_eq!(answer, PasswordAnswer::Accepted(PasswordState::Valid));
    directory.memberships(&entry).await
}

fn names(memberships: &[Membership]) -> Vec<&str> {
    let mut names: Vec<&str> = memberships.iter().map(|group| group.name.as_str()).collect();
    names.sort_unstable();
    names
}

fn of<'a>(memberships: &'a [Membership], name: &str) -> &'a Membership {
    let mut found = memberships.iter().filter(|group| group.name.as_str() == name);
    found.next().expect("the group")
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..400 {
        if condition() {
            return;
        }
        sleep(Duration::from_millis(25)).await;
    }
    panic!("never happened: {what}");
}

fn staff() -> String {
    slapd::people(&["alice", "bob"]) + &slapd::group_of_names("staff", &[&slapd::person("alice")])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_is_one_bind_and_two_searches_over_each_transport() {
    let server = Slapd::start(&staff());
    for (port, transport) in [
        (server.ldap_port(), Transport::Plain),
        (server.ldap_port(), Transport::StartTls),
        (server.ldaps_port(), Transport::Tls),
    ] {
        let mut settings = settings(vec![at(port, transport)]);
        settings.ca_file = Some(server.ca_file());
        settings.nested_groups = false;
        let directory = Directory::start(settings).unwrap();
        // The first login also learns that no other group is called `staff`.
        assert_eq!(names(&login(&directory, "alice").await.unwrap()), ["staff"]);
        let (binds, searches) = (server.binds(&slapd::person("alice")), server.searches());
        assert_eq!(names(&login(&directory, "alice").await.unwrap()), ["staff"]);
        assert_eq!(server.binds(&slapd::person("alice")) - binds, 1, "{transport:?}");
        assert_eq!(server.searches() - searches, 2, "{transport:?}");
        until("the probe answers", || directory.healthy()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_passwords_count_once_and_unknown_users_not_at_all() {
    let server = Slapd::start(&staff());
    let directory = directory(&server);
    let alice = entry(&directory, "ALICE").await;
    assert_eq!(alice.user.as_str(), "alice");
    let answer = directory.check_password(&alice, &password("wrong")).await;
    assert_eq!(answer, Ok(PasswordAnswer::Wrong));
    assert_eq!(server.binds(&slapd::person("alice")), 1);
    assert!(find(&directory, "nobody").await.unwrap().is_none());
    directory.reject_password(&password("wrong")).await.unwrap();
    // A result is sent before it is logged.
    let refused = || server.log().matches("err=49").count();
    until("both refusals are logged", || refused() >= 2).await;
    assert_eq!(refused(), 2);
    let after = directory.check_password(&alice, &password("alice-secret")).await;
    assert_eq!(after, Ok(PasswordAnswer::Accepted(PasswordState::Valid)));
}

#[tokio::test(flavor = "multi_thread")]
async fn posix_groups_are_found_by_name_and_by_primary_group() {
    let groups = slapd::posix_group("users", 10_000, &[])
        + &slapd::posix_group("editors", 10_001, &["bob", "alice"])
        + &slapd::posix_group("others", 10_002, &["bob"]);
    let server = Slapd::start(&(slapd::people(&["alice", "bob"]) + &groups));
    let mut settings = settings(vec![plain(&server)]);
    settings.schema = Schema::Rfc2307;
    let directory = Directory::start(settings).unwrap();
    let groups = login(&directory, "alice").await.unwrap();
    assert_eq!(names(&groups), ["editors", "users"]);
    assert!(groups.iter().all(|group| group.unique && group.via.is_empty()));
    let alice = entry(&directory, "alice").await;
    assert_eq!(alice.attributes["homedirectory"], ["/home/alice"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nested_groups_are_followed_through_cycles_with_their_path() {
    let (alice, bob) = (slapd::person("alice"), slapd::person("bob"));
    let groups = slapd::group_of_names("lab-a", &[&alice])
        + &slapd::group_of_names("lab-b", &[&alice])
        + &slapd::group_of_names("labs", &[&slapd::group("lab-b"), &slapd::group("all")])
        + &slapd::group_of_names("all", &[&slapd::group("labs"), &bob])
        + &format!(
            "dn: cn=campus,{}\nobjectClass: groupOfUniqueNames\ncn: campus\nuniqueMember: {}\n\n",
            slapd::GROUPS,
            slapd::group("all")
        )
        + &slapd::group_of_names("unrelated", &[&bob]);
    let server = Slapd::start(&(slapd::people(&["alice", "bob"]) + &groups));
    let directory = directory(&server);
    let groups = login(&directory, "alice").await.unwrap();
    assert_eq!(names(&groups), ["all", "campus", "lab-a", "lab-b", "labs"]);
    let via = |name: &str| {
        let steps = of(&groups, name).via.iter();
        steps.map(|step| step.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert!(via("lab-b").is_empty());
    assert_eq!(via("labs"), ["lab-b"]);
    assert_eq!(via("campus"), ["lab-b", "labs", "all"]);
    // One search for the entry, and one per level: {lab-a, lab-b}, {labs}, {all}, {campus}, and the last one.
    let before = server.searches();
    login(&directory, "alice").await.unwrap();
    assert_eq!(server.searches() - before, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_goes_through_the_first_group_however_it_is_spelled() {
    let alice = slapd::person("alice");
    let oddly = slapd::group("lab a").to_uppercase().replace(' ', "  ");
    let groups = slapd::group_of_names("lab b", &[&alice])
        + &slapd::group_of_names("lab a", &[&alice])
        + &slapd::group_of_names("labs", &[&slapd::group("lab b"), &oddly]);
    let server = Slapd::start(&(slapd::people(&["alice"]) + &groups));
    let groups = login(&directory(&server), "alice").await.unwrap();
    assert_eq!(names(&groups), ["lab a", "lab b", "labs"]);
    assert_eq!(of(&groups, "labs").via[0].as_str(), "lab a");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_matched_values_is_asked_group_by_group() {
    // Hides what members are, so that the control has nothing to show; the filter still finds them.
    let rights = format!(
        "access to attrs=member by dn.base=\"{}\" search by * none",
        slapd::SERVICE
    );
    let alice = slapd::person("alice");
    let groups = slapd::group_of_names("lab-a", &[&alice])
        + &slapd::group_of_names("lab-b", &[&alice])
        + &slapd::group_of_names("labs", &[&slapd::group("lab-b")]);
    let server = Slapd::start_with(&(slapd::people(&["alice"]) + &groups), &rights);
    let groups = login(&directory(&server), "alice").await.unwrap();
    assert_eq!(names(&groups), ["lab-a", "lab-b", "labs"]);
    assert_eq!(of(&groups, "labs").via[0].as_str(), "lab-b");
}

#[tokio::test(flavor = "multi_thread")]
async fn nesting_beyond_the_limit_is_no_shorter_list() {
    let mut groups = slapd::group_of_names("g0", &[&slapd::person("alice")]);
    for at in 1..40 {
        groups += &slapd::group_of_names(&format!("g{at}"), &[&slapd::group(&format!("g{}", at - 1))]);
    }
    let server = Slapd::start(&(slapd::people(&["alice"]) + &groups));
    let refused = login(&directory(&server), "alice").await.unwrap_err();
    assert!(refused.cause.contains("nested deeper"), "{refused}");
}

fn many_groups(count: usize) -> String {
    let alice = slapd::person("alice");
    let groups = (0..count).map(|at| slapd::group_of_names(&format!("group-{at}"), &[&alice]));
    slapd::people(&["alice"]) + &groups.collect::<String>()
}

#[tokio::test(flavor = "multi_thread")]
async fn more_groups_than_a_page_are_all_found() {
    let limits = format!(
        "limits dn.exact=\"{}\" size.soft=500 size.hard=500 size.prtotal=unlimited",
        slapd::SERVICE
    );
    let server = Slapd::start_with(&many_groups(1_234), &limits);
    let groups = login(&directory(&server), "alice").await.unwrap();
    assert_eq!(groups.len(), 1_234);
    assert!(groups.iter().all(|group| group.unique));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_size_limit_is_no_shorter_list() {
    let server = Slapd::start_with(&many_groups(30), "sizelimit 10");
    let refused = login(&directory(&server), "alice").await.unwrap_err();
    assert!(refused.cause.contains("size limit"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_that_are_elsewhere_are_no_shorter_list() {
    let elsewhere = format!(
        "dn: ou=branch,{}\nobjectClass: referral\nobjectClass: extensibleObject\nou: branch\n\
         ref: ldap://branch.example.org/ou=branch\n\n",
        slapd::GROUPS
    );
    let server = Slapd::start(&(staff() + &elsewhere));
    let refused = login(&directory(&server), "alice").await.unwrap_err();
    assert!(refused.cause.contains("ldap://branch.example.org"), "{refused}");
}

/// Names that mean something in a DN or in a filter.
const AWKWARD: [&str; 5] = [r#"a, b+c "x""#, "(*)", r"back\slash", "#1 <;>=", "Zoë * Ünal"];

#[tokio::test(flavor = "multi_thread")]
async fn awkward_names_are_found_by_search_and_by_template() {
    let mut ldif = String::new();
    for name in AWKWARD {
        let rdn = ldap3::dn_escape(name);
        ldif += &format!(
            "dn: uid={rdn},{}\nobjectClass: inetOrgPerson\nuid: {name}\ncn: x\nsn: x\nuserPassword: {name}-secret\n\n",
            slapd::PEOPLE
        );
        ldif += &format!(
            "dn: cn={rdn},{}\nobjectClass: groupOfNames\ncn: {name}\nmember: uid={rdn},{}\n\n",
            slapd::GROUPS,
            slapd::PEOPLE
        );
        ldif += &format!(
            "dn: cn=outer {rdn},{}\nobjectClass: groupOfNames\ncn: outer {name}\nmember: cn={rdn},{}\n\n",
            slapd::GROUPS,
            slapd::GROUPS
        );
    }
    let server = Slapd::start(&ldif);
    let mut by_template = settings(vec![plain(&server)]);
    by_template.user_lookup = UserLookup::Template(format!("uid={{user}},{}", slapd::PEOPLE));
    for settings in [settings(vec![plain(&server)]), by_template] {
        let directory = Directory::start(settings).unwrap();
        for name in AWKWARD {
            let groups = login(&directory, name).await.unwrap();
            assert_eq!(groups.len(), 2, "{name}");
            assert_eq!(of(&groups, &format!("outer {name}")).via[0].as_str(), name);
        }
        assert!(find(&directory, "*").await.unwrap().is_none());
        assert!(find(&directory, "x,ou=y").await.unwrap().is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_one_account_and_an_account_one_name() {
    let twin = format!(
        "dn: ou=more,{people}\nobjectClass: organizationalUnit\nou: more\n\n\
         dn: uid=alice,ou=more,{people}\nobjectClass: inetOrgPerson\nuid: alice\ncn: x\nsn: x\n\n\
         dn: uid=carol,{people}\nobjectClass: inetOrgPerson\nuid: carol\nuid: caz\ncn: x\nsn: x\n\n",
        people = slapd::PEOPLE
    );
    let server = Slapd::start(&(slapd::people(&["alice", "bob"]) + &twin));
    let directory = directory(&server);
    assert!(find(&directory, "alice").await.unwrap().is_none());
    assert_eq!(entry(&directory, "bob").await.user.as_str(), "bob");
    for typed in ["carol", "CAZ"] {
        assert_eq!(entry(&directory, typed).await.user.as_str(), "carol", "{typed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_name_that_two_groups_have_is_not_unique() {
    let elsewhere = format!(
        "dn: ou=old,{groups}\nobjectClass: organizationalUnit\nou: old\n\n\
         dn: cn=Staff,ou=old,{groups}\nobjectClass: groupOfNames\ncn: Staff\nmember: {bob}\n\n",
        groups = slapd::GROUPS,
        bob = slapd::person("bob")
    );
    let lab = slapd::group_of_names("lab", &[&slapd::person("alice")]);
    let server = Slapd::start(&(staff() + &elsewhere + &lab));
    let directory = directory(&server);
    let groups = login(&directory, "alice").await.unwrap();
    assert!(!of(&groups, "staff").unique);
    assert!(of(&groups, "lab").unique);
    // A second group of a known name counts at once for those who are in it.
    server.add(&format!(
        "dn: cn=lab,ou=old,{}\nobjectClass: groupOfNames\ncn: lab\nmember: {}\n\n",
        slapd::GROUPS,
        slapd::person("alice")
    ));
    let groups = login(&directory, "alice").await.unwrap();
    let labs: Vec<_> = groups
        .iter()
        .filter(|group| group.name.as_str() == "lab")
        .collect();
    assert_eq!(labs.len(), 2);
    assert!(labs.iter().all(|lab| !lab.unique));
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_in_the_directory_count_at_once() {
    let server = Slapd::start(&staff());
    let directory = directory(&server);
    assert_eq!(login(&directory, "bob").await.unwrap(), []);
    server.modify(&format!(
        "dn: {}\nchangetype: modify\nadd: member\nmember: {bob}\n\n\
         dn: {bob}\nchangetype: modify\nadd: shadowExpire\nshadowExpire: 1\n-\n\
         add: shadowLastChange\nshadowLastChange: 20000\n",
        slapd::group("staff"),
        bob = slapd::person("bob")
    ));
    assert_eq!(names(&login(&directory, "bob").await.unwrap()), ["staff"]);
    let bob = entry(&directory, "bob").await;
    assert_eq!(bob.state, AccountState::Expired);
    assert_eq!(bob.password_changed, Some(Now::from_unix_ms(20_000 * 86_400_000)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_policy_of_the_server_is_seen() {
    let server = Slapd::start_with(&staff(), "moduleload ppolicy\noverlay ppolicy");
    let directory = directory(&server);
    assert_eq!(entry(&directory, "alice").await.state, AccountState::Active);
    for (time, expected) in [
        ("000001010000Z", AccountState::Disabled),
        ("20260101000000Z", AccountState::Locked),
    ] {
        server.modify(&format!(
            "dn: {}\nchangetype: modify\nreplace: pwdAccountLockedTime\npwdAccountLockedTime: {time}\n",
            slapd::person("alice")
        ));
        assert_eq!(entry(&directory, "alice").await.state, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_keeps_member_of_gives_the_same_groups() {
    let overlay = "moduleload memberof\noverlay memberof\nmemberof-refint TRUE";
    let server = Slapd::start_with(&slapd::people(&["alice", "bob"]), overlay);
    let alice = slapd::person("alice");
    server.add(&slapd::group_of_names("lab", &[&alice]));
    server.add(&slapd::group_of_names("campus", &[&slapd::group("lab")]));
    let mut settings = settings(vec![plain(&server)]);
    settings.attributes = vec!["memberOf".into()];
    let directory = Directory::start(settings).unwrap();
    let groups = login(&directory, "alice").await.unwrap();
    assert_eq!(names(&groups), ["campus", "lab"]);
    assert_eq!(of(&groups, "campus").via[0].as_str(), "lab");
    assert_eq!(
        entry(&directory, "alice").await.attributes["memberof"],
        [slapd::group("lab")]
    );
    // The overlay changes members by itself.
    server.modify(&format!(
        "dn: {alice}\nchangetype: modrdn\nnewrdn: uid=alison\ndeleteoldrdn: 1\n"
    ));
    let alison = entry(&directory, "alison").await;
    assert_eq!(
        names(&directory.memberships(&alison).await.unwrap()),
        ["campus", "lab"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_service_password_is_an_outage_with_a_cause() {
    let server = Slapd::start(&staff());
    let mut settings = settings(vec![plain(&server)]);
    if let Some(service) = &mut settings.service {
        service.password = Secret::new("no longer right".into());
    }
    let directory = Directory::start(settings).unwrap();
    for _ in 0..20 {
        let refused = find(&directory, "alice").await.unwrap_err();
        assert!(refused.cause.contains("bind_password_file"), "{refused}");
    }
    assert_eq!(
        server.binds(slapd::SERVICE),
        1,
        "the account must not be locked out by us"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_that_are_not_believed_are_explained() {
    let authority = Authority::new("one");
    let nameless = authority.issue_with(&[], |_| {});
    let foreign = authority.issue(&["ldap.example.org"]);
    let expired = authority.issue_with(&["127.0.0.1"], |params| {
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        params.not_before = rcgen::date_time_ymd(2019, 1, 1);
    });
    let self_made = authority.issue_with(&["127.0.0.1"], |params| {
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    });
    for (issued, words) in [
        (nameless, "no subjectAltName"),
        (self_made, "marked as an authority's own"),
        (authority::of_version_1(), "of version 1"),
        (foreign, "is not for 127.0.0.1"),
        (expired, "has expired"),
    ] {
        let server = Slapd::start_as("", "", &authority, &issued);
        let refused = over_tls(&server, server.ca_file()).await;
        assert!(refused.contains(words), "{words}: {refused}");
    }
    let server = Slapd::start("");
    for (name, words) in [
        ("another authority", "unknown authority"),
        ("directory test authority", "another key"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        std::fs::write(&file, Authority::new(name).pem).unwrap();
        let refused = over_tls(&server, file).await;
        assert!(refused.contains(words), "{words}: {refused}");
    }
}

async fn over_tls(server: &Slapd, ca_file: std::path::PathBuf) -> String {
    let mut settings = settings(vec![at(server.ldaps_port(), Transport::Tls)]);
    settings.ca_file = Some(ca_file);
    let directory = Directory::start(settings).unwrap();
    find(&directory, "alice").await.unwrap_err().cause
}

/// Logins one after the other, on several tasks, until told to stop. All must succeed.
struct Stream {
    stop: Arc<AtomicBool>,
    tasks: JoinSet<usize>,
}

impl Stream {
    fn start(directory: &Directory) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for _ in 0..4 {
            let (directory, stop) = (directory.clone(), Arc::clone(&stop));
            tasks.spawn(async move {
                let mut logins = 0;
                while !stop.load(Ordering::Relaxed) {
                    let groups = login(&directory, "alice").await.expect("no login fails");
                    assert_eq!(names(&groups), ["staff"]);
                    logins += 1;
                }
                logins
            });
        }
        Self { stop, tasks }
    }

    async fn stop(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.tasks.join_all().await.into_iter().sum()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_login_fails_while_one_of_two_servers_is_killed_frozen_or_restarted() {
    let (mut first, second) = (Slapd::start(&staff()), Slapd::start(&staff()));
    let mut settings = settings(vec![plain(&first), plain(&second)]);
    // So long that only the probes can be what moves a login from the frozen server.
    settings.operation_timeout = Duration::from_secs(60);
    let directory = Directory::start(settings).unwrap();
    let alice = slapd::person("alice");
    let stream = Stream::start(&directory);
    until("logins reach the first server", || first.binds(&alice) > 10).await;

    first.kill();
    until("logins reach the second server", || second.binds(&alice) > 10).await;

    first.restart();
    let before = first.binds(&alice);
    until("the first server is preferred again", || {
        first.binds(&alice) > before + 10
    })
    .await;

    first.freeze();
    let before = second.binds(&alice);
    until("logins leave the frozen server", || {
        second.binds(&alice) > before + 10
    })
    .await;

    first.thaw();
    let before = first.binds(&alice);
    until("the thawed server is preferred again", || {
        first.binds(&alice) > before + 10
    })
    .await;
    assert!(stream.stop().await > 50);
}

/// Whether a server that took a bind and fell silent has counted it, nobody knows; the next one is asked once.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_shown_once_to_each_server_that_takes_it() {
    let (first, second) = (Slapd::start(&staff()), Slapd::start(&staff()));
    let mut settings = settings(vec![plain(&first), plain(&second)]);
    settings.operation_timeout = Duration::from_secs(60);
    let directory = Directory::start(settings).unwrap();
    let (alice, person) = (entry(&directory, "alice").await, slapd::person("alice"));
    let answer = directory.check_password(&alice, &password("typo")).await;
    assert_eq!(
        answer,
        Ok(PasswordAnswer::Wrong),
        "a connection for binds is open now"
    );
    assert_eq!((first.binds(&person), second.binds(&person)), (1, 0));

    first.freeze();
    let answer = directory.check_password(&alice, &password("wrong")).await;
    assert_eq!(answer, Ok(PasswordAnswer::Wrong));
    assert_eq!(second.binds(&person), 1);
    first.thaw();
    // It may find the bind in its queue now, and no second one.
    sleep(Duration::from_secs(2)).await;
    assert!(first.binds(&person) <= 2, "{}", first.log());
    assert_eq!(second.binds(&person), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_starts_beside_a_dead_and_a_frozen_server_works() {
    let (mut dead, frozen, good) = (Slapd::start(""), Slapd::start(""), Slapd::start(&staff()));
    dead.kill();
    frozen.freeze();
    let servers = vec![plain(&dead), plain(&frozen), plain(&good)];
    let directory = Directory::start(settings(servers)).unwrap();
    assert_eq!(names(&login(&directory, "alice").await.unwrap()), ["staff"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_connections_of_a_restarted_server_cost_no_login() {
    let mut server = Slapd::start(&staff());
    let directory = directory(&server);
    for kill in [true, false] {
        login(&directory, "alice").await.unwrap();
        if kill {
            server.kill();
        }
        server.restart();
        until("the probe sees it again", || directory.healthy()).await;
        // Whatever the probe knows by now: the first that is let through must not meet a dead connection.
        let mut tries = 0;
        while let Err(unavailable) = login(&directory, "alice").await {
            assert!(unavailable.cause.contains("connect"), "{unavailable}");
            tries += 1;
            assert!(tries < 200);
            sleep(Duration::from_millis(25)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_told_at_once_and_ends_by_itself() {
    let mut server = Slapd::start(&staff());
    let directory = directory(&server);
    until("the probe answers", || directory.healthy()).await;
    server.kill();
    until("the outage is noticed", || !directory.healthy()).await;
    let refused = login(&directory, "alice").await.unwrap_err();
    assert!(refused.cause.contains("refused"), "{refused}");
    server.restart();
    until("the end is noticed", || directory.healthy()).await;
    login(&directory, "alice").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_parallel_logins_get_the_answer_that_is_theirs() {
    let users: Vec<String> = (0..1_000).map(|at| format!("user{at}")).collect();
    let users: Vec<&str> = users.iter().map(String::as_str).collect();
    let server = Slapd::start(&slapd::people(&users));
    let directory = directory(&server);
    let mut logins = JoinSet::new();
    for (at, name) in users.iter().enumerate() {
        let (directory, name) = (directory.clone(), (*name).to_owned());
        logins.spawn(async move {
            let entry = entry(&directory, &name).await;
            assert_eq!(entry.key, Key::Dn(Dn::new(&slapd::person(&name)).unwrap()));
            let right = at % 2 == 0;
            // A wrong password is the next user's right one.
            let owner = if right { name } else { format!("user{}", at + 1) };
            let secret = password(&format!("{owner}-secret"));
            let answer = directory.check_password(&entry, &secret).await.unwrap();
            assert_eq!(
                answer == PasswordAnswer::Accepted(PasswordState::Valid),
                right,
                "{owner}"
            );
        });
    }
    while let Some(done) = logins.join_next().await {
        done.unwrap();
    }
    let binds: usize = server.log().matches("BIND dn=\"uid=user").count();
    // slapd logs a bind when it is asked, and once more (`mech=`) when it succeeds.
    let succeeded = server.log().matches("mech=SIMPLE").count();
    assert!(succeeded >= 500);
    assert_eq!(binds, 1_500);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_is_given_up_leaves_no_answer_behind() {
    let fake = FakeLdap::that_accepts_slowly("uid=alice");
    let mut settings = settings(vec![at(fake.port(), Transport::Plain)]);
    settings.bind_connections = 1;
    let directory = Directory::start(settings).unwrap();
    let (alice, bob) = (someone("alice"), someone("bob"));
    let secret = password("secret");
    let given_up = directory.check_password(&alice, &secret);
    tokio::time::timeout(fake_ldap::WHILE / 2, given_up)
        .await
        .unwrap_err();
    // The answer for Alice is still to come.
    let answer = directory.check_password(&bob, &secret).await;
    assert_eq!(answer, Ok(PasswordAnswer::Wrong));
}

/// An entry as if the directory had said so.
fn someone(name: &str) -> Entry {
    Entry {
        key: Key::Dn(Dn::new(&slapd::person(name)).unwrap()),
        user: UserName::new(name).unwrap(),
        state: AccountState::Active,
        password_changed: None,
        password_expires_in: None,
        attributes: Attributes::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_on_a_kept_connection_that_dies_is_repeated_once() {
    let fake = FakeLdap::that_answers_searches_with(|id| match id {
        1 => fake_ldap::nothing_found(id),
        _ => Vec::new(),
    });
    let directory = Directory::start(settings(vec![at(fake.port(), Transport::Plain)])).unwrap();
    for _ in 0..3 {
        assert!(find(&directory, "alice").await.unwrap().is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_shows_no_state_is_an_outage() {
    let server = Slapd::start(&staff());
    let mut settings = settings(vec![plain(&server)]);
    settings.schema = Schema::ActiveDirectory;
    let directory = Directory::start(settings).unwrap();
    let refused = find(&directory, "alice").await.unwrap_err();
    assert!(refused.cause.contains("must be allowed to read"), "{refused}");
    // Nobody to be told about: no outage.
    assert!(find(&directory, "nobody").await.unwrap().is_none());
    // Nor is somebody without groups somebody in none.
    let refused = directory.memberships(&someone("alice")).await.unwrap_err();
    assert!(refused.cause.contains("shows no tokenGroups"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn values_that_come_in_pieces_are_all_there_or_an_outage() {
    let all = usize::MAX;
    for (count, gap, complete) in [
        (4_000, all, true),
        (fake_ldap::PIECE, all, true),
        (3_001, all, true),
        (4_000, 1_500, false),
        (4_000, 3_000, false),
    ] {
        let fake = FakeLdap::that_gives_values_in_pieces(count, gap);
        let directory = Directory::start(settings(vec![at(fake.port(), Transport::Plain)])).unwrap();
        match find(&directory, "alice").await {
            Ok(entry) => {
                assert!(complete, "{count} {gap}");
                let values = &entry.expect("an entry").attributes["memberof"];
                let expected = (0..count).map(|at| format!("cn={at}"));
                assert!(values.iter().cloned().eq(expected), "{count} {gap}");
            }
            Err(refused) => {
                assert!(!complete, "{count} {gap}: {refused}");
                assert!(refused.cause.contains("came in part"), "{refused}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_directory_ends_its_connections() {
    let server = Slapd::start(&staff());
    let directory = directory(&server);
    login(&directory, "alice").await.unwrap();
    until("the probe answers", || directory.healthy()).await;
    drop(directory);
    until("all connections are closed", || {
        let log = server.log();
        log.matches(" ACCEPT from").count() == log.matches(" closed").count()
    })
    .await;
}

/// A login at a server that answers like this, and then one at the same directory's good server.
async fn survives(what: &str, fake: FakeLdap, good: &Slapd) {
    let alone = Directory::start(settings(vec![at(fake.port(), Transport::Plain)])).unwrap();
    let outcome = tokio::time::timeout(Duration::from_secs(30), login(&alone, "alice")).await;
    let refused = outcome.expect("an end").expect_err(what);
    assert!(!refused.cause.is_empty(), "{what}");
    let servers = vec![at(fake.port(), Transport::Plain), plain(good)];
    let both = Directory::start(settings(servers)).unwrap();
    let groups = login(&both, "alice").await;
    assert_eq!(names(&groups.unwrap()), ["staff"], "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_answers_cost_one_login_and_never_the_process() {
    let good = Slapd::start(&staff());
    for (what, nonsense) in fake_ldap::NONSENSE {
        survives(what, FakeLdap::that_answers_searches_with(*nonsense), &good).await;
        survives(what, FakeLdap::that_answers_binds_with(*nonsense), &good).await;
    }
}

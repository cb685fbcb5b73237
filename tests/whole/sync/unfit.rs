//! Directories whose groups cannot be kept in memory: they are searched for, and the admin is told why, once.

use super::*;

/// Lists at a broker of this directory, which must find the groups by searching, and gives what was logged.
async fn searches(slapd: &Slapd, change: impl Fn(String) -> String) -> String {
    let broker = Broker::start(&change(configuration(slapd, Reach::Plain, 1)));
    wait_for(&broker, SEARCHED, 1);
    for _ in 0..2 {
        let before = group_searches(slapd);
        assert_eq!(list_at(&broker, "dave", "").await, ["office", "terminal"]);
        assert!(group_searches(slapd) > before);
    }
    let log = broker.log();
    assert_eq!(log.matches(SEARCHED).count(), 1, "{log}");
    assert!(!log.contains(KEPT), "{log}");
    log
}

fn as_it_is(configuration: String) -> String {
    configuration
}

fn first_rights(rule: &str) -> String {
    format!("{SYNCPROV}\n{rule}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_offer_it() {
    let without = Slapd::start(&directory());
    assert!(
        searches(&without, as_it_is)
            .await
            .contains("does not offer content synchronisation")
    );
    // The module is there, and not for this database.
    let elsewhere = Slapd::start_with(&directory(), "moduleload syncprov");
    assert!(
        searches(&elsewhere, as_it_is)
            .await
            .contains("does not offer content synchronisation")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn members_that_may_be_searched_for_and_not_read() {
    let slapd = Slapd::start_with(
        &directory(),
        &first_rights(&format!(
            "access to attrs=member by dn.base=\"{}\" search by * none",
            slapd::SERVICE
        )),
    );
    assert!(
        searches(&slapd, as_it_is)
            .await
            .contains("may search for the members of cn=")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hides_how_far_it_is() {
    let slapd = Slapd::start_with(
        &directory(),
        &first_rights("access to attrs=contextCSN by * none"),
    );
    assert!(
        searches(&slapd, as_it_is)
            .await
            .contains("may not read contextCSN")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_size_limit() {
    let slapd = Slapd::start_with(
        &directory(),
        &format!(
            "{SYNCPROV}\nlimits dn.exact=\"{}\" size.soft=3 size.hard=3 size.prtotal=unlimited",
            slapd::SERVICE
        ),
    );
    assert!(
        searches(&slapd, as_it_is)
            .await
            .contains("raise the server's size")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_whose_members_are_the_result_of_a_search() {
    let dynamic = format!(
        "dn: cn=all,{}\nobjectClass: groupOfURLs\ncn: all\nmemberURL: ldap:///{}??sub?(uid=*)\n\n",
        slapd::GROUPS,
        slapd::PEOPLE
    );
    let slapd = Slapd::start_with(&(directory() + &dynamic), SYNCPROV);
    let with_urls = |text: String| {
        text.replace(
            "schema = \"rfc2307bis\"",
            "schema = \"rfc2307bis\"\ngroup_filter = \"(|(objectClass=groupOfNames)(objectClass=groupOfURLs))\"",
        )
    };
    assert!(
        searches(&slapd, with_urls)
            .await
            .contains("worked out by the server")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn it_can_be_turned_off() {
    let slapd = Slapd::start_with(&directory(), SYNCPROV);
    let broker = Broker::start(
        &configuration(&slapd, Reach::Plain, 1).replace("[directory.ldap]", "[directory.ldap]\nsync = false"),
    );
    assert_eq!(list_at(&broker, "dave", "").await, ["office", "terminal"]);
    sleep(Duration::from_secs(1)).await;
    assert!(!slapd.log().contains("1.3.6.1.4.1.4203.1.9.1.1"));
    assert!(!broker.log().contains(KEPT) && !broker.log().contains(SEARCHED));
    assert!(group_searches(&slapd) > 0);
}

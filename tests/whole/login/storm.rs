//! Everybody at once: every answer belongs to its user.

use tokio::task::JoinSet;

use crate::lab::broker::Broker;
use crate::lab::site::{Reach, configuration, list, post_from, profiles, ticket};
use crate::lab::slapd::{self, Slapd};

const USERS: usize = 1_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_parallel_logins_get_their_own_answers() {
    let names: Vec<String> = (0..USERS).map(|number| format!("user{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut ldif = slapd::people(&names);
    let (odd, even): (Vec<_>, Vec<_>) = (0..USERS).partition(|number| number % 2 == 1);
    for (group, members) in [("students", odd), ("staff", even)] {
        let members: Vec<_> = members
            .iter()
            .map(|number| slapd::person(names[*number]))
            .collect();
        ldif += &slapd::group_of_names(group, &members.iter().map(String::as_str).collect::<Vec<_>>());
    }
    let slapd = Slapd::start(&ldif);
    // All of them come from this machine, and it is also the directory's and the broker's.
    let patient = "[directory.ldap]\nconnect_timeout = \"30s\"\noperation_timeout = \"1m\"\n";
    let configuration = configuration(&slapd, Reach::Tls, 1).replace("[directory.ldap]\n", patient)
        + "[server]\nconnections = 1500\nconnections_per_source = 1200\nrequest_timeout = \"2m\"\n";
    let broker = Broker::start(&configuration);

    let mut logins = JoinSet::new();
    for name in names.iter().map(ToString::to_string) {
        let address = broker.address;
        logins.spawn(async move {
            let form = list(&name, &format!("{name}-secret"), "");
            let (status, body) = post_from(address, None, &form).await;
            (name, status, body)
        });
    }
    let mut tickets = Vec::new();
    while let Some(login) = logins.join_next().await {
        let (name, status, body) = login.unwrap();
        assert_eq!(status, 200);
        assert!(
            body.contains(&format!("user=\"{name}\"")),
            "{name}: {body}\n{}",
            broker.log()
        );
        let number: usize = name.trim_start_matches("user").parse().unwrap();
        let expected: &[_] = if number % 2 == 1 {
            &["xfce"]
        } else {
            &["office", "terminal"]
        };
        assert_eq!(profiles(&body), expected, "{name}");
        tickets.push(ticket(&body).to_owned());
    }
    tickets.sort();
    tickets.dedup();
    assert_eq!(tickets.len(), USERS);
}

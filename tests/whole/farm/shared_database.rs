//! Servers that share a session database: each of them tells of the sessions on all.

use super::site::Site;
use crate::admin::json;
use crate::lab::process::wait_for;
use crate::lab::site as lab_site;

const PROFILE: &str = "usebrokerpass = true";
/// An answer serves for five seconds those who ask the same.
const ANSWER_IS_OLD: std::time::Duration = std::time::Duration::from_secs(6);

#[test]
fn a_session_that_every_host_lists_is_counted_and_offered_where_it_is() {
    let site = Site::start_sharing("", PROFILE);
    let (name, password) = (&site.account().name, &site.account().password);
    let list = lab_site::list(name, password, "");
    let select = format!("task=selectsession&sid=terminal&user={name}&password={password}&authid=");

    let (client, started) = site.client_in_session("farm-shared-start");
    let (host, session) = site.session("R");
    assert_eq!(session, started);
    let other = site.other_than(host);
    for teller in [host, other] {
        let told = teller.listed_by_agent(name);
        let line = told.lines().find(|line| line.contains(&format!("|{session}|")));
        let server = line.and_then(|line| line.split('|').nth(3));
        assert_eq!(server, Some(host.name()), "told by {}: {told}", teller.name());
    }

    // It is one session, whoever told of it.
    site.wait_for_answer(&list, "running=1");
    let known = json(&site.broker, &["sessions"]);
    let [known] = known["sessions"].as_array().unwrap().as_slice() else {
        panic!("{known}");
    };
    assert_eq!(
        (&known["session"], &known["host"]),
        (&session.as_str().into(), &host.name().into())
    );
    drop(client);
    site.session("S");
    site.wait_for_answer(&list, "suspended=1");
    wait_for("sessions are counted", || {
        let hosts = json(&site.broker, &["hosts"]);
        let count = |name: &str| {
            let hosts = hosts.as_array()?;
            hosts.iter().find(|host| host["host"] == name)?["sessions"].as_u64()
        };
        ((count(host.name())?, count(other.name())?) == (1, 0)).then_some(())
    });

    // Whoever can tell does so for all: here the other one, of a session that it does not have.
    let database = site.database.as_ref().unwrap();
    host.lose(database);
    assert!(!host.listed_by_agent(name).contains(&session));
    std::thread::sleep(ANSWER_IS_OLD);
    let selected = site.wait_for_answer(&select, &format!("|{session}|"));
    assert!(
        selected.contains(&format!("SERVER:{}:", host.address())),
        "{selected}"
    );
    let line = selected
        .lines()
        .find_map(|line| line.strip_prefix("SESSION_INFO:"))
        .unwrap();
    let fields: Vec<&str> = line.split('|').collect();
    assert_eq!(
        (fields[1], fields[3], fields[4]),
        (session.as_str(), host.address(), "S")
    );
    assert!(other.sessions().is_empty());
    let log = site.broker.log();
    assert!(!log.contains("does not speak for"), "{log}");
}

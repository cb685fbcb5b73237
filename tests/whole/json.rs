//! The JSON door: Python X2Go's own client against the whole program.

use std::fs::{self, File};
use std::process::Stdio;
use std::time::Duration;

use super::lab::broker::Broker;
use super::lab::display::{Display, artefact};
use super::lab::https::{HttpsClient, Trust};
use super::lab::process::patiently;
use super::lab::process_group::ProcessGroup;
use super::lab::pyhoca::Pyhoca;
use super::lab::site::{self, Reach, Site};
use super::lab::slapd::{self, Slapd};
use super::lab::x2go_host::X2goHost;

/// What PyHoca shows of profile `id` in its list, line by line.
fn shown<'a>(list: &'a str, id: &str) -> Vec<&'a str> {
    let begin = format!("Profile ID: {id}\n");
    let (_, rest) = list
        .split_once(&begin)
        .unwrap_or_else(|| panic!("no {id} in:\n{list}"));
    rest.lines()
        .take_while(|line| !line.starts_with("Profile ID: "))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn pyhoca_shows_the_profiles_of_whoever_logs_in() {
    let site = Site::start(Reach::Plain);
    let display = Display::start();
    let output = Pyhoca::new(&site.broker, "alice")
        .command("alice-secret", &["--list-profiles"])
        .env("DISPLAY", display.name())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let office = shown(&said, "office");
    assert!(office.contains(&"Profile Name: Office"), "{office:?}");
    shown(&said, "terminal");
    assert!(!said.contains("xfce"), "{said}");
    // The client asks three times, and shows the password once.
    assert_eq!(site.slapd.binds(&slapd::person("alice")), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn pyhoca_shows_a_notice_and_selecting_it_starts_nothing() {
    let site = Site::start(Reach::Plain);
    let configuration = site::configuration(&site.slapd, Reach::Plain, site.host_port());
    let notices = "[notices]\nno_profiles = true\n[notices.message.move]\ntext = \"We move on Friday\"\n";
    site.broker.write_configuration(&(configuration + notices));
    assert!(site.broker.ask(&["reload"]).status.success());
    let display = Display::start();
    for (user, id, text) in [
        ("alice", "notice-message-move", "We move on Friday"),
        ("erin", "notice-no-profiles", ""),
    ] {
        let output = Pyhoca::new(&site.broker, user)
            .command(&format!("{user}-secret"), &["--list-profiles"])
            .env("DISPLAY", display.name())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let notice = shown(&said, id);
        assert!(
            notice
                .iter()
                .any(|line| line.starts_with("Profile Name: ") && line.contains(text)),
            "{said}"
        );
        let client = HttpsClient::connect(site.broker.address, Trust::Anybody, None).await;
        let form = format!("task=selectsession&profile-id={id}&user={user}&password={user}-secret");
        let answer = client.unwrap().post_form("/json/", &form).await.unwrap();
        let selected: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(selected["selected_session"]["server"], "No servers available");
    }
    let hosts = site.broker.ask(&["hosts", "--format", "json"]);
    let hosts: serde_json::Value = serde_json::from_slice(&hosts.stdout).unwrap();
    assert_eq!(hosts[0]["leases"], 0, "{hosts}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pyhoca_shows_nothing_to_somebody_with_a_wrong_password() {
    let site = Site::start(Reach::Plain);
    let display = Display::start();
    let output = Pyhoca::new(&site.broker, "alice")
        .command("wrong", &["--list-profiles"])
        .env("DISPLAY", display.name())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!said.contains("Profile ID"), "{said}");
    assert_eq!(site.slapd.binds(&slapd::person("alice")), 1);
}

#[test]
fn pyhoca_starts_a_session_on_the_host_that_the_broker_chose() {
    let host = X2goHost::start();
    let account = host.account();
    let directory = Slapd::start(&site::staff(&account.name));
    let broker = Broker::start(&site::configuration(&directory, Reach::Tls, host.port()));
    let display = Display::start();
    let log = File::create(artefact("pyhoca.log")).unwrap();
    let arguments = [
        "--session-profile=Terminal",
        "--new",
        "--add-to-known-hosts",
        &format!("--username={}", account.name),
        &format!("--password={}", account.password),
    ];
    let pyhoca = Pyhoca::new(&broker, &account.name);
    let mut command = pyhoca.command_as(account, display.name(), &account.password, &arguments);
    let _client = ProcessGroup::start(
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log),
    );
    let running = patiently(Duration::from_secs(60), || {
        host.sessions().into_iter().find(|session| session.state == "R")
    });
    let said = fs::read_to_string(artefact("pyhoca.log")).unwrap();
    assert!(
        running.is_some(),
        "{:?}\n{said}\n{}",
        host.sessions(),
        broker.log()
    );
    assert!(broker.log().contains("\"door\":\"json\",") && broker.log().contains("\"host\":\"ts01\""));
}

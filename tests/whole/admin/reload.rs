//! `x2godirector reload`: what it says, and what stays when it says no.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use super::{json, said};
use crate::lab::authority::Authority;
use crate::lab::broker::Broker;
use crate::lab::https::{HttpsClient, Trust};
use crate::lab::site::{Reach, Site, configuration, directory, profiles};
use crate::lab::slapd::{self, Slapd};

#[tokio::test(flavor = "multi_thread")]
async fn a_good_configuration_is_taken_and_a_broken_one_explained_as_check_does() {
    let site = Site::start(Reach::Tls);
    let good = configuration(&site.slapd, Reach::Tls, site.host_port());
    let before = json(&site.broker, &["status"]);
    assert_eq!(before["last_reload"], serde_json::Value::Null);

    site.broker
        .write_configuration(&(good.clone() + "[rule.all]\neveryone = true\nprofiles = [\"xfce\"]\n"));
    let taken = said(&site.broker.ask(&["reload"]));
    assert!(
        taken.contains("The configuration is good: 1 farm, 3 profiles, 4 rules"),
        "{taken}"
    );
    let between = json(&site.broker, &["status"]);
    let hash = between["configuration"].as_str().unwrap();
    assert_ne!(before["configuration"], between["configuration"]);
    assert!(
        taken.ends_with(&format!("Reloaded: configuration {hash} is in use.\n")),
        "{taken}"
    );
    assert_eq!(profiles(&site.list("erin").await), ["xfce"]);

    site.broker
        .write_configuration(&(good + "[rule.all]\neveryone = true\nprofile = [\"office\"]\n"));
    let refused = site.broker.ask(&["reload"]);
    assert_eq!(refused.status.code(), Some(1));
    let refused = String::from_utf8(refused.stdout).unwrap();
    let check = String::from_utf8(site.broker.run(&["check"]).stdout).unwrap();
    assert!(check.contains("did you mean `profiles`?"), "{check}");
    assert_eq!(
        refused,
        format!("{check}Not reloaded: configuration {hash} stays in use.\n")
    );
    let after = json(&site.broker, &["status"]);
    for unchanged in ["configuration", "configuration_since", "rules"] {
        assert_eq!(after[unchanged], between[unchanged]);
    }
    assert_eq!(after["last_reload"]["taken"], false);
    let cause = after["last_reload"]["cause"].as_str().unwrap();
    assert!(
        cause.contains("50-test.toml") && cause.contains("`profiles` is missing in [rule.all] (and 1 more)"),
        "{cause}"
    );
    assert_eq!(profiles(&site.list("erin").await), ["xfce"]);

    let text = said(&site.broker.ask(&["status"]));
    assert!(text.contains("REFUSED: ") && text.contains(hash), "{text}");
}

#[test]
fn a_certificate_that_does_not_fit_and_a_secret_that_is_none_are_found_before_anything_changes() {
    let slapd = Slapd::start(&directory());
    let authority = Authority::new("web authority");
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("web.pem"), folder.path().join("web.key"));
    let issued = authority.issue(&["localhost"]);
    let write_key = |text: &str| {
        fs::write(&key, text).unwrap();
        fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    };
    fs::write(&certificate, &issued.certificate).unwrap();
    write_key(&issued.key);
    let broker = Broker::start(&format!(
        "{}\n[server]\ncertificate = \"{}\"\nprivate_key = \"{}\"\n",
        configuration(&slapd, Reach::Tls, 1),
        certificate.display(),
        key.display()
    ));
    said(&broker.ask(&["reload"]));
    let refused = |what: &str| {
        let output = broker.ask(&["reload"]);
        assert_eq!(output.status.code(), Some(1), "{what}");
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains(what) && text.contains("Not reloaded"), "{text}");
        let status = json(&broker, &["status"]);
        assert_eq!(status["last_reload"]["taken"], false);
        assert!(
            status["last_reload"]["cause"].as_str().unwrap().contains(what),
            "{status}"
        );
    };
    // One whose time is over is served, since clients that have accepted it still come in; whoever reloads is told.
    let own_key = rcgen::KeyPair::generate().unwrap();
    let mut times = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    times.not_before = rcgen::date_time_ymd(2020, 1, 1);
    times.not_after = rcgen::date_time_ymd(2021, 1, 1);
    fs::write(&certificate, times.self_signed(&own_key).unwrap().pem()).unwrap();
    write_key(&own_key.serialize_pem());
    let taken = said(&broker.ask(&["reload"]));
    let warning = format!(
        "warning: the certificate {} is out of its time: ",
        certificate.display()
    );
    assert!(taken.contains(&warning) && taken.contains("Reloaded"), "{taken}");
    let taken = json(&broker, &["reload"]);
    assert_eq!(taken["taken"], true);
    assert!(
        taken["certificate"].as_str().unwrap().contains("out of its time"),
        "{taken}"
    );
    fs::write(&certificate, &issued.certificate).unwrap();
    write_key(&issued.key);
    assert_eq!(json(&broker, &["reload"])["certificate"], serde_json::Value::Null);
    write_key(&authority.issue(&["localhost"]).key);
    refused("does not belong to the first certificate");
    write_key(&issued.key);
    said(&broker.ask(&["reload"]));
    fs::write(broker.folder().join("conf.d/service-password"), "").unwrap();
    refused("service-password is no password file");
}

#[test]
fn of_very_many_problems_the_caller_and_the_log_get_as_many_as_check_prints() {
    let slapd = Slapd::start(&directory());
    let good = configuration(&slapd, Reach::Plain, 1);
    let broker = Broker::start(&good);
    let wrong: String = (0..300)
        .map(|at| format!("[rule.all{at}]\nprofile = \"xfce\"\n"))
        .collect();
    broker.write_configuration(&(good + &wrong));
    let refused = String::from_utf8(broker.ask(&["reload"]).stdout).unwrap();
    let check = String::from_utf8(broker.run(&["check"]).stdout).unwrap();
    assert!(check.contains("\n… and "), "{check}");
    assert!(refused.starts_with(&check), "{refused}");
    let missing = |text: &str| text.matches("`profiles` is missing in [rule.all").count();
    assert!(missing(&check) > 0, "{check}");
    assert_eq!(missing(&broker.log()), missing(&check));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_the_directory_refuses_is_found_before_anything_changes() {
    let mut site = Site::start(Reach::Tls);
    let secret = site.broker.folder().join("conf.d/service-password");
    let right = fs::read(&secret).unwrap();
    fs::write(&secret, "another-one").unwrap();
    let refused = site.broker.ask(&["reload"]);
    assert_eq!(refused.status.code(), Some(1));
    let refused = String::from_utf8(refused.stdout).unwrap();
    assert!(
        refused.contains("check bind_dn and bind_password_file") && refused.contains("Not reloaded"),
        "{refused}"
    );
    assert_eq!(profiles(&site.list("alice").await), ["office", "terminal"]);
    // A directory that says nothing has nothing against it.
    site.slapd.kill();
    assert!(said(&site.broker.ask(&["reload"])).contains("Reloaded"));
    fs::write(&secret, right).unwrap();
    said(&site.broker.ask(&["reload"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_secret_is_used_after_a_reload() {
    let mut site = Site::start(Reach::Tls);
    site.slapd.modify(&format!(
        "dn: {}\nchangetype: modify\nreplace: userPassword\nuserPassword: renewed-secret\n",
        slapd::SERVICE
    ));
    let refused = site.broker.ask(&["reload"]);
    assert_eq!(refused.status.code(), Some(1), "the old one is refused");
    let secret = site.broker.folder().join("conf.d/service-password");
    fs::write(&secret, "renewed-secret\n").unwrap();
    assert!(said(&site.broker.ask(&["reload"])).contains("Reloaded"));
    // Connections from before are gone, so what follows is bound with the new one.
    site.slapd.kill();
    site.slapd.restart();
    let mut list = String::new();
    for _ in 0..60 {
        list = site.list("alice").await;
        if list.contains("Access granted") {
            break;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(profiles(&list), ["office", "terminal"], "{}", site.broker.log());
}

#[test]
fn reloads_at_the_same_time_wait_for_each_other_and_all_are_answered() {
    let slapd = Slapd::start(&directory());
    let broker = Broker::start(&configuration(&slapd, Reach::Plain, 1));
    std::thread::scope(|scope| {
        let asking: Vec<_> = (0..8).map(|_| scope.spawn(|| broker.ask(&["reload"]))).collect();
        broker_is_asked_meanwhile(&broker);
        for reload in asking {
            assert!(said(&reload.join().unwrap()).contains("Reloaded"));
        }
    });
    assert_eq!(broker.log().matches("configuration reloaded").count(), 8);
}

fn broker_is_asked_meanwhile(broker: &Broker) {
    assert!(json(broker, &["status"])["pid"].is_number());
}

#[test]
fn a_file_for_decisions_that_cannot_be_made_refuses_the_reload_and_the_start() {
    let slapd = Slapd::start(&directory());
    let good = configuration(&slapd, Reach::Plain, 1);
    let broken = good.clone() + "[audit]\nfile = \"/no/such/folder/audit.log\"\n";
    let (code, said) = Broker::fail(&broken);
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("/no/such/folder/audit.log"), "{said}");
    let broker = Broker::start(&good);
    broker.write_configuration(&broken);
    let refused = broker.ask(&["reload"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stdout).contains("/no/such/folder/audit.log"));
}

#[test]
fn what_takes_a_restart_is_said() {
    let slapd = Slapd::start(&directory());
    let good = configuration(&slapd, Reach::Plain, 1);
    let broker = Broker::start(&good);
    broker.write_configuration(&(good + "[server]\nadmin_group = \"nogroup\"\n"));
    assert!(said(&broker.ask(&["reload"])).contains("takes effect at the next restart"));
}

#[test]
fn how_long_a_request_may_take_needs_none() {
    let slapd = Slapd::start(&directory());
    let good = configuration(&slapd, Reach::Plain, 1);
    let broker = Broker::start(&good);
    // By itself, and as it follows from what the directory is given.
    let slower = good.replace(
        "[directory.ldap]\n",
        "[directory.ldap]\noperation_timeout = \"40s\"\n",
    );
    for fresh in [good + "[server]\nrequest_timeout = \"1m\"\n", slower] {
        broker.write_configuration(&fresh);
        let report = json(&broker, &["reload"]);
        assert_eq!(report["needs_restart"], serde_json::Value::Null, "{report}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn how_long_a_request_may_take_counts_from_the_reload_on() {
    let slapd = Slapd::start(&directory());
    let with = |request_timeout: &str| {
        let quick = "[directory.ldap]\nconnect_timeout = \"1s\"\noperation_timeout = \"1s\"\n";
        configuration(&slapd, Reach::Plain, 1).replace("[directory.ldap]\n", quick)
            + &format!("[server]\nheader_timeout = \"5m\"\nrequest_timeout = \"{request_timeout}\"\n")
    };
    let broker = Broker::start(&with("5m"));
    broker.write_configuration(&with("3s"));
    said(&broker.ask(&["reload"]));
    // Nobody waits longer for the rest of a request.
    let mut client = HttpsClient::connect(broker.address, Trust::Anybody, None)
        .await
        .unwrap();
    let begun = "POST /plain/ HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\ntask=listsessions";
    client.send(begun.as_bytes()).await.unwrap();
    let refused = client.receive().await.unwrap();
    assert!(!refused.text().contains("Access granted"), "{}", refused.text());
}

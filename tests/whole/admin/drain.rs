//! `drain` and `undrain`.

use super::{json, said};
use crate::lab::process::wait_for;
use crate::lab::site::{Reach, Site, select};

const NO_HOST: &str = "SERVER:No servers available:22";

#[tokio::test(flavor = "multi_thread")]
async fn a_drained_host_takes_nothing_new_until_it_is_put_back() {
    let mut site = Site::start(Reach::Plain);
    let asked = |site: &Site, arguments: &[&str]| said(&site.broker.ask(arguments));
    assert_eq!(asked(&site, &["drain"]), "no host is drained\n");
    assert!(
        site.post(&select("office", "carol", ""))
            .await
            .contains("SERVER:127")
    );

    let text = asked(&site, &["drain", "ts01", "--farm", "main"]);
    assert!(text.contains("admin") && text.contains("ldap:carol"), "{text}");
    assert!(site.post(&select("office", "alice", "")).await.contains(NO_HOST));
    let hosts = json(&site.broker, &["hosts"]);
    assert_eq!(hosts[0]["draining"]["by"], "admin");
    assert!(asked(&site, &["hosts"]).contains("draining"), "{hosts}");

    wait_for("the drain is in the audit log", || {
        site.broker.log().contains(r#""task":"drain""#).then_some(())
    });

    site.broker = site.broker.kill_and_restart();
    wait_for("the host is up", || {
        (json(&site.broker, &["hosts"])[0]["health"] == "up").then_some(())
    });
    assert!(site.post(&select("office", "alice", "")).await.contains(NO_HOST));
    let drained = json(&site.broker, &["drain"]);
    assert_eq!(drained[0]["accounts"][0], "ldap:carol");
    assert_eq!(drained[0]["load"], 1);

    assert_eq!(
        asked(&site, &["undrain", "ts01"]),
        "main/ts01 takes new sessions again\n"
    );
    assert!(
        site.post(&select("office", "alice", ""))
            .await
            .contains("SERVER:127")
    );
    let log = site.broker.log();
    for line in [r#""task":"undrain""#, "of 1 hosts 1 draining"] {
        assert!(log.contains(line), "{line}: {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_ends_at_its_time() {
    let site = Site::start(Reach::Plain);
    let now = jiff::Timestamp::now();
    let past = now.to_string();
    let soon = (now + jiff::SignedDuration::from_secs(5)).to_string();
    let complaint = |arguments: &[&str]| {
        let output = site.broker.ask(arguments);
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(complaint(&["drain", "ts01", "--until", &past]).contains("is over already"));
    assert!(complaint(&["drain", "ts01", "--until", "noon"]).contains("like 2026-03-02T09:00:00+01:00"));
    let drained = json(&site.broker, &["drain", "ts01", "--until", &soon]);
    assert!(drained[0]["drain"]["until"].is_string());
    assert!(site.post(&select("office", "alice", "")).await.contains(NO_HOST));
    wait_for("the drain is over", || {
        (json(&site.broker, &["drain"]) == serde_json::json!([])).then_some(())
    });
    assert!(
        site.post(&select("office", "alice", ""))
            .await
            .contains("SERVER:127")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_drained_or_put_back_is_said_why() {
    let site = Site::start(Reach::Plain);
    let complaint = |arguments: &[&str]| {
        let output = site.broker.ask(arguments);
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    for (arguments, why) in [
        (
            &["drain", "ts02"][..],
            "there is no host `ts02`; did you mean `ts01`?",
        ),
        (
            &["drain", "ts02", "--farm", "main"],
            "there is no host `ts02` in farm main; did you mean",
        ),
        (
            &["drain", "ts01", "--farm", "mian"],
            "there is no farm `mian`; did you mean `main`?",
        ),
        (&["undrain", "ts01"], "`ts01` is not drained"),
    ] {
        let said = complaint(arguments);
        assert!(said.contains(why), "{said}");
    }
    let configuration = std::fs::read_to_string(site.broker.folder().join("conf.d/50-test.toml")).unwrap();
    let draining = configuration.replacen(
        "[farm.main.hosts.ts01]",
        "[farm.main.hosts.ts01]\ndraining = true",
        1,
    );
    assert_ne!(draining, configuration);
    site.broker.write_configuration(&draining);
    said(&site.broker.ask(&["reload"]));
    assert!(
        complaint(&["undrain", "ts01"]).contains("`draining = true` in [farm.main.hosts.ts01] drains it")
    );
    assert_eq!(json(&site.broker, &["drain"])[0]["drain"]["by"], "conf.d");
    assert!(site.post(&select("office", "alice", "")).await.contains(NO_HOST));
}

//! `explain` as the running broker answers it.

use super::said;
use crate::lab::broker::Broker;
use crate::lab::site::{Reach, configuration, directory};
use crate::lab::slapd::Slapd;

fn start() -> (Slapd, String, Broker) {
    let slapd = Slapd::start(&directory());
    let good = configuration(&slapd, Reach::Plain, 1);
    let broker = Broker::start(&good);
    (slapd, good, broker)
}

#[test]
fn the_broker_says_what_the_command_says() {
    let (_slapd, _good, broker) = start();
    let moment = "2026-03-02T09:00:00+01:00";
    for more in [
        vec!["dave"],
        vec!["DAVE", "--format", "json"],
        vec![
            "dave",
            "--from",
            "127.9.1.1",
            "--add-group",
            "students",
            "--profile",
            "xfce",
        ],
        vec!["dave", "--remove-group", "it", "--attribute", "title=prof"],
        vec![
            "nobody-yet",
            "--groups",
            "students",
            "--groups",
            "cn=staff,ou=groups,dc=example,dc=org",
            "--format",
            "json",
        ],
    ] {
        let arguments = [&["explain", "--at", moment][..], &more].concat();
        let here = said(&broker.run(&arguments));
        let there = said(&broker.ask(&[&arguments[..], &["--running"]].concat()));
        assert_eq!(here, there, "{more:?}");
    }
}

#[test]
fn the_configuration_in_use_counts_and_not_the_files() {
    let (_slapd, good, broker) = start();
    let changed = good.replace("profiles = [\"office\", \"terminal\"]", "profiles = [\"office\"]");
    broker.write_configuration(&changed);
    let offers = |output: &str| {
        let answer: serde_json::Value = serde_json::from_str(output).unwrap();
        answer["offers"].clone()
    };
    let arguments = ["explain", "alice", "--format", "json"];
    let running = || said(&broker.ask(&[&arguments[..], &["--running"]].concat()));
    assert_eq!(
        offers(&said(&broker.run(&arguments))),
        serde_json::json!(["office"])
    );
    assert_eq!(offers(&running()), serde_json::json!(["office", "terminal"]));
    said(&broker.ask(&["reload"]));
    assert_eq!(offers(&running()), serde_json::json!(["office"]));
}

#[test]
fn what_cannot_be_answered_is_said() {
    let (_slapd, _good, broker) = start();
    let fails = |arguments: &[&str]| {
        let output = broker.ask(arguments);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let nobody = fails(&["explain", "mallory", "--running"]);
    assert!(nobody.contains("no user `mallory` can log in"), "{nobody}");
    let group = fails(&["explain", "dave", "--remove-group", "students", "--running"]);
    assert!(group.contains("dave is not in group `students`"), "{group}");
    let both = broker.run(&["explain", "dave", "--running"]);
    assert_eq!(both.status.code(), Some(64), "--config and --running: {both:?}");
}

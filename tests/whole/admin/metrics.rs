//! The numbers, read as strictly as OpenMetrics wants them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;

use super::said;
use crate::lab::broker::Broker;
use crate::lab::site::{Reach, configuration, directory, list, post_from, select};
use crate::lab::slapd::Slapd;

/// What is given only where passwords go to PAM, and where hosts tell of their sessions.
pub(super) const NOT_EVERYWHERE: [&str; 2] = ["x2godirector_pam_worker_up", "x2godirector_host_sessions"];

/// The samples of a text by name and labels.
type Samples = BTreeMap<String, f64>;

pub(super) fn start() -> (Slapd, Broker, String) {
    let slapd = Slapd::start(&directory());
    let good = configuration(&slapd, Reach::Plain, 1) + "[server]\nmetrics_listen = \"127.0.0.1:0\"\n";
    let mut broker = Broker::start(&good);
    let line = broker.process().wait_for_line("metrics on http://");
    let (_, rest) = line.split_once("metrics on http://").unwrap();
    let address = rest.split_once("/metrics").unwrap().0.to_owned();
    (slapd, broker, address)
}

pub(super) fn ask(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

fn scrape(address: &str) -> Samples {
    let answer = ask(address, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(
        head.contains("content-type: application/openmetrics-text; version=1.0.0"),
        "{head}"
    );
    parse(body)
}

/// Reads a text by the grammar of OpenMetrics 1.0: families described before their samples, each sample of the
/// family it stands in, no sample twice, buckets that only grow, and the end mark.
fn parse(text: &str) -> Samples {
    let body = text
        .strip_suffix("# EOF\n")
        .unwrap_or_else(|| panic!("no end: {text}"));
    let mut families = BTreeSet::new();
    let (mut family, mut kind) = ("", "");
    let mut samples = Samples::new();
    let mut bucket: Option<(String, f64)> = None;
    for line in body.lines() {
        let words: Vec<_> = line.splitn(4, ' ').collect();
        match words.as_slice() {
            ["#", "HELP", name, help] => {
                assert!(families.insert(*name), "{name} is described twice");
                assert!(!help.is_empty());
                (family, kind) = (name, "");
            }
            ["#", "TYPE", name, found] => {
                assert_eq!(*name, family, "{line}");
                assert!(
                    ["counter", "gauge", "histogram", "info"].contains(found),
                    "{line}"
                );
                kind = found;
            }
            ["#", "UNIT", name, unit] => assert!(*name == family && name.ends_with(unit), "{line}"),
            _ => {
                let (series, value) = line.rsplit_once(' ').unwrap();
                let (name, labels) = series.split_once('{').map_or((series, ""), |(name, labels)| {
                    (name, labels.strip_suffix('}').unwrap_or_else(|| panic!("{line}")))
                });
                let suffix = name
                    .strip_prefix(family)
                    .unwrap_or_else(|| panic!("{line} in {family}"));
                let allowed: &[&str] = match kind {
                    "counter" => &["_total"],
                    "gauge" => &[""],
                    "info" => &["_info"],
                    "histogram" => &["_bucket", "_sum", "_count"],
                    _ => panic!("{line} has no type"),
                };
                assert!(allowed.contains(&suffix), "{line} in {kind}");
                check_labels(labels);
                let value: f64 = value.parse().unwrap_or_else(|_| panic!("{line}"));
                if suffix == "_bucket" {
                    let others: String = labels
                        .split(',')
                        .filter(|label| !label.starts_with("le="))
                        .collect();
                    if let Some((before, count)) = &bucket {
                        assert!(*before != others || *count <= value, "{line}");
                    }
                    bucket = Some((others, value));
                }
                assert!(
                    samples.insert(series.to_owned(), value).is_none(),
                    "{series} twice"
                );
            }
        }
    }
    samples
}

fn check_labels(labels: &str) {
    for label in labels.split(',').filter(|label| !label.is_empty()) {
        let (name, value) = label.split_once('=').unwrap_or_else(|| panic!("{labels}"));
        assert!(
            name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
            "{labels}"
        );
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        assert!(
            value.is_some_and(|value| !value.contains(['"', '\n'])),
            "{labels}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_is_counted() {
    let (slapd, broker, address) = start();
    let before = scrape(&address);
    assert_eq!(before["x2godirector_tickets"], 0.0);
    let post = async |form: &str| post_from(broker.address, None, form).await.1;
    post(&list("alice", "alice-secret", "")).await;
    post(&list("alice", "wrong", "")).await;
    post(&list("no-such-user-of-ours", "wrong", "")).await;
    post(&select("office", "alice", "")).await;
    post("task=a-task-of-mine&user=a-user-of-mine").await;
    said(&broker.ask(&["reload"]));
    broker.write_configuration("x = 1");
    broker.ask(&["reload"]);
    let after = scrape(&address);
    let requests = |task: &str, outcome: &str| {
        after[&format!("x2godirector_requests_total{{door=\"plain\",task=\"{task}\",outcome=\"{outcome}\"}}")]
    };
    assert_eq!(requests("list", "granted"), 1.0);
    assert_eq!(requests("list", "refused"), 2.0);
    assert_eq!(requests("select", "granted"), 1.0);
    assert_eq!(requests("unknown", "refused"), 1.0);
    let unmeasured = "x2godirector_request_duration_seconds_count{door=\"plain\",task=\"unknown\"}";
    assert!(!after.contains_key(unmeasured));
    let count = "x2godirector_request_duration_seconds_count{door=\"plain\",task=\"list\"}";
    assert_eq!(after[count], 3.0);
    assert_eq!(after["x2godirector_reloads_total{outcome=\"taken\"}"], 1.0);
    assert_eq!(after["x2godirector_reloads_total{outcome=\"refused\"}"], 1.0);
    let taken = "x2godirector_last_reload_success_time_seconds";
    assert!(after[taken] >= before[taken] && before[taken] > 1.7e9);
    assert_eq!(after["x2godirector_tickets"], 2.0);
    assert_eq!(after["x2godirector_leases"], 0.0);
    assert_eq!(after["x2godirector_key_pairs_ready"], 0.0);
    assert_eq!(after["x2godirector_keys_given_total"], 0.0);
    assert!(after["x2godirector_certificate_days_left"] > 3600.0);
    let server = format!(
        "x2godirector_directory_server_up{{server=\"ldap://127.0.0.1:{}\"}}",
        slapd.ldap_port()
    );
    assert_eq!(after[&server], 1.0);
    assert_eq!(after["x2godirector_host_up{farm=\"main\",host=\"ts01\"}"], 0.0);
    let stage =
        |stage: &str| after[&format!("x2godirector_stage_duration_seconds_count{{stage=\"{stage}\"}}")];
    assert_eq!(stage("search"), 4.0);
    assert_eq!(stage("bind"), 4.0);
    assert_eq!(stage("rules"), 2.0);
    assert_eq!(stage("placement"), 1.0);
    let pool = |name: &str| {
        let url = format!("ldap://127.0.0.1:{}", slapd.ldap_port());
        after[&format!("x2godirector_pool_{name}{{pool=\"binds\",server=\"{url}\"}}")]
    };
    assert!(pool("size") > 0.0 && pool("busy") == 0.0);
    assert!(
        after
            .keys()
            .any(|series| series.starts_with("x2godirector_configuration_info{hash=\""))
    );
    assert!(
        after
            .keys()
            .any(|series| series.starts_with("x2godirector_build_info{version=\""))
    );
    for number in 0..7 {
        post(&list("bob", &format!("wrong-{number}"), "")).await;
    }
    let refused = "x2godirector_throttle_refusals_total{limit=\"user\"}";
    let throttled = scrape(&address);
    assert_eq!(throttled[refused], 2.0);
    assert_eq!(throttled["x2godirector_throttle_refusing{table=\"users\"}"], 1.0);
    let named = |who: &str| after.keys().any(|series| series.contains(who));
    assert!(
        !named("alice") && !named("no-such-user") && !named("of-mine"),
        "{after:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_number_is_described_and_nothing_else() {
    let (_slapd, broker, address) = start();
    post_from(broker.address, None, &list("alice", "alice-secret", "")).await;
    let answer = ask(&address, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    let described = std::fs::read_to_string("docs/metrics.md").unwrap();
    let given: BTreeSet<_> = answer
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .map(|rest| rest.split(' ').next().unwrap())
        .collect();
    let documented: BTreeSet<_> = described
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .map(|rest| rest.split(['`', '{']).next().unwrap().trim_end_matches("_total"))
        .filter(|name| !NOT_EVERYWHERE.contains(name))
        .map(|name| {
            if name.ends_with("build_info") {
                name.trim_end_matches("_info")
            } else {
                name
            }
        })
        .collect();
    assert_eq!(given, documented);
}

#[test]
fn other_paths_and_methods_are_refused() {
    let (_slapd, _broker, address) = start();
    let status = |request: &str| ask(&address, request)[9..12].to_owned();
    assert_eq!(status("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "404");
    assert_eq!(
        status("POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"),
        "405"
    );
    assert_eq!(status("rubbish\r\n\r\n"), "400");
}

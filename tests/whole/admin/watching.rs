//! The alert rules and the dashboard of `docs/`: Prometheus takes them, and the broker gives every number they name.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use super::metrics::{NOT_EVERYWHERE, ask, start};
use crate::lab::site::{list, post_from};

const ALERTS: &str = "docs/alerts.yml";
const DASHBOARD: &str = "docs/grafana-dashboard.json";

/// What promtool has against a number whose unit is the one that people count in.
const UNIT_OF_PEOPLE: &str =
    "x2godirector_certificate_days_left use base unit \"seconds\" instead of \"days\"";

/// Runs promtool with that on its standard input; it must not complain.
fn promtool(arguments: &[&str], input: &str) {
    let mut child = Command::new("promtool")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool");
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let is_fine = output.status.success() || said.trim_end() == UNIT_OF_PEOPLE;
    assert!(is_fine, "{said}\n{input}");
}

/// The names of our metrics in a text.
fn named(text: &str) -> BTreeSet<String> {
    text.match_indices("x2godirector_")
        .map(|(at, _)| {
            text[at..]
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect()
        })
        .collect()
}

/// The same numbers in the older text format, which promtool reads: there, a description is that of the samples.
fn as_prometheus_text(open_metrics: &str) -> String {
    let mut text = String::new();
    let mut suffixes = std::collections::BTreeMap::new();
    for line in open_metrics.lines() {
        if let ["#", "TYPE", name, kind] = *line.split(' ').collect::<Vec<_>>() {
            suffixes.insert(
                name,
                match kind {
                    "counter" => ("_total", "counter"),
                    "info" => ("_info", "gauge"),
                    other => ("", other),
                },
            );
        }
    }
    for line in open_metrics.lines() {
        let words: Vec<_> = line.splitn(4, ' ').collect();
        match words.as_slice() {
            ["#", "HELP", name, help] => text += &format!("# HELP {name}{} {help}\n", suffixes[name].0),
            ["#", "TYPE", name, _] => {
                text += &format!("# TYPE {name}{} {}\n", suffixes[name].0, suffixes[name].1)
            }
            ["#", ..] => {}
            _ => text += &format!("{line}\n"),
        }
    }
    text
}

#[test]
fn prometheus_takes_the_rules() {
    promtool(&["check", "rules", ALERTS], "");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_number_that_is_watched_is_given() {
    let (_slapd, broker, address) = start();
    post_from(broker.address, None, &list("alice", "alice-secret", "")).await;
    let answer = ask(&address, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    promtool(&["check", "metrics"], &as_prometheus_text(body));

    let mut given: BTreeSet<_> = body
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split(['{', ' ']).next().unwrap().to_owned())
        .collect();
    given.extend(NOT_EVERYWHERE.map(str::to_owned));
    let dashboard: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(DASHBOARD).unwrap()).expect("the dashboard is JSON");
    let mut expressions = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            expressions.push(target["expr"].as_str().unwrap().to_owned());
        }
    }
    for (what, text) in [
        (ALERTS, fs::read_to_string(ALERTS).unwrap()),
        (DASHBOARD, expressions.join("\n")),
    ] {
        let unknown: Vec<_> = named(&text).difference(&given).cloned().collect();
        assert!(
            !named(&text).is_empty() && unknown.is_empty(),
            "{what} names {unknown:?}"
        );
    }
    // The expressions of the dashboard are PromQL, once Grafana has put values in the place of its variables.
    let rules: String = expressions
        .iter()
        .map(|expression| {
            expression
                .replace("$__rate_interval", "5m")
                .replace("$instance", ".*")
        })
        .map(|expression| {
            format!(
                "  - record: x\n    expr: {}\n",
                serde_json::Value::from(expression)
            )
        })
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dashboard.yml");
    fs::write(&file, format!("groups:\n- name: dashboard\n  rules:\n{rules}")).unwrap();
    promtool(&["check", "rules", "--lint=none", file.to_str().unwrap()], "");
}

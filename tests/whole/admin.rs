//! The admin's day: the running daemon asked over its socket, its numbers, and what it wrote down.

mod audit;
mod drain;
mod explain;
mod journal;
mod metrics;
mod peers;
mod reload;
mod reports;
mod throttle;
mod watching;

use std::process::Output;

use crate::lab::broker::Broker;

/// What a command prints that must succeed.
fn said(output: &Output) -> String {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
    text
}

/// The JSON that the daemon answers a command with.
pub fn json(broker: &Broker, arguments: &[&str]) -> serde_json::Value {
    let output = broker.ask(&[arguments, &["--format", "json"]].concat());
    serde_json::from_str(&said(&output)).unwrap()
}

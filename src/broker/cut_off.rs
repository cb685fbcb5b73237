//! Requests that come to no end of their own: what is written of them.

use std::sync::Arc;
use std::time::Duration;

use super::one_core::drawn::{Drawn, Moment, Told};
use super::one_core::site::{Members, Site};
use super::{Caller, Remote};
use crate::model::{ClientAddress, Door};
use crate::observe::Captured;
use crate::wire::plain;

/// A site where everybody may have something, and at which asking for the groups of anybody but alice panics.
async fn site() -> Site {
    let drawn = Drawn {
        rules: vec!["everyone = true\nprofiles = [\"p1\"]\n".to_owned()],
        told: Told::default(),
        moment: Moment::Weekday,
    };
    Site::start(&drawn, Members([("alice", Vec::new())].into())).await
}

fn list(user: &str) -> (Caller, crate::wire::Request) {
    let caller = Caller::Remote(Remote {
        address: ClientAddress::new([192, 0, 2, 7].into()),
        door: Door::Plain,
    });
    let form = format!("task=listsessions&user={user}&password={user}-secret");
    (caller, plain::decode(form.as_bytes()).unwrap())
}

#[tokio::test]
async fn a_request_that_panics_is_named_in_the_log_and_has_a_line() {
    let (log, _guard) = Captured::begin();
    let site = site().await;
    let broker = Arc::clone(&site.broker);
    let (caller, request) = list("bob");
    let answered = tokio::spawn(async move { broker.answer(caller, request).await }).await;
    assert!(answered.unwrap_err().is_panic());
    let said = log.line("refused: the broker panicked");
    assert!(said.contains("ERROR request{decision_id=0000000001"), "{said}");
    let line = log.line("\"decision\":\"0000000001\"");
    assert!(
        line.contains("\"outcome\":\"unavailable\",\"cause\":\"the broker panicked"),
        "{line}"
    );
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_named_in_the_log_and_has_a_line() {
    let (log, _guard) = Captured::begin();
    let site = site().await;
    let (caller, request) = list("alice");
    let answered = tokio::time::timeout(Duration::ZERO, site.broker.answer(caller, request)).await;
    assert!(answered.is_err(), "the ticket is not stored at once");
    let said = log.line("refused: no answer within `request_timeout`");
    assert!(said.contains("WARN request{decision_id=0000000001"), "{said}");
    let line = log.line("\"decision\":\"0000000001\"");
    assert!(
        line.contains("\"outcome\":\"unavailable\",\"cause\":\"cut off"),
        "{line}"
    );
}

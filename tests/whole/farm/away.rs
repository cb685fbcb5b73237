//! Hosts that freeze and go down while somebody has a session there.

use super::site::Site;
use crate::lab::site as lab_site;

const PROFILE: &str = "usebrokerpass = true";

#[test]
fn a_host_that_is_frozen_or_down_offers_no_session_and_takes_nothing_new() {
    let site = Site::start("", PROFILE);
    let (name, password) = (&site.account().name, &site.account().password);
    let list = lab_site::list(name, password, "");
    let select = format!("task=selectsession&sid=terminal&user={name}&password={password}&authid=");

    let (client, _) = site.client_in_session("farm-away-start");
    let (host, session) = site.session("R");
    let other = site.other_than(host);
    drop(client);
    site.session("S");
    site.wait_for_answer(&list, "suspended=1");

    // Not known yet, and known: nobody waits for it, and nothing is said of its session.
    host.freeze();
    for health in ["up", "silent"] {
        site.wait_for_health(host, health);
        let listed = site.answer(&list);
        assert!(listed.contains("[terminal]"), "{listed}");
        // What was told just before may still serve.
        assert!(health == "up" || !listed.contains("suspended="), "{listed}");
    }
    let selected = site.answer(&select);
    assert!(
        selected.contains(&format!("SERVER:{}:", other.address())),
        "{selected}"
    );
    assert!(!selected.contains("SESSION_INFO"), "{selected}");
    host.thaw();
    site.wait_for_health(host, "up");
    site.wait_for_answer(&list, "suspended=1");

    host.close_port();
    site.wait_for_health(host, "down");
    let listed = site.answer(&list);
    assert!(
        listed.contains("[terminal]") && !listed.contains("suspended="),
        "{listed}"
    );
    let (_client, started) = site.client_in_session("farm-away-down");
    let (now_on, running) = site.session("R");
    assert_eq!((now_on.name(), &running), (other.name(), &started));
    assert_ne!(running, session);

    site.wait_for_answer(&list, "running=1");
    now_on.kill();
    site.wait_for_health(now_on, "down");
    let listed = site.answer(&list);
    assert!(
        listed.contains("[terminal]") && !listed.contains("running="),
        "{listed}"
    );
    let selected = site.answer(&select);
    assert!(selected.contains("SERVER:No servers available:"), "{selected}");
    assert!(!selected.contains("SESSION_INFO"), "{selected}");
}

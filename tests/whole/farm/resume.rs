//! Sessions that go on: shown beside their profile, and resumed where they are.

use super::site::Site;
use crate::lab::display::Display;
use crate::lab::process::wait_for;
use crate::lab::site as lab_site;

const PROFILE: &str = "usebrokerpass = true";

#[test]
fn a_session_is_shown_and_resumed_where_it_is_and_on_a_draining_host_that_takes_nothing_new() {
    let site = Site::start("", PROFILE);
    let (name, password) = (&site.account().name, &site.account().password);

    let (client, started) = site.client_in_session("farm-start");
    assert!(!client.log().contains("suspended="), "there was no session yet");
    let (host, session) = site.session("R");
    assert_eq!(session, started);
    // A client that is gone leaves its session suspended.
    drop(client);
    site.session("S");
    site.wait_for_answer(&lab_site::list(name, password, ""), "suspended=1");

    let client = site.client("farm-resume");
    site.while_asked(|| {
        client.log_in(name, password);
        client.profiles();
    });
    let log = client.log();
    assert!(log.contains("suspended=1") && log.contains("running=0"), "{log}");
    site.while_asked(|| {
        client.choose("Terminal");
        client.resume();
    });
    let (resumed_on, resumed) = site.session("R");
    assert_eq!((resumed_on.name(), &resumed), (host.name(), &session));

    // The user suspends it from another desk.
    site.wait_for_answer(&lab_site::list(name, password, ""), "running=1");
    let desk = Display::start();
    let other = site.client_at(&desk, "farm-suspend");
    other.log_in(name, password);
    other.profiles();
    site.while_asked(|| {
        other.choose("Terminal");
        other.suspend();
    });
    let (suspended_on, suspended) = site.session("S");
    assert_eq!((suspended_on.name(), &suspended), (host.name(), &session));
    drop((other, client));

    site.drain("", PROFILE, &[host.name()]);
    site.wait_for_answer(&lab_site::list(name, password, ""), "suspended=1");
    // Whoever starts something new gets the other host, also beside the session that goes on.
    let other = site.other_than(host);
    let select = format!("task=selectsession&sid=terminal&user={name}&password={password}&authid=");
    site.wait_for_answer(&select, &format!("SERVER:{}:", other.address()));
    site.wait_for_answer(&select, &format!("|{session}|"));
    let client = site.client("farm-drained");
    client.log_in(name, password);
    client.profiles();
    site.while_asked(|| {
        client.choose("Terminal");
        client.resume();
    });
    let (resumed_on, resumed) = site.session("R");
    assert_eq!((resumed_on.name(), &resumed), (host.name(), &session));
    assert_eq!(site.sessions(), 1, "nothing new was started");
    let line = site.broker.log();
    let line = line
        .lines()
        .rfind(|line| line.contains("\"task\":\"select\""))
        .unwrap();
    assert!(line.contains(&format!("\"sessions\":[\"{session}\"]")), "{line}");
}

#[test]
fn a_session_that_runs_at_another_desk_is_suspended_there_and_resumed() {
    let site = Site::start("suspend_running = true", PROFILE);
    let (name, password) = (&site.account().name, &site.account().password);
    let (_first, started) = site.client_in_session("farm-first-desk");
    let (host, session) = site.session("R");
    assert_eq!(session, started);
    site.wait_for_answer(&lab_site::list(name, password, ""), "running=1");

    let desk = Display::start();
    let second = site.client_at(&desk, "farm-second-desk");
    second.log_in(name, password);
    second.profiles();
    // The client is told of a session that is suspended, so that it can be resumed at once.
    site.while_asked(|| {
        second.choose("Terminal");
        second.resume();
    });
    assert_eq!(second.session(), session);
    let (resumed_on, resumed) = site.session("R");
    assert_eq!((resumed_on.name(), &resumed), (host.name(), &session));
    assert_eq!(site.sessions(), 1, "nothing new was started");
    let told = format!("|{session}|");
    let log = second.log();
    let line = log
        .lines()
        .find(|line| line.contains("SESSION_INFO:") && line.contains(&told));
    assert!(line.is_some_and(|line| line.contains("|S|")), "{line:?}");
    // The client at the first desk says so when it has lost it.
    let finished = format!("\"event\":\"finished\",\"session\":\"{session}\"");
    wait_for("the end at the first desk", || {
        site.broker.log().contains(&finished).then_some(())
    });
}

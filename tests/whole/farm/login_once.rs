//! One password for all: a session starts with a key that the broker placed.

use super::site::Site;
use crate::admin::json;
use crate::lab::process::wait_for;

/// Pairs are made behind everything else that the machine does.
fn wait_for_a_pair(site: &Site) {
    wait_for("a key pair", || {
        let status = json(&site.broker, &["status"]);
        (status["key_pairs_ready"].as_u64()? > 0).then_some(())
    });
}

#[test]
fn a_session_starts_without_a_second_password() {
    let site = Site::start("", "autologin = true");
    let account = site.account();
    let (name, password) = (&account.name, &account.password);
    let select = format!("task=selectsession&sid=terminal&user={name}&password={password}&authid=");
    site.wait_for_answer(&select, "-----BEGIN RSA PRIVATE KEY-----");
    wait_for_a_pair(&site);
    // The only password that is typed is the one of the directory.
    let (_client, _) = site.client_in_session("farm-login-once");
    let (host, _) = site.session("R");
    let log = host.ssh_log();
    assert!(
        log.contains(&format!("Accepted publickey for {} ", account.name)),
        "{log}"
    );
    assert!(!log.contains("Accepted password"), "{log}");
    let audit = site.broker.log();
    let line = audit
        .lines()
        .rfind(|line| line.contains("\"task\":\"select\""))
        .unwrap();
    assert!(line.contains("\"key\":\"") && !line.contains("no_key"), "{line}");
}

#[test]
fn a_session_starts_through_an_ssh_proxy_without_a_second_password() {
    let site = Site::start("", "autologin = true");
    let [server, proxy] = &*site.hosts else {
        unreachable!("there are two")
    };
    let through = format!(
        "autologin = true\nusesshproxy = true\nsshproxysameuser = true\nsshproxysamekey = true\n\
         sshproxyhost = \"{}\"\nsshproxyport = 22",
        proxy.address()
    );
    // Nothing starts on the proxy itself.
    site.drain("", &through, &[proxy.name()]);
    wait_for_a_pair(&site);
    let (_client, _) = site.client_in_session("farm-login-once-proxy");
    let (host, _) = site.session("R");
    assert_eq!(host.name(), server.name());
    for host in &site.hosts {
        let log = host.ssh_log();
        let accepted = format!("Accepted publickey for {} ", site.account().name);
        assert!(log.contains(&accepted), "{}: {log}", host.name());
        assert!(!log.contains("Accepted password"), "{}: {log}", host.name());
    }
    let to_server = format!(
        "Accepted publickey for {} from {} ",
        site.account().name,
        proxy.address()
    );
    assert!(server.ssh_log().contains(&to_server), "{}", server.ssh_log());
}

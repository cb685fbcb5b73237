//! One password for all: a session starts with a key that the broker placed.

use super::site::Site;

#[test]
fn a_session_starts_without_a_second_password() {
    let site = Site::start("", "autologin = true");
    let account = site.account();
    let (name, password) = (&account.name, &account.password);
    let select = format!("task=selectsession&sid=terminal&user={name}&password={password}&authid=");
    site.wait_for_answer(&select, "-----BEGIN RSA PRIVATE KEY-----");
    let client = site.client("farm-login-once");
    client.log_in(&account.name, &account.password);
    assert_eq!(client.profiles(), ["terminal"]);
    // The only password that is typed is the one of the directory.
    client.choose("Terminal");
    client.session();
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

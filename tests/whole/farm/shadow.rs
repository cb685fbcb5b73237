//! Desktop sharing: where the real client looks for desktops to show.

use super::site::Site;
use crate::lab::display::Display;
use crate::lab::process::wait_for;
use crate::lab::site::list;

const PROFILES: &str = r#"usebrokerpass = true
[profile.look]
name = "Look"
farm = "main"
command = "SHADOW"
usebrokerpass = true
[rule.look]
groups = ["staff"]
profiles = ["look"]"#;

#[test]
fn whoever_has_a_session_looks_for_desktops_on_its_host() {
    let site = Site::start("", PROFILES);
    let (name, password) = (&site.account().name, &site.account().password);
    let shown = site.client("farm-shown");
    shown.log_in(name, password);
    assert_eq!(shown.profiles(), ["look", "terminal"]);
    shown.choose("Terminal");
    shown.session();
    let (host, _) = site.session("R");
    // The profile that shows desktops has no session of its own.
    let listed = site.wait_for_answer(&list(name, password, ""), "running=1");
    assert_eq!(listed.matches("running=1").count(), 1, "{listed}");

    let desk = Display::start();
    let looking = site.client_at(&desk, "farm-looking");
    looking.log_in(name, password);
    looking.profiles();
    site.while_asked(|| looking.choose("Look"));
    let asked = wait_for("the client's question for desktops", || {
        let log = looking.log();
        log.contains("x2golistdesktops").then_some(log)
    });
    assert!(asked.contains(&format!("SERVER:{}:", host.address())), "{asked}");
    assert!(!asked.contains("SESSION_INFO:"), "{asked}");
    assert_eq!(site.sessions(), 1, "nothing new was started");
}

//! Expectations beside the rules, and what a running broker makes of one that does not hold.

use super::lab::broker::Broker;

fn configuration(profile: &str) -> String {
    format!(
        r#"
[directory.ldap]
urls = ["ldap://127.0.0.1:9"]
base_dn = "dc=example,dc=org"
[farm.main.hosts.ts01]
[profile.xfce]
name = "XFCE"
farm = "main"
[profile.mate]
name = "MATE"
farm = "main"
[rule.staff]
groups = ["staff"]
profiles = ["{profile}"]
[rule.students]
groups = ["students"]
profiles = ["*"]
[[expect]]
user = "alice"
groups = ["staff"]
offers = ["xfce"]
"#
    )
}

#[test]
fn a_reload_that_breaks_an_expectation_is_refused() {
    let mut broker = Broker::start(&configuration("xfce"));
    broker.write_configuration(&configuration("m*"));
    broker.process().signal("HUP");
    broker.process().wait_for_line("not reloaded");
    let log = broker.log();
    assert!(
        log.contains("alice is offered mate: `mate` is given by rule staff; `xfce` is not given"),
        "{log}"
    );
    broker.write_configuration(&configuration("xf*"));
    broker.process().signal("HUP");
    broker.process().wait_for_line("configuration reloaded");
}

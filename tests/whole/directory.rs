//! The directory room against real slapd processes.

use crate::lab::slapd::{self, Slapd};

#[test]
fn the_lab_counts_what_the_server_was_asked() {
    let mut server = Slapd::start(&slapd::people(&["alice"]));
    server.add(&slapd::group_of_names("staff", &[&slapd::person("alice")]));
    assert_eq!(server.binds(slapd::ADMIN), 1);
    assert_eq!(server.searches(), 0);
    server.freeze();
    server.thaw();
    server.restart();
    server.modify("dn: uid=alice,ou=people,dc=example,dc=org\nchangetype: modify\nreplace: sn\nsn: A\n");
    server.kill();
    server.restart();
}

//! The directory room and the whole program against a real Active Directory.

use crate::lab::samba::{self, Samba};

#[test]
fn a_wrong_password_is_counted_by_the_domain() {
    let domain = Samba::shared();
    domain.add(&samba::user("counted"));
    assert_eq!(domain.bad_passwords(&samba::person("counted")), 0);
}

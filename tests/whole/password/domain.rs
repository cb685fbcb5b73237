//! The same in an Active Directory.

use super::*;
use crate::lab::process::wait_for;
use crate::lab::samba::{self, Samba};
use crate::lab::site::{list, post_from, profiles, ticket};

fn configuration(domain: &Samba) -> String {
    format!(
        "[directory.ldap]\nurls = [\"{}\"]\nca_file = \"{}\"\nbind_dn = \"{}\"\n\
         bind_password_file = \"service-password\"\nbase_dn = \"{}\"\nschema = \"active-directory\"\n\
         [farm.main.hosts.ts01]\naddress = \"127.0.0.1\"\n\
         [profile.desk]\nname = \"Desk\"\nfarm = \"main\"\ncommand = \"MATE\"\n\
         [rule.all]\neveryone = true\nprofiles = [\"desk\"]\n",
        domain.ldaps(),
        domain.ca_file().display(),
        samba::SERVICE,
        samba::BASE,
    )
}

async fn post(broker: &Broker, form: &str) -> String {
    let (status, body) = post_from(broker.address, None, form).await;
    assert_eq!(status, 200, "{body}");
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_of_a_domain_is_changed_by_its_owner() {
    let domain = Samba::shared();
    domain.add(&samba::user_with("Pia", "First-secret-1", &[]));
    let broker = Broker::start(&configuration(domain));
    let listed = post(&broker, &list("pia", "First-secret-1", "")).await;
    assert_eq!(profiles(&listed), ["desk"]);
    let ticket = ticket(&listed).to_owned();

    let guess = setpass("pia", "Not-her-secret-1", "Second-secret-2", &ticket);
    assert!(!post(&broker, &guess).await.contains("Access granted"));
    assert_eq!(domain.bad_passwords(&samba::person("Pia")), 1);

    let change = |new: &str| setpass("pia", "First-secret-1", new, &ticket);
    assert_eq!(post(&broker, &change("x")).await, NOT_CHANGED);
    let said = wait_for("the audit line", || {
        let log = broker.log();
        let line = log.lines().rfind(|line| line.contains("password not changed"))?;
        Some(line.to_owned())
    });
    assert!(said.contains("code 19") || said.contains("code 53"), "{said}");

    assert_eq!(post(&broker, &change("Zw%C3%B6lf-secret-12")).await, CHANGED);
    for (password, ticket) in [("First-secret-1", &*ticket), ("Zw%C3%B6lf-secret-12", "")] {
        let form = list("pia", password, ticket);
        assert_eq!(profiles(&post(&broker, &form).await), ["desk"], "{password}");
    }
    let old = post(&broker, &list("pia", "First-secret-1", "")).await;
    assert!(!old.contains("Access granted"), "{old}");
    assert!(!broker.log().contains("-secret-1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_must_be_changed_in_a_domain_is_changed_elsewhere() {
    let domain = Samba::shared();
    domain.add(&samba::user_with("Quinn", "First-secret-1", &[]));
    domain.set(&samba::person("Quinn"), "pwdLastSet", "0");
    let broker = Broker::start(&configuration(domain));
    let answer = post(&broker, &list("quinn", "First-secret-1", "")).await;
    assert_eq!(profiles(&answer), ["notice-must-change"]);
    assert!(names(&answer)[0].contains("cannot be changed here"), "{answer}");
    let change = setpass("quinn", "First-secret-1", "Second-secret-2", "");
    assert_eq!(post(&broker, &change).await, NOT_CHANGED);
    assert!(
        !post(&broker, &list("quinn", "guess", ""))
            .await
            .contains("Access granted")
    );
}

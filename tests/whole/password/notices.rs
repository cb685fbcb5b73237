//! What users are told besides.

use super::*;
use crate::lab::site::{profiles, select, ticket};

#[tokio::test(flavor = "multi_thread")]
async fn somebody_without_profiles_is_told_so_or_gets_the_empty_list() {
    let site = site("");
    let answer = site.list("nobodys").await;
    assert_eq!(profiles(&answer), ["notice-no-profiles"]);
    let decision = last_decision(&site);
    let (_, id) = decision.split_once("\"decision\":\"").unwrap();
    let id = id.split('"').next().unwrap();
    assert_eq!(
        names(&answer),
        [format!("No desktop is assigned to you (help desk: {id})")]
    );
    let answer = site
        .post(&select("notice-no-profiles", "nobodys", ticket(&answer)))
        .await;
    assert_eq!(answer, "Access granted\nSERVER:No servers available:22\n");
    let decision = last_decision(&site);
    assert!(
        decision.contains("\"notices\":[\"notice-no-profiles\"]"),
        "{decision}"
    );
    assert!(
        !decision.contains("\"profiles\"") && !decision.contains("\"host\""),
        "{decision}"
    );
    let stranger = site
        .post("task=selectsession&sid=notice-no-profiles&user=nobodys&password=x&authid=")
        .await;
    assert!(!stranger.contains("Access granted"), "{stranger}");
}

#[tokio::test(flavor = "multi_thread")]
async fn notices_are_the_admins_to_write_and_to_switch_off() {
    let quiet = site_that_tells("must_change = false", "");
    for user in ["nobodys", "reset", "gone"] {
        assert!(profiles(&quiet.list(user).await).is_empty(), "{user}");
    }
    for user in ["soon", "grace"] {
        assert_eq!(
            profiles(&quiet.list(user).await),
            ["office", "terminal"],
            "{user}"
        );
    }
    let told = site(
        "[notices.text]\nno_profiles = \"Kein Arbeitsplatz zugeordnet: Raum 3/17<br>anrufen\"\n\
         [notices.message.now]\ntext = \"Samstag: Wartung\"\nuntil = \"2999-01-01T00:00:00Z\"\n\
         [notices.message.past]\ntext = \"Vorbei\"\nuntil = \"2000-01-01T00:00:00Z\"\n\
         [notices.message.future]\ntext = \"Noch nicht\"\nfrom = \"2999-01-01T00:00:00Z\"\n",
    );
    assert_eq!(
        names(&told.list("nobodys").await),
        [
            "Kein Arbeitsplatz zugeordnet: Raum 3\\x2215\\x31\\x37 anrufen",
            "Samstag: Wartung"
        ]
    );
    assert_eq!(
        profiles(&told.list("alice").await),
        ["notice-message-now", "office", "terminal"]
    );
}

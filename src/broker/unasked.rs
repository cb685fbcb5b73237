//! Answers that no program of the site is asked about: whoever it would refuse is given nothing by them.

use super::one_core::drawn::{Drawn, MESSAGE, Moment, Told};
use super::one_core::site::{Members, Site};
use super::{Caller, Remote};
use crate::model::{Account, ClientAddress, Door, Source, UserName};
use crate::wire::plain;

/// A program that never answers, since no worker is there: everybody is refused.
const REFUSES: &str =
    "[hooks]\nsocket = \"/nonexistent/hooks.sock\"\n[hooks.post_auth]\nprogram = \"/bin/false\"\n";

/// A site where everybody may have something, with this at the end of its configuration.
async fn site(end: &str) -> Site {
    let drawn = Drawn {
        rules: vec![format!("everyone = true\nprofiles = [\"p1\"]\n{end}")],
        told: Told {
            no_profiles: false,
            message: Some((None, None)),
        },
        moment: Moment::Weekday,
    };
    Site::start(&drawn, Members([("alice", Vec::new())].into())).await
}

/// What alice is answered at the plain door.
async fn select(site: &Site, profile: &str, more: &str) -> String {
    let caller = Caller::Remote(Remote {
        address: ClientAddress::new([192, 0, 2, 7].into()),
        door: Door::Plain,
    });
    let form = format!("task=selectsession&user=alice&password=alice-secret&sid={profile}{more}");
    let reply = site
        .broker
        .answer(caller, plain::decode(form.as_bytes()).unwrap())
        .await;
    String::from_utf8(plain::encode(&reply).1.to_vec()).unwrap()
}

/// Lets alice have had her selects of this minute.
fn use_up_selects(site: &Site) {
    let now = (site.broker.edge.now)();
    let alice = Account {
        source: Source::Ldap,
        user: UserName::new("alice").unwrap(),
    };
    while site.broker.placements().admit(&alice, now).is_ok() {}
}

#[tokio::test]
async fn who_is_refused_comes_to_no_ticket_by_what_nobody_is_asked_about() {
    let site = site(REFUSES).await;
    assert!(!select(&site, "p1", "").await.contains("Access granted"));
    use_up_selects(&site);
    for profile in [MESSAGE, "p1"] {
        let answer = select(&site, profile, "").await;
        assert!(
            answer.contains("Access granted") && !answer.contains("AUTHID:"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn where_nobody_is_asked_these_answers_have_their_ticket() {
    let site = site("").await;
    use_up_selects(&site);
    for profile in [MESSAGE, "p1"] {
        let answer = select(&site, profile, "").await;
        assert!(answer.contains("AUTHID:"), "{answer}");
    }
}

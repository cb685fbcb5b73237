//! Agents that hang and babble: nobody's login waits for them, and every select has a host.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::site::{OFFICE, Site, server};
use crate::lab::site::list;

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_hangs_or_babbles_costs_nobody_a_login() {
    for (network, does) in [
        (94, "sleep 600"),
        (95, "head -c 10000000 /dev/zero | tr '\\0' x"),
        (96, "echo OK; head -c 100000 /dev/urandom"),
    ] {
        let site = Site::start(network, "", "");
        site.database.hold(&[OFFICE]);
        site.database.misbehave(does);
        let mut logins = JoinSet::new();
        let site = Arc::new(site);
        for user in ["alice", "carol", "dave"] {
            let site = Arc::clone(&site);
            logins.spawn(async move {
                let listed = site.post(&list(user, &format!("{user}-secret"), "")).await;
                (listed, site.selected("office", user).await)
            });
        }
        while let Some(login) = logins.join_next().await {
            let (listed, selected) = login.unwrap();
            assert!(
                listed.contains("[office]") && !listed.contains("running="),
                "{does}: {listed}"
            );
            assert!(
                server(&selected).starts_with(&format!("127.0.{network}.")),
                "{does}: {selected}"
            );
        }
    }
}

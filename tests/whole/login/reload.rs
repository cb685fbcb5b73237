//! SIGHUP, SIGTERM, and starts that must not succeed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::lab::authority::Authority;
use crate::lab::broker::Broker;
use crate::lab::https::{HttpsClient, Trust};
use crate::lab::process::wait_for;
use crate::lab::site::{Reach, Site, configuration, directory, list, post_from, profiles};
use crate::lab::slapd::Slapd;

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_takes_good_rules_and_refuses_broken_ones() {
    let mut site = Site::start(Reach::Tls);
    let good = configuration(&site.slapd, Reach::Tls, site.host_port());
    assert_eq!(profiles(&site.list("erin").await), [""; 0]);

    site.broker
        .write_configuration(&(good.clone() + "[rule.all]\neveryone = true\nprofiles = [\"xfce\"]\n"));
    site.broker.process().signal("HUP");
    site.broker.process().wait_for_line("configuration reloaded");
    assert_eq!(profiles(&site.list("erin").await), ["xfce"]);

    site.broker
        .write_configuration(&(good + "[rule.all]\neveryone = true\nprofile = [\"office\"]\n"));
    site.broker.process().signal("HUP");
    site.broker
        .process()
        .wait_for_line("not reloaded: the configuration in use stays");
    assert_eq!(profiles(&site.list("erin").await), ["xfce"]);
    assert!(
        site.broker.log().contains("hint: did you mean `profiles`?"),
        "{}",
        site.broker.log()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_takes_a_good_certificate_and_keeps_the_old_one_over_a_bad_one() {
    let slapd = Slapd::start(&directory());
    let authority = Authority::new("web authority");
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("web.pem"), folder.path().join("web.key"));
    let install = || {
        let issued = authority.issue(&["localhost", "127.0.0.1"]);
        std::fs::write(&certificate, &issued.certificate).unwrap();
        write_private(&key, &issued.key);
    };
    install();
    let mut broker = Broker::start(&format!(
        "{}\n[server]\ncertificate = \"{}\"\nprivate_key = \"{}\"\n",
        configuration(&slapd, Reach::Tls, 1),
        certificate.display(),
        key.display()
    ));
    let shown = async |broker: &Broker| {
        let trust = Trust::Authority(&authority.pem);
        HttpsClient::connect(broker.address, trust, None)
            .await
            .unwrap()
            .certificate()
    };
    let first = shown(&broker).await;
    install();
    broker.process().signal("HUP");
    broker.process().wait_for_line("configuration reloaded");
    let second = shown(&broker).await;
    assert_ne!(first, second);

    write_private(&key, &authority.issue(&["localhost"]).key);
    broker.process().signal("HUP");
    broker.process().wait_for_line("not reloaded");
    assert_eq!(shown(&broker).await, second);
    assert!(
        broker.log().contains("web.key"),
        "the log names the file: {}",
        broker.log()
    );
}

/// Lists again and again until told to stop, and gives how often; each must succeed.
async fn list_until(stop: Arc<AtomicBool>, broker: SocketAddr, user: &'static str) -> usize {
    let mut lists = 0;
    while !stop.load(Ordering::Relaxed) {
        let form = list(user, &format!("{user}-secret"), "");
        let (status, body) = post_from(broker, None, &form).await;
        assert!(
            status == 200 && body.contains("Access granted"),
            "{user}: {status} {body}"
        );
        lists += 1;
    }
    lists
}

/// How many connections lead to this port, as the kernel has them (proc(5), `/proc/net/tcp`).
fn connections_to(port: u16) -> usize {
    const ESTABLISHED: &str = "01";
    let remote = format!(":{port:04X}");
    std::fs::read_to_string("/proc/net/tcp")
        .unwrap()
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|words| words[2].ends_with(&remote) && words[3] == ESTABLISHED)
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_reloads_cost_no_request_and_leave_no_connection() {
    let mut site = Site::start(Reach::Plain);
    let good = configuration(&site.slapd, Reach::Plain, site.host_port());
    let broken = good.replace("profiles = [\"xfce\"]", "profiles = [\"xfec\"]");
    let stop = Arc::new(AtomicBool::new(false));
    let load: Vec<_> = ["alice", "bob", "carol", "dave"]
        .map(|user| tokio::spawn(list_until(Arc::clone(&stop), site.broker.address, user)))
        .into();
    for round in 0..200 {
        let (text, said) = match round % 2 {
            0 => (&good, "configuration reloaded"),
            _ => (&broken, "not reloaded: the configuration in use stays"),
        };
        site.broker.write_configuration(text);
        // Every third pair goes the other way in.
        if round / 2 % 3 == 0 {
            assert_eq!(site.broker.ask(&["reload"]).status.success(), round % 2 == 0);
        } else {
            site.broker.process().signal("HUP");
        }
        wait_for(said, || {
            (site.broker.log().matches(said).count() > round / 2).then_some(())
        });
    }
    stop.store(true, Ordering::Relaxed);
    for lists in load {
        assert!(lists.await.unwrap() > 0);
    }
    // What the pools of one configuration may hold, and the connection of its probes.
    let most = 8 + 16 + 1;
    let port = site.slapd.ldap_port();
    wait_for("the connections of replaced configurations are closed", || {
        (connections_to(port) <= most).then_some(())
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_it_with_success_and_nothing_is_lost() {
    let mut site = Site::start(Reach::Tls);
    site.list("alice").await;
    site.broker.process().signal("TERM");
    assert!(site.broker.process().wait().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_told_to_load_balancers() {
    let mut site = Site::start(Reach::Tls);
    let ask = async |site: &Site, path: &str| {
        let mut client = HttpsClient::connect(site.broker.address, Trust::Anybody, None)
            .await
            .unwrap();
        client.get(path).await.unwrap().status
    };
    assert_eq!(ask(&site, "/healthz").await, 200);
    site.list("alice").await;
    assert_eq!(ask(&site, "/readyz").await, 200);
    site.slapd.kill();
    let mut status = 0;
    for _ in 0..60 {
        status = ask(&site, "/readyz").await;
        if status == 503 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    }
    assert_eq!(status, 503, "no directory, no logins");
    assert_eq!(ask(&site, "/healthz").await, 200);
}

#[test]
fn what_cannot_serve_does_not_start() {
    let slapd = Slapd::start(&directory());
    let good = configuration(&slapd, Reach::Tls, 1);
    let (code, said) = Broker::fail(&good.replace("profiles = [\"xfce\"]", "profiles = [\"xfec\"]"));
    assert_eq!(code, Some(78), "{said}");
    assert!(
        said.contains("50-test.toml:") && said.contains("did you mean `xfce`?"),
        "{said}"
    );

    let (code, said) =
        Broker::fail(&(good.clone() + "[server]\ncertificate = \"a.pem\"\nprivate_key = \"a.key\"\n"));
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("a.pem"), "{said}");

    let broker = Broker::start(&good);
    let (code, said) = Broker::fail(&(good + &format!("[server]\nlisten = [\"{}\"]\n", broker.address)));
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains(&broker.address.to_string()),
        "the taken address is named: {said}"
    );
}

fn write_private(path: &std::path::Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

//! Too many failed logins, against the built program and a real directory: who is refused and who is not.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use tokio::task::JoinSet;

use crate::lab::broker::Broker;
use crate::lab::site::{Reach, configuration, list, post_from};
use crate::lab::slapd::{self, Slapd};

/// What a login that was refused has not.
const GRANTED: &str = "Access granted";
/// Twice the time within which the program writes down what it counted.
const WRITTEN: Duration = Duration::from_secs(2);

/// A directory with so many users, `user0` and on, and a broker in front of it.
struct Site {
    slapd: Slapd,
    broker: Broker,
    users: Vec<String>,
}

impl Site {
    fn start(users: usize) -> Self {
        let users: Vec<String> = (0..users).map(|number| format!("user{number}")).collect();
        let names: Vec<&str> = users.iter().map(String::as_str).collect();
        let everybody: Vec<String> = names.iter().map(|name| slapd::person(name)).collect();
        let everybody: Vec<&str> = everybody.iter().map(String::as_str).collect();
        let ldif = slapd::people(&names) + &slapd::group_of_names("students", &everybody);
        let slapd = Slapd::start(&ldif);
        let configuration =
            configuration(&slapd, Reach::Plain, 1) + "[server]\nconnections_per_source = 500\n";
        Self {
            broker: Broker::start(&configuration),
            slapd,
            users,
        }
    }

    /// Whether a list is granted to these users, all at once, each with a password from an address.
    async fn lists(&self, logins: Vec<(String, String, Ipv4Addr)>) -> Vec<bool> {
        let mut under_way = JoinSet::new();
        for (at, (user, password, from)) in logins.into_iter().enumerate() {
            let address = self.broker.address;
            under_way.spawn(async move {
                let form = list(&user, &password, "");
                let (status, body) = post_from(address, Some(IpAddr::V4(from)), &form).await;
                assert_eq!(status, 200);
                (at, body.contains(GRANTED))
            });
        }
        let mut granted = under_way.join_all().await;
        granted.sort_unstable();
        granted.into_iter().map(|(_, granted)| granted).collect()
    }

    async fn list(&self, user: &str, password: &str, from: Ipv4Addr) -> bool {
        let login = (user.to_owned(), password.to_owned(), from);
        self.lists(vec![login]).await == [true]
    }

    /// The right passwords of some users, from the address of each.
    fn right(
        &self,
        users: impl Iterator<Item = usize>,
        from: impl Fn(usize) -> Ipv4Addr,
    ) -> Vec<(String, String, Ipv4Addr)> {
        let login = |user: usize| {
            let name = self.users[user].clone();
            (name.clone(), format!("{name}-secret"), from(user))
        };
        users.map(login).collect()
    }
}

fn seat(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 1, 0, u8::try_from(number + 1).unwrap())
}

fn all(granted: &[bool]) -> bool {
    granted.iter().all(|granted| *granted)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attacker_with_all_names_stops_nobody_at_a_known_seat() {
    const USERS: usize = 40;
    let site = Site::start(USERS);
    assert!(all(&site.lists(site.right(0..USERS, seat)).await));

    // Fifteen wrong passwords for each user, from as many addresses.
    for round in 0..15u8 {
        let attack = site.users.iter().map(|user| {
            let from = Ipv4Addr::new(127, 66, 0, round + 1);
            (user.clone(), format!("guess{round}"), from)
        });
        assert!(!site.lists(attack.collect()).await.contains(&true));
    }
    let binds = site.slapd.binds(&slapd::person("user0"));
    assert!(
        binds <= 1 + 10,
        "{binds} binds: ten guesses elsewhere and no more"
    );
    let log = site.broker.log();
    assert!(
        log.contains("throttled by `user_elsewhere` (10 in 10m) until "),
        "{log}"
    );
    assert!(log.contains("throttled by `client` (30 in 5m) until "), "{log}");

    let new_seat = |_| Ipv4Addr::new(127, 2, 0, 1);
    let stopped: Vec<usize> = (0..USERS)
        .filter(|user| site.slapd.binds(&slapd::person(&site.users[*user])) == 11)
        .take(1)
        .collect();
    assert!(!all(&site.lists(site.right(stopped.into_iter(), new_seat)).await));

    let mistyped: Vec<_> = site
        .right(0..USERS, seat)
        .into_iter()
        .map(|(user, _, from)| (user, "typo".to_owned(), from))
        .collect();
    assert!(!site.lists(mistyped).await.contains(&true));
    assert!(all(&site.lists(site.right(0..USERS, seat)).await));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_users_behind_one_address_get_in_with_their_typos() {
    const USERS: usize = 100;
    let gateway = |_| Ipv4Addr::new(127, 3, 0, 1);
    let site = Site::start(USERS);
    for wave in 0..4 {
        let users = || (0..USERS).filter(move |user| user % 4 == wave);
        for typo in 0..2 {
            let mistyped: Vec<_> = site
                .right(users().filter(|user| user % 10 < 1), gateway)
                .into_iter()
                .map(|(user, password, from)| (user, format!("{password}{typo}"), from))
                .collect();
            assert!(!site.lists(mistyped).await.contains(&true));
        }
        assert!(all(&site.lists(site.right(users(), gateway)).await));
    }
    assert!(!site.broker.log().contains("throttled by"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_user_stays_refused_over_a_kill_and_costs_the_directory_nothing() {
    let mut site = Site::start(2);
    let (here, there) = (seat(0), seat(1));
    for (guess, spelling) in ["user0", "USER0", "user0%20", "User0", "%20user0"]
        .iter()
        .enumerate()
    {
        assert!(!site.list(spelling, &format!("guess{guess}"), here).await);
    }
    tokio::time::sleep(WRITTEN).await;
    site.broker = site.broker.kill_and_restart();
    let asked = site.slapd.log().len();
    assert!(!site.list("user0", "user0-secret", here).await);
    assert_eq!(site.slapd.binds(&slapd::person("user0")), 5);
    let later = site.slapd.log()[asked..].to_owned();
    assert!(!later.contains("(uid=user0)"), "nobody is searched for: {later}");
    assert!(site.list("user0", "user0-secret", there).await);
    assert!(site.list("user1", "user1-secret", here).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_task_that_takes_a_password_counts() {
    let site = Site::start(1);
    let from = Some(IpAddr::V4(seat(0)));
    for guess in 0..5 {
        let form = match guess % 3 {
            0 => format!("task=listsessions&user=user0&password=guess{guess}&authid="),
            1 => format!("task=selectsession&sid=xfce&user=user0&password=guess{guess}&authid="),
            _ => format!("task=setpass&newpass=better&user=user0&password=guess{guess}&authid="),
        };
        let (_, body) = post_from(site.broker.address, from, &form).await;
        assert!(!body.contains(GRANTED), "{body}");
    }
    for form in [
        "task=listsessions&user=user0&password=user0-secret&authid=",
        "task=selectsession&sid=xfce&user=user0&password=user0-secret&authid=",
        "task=setpass&newpass=better&user=user0&password=user0-secret&authid=",
    ] {
        let (_, body) = post_from(site.broker.address, from, form).await;
        assert!(!body.contains(GRANTED), "{form}: {body}");
    }
    assert_eq!(site.slapd.binds(&slapd::person("user0")), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn connection_tests_are_answered_ten_times_a_minute() {
    let site = Site::start(1);
    let test = async |from| post_from(site.broker.address, Some(IpAddr::V4(from)), "task=testcon").await;
    for _ in 0..10 {
        assert!(test(seat(0)).await.1.contains(GRANTED));
    }
    let (status, body) = test(seat(0)).await;
    assert_eq!(status, 200);
    assert!(!body.contains(GRANTED) && body.len() < 1_000, "{body}");
    assert!(test(seat(1)).await.1.contains(GRANTED));
}

//! Whether the time of a refusal tells why: answers to a wrong password beside those to an unknown name, to locked and
//! disabled accounts, and to a user whom the throttle refuses.
//!
//! Each kind is asked in turn, with another wrong password from another address each time, and its times are compared
//! with those of the wrong password by the two-sample Kolmogorov-Smirnov distance. Nothing fails: the distances are
//! there to be read.
//!
//! `cargo bench --bench timing`

// A benchmark reads the clock and stops at what is wrong.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs
)]

#[allow(dead_code)]
#[path = "../tests/whole/lab/mod.rs"]
mod lab;
#[allow(dead_code)]
mod site;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use lab::https::{HttpsClient, Trust};
use lab::slapd;
use site::{ARGON2, SHA512_CRYPT, SSHA, Scheme, Site, Size};

/// Answers measured of each kind.
const ANSWERS: usize = 120;
/// Requests at once: few, so that a slow hash is not mostly a queue.
const AT_ONCE: usize = 4;
const POLICY: &str = "moduleload ppolicy\noverlay ppolicy";
/// No limit but that of one user at one client is reached.
const LIMITS: &str = "[authentication.throttle]\nuser_elsewhere = \"1000 in 1s\"\nclient = \"1000 in 1s\"\n";
/// Where the throttle refuses `user3`.
const THROTTLED_AT: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

/// A reason to refuse.
#[derive(Clone, Copy)]
struct Kind {
    what: &'static str,
    user: &'static str,
    from: Option<Ipv4Addr>,
}

const KINDS: [Kind; 6] = [
    kind("wrong password", "user0"),
    kind("wrong password again", "user0"),
    kind("unknown name", "nobody"),
    kind("locked", "user1"),
    kind("disabled", "user2"),
    Kind {
        what: "throttled",
        user: "user3",
        from: Some(THROTTLED_AT),
    },
];

const fn kind(what: &'static str, user: &'static str) -> Kind {
    Kind {
        what,
        user,
        from: None,
    }
}

/// Numbers the requests: each has an address and a wrong password of its own.
static REQUESTS: AtomicU32 = AtomicU32::new(0);

fn main() {
    println!("times of refusals, {ANSWERS} of each kind, {AT_ONCE} at once");
    for scheme in [SSHA, SHA512_CRYPT, ARGON2] {
        measure(scheme);
    }
}

fn measure(scheme: Scheme) {
    let size = Size {
        users: 100,
        profiles: 10,
        rules: 5,
        nested_groups: false,
        sync: false,
        scheme,
    };
    let mut site = Site::start_with(&size, POLICY, LIMITS);
    let lock = |user: &str, since: &str| {
        let dn = slapd::person(user);
        site.directory.modify(&format!(
            "dn: {dn}\nchangetype: modify\nreplace: pwdAccountLockedTime\npwdAccountLockedTime: {since}\n\n"
        ));
    };
    lock("user1", "20260101000000Z");
    lock("user2", "000001010000Z");
    site.silence_directory();
    let runtime = Runtime::new().unwrap();
    let times = runtime.block_on(ask_all(site.broker.address));
    assert!(
        site.broker.log().contains("throttled by `user`"),
        "the throttle refuses"
    );

    println!("\n{}", scheme.name);
    println!("   kind                      median       95 %   distance");
    for (kind, own) in KINDS.iter().zip(&times) {
        println!(
            "   {:<22} {:>6.1} ms  {:>6.1} ms   {:.3}",
            kind.what,
            milliseconds(quantile(own, 0.5)),
            milliseconds(quantile(own, 0.95)),
            distance(own, &times[0]),
        );
    }
    println!("   by chance alone, below {:.3} in 99 of 100 runs", chance());
}

/// The sorted times of each kind.
async fn ask_all(broker: SocketAddr) -> Vec<Vec<Duration>> {
    // Until the broker knows how long a check takes, and the throttle refuses its user.
    for _ in 0..5 {
        ask(broker, KINDS[5]).await;
        ask(broker, KINDS[0]).await;
    }
    let mut workers = JoinSet::new();
    for worker in 0..AT_ONCE {
        workers.spawn(async move {
            let mut times = vec![Vec::new(); KINDS.len()];
            for round in 0..ANSWERS / AT_ONCE {
                for at in 0..KINDS.len() {
                    // No kind always behind the same other one, nor beside it.
                    let at = (at * (1 + 4 * (round % 2)) + worker + round) % KINDS.len();
                    times[at].push(ask(broker, KINDS[at]).await);
                }
            }
            times
        });
    }
    let mut times = vec![Vec::new(); KINDS.len()];
    for worker in workers.join_all().await {
        for (all, own) in times.iter_mut().zip(worker) {
            all.extend(own);
        }
    }
    times.iter_mut().for_each(|own| own.sort_unstable());
    times
}

/// Has one login refused, and says how long that took once the connection was there.
async fn ask(broker: SocketAddr, kind: Kind) -> Duration {
    let number = REQUESTS.fetch_add(1, Ordering::Relaxed);
    let [_, a, b, c] = number.to_be_bytes();
    let from = kind.from.unwrap_or(Ipv4Addr::new(127, 64 + a, b, c));
    let mut client = HttpsClient::connect(broker, Trust::Anybody, Some(IpAddr::V4(from)))
        .await
        .unwrap();
    let user = kind.user;
    let form = format!("task=listsessions&user={user}&password=wrong{number}&authid=");
    let begun = Instant::now();
    let answer = client.post_form("/plain/", &form).await.unwrap();
    let took = begun.elapsed();
    assert!(!answer.text().contains("Access granted"));
    took
}

/// The largest difference between the shares of two samples that are below any time (Kolmogorov and Smirnov): 0 if they
/// are spread alike, 1 if one is all below the other. Both are sorted.
fn distance(one: &[Duration], other: &[Duration]) -> f64 {
    let below = |times: &[Duration], time| {
        times.partition_point(|earlier| *earlier <= time) as f64 / times.len() as f64
    };
    one.iter()
        .chain(other)
        .map(|time| (below(one, *time) - below(other, *time)).abs())
        .fold(0.0, f64::max)
}

/// The distance that two samples of the same kind stay below in 99 of 100 cases.
fn chance() -> f64 {
    1.628 * (2.0 / ANSWERS as f64).sqrt()
}

fn quantile(times: &[Duration], share: f64) -> Duration {
    times[((times.len() - 1) as f64 * share) as usize]
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

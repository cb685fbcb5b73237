//! Passwords leave no trace: in no log, not in the process list, and not in the memory of the process once the
//! connections that carried them are closed.

mod kinds;

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::lab::broker::Broker;
use crate::lab::https::{HttpsClient, Trust};
use crate::lab::site::{Reach, configuration, directory, post_from, ticket};
use crate::lab::slapd::{self, Slapd};

/// How long after the last connection was closed nothing may be left.
const GONE: Duration = Duration::from_secs(2);
/// Bytes of memory that are looked through at a time, and by how much the pieces overlap.
const PIECE: u64 = 1 << 20;
const OVERLAP: u64 = 256;

/// A password that stands nowhere else: the middle of it is plain in every encoding of a form.
struct Marker(&'static str);

impl Marker {
    fn password(&self) -> String {
        format!("ü/{}%+", self.0)
    }

    fn encoded(&self) -> String {
        format!("%C3%BC%2F{}%25%2B", self.0)
    }

    /// What to look for: itself, as UTF-16, and within Base64, where it may begin at any of three places.
    fn traces(&self) -> Vec<(String, Vec<u8>)> {
        let utf16 = self.0.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut traces = vec![
            (self.0.to_owned(), self.0.as_bytes().to_vec()),
            (format!("{} as UTF-16", self.0), utf16),
        ];
        for at in 0..3 {
            let whole = STANDARD.encode([&b"..."[..at], self.0.as_bytes()].concat());
            let inner = &whole[4..whole.len() - 4];
            traces.push((format!("{} in Base64 at {at}", self.0), inner.as_bytes().to_vec()));
        }
        traces
    }
}

const RIGHT: Marker = Marker("Xq7RightVt3kWm92");
const SELECTED: Marker = Marker("Xq7SelectVt3kWm92");
const WRONG: Marker = Marker("Xq7WrongVt3kWm92");
const UNKNOWN: Marker = Marker("Xq7UnknownVt3kWm92");
const OLD: Marker = Marker("Xq7OldVt3kWm92aa");
const NEW: Marker = Marker("Xq7NewVt3kWm92aa");
const THROTTLED: Marker = Marker("Xq7ThrottleVt3kWm92");
const EVENT: Marker = Marker("Xq7EventVt3kWm92");
const TWICE: Marker = Marker("Xq7TwiceVt3kWm92");
const TOO_LONG: Marker = Marker("Xq7LongVt3kWm92aa");
const BROKEN_OFF: Marker = Marker("Xq7BrokenVt3kWm92");
const JSON_WRONG: Marker = Marker("Xq7JsonVt3kWm92aa");
const GREETER: Marker = Marker("Xq7GreeterVt3kWm92");
const OVER_SSH: Marker = Marker("Xq7SshVt3kWm92aa");
const MARKERS: [&Marker; 14] = [
    &RIGHT,
    &SELECTED,
    &WRONG,
    &UNKNOWN,
    &OLD,
    &NEW,
    &THROTTLED,
    &EVENT,
    &TWICE,
    &TOO_LONG,
    &BROKEN_OFF,
    &JSON_WRONG,
    &GREETER,
    &OVER_SSH,
];

/// Sends every kind of request that carries a password.
async fn send_everything(broker: &Broker) {
    let post = async |form: String| post_from(broker.address, None, &form).await.1;
    let list = |user: &str, marker: &Marker, ticket: &str| {
        let password = marker.encoded();
        format!("task=listsessions&user={user}&password={password}&authid={ticket}")
    };
    let granted = post(list("alice", &RIGHT, "")).await;
    let ticket = ticket(&granted).to_owned();
    let again = post(list("alice", &RIGHT, &ticket)).await;
    assert!(again.contains("Access granted"), "{again}");
    let password = SELECTED.encoded();
    let selected = post(format!(
        "task=selectsession&sid=xfce&user=bob&password={password}&authid=&login=bob"
    ));
    assert!(selected.await.contains("Access granted"));
    let refused = [
        list("alice", &WRONG, &ticket),
        list("nobody", &UNKNOWN, ""),
        format!(
            "task=clientevent&user=alice&password={}&sid=s&event=ALIVE&server=ts01&client=&login=alice&cmd=&\
             display=&start=&elapsed=0&authid=",
            EVENT.encoded()
        ),
        format!(
            "task=listsessions&user=alice&password={0}&password={0}&authid=",
            TWICE.encoded()
        ),
        format!(
            "task=listsessions&user=alice&password={}&filler={}",
            TOO_LONG.encoded(),
            "x".repeat(40_000)
        ),
    ];
    for form in refused {
        assert!(!post(form).await.contains("Access granted"));
    }
    let (old, new) = (OLD.encoded(), NEW.encoded());
    post(format!(
        "task=setpass&newpass={new}&user=carol&password={old}&authid="
    ))
    .await;
    for guess in 0..5 {
        post(format!(
            "task=listsessions&user=dave&password=guess{guess}&authid="
        ))
        .await;
    }
    post(list("dave", &THROTTLED, "")).await;

    send_at_the_other_doors(broker).await;

    let mut client = HttpsClient::connect(broker.address, Trust::Anybody, None)
        .await
        .unwrap();
    let head = "POST /plain/ HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n";
    let form = list("alice", &BROKEN_OFF, "");
    client.send(format!("{head}{form}").as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    drop(client);
}

/// The same at the doors of Python X2Go, of greeters, and of users of this machine.
async fn send_at_the_other_doors(broker: &Broker) {
    let connect = async || {
        let client = HttpsClient::connect(broker.address, Trust::Anybody, None).await;
        client.unwrap()
    };
    for (marker, status) in [(&RIGHT, 200), (&JSON_WRONG, 401)] {
        let form = format!("task=listprofiles&user=alice&password={}", marker.encoded());
        let answer = connect().await.post_form("/json/", &form).await.unwrap();
        assert_eq!(answer.status, status, "{}", answer.text());
    }
    for (marker, status) in [(&RIGHT, 200), (&GREETER, 401)] {
        let credentials = STANDARD.encode(format!("alice:{}", marker.password()));
        let mut client = connect().await;
        let head = format!(
            "GET /uccs/x//api/5/ HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {credentials}\n\r\n\r\n"
        );
        client.send(head.as_bytes()).await.unwrap();
        assert_eq!(client.receive().await.unwrap().status, status);
    }
    let changed = std::process::Command::new(env!("CARGO_BIN_EXE_x2godirector"))
        .args(["ssh-frontend", "--socket"])
        .arg(broker.ssh_socket())
        .args([
            "--",
            "--user",
            "alice",
            "--task",
            "setpass",
            "--newpass",
            &OVER_SSH.password(),
        ])
        .output()
        .unwrap();
    // Whoever runs the tests is nobody in this directory.
    assert!(
        !String::from_utf8_lossy(&changed.stdout).contains("granted"),
        "{changed:?}"
    );
    assert!(broker.log().contains("\"door\":\"ssh\""), "the door is open");
}

/// The traces that are in the readable memory of a process, each with the mapping that it is in.
fn traces_in_memory(process: u32, traces: &[(String, Vec<u8>)]) -> Vec<String> {
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).expect("maps: the tests run as root");
    let memory = File::open(format!("/proc/{process}/mem")).expect("memory: the tests run as root");
    let mut found = Vec::new();
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (range, rights) = (words.next().unwrap(), words.next().unwrap());
        if !rights.starts_with('r') || line.ends_with("[vvar]") || line.ends_with("[vsyscall]") {
            continue;
        }
        let (from, to) = range.split_once('-').unwrap();
        let end = u64::from_str_radix(to, 16).unwrap();
        let mut at = u64::from_str_radix(from, 16).unwrap();
        while at < end {
            let mut piece = vec![0; usize::try_from((PIECE + OVERLAP).min(end - at)).unwrap()];
            // A mapping may end while it is looked at.
            let read = memory.read_at(&mut piece, at).unwrap_or(0);
            let piece = &piece[..read];
            for (offset, name) in search(piece, traces) {
                let around = &piece[offset.saturating_sub(48)..(offset + 64).min(read)];
                let around = String::from_utf8_lossy(around).replace(char::is_control, ".");
                found.push(format!("{name}: {line}: {around}"));
            }
            at += PIECE;
        }
    }
    found
}

/// Each trace that is among the bytes, and where. One pass, since it is a whole process that is looked through.
fn search<'a>(bytes: &[u8], traces: &'a [(String, Vec<u8>)]) -> Vec<(usize, &'a str)> {
    let mut by_first: Vec<Vec<&(String, Vec<u8>)>> = vec![Vec::new(); 256];
    for trace in traces {
        by_first[usize::from(trace.1[0])].push(trace);
    }
    let mut found = Vec::new();
    for (at, byte) in bytes.iter().enumerate() {
        for (name, trace) in &by_first[usize::from(*byte)] {
            if bytes[at..].starts_with(trace) {
                found.push((at, name.as_str()));
            }
        }
    }
    found
}

async fn nothing_is_left(reach: Reach) {
    let slapd = Slapd::start(&directory());
    for (user, marker) in [("alice", &RIGHT), ("bob", &SELECTED), ("carol", &OLD)] {
        let (dn, password) = (slapd::person(user), STANDARD.encode(marker.password()));
        slapd.modify(&format!(
            "dn: {dn}\nchangetype: modify\nreplace: userPassword\nuserPassword:: {password}\n\n"
        ));
    }
    let open = configuration(&slapd, reach, 1) + "[ssh]\nenabled = true\n";
    let mut broker = Broker::start_logging(&open, "trace");
    send_everything(&broker).await;
    assert!(slapd.binds(&slapd::person("alice")) > 0);
    nothing_is_left_in(&mut broker, "XFCE of ${user}").await;
}

/// Looks for the markers, and for words of the configuration, which must be found.
async fn nothing_is_left_in(broker: &mut Broker, there: &str) {
    tokio::time::sleep(GONE).await;

    let traces: Vec<_> = MARKERS.iter().flat_map(|marker| marker.traces()).collect();
    let process = broker.process().id();
    let found = traces_in_memory(process, &traces);
    assert!(found.is_empty(), "in the memory:\n{}", found.join("\n"));
    let known = (
        "a name in the configuration".to_owned(),
        there.as_bytes().to_vec(),
    );
    assert!(
        !traces_in_memory(process, &[known]).is_empty(),
        "what is there is found"
    );

    for file in ["cmdline", "environ"] {
        let text = fs::read(format!("/proc/{process}/{file}")).unwrap();
        assert_eq!(search(&text, &traces), [], "in {file}");
    }
    let log = broker.log();
    assert_eq!(search(log.as_bytes(), &traces), [], "in the log");
    assert!(log.contains("TRACE"), "everything was logged");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_password_is_left_behind() {
    nothing_is_left(Reach::Plain).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_password_is_left_behind_where_the_directory_is_reached_by_tls() {
    nothing_is_left(Reach::Tls).await;
}

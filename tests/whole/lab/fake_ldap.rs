//! A server that speaks just enough LDAP to be asked, and then answers nonsense.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::slapd::BASE;

/// Bytes that answer the request with this message id.
pub type Nonsense = fn(u8) -> Vec<u8>;

/// Answers that a directory must never give, by what is wrong with them.
pub const NONSENSE: &[(&str, Nonsense)] = &[
    ("another protocol", |_| {
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()
    }),
    ("an empty message", |_| vec![0x30, 0x00]),
    ("a length of 2 GB", |_| {
        vec![0x30, 0x84, 0x7f, 0xff, 0xff, 0xff, 0x02]
    }),
    ("an indefinite length", |_| {
        vec![0x30, 0x80, 0x02, 0x01, 0x01, 0x00, 0x00]
    }),
    ("nesting 60,000 deep", |id| {
        let deep = (0..60_000).fold(Vec::new(), |mut inside: Vec<u8>, _| {
            let length = u32::try_from(inside.len()).unwrap().to_be_bytes();
            // Written from the inside out, turned round below.
            inside.extend([length[3], length[2], length[1], length[0], 0x84, 0x30]);
            inside
        });
        message(id, 0x64, &deep.into_iter().rev().collect::<Vec<u8>>())
    }),
    ("a bind response with a text that is not UTF-8", |id| {
        message(id, 0x61, b"\x0a\x01\x31\x04\x00\x04\x02\xff\xfe")
    }),
    ("a bind response that is cut short", |id| {
        message(id, 0x61, b"\x0a\x01\x00")
    }),
    ("a search result with a text that is not UTF-8", |id| {
        message(id, 0x65, b"\x0a\x01\x00\x04\x00\x04\x02\xff\xfe")
    }),
    ("a search result that is cut short", |id| {
        message(id, 0x65, b"\x0a\x01\x00")
    }),
    ("an entry without attributes", |id| {
        message(id, 0x64, b"\x04\x04cn=a")
    }),
    ("a result of a kind that does not exist", |id| {
        message(id, 0x7f, b"\x0a\x01\x00\x04\x00\x04\x00")
    }),
    ("a notice of disconnection", |_| {
        message(0, 0x78, b"\x0a\x01\x34\x04\x00\x04\x00")
    }),
    ("a controls element that is none", |id| {
        let mut body = element(0x65, b"\x0a\x01\x00\x04\x00\x04\x00");
        body.extend(b"\xa0\x02\x30\x00");
        element(0x30, &[&[0x02, 0x01, id][..], &body].concat())
    }),
    ("the end of the connection", |_| Vec::new()),
];

/// A server with one bad habit.
pub struct FakeLdap {
    port: u16,
    _serving: JoinSet<()>,
}

impl FakeLdap {
    /// Accepts the service account, and answers every search but that of its root entry with nonsense.
    pub fn that_answers_searches_with(nonsense: Nonsense) -> Self {
        Self::start(move |id, kind, request| match kind {
            0x60 => at_once(message(id, 0x61, SUCCESS)),
            _ if is_probe(request) => at_once(nothing_found(id)),
            _ => at_once(nonsense(id)),
        })
    }

    /// Accepts nobody: answers every bind with nonsense.
    pub fn that_answers_binds_with(nonsense: Nonsense) -> Self {
        Self::start(move |id, kind, _| match kind {
            0x60 => at_once(nonsense(id)),
            _ => at_once(nothing_found(id)),
        })
    }

    /// Accepts everybody of that name, after a while, and refuses the others at once.
    pub fn that_accepts_slowly(name: &'static str) -> Self {
        Self::start(move |id, kind, request| {
            let meant = request.windows(name.len()).any(|part| part == name.as_bytes());
            match kind {
                0x60 if meant => (WHILE, message(id, 0x61, SUCCESS)),
                0x60 => at_once(message(id, 0x61, b"\x0a\x01\x31\x04\x00\x04\x00")),
                _ => at_once(nothing_found(id)),
            }
        })
    }

    /// Accepts the service account, knows one entry, and gives the values of its attribute `memberOf` in pieces: at
    /// most [`PIECE`] at once, as an Active Directory does, of `count` values `cn=0`, `cn=1` and so on. What is asked
    /// for from `gap` on is not given.
    pub fn that_gives_values_in_pieces(count: usize, gap: usize) -> Self {
        Self::start(move |id, kind, request| match kind {
            0x60 => at_once(message(id, 0x61, SUCCESS)),
            _ if is_probe(request) => at_once(nothing_found(id)),
            _ => {
                let first = first_asked_for(request);
                let mut reply = Vec::new();
                if first < gap {
                    reply = piece(id, first, count);
                }
                reply.extend(nothing_found(id));
                at_once(reply)
            }
        })
    }

    fn start(answer: impl Fn(u8, u8, &[u8]) -> Reply + Copy + Send + 'static) -> Self {
        let listener = std::net::TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let listener = TcpListener::from_std(listener).unwrap();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, answer));
            }
        });
        Self {
            port,
            _serving: serving,
        }
    }

    /// The port of `ldap://127.0.0.1`.
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// The end of a search that found nothing.
pub fn nothing_found(id: u8) -> Vec<u8> {
    message(id, 0x65, SUCCESS)
}

/// An answer, and how long it takes.
type Reply = (Duration, Vec<u8>);

fn at_once(reply: Vec<u8>) -> Reply {
    (Duration::ZERO, reply)
}

/// How long a slow server takes.
pub const WHILE: Duration = Duration::from_millis(200);

/// A result without words.
const SUCCESS: &[u8] = b"\x0a\x01\x00\x04\x00\x04\x00";

/// Reads one request at a time. Requests of the tests come in one piece and have message ids below 128.
async fn serve(mut stream: TcpStream, answer: impl Fn(u8, u8, &[u8]) -> Reply) {
    let mut request = [0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut request).await {
        let request = &request[..length];
        let header = if request[1] < 0x80 {
            2
        } else {
            2 + usize::from(request[1] & 0x7f)
        };
        let (id, kind) = (request[header + 2], request[header + 3]);
        let (after, reply) = answer(id, kind, request);
        sleep(after).await;
        if reply.is_empty() || stream.write_all(&reply).await.is_err() {
            return;
        }
    }
}

/// Most values of one attribute in one entry of [`FakeLdap::that_gives_values_in_pieces`].
pub const PIECE: usize = 1_500;

/// The index behind `;range=` in a request, 0 without one.
fn first_asked_for(request: &[u8]) -> usize {
    let text = String::from_utf8_lossy(request);
    let range = text
        .split_once(";range=")
        .and_then(|(_, range)| range.split_once('-'));
    range.map_or(0, |(first, _)| first.parse().unwrap())
}

/// The entry with the values from `first` on.
fn piece(id: u8, first: usize, count: usize) -> Vec<u8> {
    let end = count.min(first + PIECE);
    let last = if end == count {
        "*".to_owned()
    } else {
        (end - 1).to_string()
    };
    let name = format!("memberOf;range={first}-{last}");
    let values = (first..end).map(|at| element(0x04, format!("cn={at}").as_bytes()));
    let attribute = |name: &str, values: &[u8]| {
        let parts = [element(0x04, name.as_bytes()), element(0x31, values)];
        element(0x30, &parts.concat())
    };
    let attributes = [
        attribute("uid", &element(0x04, b"alice")),
        attribute("memberOf", &[]),
        attribute(&name, &values.collect::<Vec<_>>().concat()),
    ];
    let dn = element(0x04, format!("uid=alice,{BASE}").as_bytes());
    message(id, 0x64, &[dn, element(0x30, &attributes.concat())].concat())
}

/// Every other search has the suffix of the lab's tree in its base.
fn is_probe(request: &[u8]) -> bool {
    let suffix = BASE.as_bytes();
    !request.windows(suffix.len()).any(|part| part == suffix)
}

fn message(id: u8, kind: u8, body: &[u8]) -> Vec<u8> {
    element(0x30, &[&[0x02, 0x01, id][..], &element(kind, body)].concat())
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&[tag, 0x84][..], &length, content].concat()
}

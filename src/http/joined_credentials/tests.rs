use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use super::*;

/// What `remote-logon-config-agent` 0.10 sends with a long name, byte for byte but for a shorter `User-Agent`.
const LONG: &[u8] = b"GET /uccs/inifile//api/4/ HTTP/1.1\r\n\
    Host: 127.0.0.1:9482\r\n\
    User-Agent: PycURL/7.45.2 libcurl/7.88.1 GnuTLS/3.7.9\r\n\
    Accept: */*\r\n\
    Authorization: Basic YS12ZXJ5LWxvbmctdXNlci1uYW1lLXRoYXQtZXhjZWVkcy10aGUtNTctYnl0ZS1saW5lLWxpbWl0\n\
    QGV4YW1wbGUub3JnOmJvYg==\n\
    \r\n\
    \r\n";

fn joined(bytes: &[u8]) -> Vec<u8> {
    let (mut joiner, mut out) = (Joiner::new(), Vec::new());
    joiner.join(bytes, &mut out);
    joiner.end(&mut out);
    out
}

/// What hyper's parser says of the bytes: the header lines, if they are a request.
fn parsed(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, httparse::Error> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    request.parse(bytes)?;
    let line = |header: &httparse::Header<'_>| (header.name.to_owned(), header.value.to_vec());
    Ok(request.headers.iter().map(line).collect())
}

/// Base64 as the client breaks it: a line feed after every 76 characters and at the end.
fn wrapped(credentials: &[u8]) -> String {
    let lines: Vec<String> = credentials
        .chunks(57)
        .map(|chunk| STANDARD.encode(chunk) + "\n")
        .collect();
    lines.concat()
}

#[test]
fn credentials_of_several_lines_become_one() {
    assert!(parsed(LONG).is_err());
    let headers = parsed(&joined(LONG)).unwrap();
    let (name, value) = headers.last().unwrap();
    assert_eq!((name.as_str(), headers.len()), ("Authorization", 4));
    let value = value.strip_prefix(b"Basic ").unwrap();
    assert_eq!(
        STANDARD.decode(value).unwrap(),
        b"a-very-long-user-name-that-exceeds-the-57-byte-line-limit@example.org:bob"
    );
}

#[test]
fn only_a_full_line_of_the_first_head_at_this_door_goes_on() {
    let full = "A".repeat(76);
    let (short, long) = ("A".repeat(75), "A".repeat(77));
    for unchanged in [
        format!("POST /uccs/ HTTP/1.1\r\nAuthorization: Basic {full}\nBBBB\n\r\n"),
        format!("GET /plain/ HTTP/1.1\r\nAuthorization: Basic {full}\nBBBB\n\r\n"),
        format!("\r\nGET /uccs/ HTTP/1.1\r\nAuthorization: Basic {full}\nBBBB\n\r\n"),
        format!("GET /uccs/ HTTP/1.1\r\nX-Authorization: Basic {full}\nBBBB\n\r\n"),
        format!("GET /uccs/ HTTP/1.1\r\nAuthorization: Bearer {full}\nBBBB\n\r\n"),
        format!("GET /uccs/ HTTP/1.1\r\nAuthorization: Basic {full}\r\nBBBB\n\r\n"),
        format!("GET /uccs/ HTTP/1.1\r\nAuthorization: Basic {short}\nBBBB\n\r\n"),
        format!("GET /uccs/ HTTP/1.1\r\nAuthorization: Basic {long}\nBBBB\n\r\n"),
        format!("GET /uccs/ HTTP/1.1\r\nAuthorization: Basic {full}\nHost: BBBB\r\n\r\n"),
        format!("GET /uccs/ HTTP/1.1\r\nAuthorization: Basic {full}\nBBBB\r\n\r\n"),
        format!("GET /uccs/ HTTP/1.1\r\nAuthorization: Basic {full}\n{long}\n\r\n"),
        format!("GET /uccs/ HTTP/1.1\r\nAuthorization: Basic {full}\n\nBBBB\n\r\n"),
        format!("GET /uccs/ HTTP/1.1\r\n\r\nGET /uccs/ HTTP/1.1\r\nAuthorization: Basic {full}\nBBBB\n\r\n"),
        format!("GET /uccs/ HTTP/1.1\r\nAuthorization: Basic {full}\nBBBB"),
    ] {
        let bytes = joined(unchanged.as_bytes());
        assert_eq!(String::from_utf8(bytes).unwrap(), unchanged);
    }
}

/// Bytes that come close to what is joined.
fn near() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        3 => Just(b"GET /uccs/x HTTP/1.1\r\n".to_vec()),
        3 => Just(b"Authorization: Basic ".to_vec()),
        3 => Just(vec![b'A'; LINE_CHARACTERS]),
        2 => Just(b"AAAA".to_vec()),
        4 => Just(b"\n".to_vec()),
        2 => Just(b"\r\n".to_vec()),
        1 => Just(b"Content-Length: 4".to_vec()),
        1 => Just(b"Transfer-Encoding: chunked".to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..4),
    ];
    let start = prop_oneof![4 => Just(b"GET /uccs/x HTTP/1.1\r\n".to_vec()), 1 => Just(Vec::new())];
    (start, prop::collection::vec(word, 0..12)).prop_map(|(start, words)| [start, words.concat()].concat())
}

proptest! {
    #[test]
    fn what_is_changed_would_be_refused(bytes in near()) {
        let out = joined(&bytes);
        if out != bytes {
            prop_assert!(parsed(&bytes).is_err());
        }
        // And nothing is changed but ends of lines left out.
        let mut left = bytes.iter();
        for byte in &out {
            let mut passed = left.by_ref().take_while(|other| *other != byte);
            prop_assert!(passed.all(|passed| *passed == b'\n'));
        }
        prop_assert!(left.all(|passed| *passed == b'\n'));
    }

    #[test]
    fn pieces_of_any_size_give_the_same(bytes in near(), at in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
        let mut cuts: Vec<usize> = at.iter().map(|at| at.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let (mut joiner, mut out) = (Joiner::new(), Vec::new());
        for piece in cuts.windows(2) {
            joiner.join(&bytes[piece[0]..piece[1]], &mut out);
            prop_assert!(joiner.held.len() <= 1 + LINE_CHARACTERS);
        }
        joiner.end(&mut out);
        prop_assert_eq!(out, joined(&bytes));
    }

    #[test]
    fn credentials_of_any_length_arrive(credentials in prop::collection::vec(any::<u8>(), 1..800)) {
        let mut request = b"GET /uccs/inifile//api/5/ HTTP/1.1\r\nHost: x\r\nAuthorization: Basic ".to_vec();
        write!(request, "{}\r\n\r\n", wrapped(&credentials)).unwrap();
        let headers = parsed(&joined(&request)).unwrap();
        let value = headers[1].1.strip_prefix(b"Basic".as_slice()).unwrap().trim_ascii();
        prop_assert_eq!(STANDARD.decode(value).unwrap(), credentials);
        prop_assert_eq!(headers.len(), 2);
    }
}

#[tokio::test]
async fn a_stream_gives_what_follows_too_and_all_that_is_held_at_its_end() {
    for (sent, expected) in [
        (
            [LONG, b"GET / HTTP/1.1\r\n\r\n"].concat(),
            [&joined(LONG), b"GET / HTTP/1.1\r\n\r\n".as_slice()].concat(),
        ),
        (b"GET /uc".to_vec(), b"GET /uc".to_vec()),
        (vec![b'x'; 5000], vec![b'x'; 5000]),
        (LONG[..235].to_vec(), LONG[..235].to_vec()),
    ] {
        let (mut client, server) = duplex(10_000);
        client.write_all(&sent).await.unwrap();
        drop(client);
        let mut stream = JoinedCredentials::new(server);
        let mut got: Vec<u8> = Vec::new();
        let mut piece = [0; 7];
        loop {
            let count = stream.read(&mut piece).await.unwrap();
            if count == 0 {
                break;
            }
            got.extend(&piece[..count]);
        }
        assert_eq!(got, expected);
    }
}

//! The values of content synchronisation (RFC 4533 section 2) as a server sends them: what a sync state control
//! and a sync info message say. Pure.

use crate::directory::ber::{Malformed, Reader, tag};

/// The sync request control (section 2.2).
pub(in crate::directory) const REQUEST: &str = "1.3.6.1.4.1.4203.1.9.1.1";
/// The sync state control (section 2.3).
pub(in crate::directory) const STATE: &str = "1.3.6.1.4.1.4203.1.9.1.2";
/// The sync info message (section 2.5).
pub(in crate::directory) const INFO: &str = "1.3.6.1.4.1.4203.1.9.1.4";

/// Context tags of a sync info message.
const NEW_COOKIE: u8 = 0x80;
const REFRESH_DELETE: u8 = 0xa1;
const REFRESH_PRESENT: u8 = 0xa2;
const ID_SET: u8 = 0xa3;

/// What names an entry through all its renames (RFC 4530).
pub(in crate::directory) type Uuid = [u8; 16];

/// What became of the entry that a message speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::directory) enum Change {
    /// It is still there, as the client is supposed to have it.
    Present,
    /// It is new among the entries asked for.
    Add,
    /// It is another than before.
    Modify,
    /// It is none of the entries asked for any more.
    Delete,
}

/// A sync state control.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::directory) struct State<'a> {
    /// What became of the entry.
    pub change: Change,
    /// The entry.
    pub uuid: Uuid,
    /// How far the client is with this message, in the server's own words.
    pub cookie: Option<&'a [u8]>,
}

/// A sync info message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::directory) enum Info<'a> {
    /// Nothing changed among the entries asked for, but the client is now this far.
    NewCookie(&'a [u8]),
    /// The end of a phase of the refresh, and of the refresh if `done`.
    Phase {
        /// How far the client is.
        cookie: Option<&'a [u8]>,
        /// Nothing but changes follows.
        done: bool,
    },
    /// Several entries at once.
    Ids {
        /// How far the client is.
        cookie: Option<&'a [u8]>,
        /// They are gone; otherwise they are as the client is supposed to have them.
        gone: bool,
        /// The entries.
        uuids: Vec<Uuid>,
    },
}

/// Reads the value of a sync state control.
///
/// # Errors
/// It is no such value.
pub(in crate::directory) fn state(value: &[u8]) -> Result<State<'_>, Malformed> {
    let mut inside = only(value)?;
    let change = match inside.take(tag::ENUMERATED)? {
        [0] => Change::Present,
        [1] => Change::Add,
        [2] => Change::Modify,
        [3] => Change::Delete,
        _ => return Err(Malformed("a state of an entry that does not exist")),
    };
    let uuid = uuid(inside.take(tag::OCTETS)?)?;
    let cookie = cookie(&mut inside)?;
    inside.end()?;
    Ok(State { change, uuid, cookie })
}

/// Reads the value of a sync info message.
///
/// # Errors
/// It is no such value.
pub(in crate::directory) fn info(value: &[u8]) -> Result<Info<'_>, Malformed> {
    let mut outside = Reader(value);
    let (kind, content) = outside.any()?;
    outside.end()?;
    let mut inside = Reader(content);
    let info = match kind {
        NEW_COOKIE => return Ok(Info::NewCookie(content)),
        REFRESH_DELETE | REFRESH_PRESENT => Info::Phase {
            cookie: cookie(&mut inside)?,
            done: truth(&mut inside, true)?,
        },
        ID_SET => Info::Ids {
            cookie: cookie(&mut inside)?,
            gone: truth(&mut inside, false)?,
            uuids: uuids(inside.take(tag::SET)?)?,
        },
        _ => return Err(Malformed("a sync info message of a kind that does not exist")),
    };
    inside.end()?;
    Ok(info)
}

/// The inside of the one sequence that a value is.
fn only(value: &[u8]) -> Result<Reader<'_>, Malformed> {
    let mut outside = Reader(value);
    let inside = outside.take(tag::SEQUENCE)?;
    outside.end()?;
    Ok(Reader(inside))
}

fn cookie<'a>(inside: &mut Reader<'a>) -> Result<Option<&'a [u8]>, Malformed> {
    match inside.peek() {
        Some(tag::OCTETS) => inside.take(tag::OCTETS).map(Some),
        _ => Ok(None),
    }
}

/// A truth value, which is left out if it is `default`.
fn truth(inside: &mut Reader<'_>, default: bool) -> Result<bool, Malformed> {
    if inside.peek() != Some(tag::BOOLEAN) {
        return Ok(default);
    }
    match inside.take(tag::BOOLEAN)? {
        [value] => Ok(*value != 0),
        _ => Err(Malformed("a truth value that is not one byte")),
    }
}

fn uuids(set: &[u8]) -> Result<Vec<Uuid>, Malformed> {
    let mut set = Reader(set);
    let mut uuids = Vec::new();
    while set.peek().is_some() {
        uuids.push(uuid(set.take(tag::OCTETS)?)?);
    }
    Ok(uuids)
}

fn uuid(bytes: &[u8]) -> Result<Uuid, Malformed> {
    Uuid::try_from(bytes).map_err(|_| Malformed("the id of an entry is not 16 bytes long"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::directory::ber::element;

    const ID: Uuid = *b"0123456789abcdef";

    fn sequence(parts: &[&[u8]]) -> Vec<u8> {
        element(tag::SEQUENCE, parts).to_vec()
    }

    #[test]
    fn a_state_says_what_became_of_which_entry() {
        let (change, id) = (element(tag::ENUMERATED, &[&[2]]), element(tag::OCTETS, &[&ID]));
        let cookie = element(tag::OCTETS, &[b"csn"]);
        let read = |value: &[u8]| {
            state(value).map(|state| (state.change, state.uuid == ID, state.cookie.map(<[u8]>::len)))
        };
        assert_eq!(read(&sequence(&[&change, &id])), Ok((Change::Modify, true, None)));
        assert_eq!(
            read(&sequence(&[&change, &id, &cookie])),
            Ok((Change::Modify, true, Some(3)))
        );
        let unknown = element(tag::ENUMERATED, &[&[4]]);
        let short = element(tag::OCTETS, &[&ID[1..]]);
        for bad in [
            sequence(&[]),
            sequence(&[&change]),
            sequence(&[&unknown, &id]),
            sequence(&[&change, &short]),
            sequence(&[&change, &id, &cookie, &cookie]),
            [sequence(&[&change, &id]), vec![0]].concat(),
        ] {
            assert!(state(&bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_info_leaves_out_what_goes_without_saying() {
        let no = element(tag::BOOLEAN, &[&[0]]);
        let cookie = element(tag::OCTETS, &[b"c"]);
        let ids = element(tag::SET, &[&element(tag::OCTETS, &[&ID])]);
        let cases: [(u8, Vec<u8>, Info<'_>); 5] = [
            (NEW_COOKIE, b"c".to_vec(), Info::NewCookie(b"c")),
            (
                REFRESH_DELETE,
                Vec::new(),
                Info::Phase {
                    cookie: None,
                    done: true,
                },
            ),
            (
                REFRESH_PRESENT,
                [&cookie[..], &no].concat(),
                Info::Phase {
                    cookie: Some(b"c"),
                    done: false,
                },
            ),
            (
                ID_SET,
                ids.to_vec(),
                Info::Ids {
                    cookie: None,
                    gone: false,
                    uuids: vec![ID],
                },
            ),
            (
                ID_SET,
                [&element(tag::BOOLEAN, &[&[1]])[..], &ids].concat(),
                Info::Ids {
                    cookie: None,
                    gone: true,
                    uuids: vec![ID],
                },
            ),
        ];
        for (kind, content, expected) in cases {
            assert_eq!(info(&element(kind, &[&content])), Ok(expected));
        }
        for (kind, content) in [
            (ID_SET, Vec::new()),
            (REFRESH_DELETE, ids.to_vec()),
            (0xa4, Vec::new()),
            (0xa0, Vec::new()),
        ] {
            assert!(info(&element(kind, &[&content])).is_err(), "{kind:x} {content:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = state(&bytes);
            let _ = info(&bytes);
        }

        #[test]
        fn no_damaged_value_panics(at in 0_usize..40, byte: u8, cut in 0_usize..40) {
            let ids = element(tag::SET, &[&element(tag::OCTETS, &[&ID])]);
            for good in [element(ID_SET, &[&ids]).to_vec(), sequence(&[&element(tag::ENUMERATED, &[&[1]]), &element(tag::OCTETS, &[&ID])])] {
                let mut bytes = good;
                let at = at % bytes.len();
                bytes[at] = byte;
                bytes.truncate(bytes.len() - cut % bytes.len());
                let _ = state(&bytes);
                let _ = info(&bytes);
            }
        }
    }
}

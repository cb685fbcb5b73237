//! What goes over the socket between daemon and worker, and between the worker and its processes: requests
//! and replies as bytes. Pure.
//!
//! A body is one byte that says which message it is, then its fields: texts behind their length in two bytes,
//! numbers big-endian. A PAM service name is in none of them.

use std::net::IpAddr;
use std::time::Duration;

use zeroize::Zeroizing;

use super::answers::{Change, HostGroup, HostUser, Refusal, Unreachable, Verdict};
use super::limits::{
    FAIL_DELAY_MAX, GROUPS_MAX, LINES_MAX, REPLY_BYTES_MAX, REQUEST_BYTES_MAX, TEXT_BYTES_MAX,
};
use crate::model::{Password, Secret, TypedName};

/// What is asked.
#[derive(Debug)]
pub(super) enum Request {
    /// Whether anybody is there, and could start a process.
    Ping,
    /// Who a name is on this host.
    User {
        /// The name.
        name: TypedName,
    },
    /// Whether a password is right.
    Authenticate {
        /// Whose.
        name: TypedName,
        /// The password.
        password: Password,
        /// Where the user sits; `PAM_RHOST`.
        client: IpAddr,
    },
    /// To put a new password in the place of the old one.
    ChangePassword {
        /// Whose.
        name: TypedName,
        /// The password until now.
        old: Password,
        /// The password from now on.
        new: Password,
        /// Where the user sits; `PAM_RHOST`.
        client: IpAddr,
    },
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    /// To [`Request::Ping`].
    Pong,
    /// To [`Request::User`]; none if there is no such user.
    User(Option<HostUser>),
    /// To [`Request::Authenticate`].
    Verdict {
        /// The answer.
        verdict: Verdict,
        /// How long the modules want a failure to be held back.
        delay: Duration,
    },
    /// To [`Request::ChangePassword`].
    Change {
        /// The answer.
        change: Change,
        /// How long the modules want a failure to be held back.
        delay: Duration,
    },
    /// To any of them: it could not be found out.
    Failed(Unreachable),
}

/// The bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed message: {0}")]
pub(super) struct Malformed(&'static str);

impl Request {
    /// The body of the message, wiped when dropped.
    pub(super) fn encode(&self) -> Zeroizing<Vec<u8>> {
        // With room for the longest, so that no copy of a password stays behind where the buffer grew.
        let mut out = Zeroizing::new(Vec::with_capacity(REQUEST_BYTES_MAX));
        match self {
            Self::Ping => out.push(0),
            Self::User { name } => {
                out.push(1);
                put_text(&mut out, name.as_str());
            }
            Self::Authenticate {
                name,
                password,
                client,
            } => {
                out.push(2);
                put_text(&mut out, name.as_str());
                put_text(&mut out, password.expose());
                put_text(&mut out, &client.to_string());
            }
            Self::ChangePassword {
                name,
                old,
                new,
                client,
            } => {
                out.push(3);
                put_text(&mut out, name.as_str());
                put_text(&mut out, old.expose());
                put_text(&mut out, new.expose());
                put_text(&mut out, &client.to_string());
            }
        }
        out
    }

    /// Reads the body of a message.
    pub(super) fn decode(body: &[u8]) -> Result<Self, Malformed> {
        let mut rest = Reader(body);
        let request = match rest.byte()? {
            0 => Self::Ping,
            1 => Self::User { name: rest.name()? },
            2 => Self::Authenticate {
                name: rest.name()?,
                password: rest.password()?,
                client: rest.address()?,
            },
            3 => Self::ChangePassword {
                name: rest.name()?,
                old: rest.password()?,
                new: rest.password()?,
                client: rest.address()?,
            },
            _ => return Err(Malformed("unknown request")),
        };
        rest.end()?;
        Ok(request)
    }
}

impl Reply {
    /// The body of the message. Texts that are too long are cut, and a user who does not fit is a failure.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Pong => out.push(0),
            Self::User(None) => out.push(1),
            Self::User(Some(user)) => {
                out.push(2);
                put_user(&mut out, user);
            }
            Self::Verdict { verdict, delay } => {
                out.push(3);
                put_delay(&mut out, *delay);
                put_verdict(&mut out, verdict);
            }
            Self::Change { change, delay } => {
                out.push(4);
                put_delay(&mut out, *delay);
                put_change(&mut out, change);
            }
            Self::Failed(Unreachable { cause, sent }) => {
                out.extend([5, u8::from(*sent)]);
                put_text(&mut out, cause);
            }
        }
        if out.len() > REPLY_BYTES_MAX {
            return Self::Failed(Unreachable {
                cause: "the answer is longer than what is taken".to_owned(),
                sent: matches!(self, Self::Verdict { .. } | Self::Change { .. }),
            })
            .encode();
        }
        out
    }

    /// Reads the body of a message.
    pub(super) fn decode(body: &[u8]) -> Result<Self, Malformed> {
        let mut rest = Reader(body);
        let reply = match rest.byte()? {
            0 => Self::Pong,
            1 => Self::User(None),
            2 => Self::User(Some(rest.user()?)),
            3 => {
                let delay = rest.delay()?;
                let verdict = rest.verdict()?;
                Self::Verdict { verdict, delay }
            }
            4 => {
                let delay = rest.delay()?;
                let change = rest.change()?;
                Self::Change { change, delay }
            }
            5 => Self::Failed(Unreachable {
                sent: rest.flag()?,
                cause: rest.text()?,
            }),
            _ => return Err(Malformed("unknown reply")),
        };
        rest.end()?;
        Ok(reply)
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    let text = cut(text);
    // `cut` leaves less than what two bytes can say.
    out.extend(u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend(text.as_bytes());
}

/// As much of a text as a message takes.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

fn put_lines(out: &mut Vec<u8>, lines: &[String]) {
    let lines = lines.get(..LINES_MAX).unwrap_or(lines);
    out.push(u8::try_from(lines.len()).unwrap_or(u8::MAX));
    for line in lines {
        put_text(out, line);
    }
}

fn put_delay(out: &mut Vec<u8>, delay: Duration) {
    let ms = u32::try_from(delay.min(FAIL_DELAY_MAX).as_millis()).unwrap_or(u32::MAX);
    out.extend(ms.to_be_bytes());
}

fn put_user(out: &mut Vec<u8>, user: &HostUser) {
    put_text(out, &user.name);
    out.extend(user.uid.to_be_bytes());
    out.extend(user.gid.to_be_bytes());
    put_text(out, &user.home);
    put_text(out, user.gecos.as_deref().unwrap_or_default());
    out.extend(u16::try_from(user.groups.len()).unwrap_or(u16::MAX).to_be_bytes());
    for group in &user.groups {
        put_text(out, &group.name);
        out.extend(group.gid.to_be_bytes());
    }
}

fn put_verdict(out: &mut Vec<u8>, verdict: &Verdict) {
    match verdict {
        Verdict::Right {
            user,
            must_change,
            said,
        } => {
            out.extend([0, u8::from(*must_change)]);
            put_text(out, user);
            put_lines(out, said);
        }
        Verdict::Wrong => out.push(1),
        Verdict::Unknown => out.push(2),
        Verdict::Refused { why, said } => {
            out.extend([3, refusal_byte(*why)]);
            put_lines(out, said);
        }
    }
}

fn put_change(out: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Changed { user } => {
            out.push(0);
            put_text(out, user);
        }
        Change::Wrong => out.push(1),
        Change::Unknown => out.push(2),
        Change::Refused { why, said } => {
            out.extend([3, refusal_byte(*why)]);
            put_lines(out, said);
        }
        Change::Rejected { said } => {
            out.push(4);
            put_lines(out, said);
        }
    }
}

/// The refusals, each at the number that stands for it.
const REFUSALS: [Refusal; 6] = [
    Refusal::Unsaid,
    Refusal::Locked,
    Refusal::Expired,
    Refusal::PasswordExpired,
    Refusal::Forbidden,
    Refusal::OtherAccount,
];

fn refusal_byte(why: Refusal) -> u8 {
    let index = REFUSALS.iter().position(|refusal| *refusal == why);
    index.and_then(|index| u8::try_from(index).ok()).unwrap_or(0)
}

/// What is left of a body.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Malformed("too short"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Malformed("too short"))?;
        self.0 = rest;
        Ok(*taken)
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        self.array().map(|[byte]| byte)
    }

    fn flag(&mut self) -> Result<bool, Malformed> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed("neither yes nor no")),
        }
    }

    fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    fn str(&mut self) -> Result<&'a str, Malformed> {
        let length = usize::from(self.array().map(u16::from_be_bytes)?);
        if length > TEXT_BYTES_MAX {
            return Err(Malformed("text too long"));
        }
        std::str::from_utf8(self.bytes(length)?).map_err(|_| Malformed("text is not UTF-8"))
    }

    fn text(&mut self) -> Result<String, Malformed> {
        self.str().map(str::to_owned)
    }

    fn name(&mut self) -> Result<TypedName, Malformed> {
        TypedName::new(self.str()?).map_err(|_| Malformed("no user name"))
    }

    fn password(&mut self) -> Result<Password, Malformed> {
        Password::new(Secret::new(self.text()?)).map_err(|_| Malformed("no password"))
    }

    fn address(&mut self) -> Result<IpAddr, Malformed> {
        self.str()?.parse().map_err(|_| Malformed("no address"))
    }

    fn delay(&mut self) -> Result<Duration, Malformed> {
        let delay = Duration::from_millis(self.u32()?.into());
        (delay <= FAIL_DELAY_MAX)
            .then_some(delay)
            .ok_or(Malformed("delay too long"))
    }

    fn lines(&mut self) -> Result<Vec<String>, Malformed> {
        let count = usize::from(self.byte()?);
        if count > LINES_MAX {
            return Err(Malformed("too many lines"));
        }
        (0..count).map(|_| self.text()).collect()
    }

    fn refusal(&mut self) -> Result<Refusal, Malformed> {
        let index = usize::from(self.byte()?);
        REFUSALS.get(index).copied().ok_or(Malformed("unknown refusal"))
    }

    fn user(&mut self) -> Result<HostUser, Malformed> {
        let (name, uid, gid, home) = (self.text()?, self.u32()?, self.u32()?, self.text()?);
        let gecos = Some(self.text()?).filter(|gecos| !gecos.is_empty());
        let count = usize::from(self.array().map(u16::from_be_bytes)?);
        if count > GROUPS_MAX {
            return Err(Malformed("too many groups"));
        }
        let group = |_| {
            let (name, gid) = (self.text()?, self.u32()?);
            Ok(HostGroup { name, gid })
        };
        let groups = (0..count).map(group).collect::<Result<_, _>>()?;
        Ok(HostUser {
            name,
            uid,
            gid,
            home,
            gecos,
            groups,
        })
    }

    fn verdict(&mut self) -> Result<Verdict, Malformed> {
        Ok(match self.byte()? {
            0 => Verdict::Right {
                must_change: self.flag()?,
                user: self.text()?,
                said: self.lines()?,
            },
            1 => Verdict::Wrong,
            2 => Verdict::Unknown,
            3 => Verdict::Refused {
                why: self.refusal()?,
                said: self.lines()?,
            },
            _ => return Err(Malformed("unknown verdict")),
        })
    }

    fn change(&mut self) -> Result<Change, Malformed> {
        Ok(match self.byte()? {
            0 => Change::Changed { user: self.text()? },
            1 => Change::Wrong,
            2 => Change::Unknown,
            3 => Change::Refused {
                why: self.refusal()?,
                said: self.lines()?,
            },
            4 => Change::Rejected { said: self.lines()? },
            _ => return Err(Malformed("unknown change")),
        })
    }

    fn end(&self) -> Result<(), Malformed> {
        self.0.is_empty().then_some(()).ok_or(Malformed("too long"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name() -> impl Strategy<Value = TypedName> {
        "[a-zA-Zäß._@\\\\ -]{0,60}x".prop_map(|name| TypedName::new(&name).unwrap())
    }

    fn password() -> impl Strategy<Value = Password> {
        "\\PC{1,120}".prop_map(|text| Password::new(Secret::new(text)).unwrap())
    }

    fn request() -> impl Strategy<Value = Request> {
        prop_oneof![
            Just(()).prop_map(|()| Request::Ping),
            name().prop_map(|name| Request::User { name }),
            (name(), password(), any::<IpAddr>()).prop_map(|(name, password, client)| {
                Request::Authenticate {
                    name,
                    password,
                    client,
                }
            }),
            (name(), password(), password(), any::<IpAddr>()).prop_map(|(name, old, new, client)| {
                Request::ChangePassword {
                    name,
                    old,
                    new,
                    client,
                }
            }),
        ]
    }

    /// Everything that a request says.
    fn said(request: &Request) -> String {
        match request {
            Request::Ping | Request::User { .. } => format!("{request:?}"),
            Request::Authenticate { password, .. } => format!("{request:?} {}", password.expose()),
            Request::ChangePassword { old, new, .. } => {
                format!("{request:?} {} {}", old.expose(), new.expose())
            }
        }
    }

    fn lines() -> impl Strategy<Value = Vec<String>> {
        prop::collection::vec(".{0,40}", 0..=LINES_MAX)
    }

    fn refusal() -> impl Strategy<Value = Refusal> {
        prop::sample::select(REFUSALS.to_vec())
    }

    fn user() -> impl Strategy<Value = HostUser> {
        let group = (".{0,30}", any::<u32>()).prop_map(|(name, gid)| HostGroup { name, gid });
        let groups = prop::collection::vec(group, 0..20);
        let gecos = prop::option::of(".{1,40}");
        (".{0,40}", any::<u32>(), any::<u32>(), ".{0,40}", gecos, groups).prop_map(
            |(name, uid, gid, home, gecos, groups)| HostUser {
                name,
                uid,
                gid,
                home,
                gecos,
                groups,
            },
        )
    }

    fn delay() -> impl Strategy<Value = Duration> {
        (0..=10_000u64).prop_map(Duration::from_millis)
    }

    fn reply() -> impl Strategy<Value = Reply> {
        let verdict = prop_oneof![
            (".{0,40}", any::<bool>(), lines()).prop_map(|(user, must_change, said)| Verdict::Right {
                user,
                must_change,
                said
            }),
            Just(Verdict::Wrong),
            Just(Verdict::Unknown),
            (refusal(), lines()).prop_map(|(why, said)| Verdict::Refused { why, said }),
        ];
        let change = prop_oneof![
            ".{0,40}".prop_map(|user| Change::Changed { user }),
            Just(Change::Wrong),
            Just(Change::Unknown),
            (refusal(), lines()).prop_map(|(why, said)| Change::Refused { why, said }),
            lines().prop_map(|said| Change::Rejected { said }),
        ];
        prop_oneof![
            Just(Reply::Pong),
            prop::option::of(user()).prop_map(Reply::User),
            (verdict, delay()).prop_map(|(verdict, delay)| Reply::Verdict { verdict, delay }),
            (change, delay()).prop_map(|(change, delay)| Reply::Change { change, delay }),
            (".{0,200}", any::<bool>()).prop_map(|(cause, sent)| Reply::Failed(Unreachable { cause, sent })),
        ]
    }

    proptest! {
        #[test]
        fn a_request_arrives_as_it_was_sent_and_never_in_part(sent in request(), cut in any::<prop::sample::Index>()) {
            let body = sent.encode();
            prop_assert!(body.len() <= REQUEST_BYTES_MAX);
            prop_assert_eq!(said(&Request::decode(&body).unwrap()), said(&sent));
            prop_assert!(Request::decode(&body[..cut.index(body.len())]).is_err());
            prop_assert!(Request::decode(&[&body[..], b"x"].concat()).is_err());
        }

        #[test]
        fn a_reply_arrives_as_it_was_sent_and_never_in_part(sent in reply(), cut in any::<prop::sample::Index>()) {
            let body = sent.encode();
            prop_assert_eq!(Reply::decode(&body), Ok(sent));
            prop_assert!(Reply::decode(&body[..cut.index(body.len())]).is_err());
            prop_assert!(Reply::decode(&[&body[..], b"x"].concat()).is_err());
        }

        #[test]
        fn garbage_is_survived(mut body in prop::collection::vec(any::<u8>(), 0..300), kind in 0..8u8) {
            let _ = (Request::decode(&body), Reply::decode(&body));
            // Past the first byte, which garbage seldom passes.
            body.insert(0, kind);
            let _ = (Request::decode(&body), Reply::decode(&body));
        }

        #[test]
        fn a_damaged_message_is_survived(sent in reply(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut body = sent.encode();
            let at = at.index(body.len());
            body[at] = byte;
            let _ = Reply::decode(&body);
        }
    }

    #[test]
    fn the_longest_request_fits() {
        let password = || Password::new(Secret::new("x".repeat(512))).unwrap();
        let longest = Request::ChangePassword {
            name: TypedName::new(&"x".repeat(256)).unwrap(),
            old: password(),
            new: password(),
            client: "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255".parse().unwrap(),
        };
        let body = longest.encode();
        // A buffer that grew has left a copy of the passwords behind.
        assert!(body.capacity() == REQUEST_BYTES_MAX);
        assert!(Request::decode(&body).is_ok());
    }

    #[test]
    fn what_is_too_long_is_no_partial_knowledge() {
        let group = |gid| HostGroup {
            name: "g".repeat(TEXT_BYTES_MAX),
            gid,
        };
        let user = HostUser {
            name: "alice".to_owned(),
            uid: 1000,
            gid: 1000,
            home: "/home/alice".to_owned(),
            gecos: None,
            groups: (0..600).map(group).collect(),
        };
        let body = Reply::User(Some(user)).encode();
        assert!(matches!(Reply::decode(&body), Ok(Reply::Failed(_))));
        let lines = vec!["ü".repeat(TEXT_BYTES_MAX); LINES_MAX + 1];
        let change = Change::Rejected { said: lines };
        let delay = Duration::from_hours(1);
        let Ok(Reply::Change { change, delay }) = Reply::decode(&Reply::Change { change, delay }.encode())
        else {
            panic!("no reply")
        };
        assert_eq!(delay, FAIL_DELAY_MAX);
        let Change::Rejected { said } = change else {
            panic!("another change")
        };
        assert_eq!((said.len(), said[0].len()), (LINES_MAX, TEXT_BYTES_MAX));
    }
}

//! What an X2Go host asks when somebody logs in there, and what it is answered: both ends, since the program on the
//! host is ours too.
//!
//! ```text
//! POST /authorized-keys            Authorization: Bearer CREDENTIAL            user=alice
//! 200, text/plain                  one line of an authorized_keys file (sshd(8)) for each key
//! ```

use bytes::Bytes;

use super::authorization::{FIELD, behind, fault};
use super::form::{Form, invalid};
use super::{BODY_BYTES_MAX, Fault};
use crate::model::{AuthorizedKey, HostCredential, Invalid, Secret, SessionUser};

/// Where it is asked.
pub const PATH: &str = "authorized-keys";

/// Longest answer taken, in bytes: a host of a user's every farm has one key each.
pub const ANSWER_BYTES_MAX: usize = 256 * 1024;

const SCHEME: &str = "Bearer";

/// Which keys open this account on the host that has this credential?
#[derive(Debug, Clone)]
pub struct HostKeysRequest {
    /// What the host shows.
    pub credential: HostCredential,
    /// The account there.
    pub user: SessionUser,
}

impl HostKeysRequest {
    /// Reads a request from the values of its `Authorization` headers and its body.
    ///
    /// # Errors
    /// Says what is wrong, for the log; nothing of what was sent.
    pub fn decode<'a>(values: impl Iterator<Item = &'a [u8]>, body: &[u8]) -> Result<Self, Fault> {
        if body.len() > BODY_BYTES_MAX {
            return Err(Fault::TooLong(BODY_BYTES_MAX));
        }
        let credential = std::str::from_utf8(behind(SCHEME.as_bytes(), values)?)
            .map_err(|_| fault("is no text"))
            .and_then(|text| HostCredential::new(Secret::new(text.to_owned())).map_err(invalid(FIELD)))?;
        let user = Form::new(body).needed_text("user")?;
        let user = SessionUser::new(user.expose()).map_err(invalid("user"))?;
        Ok(Self { credential, user })
    }

    /// The value of its `Authorization` header.
    pub fn authorization(&self) -> Secret {
        Secret::new(format!("{SCHEME} {}", self.credential.expose()))
    }

    /// Its body. The name of an account has nothing that a form would have to encode but `@`, which it may leave.
    pub fn body(&self) -> String {
        format!("user={}", self.user)
    }
}

/// The body of an answer.
pub fn encode(keys: &[AuthorizedKey]) -> Bytes {
    let lines: String = keys.iter().map(|key| format!("{}\n", key.as_str())).collect();
    lines.into()
}

/// The keys of an answer.
///
/// # Errors
/// It is not made of lines that can be keys: then none of them counts.
pub fn decode(body: &[u8]) -> Result<Vec<AuthorizedKey>, Invalid> {
    let what = "answer";
    if body.len() > ANSWER_BYTES_MAX {
        let limit_bytes = ANSWER_BYTES_MAX;
        return Err(Invalid::TooLong { what, limit_bytes });
    }
    let allowed = "lines of UTF-8";
    let text = std::str::from_utf8(body).map_err(|_| Invalid::Character { what, allowed })?;
    text.split_terminator('\n').map(AuthorizedKey::new).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn request() -> HostKeysRequest {
        HostKeysRequest {
            credential: HostCredential::from_random(&[7; 32]),
            user: SessionUser::new("a.b_c@EXAMPLE.ORG").unwrap(),
        }
    }

    #[test]
    fn a_request_arrives() {
        let (header, body) = (request().authorization(), request().body());
        let read =
            HostKeysRequest::decode([header.expose().as_bytes()].into_iter(), body.as_bytes()).unwrap();
        assert_eq!(read.credential.expose(), request().credential.expose());
        assert_eq!(read.user, request().user);
    }

    #[test]
    fn what_is_no_request_is_refused() {
        let header = request().authorization();
        let good = header.expose().as_bytes();
        let decode =
            |values: &[&[u8]], body: &str| HostKeysRequest::decode(values.iter().copied(), body.as_bytes());
        assert_eq!(decode(&[], "user=alice").unwrap_err(), Fault::Missing(FIELD));
        assert_eq!(
            decode(&[good, good], "user=alice").unwrap_err(),
            Fault::Twice(FIELD)
        );
        assert!(decode(&[b"Bearer 00"], "user=alice").is_err());
        assert!(decode(&[&[b"Basic".as_slice(), &good[6..]].concat()], "user=alice").is_err());
        for body in ["", "user=", "user=a%20b", "user=-x", "user=1000", "user=a&user=b"] {
            assert!(decode(&[good], body).is_err(), "{body}");
        }
    }

    #[test]
    fn an_answer_arrives_whole_or_not_at_all() {
        let keys =
            ["restrict ssh-rsa AAAA a", "ssh-ed25519 BBBB"].map(|line| AuthorizedKey::new(line).unwrap());
        assert_eq!(decode(&encode(&keys)).unwrap(), keys);
        assert_eq!(decode(b"").unwrap(), []);
        for bad in [
            b"ssh-rsa AAAA\n\nssh-rsa".as_slice(),
            b"ssh-rsa A\ncommand=`x`\n",
            b"\xff\n",
            b"a\r\n",
        ] {
            assert!(decode(bad).is_err());
        }
        assert!(decode(&[b'a'; ANSWER_BYTES_MAX + 1]).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(
            header in prop::collection::vec(any::<u8>(), 0..90),
            body in prop::collection::vec(any::<u8>(), 0..90),
        ) {
            let _ = HostKeysRequest::decode([header.as_slice()].into_iter(), &body);
            let _ = HostKeysRequest::decode([request().authorization().expose().as_bytes()].into_iter(), &body);
            let _ = decode(&body);
        }
    }
}

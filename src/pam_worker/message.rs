//! What goes over the socket between daemon and worker, and between the worker and its processes: requests
//! and replies as bytes. Pure.
//!
//! A body is one byte that says which message it is, then its fields: texts behind their length in two bytes,
//! numbers big-endian. A PAM service name is in none of them.

mod fields;

use std::net::IpAddr;
use std::time::Duration;

use zeroize::Zeroizing;

use self::fields::{Reader, put_change, put_delay, put_load, put_text, put_user, put_verdict};
use super::answers::{Change, HostUser, Unreachable, Verdict};
use super::limits::{REPLY_BYTES_MAX, REQUEST_BYTES_MAX};
use super::load::Load;
use crate::model::{Password, TypedName};

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
    /// To [`Request::Ping`], from a process.
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
    /// To [`Request::Ping`], from the worker itself.
    Load(Load),
}

/// The bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed message: {0}")]
pub(super) struct Malformed(&'static str);

impl Request {
    /// Whether whoever gets it sees a password.
    pub(super) fn has_password(&self) -> bool {
        matches!(self, Self::Authenticate { .. } | Self::ChangePassword { .. })
    }

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
            Self::Load(load) => {
                out.push(6);
                put_load(&mut out, load.transactions);
                put_load(&mut out, load.lookups);
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
            6 => Self::Load(Load {
                transactions: rest.load()?,
                lookups: rest.load()?,
            }),
            _ => return Err(Malformed("unknown reply")),
        };
        rest.end()?;
        Ok(reply)
    }
}

#[cfg(test)]
mod tests;

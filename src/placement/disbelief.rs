//! What hosts told of sessions and what is not believed of it: who is told of that, and how often.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::agent::LeftOut;
use crate::model::SessionUser;

/// A host that goes on telling the same of the same user is spoken of again after this time.
const AGAIN_AFTER: Duration = Duration::from_mins(10);
/// Most users of whom one host can tell what is not believed, within that time.
const USERS_MAX: usize = 64;

/// What a host told of a user's sessions and what is not believed. It has no word of the host's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disbelieved {
    /// The names of the host, as in `students/ts01`.
    pub host: String,
    /// Whose sessions it was asked for.
    pub user: SessionUser,
    /// What it was.
    pub what: WrongLines,
}

/// Lines that are not believed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct WrongLines {
    /// Those that cannot be lines of this user.
    pub left_out: LeftOut,
    /// Those of sessions on hosts that it is not believed about.
    pub of_other_hosts: usize,
}

impl WrongLines {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for WrongLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left_out = self.left_out.to_string();
        f.write_str(&left_out)?;
        if self.of_other_hosts > 0 {
            let separator = if left_out.is_empty() { "" } else { ", " };
            let lines = if self.of_other_hosts == 1 { "line" } else { "lines" };
            write!(
                f,
                "{separator}{} {lines} of sessions on a host that it does not speak for",
                self.of_other_hosts
            )?;
        }
        Ok(())
    }
}

/// Who is told of what is not believed.
#[derive(Clone)]
pub struct Witness(Arc<dyn Fn(Disbelieved) + Send + Sync>);

impl Witness {
    /// Tells by calling this, which returns at once.
    pub fn new(tell: impl Fn(Disbelieved) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    /// Tells nobody.
    pub fn nobody() -> Self {
        Self::new(drop)
    }

    pub(super) fn tell(&self, disbelieved: Disbelieved) {
        (self.0)(disbelieved);
    }
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Witness")
    }
}

/// What one host told lately and was spoken of.
#[derive(Debug, Default)]
pub(super) struct Spoken(Mutex<HashMap<SessionUser, (WrongLines, Instant)>>);

impl Spoken {
    /// Whether this is to be spoken of: it is news, or a while ago that it was.
    pub fn is_news(&self, user: &SessionUser, what: WrongLines) -> bool {
        let now = Instant::now();
        let mut spoken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lately = |at: Instant| now.duration_since(at) < AGAIN_AFTER;
        if let Some((known, at)) = spoken.get(user)
            && *known == what
            && lately(*at)
        {
            return false;
        }
        if spoken.len() >= USERS_MAX && !spoken.contains_key(user) {
            spoken.retain(|_, (_, at)| lately(*at));
            if spoken.len() >= USERS_MAX {
                return false;
            }
        }
        spoken.insert(user.clone(), (what, now));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(of_others: usize) -> WrongLines {
        WrongLines {
            left_out: LeftOut {
                of_others,
                ..LeftOut::default()
            },
            of_other_hosts: 0,
        }
    }

    fn user(name: &str) -> SessionUser {
        SessionUser::new(name).unwrap()
    }

    #[test]
    fn the_words_say_what_and_how_many() {
        let what = WrongLines {
            left_out: LeftOut {
                of_others: 1,
                with_control_characters: 2,
                with_protocol_words: 3,
                unreadable: 4,
            },
            of_other_hosts: 5,
        };
        assert_eq!(
            what.to_string(),
            "1 line of another user, 2 lines with control characters, 3 lines with words of the broker protocol, \
             4 lines that cannot be read or stand there twice, 5 lines of sessions on a host that it does not speak for"
        );
        assert!(wrong(0).is_empty() && wrong(0).to_string().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn the_same_is_spoken_of_once_in_a_while_and_a_host_fills_nothing() {
        let spoken = Spoken::default();
        assert!(spoken.is_news(&user("alice"), wrong(1)));
        assert!(!spoken.is_news(&user("alice"), wrong(1)));
        assert!(spoken.is_news(&user("alice"), wrong(2)));
        tokio::time::advance(AGAIN_AFTER).await;
        assert!(spoken.is_news(&user("alice"), wrong(2)));
        let many = (0..1000).filter(|number| spoken.is_news(&user(&format!("user{number}")), wrong(1)));
        assert_eq!(many.count(), USERS_MAX - 1);
        assert_eq!(spoken.0.lock().unwrap().len(), USERS_MAX);
        tokio::time::advance(AGAIN_AFTER).await;
        assert!(spoken.is_news(&user("new"), wrong(1)));
    }
}

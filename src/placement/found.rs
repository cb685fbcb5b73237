//! A session of a user, and the host it is on.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Host;
use super::database::SessionDatabase;
use super::facts::Resumable;
use super::farms::Farms;
use super::flights::Flight;
use super::watched_host::AskedHost;
use crate::model::{FarmName, Now, Offered, Session, SessionState, SessionUser};
use crate::store::LeaseRecord;

/// Longest that a login waits for the hosts to tell.
const WAIT: Duration = Duration::from_secs(1);

/// A running or suspended session of the account that was asked about, on a host of its farm.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundSession {
    /// The session, as its host tells of it.
    pub session: Session,
    /// The farm that the host belongs to: that of the offer, or one that takes its sessions when it is full.
    pub farm: FarmName,
    /// The host as it is configured: what clients dial, and its port.
    pub host: Host,
}

impl FoundSession {
    /// What a choice knows of it.
    pub(super) fn resumable(&self, now: Now) -> Resumable {
        Resumable {
            host: self.host.name.clone(),
            began: now.minus(Duration::from_secs(self.session.age_s)),
        }
    }
}

/// A question about a user's session on one host, under way.
#[derive(Debug)]
pub(super) struct Look {
    flight: Flight,
    number: usize,
}

/// What a look found on a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    /// Sessions of the user.
    Sessions(Seen),
    /// The host knows the user, who has none there.
    NoSession,
    /// The host says that there is no such user. One that cannot reach its directory says so of everybody.
    NoUser,
}

/// What a look saw of a user's sessions on a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    /// How long ago the newest began.
    pub age: Duration,
    /// Whether one of them runs.
    pub runs: bool,
}

impl Look {
    /// What there is of the user's sessions there; none if nobody can tell. A session under a name that is no host's
    /// may be the one that is looked for.
    pub async fn answer(self) -> Option<Sight> {
        let told = self.flight.answer().await?;
        if told.no_user {
            return Some(Sight::NoUser);
        }
        let there = told.on_hosts.iter().filter(|(number, _)| *number == self.number);
        let seen = there
            .map(|(_, session)| Seen {
                age: Duration::from_secs(session.age_s),
                runs: session.state == SessionState::Running,
            })
            .reduce(|one, other| Seen {
                age: one.age.min(other.age),
                runs: one.runs || other.runs,
            });
        match seen {
            Some(seen) => Some(Sight::Sessions(seen)),
            None => (!told.elsewhere).then_some(Sight::NoSession),
        }
    }
}

/// Whether a session belongs to the account that was asked about. Its id says so: `bob-51-1700000000_stDXFCE_dp24` is
/// the user, the display, the second it began, and what runs in it (x2gostartagent).
pub(super) fn is_of(session: &Session, user: &SessionUser) -> bool {
    let numbers = session
        .id
        .as_str()
        .strip_prefix(user.as_str())
        .and_then(|rest| rest.strip_prefix('-'))
        .and_then(|rest| rest.split_once('-'));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    numbers.is_some_and(|(display, rest)| {
        is_number(display) && is_number(rest.split('_').next().unwrap_or_default())
    })
}

impl Farms {
    /// The running and suspended sessions of the offer's session user on the hosts of its farm and of those that take
    /// its sessions when it is full. All hosts are asked at the same time, or were within the last seconds; what they
    /// have not told within 1 s is not among these, unless they told it within the last 30 s, and neither are sessions on
    /// hosts that do not answer.
    pub async fn sessions(&self, offer: &impl Offered) -> Vec<FoundSession> {
        let farms = self.farms_for(offer.farm());
        let mut hosts = Vec::new();
        let mut questions: Vec<(&Arc<SessionDatabase>, Flight)> = Vec::new();
        for farm in farms {
            for host in farm.hosts.iter().filter(|host| host.is_healthy()) {
                let Some(asked) = &host.asked else { continue };
                let database = &asked.database;
                if questions.iter().all(|(known, _)| !Arc::ptr_eq(known, database)) {
                    questions.push((database, database.sessions(offer.session_user())));
                }
                hosts.push((farm, host, asked));
            }
        }
        let deadline = Instant::now() + WAIT;
        let mut found: Vec<FoundSession> = Vec::new();
        for (database, flight) in questions {
            let Some(told) = flight.answer_by(deadline).await else {
                continue;
            };
            for (number, session) in &told.on_hosts {
                let is_meant =
                    |asked: &AskedHost| Arc::ptr_eq(&asked.database, database) && asked.number == *number;
                // A machine with several names is the host that comes first.
                if let Some((farm, host, _)) = hosts.iter().find(|(_, _, asked)| is_meant(asked)) {
                    found.push(FoundSession {
                        session: session.clone(),
                        farm: farm.settings.name.clone(),
                        host: host.host.clone(),
                    });
                }
            }
        }
        found
    }

    /// Whether somebody can tell now what became of a lease.
    pub(super) fn can_look(&self, lease: &LeaseRecord) -> bool {
        let host = self.host(&lease.farm, &lease.host);
        lease.session_user.is_some() && host.is_some_and(|host| host.asked.is_some() && host.is_healthy())
    }

    /// Lets what hosts told of these users serve no more, as far as it is about the host that clients dial as `server`.
    pub(super) fn outdate(&self, server: &str, users: &[&SessionUser]) {
        for (_, host) in self.hosts() {
            if let Some(asked) = &host.asked
                && host.host.is_dialled_as(server)
            {
                users.iter().for_each(|user| asked.database.outdate(user));
            }
        }
    }

    /// Begins to ask whether the user of a lease has a session on its host; none if there is nobody to ask.
    pub(super) fn look(&self, lease: &LeaseRecord) -> Option<Look> {
        let asked = self.host(&lease.farm, &lease.host)?.asked.as_ref()?;
        Some(Look {
            flight: asked.database.sessions(lease.session_user.as_ref()?),
            number: asked.number,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DisplayCookie, SessionId};

    #[test]
    fn the_id_says_whose_a_session_is() {
        let bob = SessionUser::new("bob").unwrap();
        let of_bob = |id: &str| {
            let session = Session {
                id: SessionId::new(id).unwrap(),
                pid: 1,
                display: 51,
                server: "ts01".to_owned(),
                state: SessionState::Running,
                started: String::new(),
                cookie: DisplayCookie::new("").unwrap(),
                client: String::new(),
                ports: [0; 3],
                changed: String::new(),
                age_s: 0,
            };
            is_of(&session, &bob)
        };
        assert!(of_bob("bob-51-1700000000_stDXFCE_dp24"));
        assert!(of_bob("bob-51-1700000000"));
        assert!(of_bob("bob-51-1700000000_stS0XSHADalice_dp24"));
        for other in [
            "bobby-51-1700000000_stDXFCE_dp24",
            "bob-admin-51-1700000000_stDXFCE_dp24",
            "alice-51-1700000000_stS0XSHADbob_dp24",
            "Bob-51-1700000000_stDXFCE_dp24",
            "bob-51-_stDXFCE_dp24",
            "bob--1700000000",
            "bob",
        ] {
            assert!(!of_bob(other), "{other}");
        }
    }
}

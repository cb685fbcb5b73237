//! Which servers answer, found out by asking each of them a few times a second on a connection of its own.
//!
//! Only these probes decide; an operation that fails merely goes on to the next server. A server that is *silent*
//! missed one probe: it is asked last, and what waits for it moves to a server that is up, if there is one.
//! A server that is *down* refused, broke off, or stayed silent for as long as an operation may take: it is not
//! asked until a probe succeeds.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::dial::Dialer;
use super::exchange::Exchange;
use super::request::Request;
use super::trouble::Trouble;

/// The pause between two probes of a server.
const PROBE_PAUSE: Duration = Duration::from_millis(350);
/// How long a probe may take before the server counts as silent. With the pause, an operation at a frozen server
/// moves on after at most 0.75 s.
const PROBE_LIMIT: Duration = Duration::from_millis(400);

/// How one server is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// Not asked yet. Taken as up: the first login must not wait for the first probe.
    Unknown,
    /// It answered the last probe.
    Up,
    /// It has not answered the last probe yet.
    Silent(String),
    /// It does not answer.
    Down(String),
}

/// How one server of the directory is, as the last probes found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerHealth {
    /// `up`, `silent`, `down`, or `unknown` before the first probe.
    pub state: &'static str,
    /// Why it is not up.
    pub cause: Option<String>,
}

impl State {
    fn report(&self) -> ServerHealth {
        let (state, cause) = match self {
            Self::Unknown => ("unknown", None),
            Self::Up => ("up", None),
            Self::Silent(cause) => ("silent", Some(cause.clone())),
            Self::Down(cause) => ("down", Some(cause.clone())),
        };
        ServerHealth { state, cause }
    }
}

/// How all servers are, in the order of the configuration.
pub(super) struct Health {
    states: watch::Sender<Vec<State>>,
}

impl Health {
    /// Nothing known about that many servers.
    pub fn new(servers: usize) -> Self {
        Self {
            states: watch::Sender::new(vec![State::Unknown; servers]),
        }
    }

    /// Whether a server answered its last probe.
    pub fn any_up(&self) -> bool {
        self.states.borrow().contains(&State::Up)
    }

    /// The server to ask next: the first that is not down, those that are silent last.
    pub fn next(&self, tried: &[bool]) -> Option<usize> {
        let states = self.states.borrow();
        let untried = || (0..states.len()).filter(|&at| tried.get(at) == Some(&false));
        untried()
            .find(|&at| matches!(states[at], State::Up | State::Unknown))
            .or_else(|| untried().find(|&at| matches!(states[at], State::Silent(_))))
    }

    /// The server that is asked first; none if all are down.
    pub fn preferred(&self) -> Option<usize> {
        let servers = self.states.borrow().len();
        self.next(&vec![false; servers])
    }

    /// Waits until the server that is asked first is one like that.
    pub async fn until_preferred(&self, wanted: impl Fn(usize) -> bool) -> usize {
        let mut states = self.states.subscribe();
        loop {
            states.mark_unchanged();
            if let Some(server) = self.preferred().filter(|server| wanted(*server)) {
                return server;
            }
            if states.changed().await.is_err() {
                // The sender lives as long as `self`.
                std::future::pending::<()>().await;
            }
        }
    }

    /// How each server is.
    pub fn report(&self) -> Vec<ServerHealth> {
        self.states.borrow().iter().map(State::report).collect()
    }

    /// Why the servers that are down are down.
    pub fn causes(&self) -> Vec<String> {
        let states = self.states.borrow();
        let cause = |state: &State| match state {
            State::Down(cause) => Some(cause.clone()),
            _ => None,
        };
        states.iter().filter_map(cause).collect()
    }

    /// Waits until it is pointless to wait for this server any longer: it is down, or it is silent and a server
    /// that was not tried yet is up.
    pub async fn gone(&self, server: usize, tried: &[bool]) -> String {
        let mut states = self.states.subscribe();
        let hopeless = |states: &Vec<State>| {
            let other_up = || {
                let mut others = states.iter().zip(tried);
                others.any(|(state, tried)| !tried && *state == State::Up)
            };
            match states.get(server) {
                Some(State::Down(cause)) => Some(cause.clone()),
                Some(State::Silent(cause)) if other_up() => Some(cause.clone()),
                _ => None,
            }
        };
        loop {
            if let Some(cause) = hopeless(&states.borrow_and_update()) {
                return cause;
            }
            if states.changed().await.is_err() {
                // The sender lives as long as `self`.
                return "closed".to_owned();
            }
        }
    }

    /// Notes how a server is, and tells the admin about a change.
    fn note(&self, server: usize, url: &str, now: State) {
        self.states.send_if_modified(|states| {
            let Some(state) = states.get_mut(server).filter(|state| **state != now) else {
                return false;
            };
            match &now {
                State::Up => tracing::info!(server = url, "directory server is up"),
                State::Down(cause) => tracing::warn!(server = url, cause, "directory server is down"),
                State::Silent(cause) => tracing::debug!(server = url, cause, "directory server is silent"),
                State::Unknown => {}
            }
            *state = now;
            true
        });
    }
}

/// Probes one server until the task is dropped.
pub(super) async fn probe_forever(health: Arc<Health>, server: usize, dialer: Arc<Dialer>) {
    let url = dialer.server.to_string();
    let mut kept: Option<Exchange> = None;
    loop {
        let answer = {
            let probing = probe(&dialer, &mut kept);
            tokio::pin!(probing);
            match timeout(PROBE_LIMIT, &mut probing).await {
                Ok(answer) => answer,
                Err(_) => {
                    let cause = format!("{url}: no answer to a probe within {PROBE_LIMIT:?}");
                    health.note(server, &url, State::Silent(cause));
                    probing.await
                }
            }
        };
        let state = match answer {
            Ok(()) => State::Up,
            Err(trouble) => State::Down(trouble.cause()),
        };
        health.note(server, &url, state);
        sleep(PROBE_PAUSE).await;
    }
}

/// Asks once, over the kept connection or, if that is dead, over a new one. Any answer will do but those with
/// which a server says that it cannot answer (RFC 4511 codes 51 and 52).
async fn probe(dialer: &Dialer, kept: &mut Option<Exchange>) -> Result<(), Trouble> {
    let request = Request::root_entry();
    let mut answer = match kept {
        Some(exchange) => exchange.ask("probe", &request).await,
        None => Err(Trouble::Lost(String::new())),
    };
    if matches!(answer, Err(Trouble::Lost(_))) {
        *kept = None;
        let exchange = kept.insert(dialer.dial().await?);
        answer = exchange.ask("probe", &request).await;
    }
    match answer {
        Ok(ending) if matches!(ending.code, 51 | 52) => Err(Trouble::Busy(format!(
            "{}: the server says that it cannot answer (code {}): {}",
            dialer.server, ending.code, ending.text
        ))),
        Ok(_) => Ok(()),
        Err(trouble) => {
            *kept = None;
            Err(trouble)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    fn health(states: &[State]) -> Health {
        let health = Health::new(states.len());
        for (at, state) in states.iter().enumerate() {
            health.note(at, "", state.clone());
        }
        health
    }

    fn silent() -> State {
        State::Silent("silent".into())
    }

    fn down() -> State {
        State::Down("down".into())
    }

    #[test]
    fn the_first_healthy_server_is_asked_and_silent_ones_last() {
        let untried = [false; 3];
        assert_eq!(health(&[State::Up, State::Up, State::Up]).next(&untried), Some(0));
        assert_eq!(health(&[down(), silent(), State::Up]).next(&untried), Some(2));
        assert_eq!(health(&[down(), silent(), down()]).next(&untried), Some(1));
        assert_eq!(health(&[down(), down(), down()]).next(&untried), None);
        assert_eq!(Health::new(3).next(&[true, false, false]), Some(1));
    }

    #[test]
    fn what_waits_for_a_silent_server_moves_only_if_another_one_is_up() {
        let waits = |states: &[State]| {
            let health = health(states);
            let mut gone = pin!(health.gone(0, &[true, false]));
            let mut context = Context::from_waker(Waker::noop());
            gone.as_mut().poll(&mut context).is_pending()
        };
        assert!(!waits(&[silent(), State::Up]));
        assert!(waits(&[silent(), silent()]));
        assert!(waits(&[silent(), down()]));
        assert!(!waits(&[down(), down()]));
        assert!(waits(&[State::Up, State::Up]));
    }
}

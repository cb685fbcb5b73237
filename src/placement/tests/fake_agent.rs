//! Agents of hosts that say what a test wants.

use std::collections::HashMap;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::agent::{Agent, AgentError, Answer, LeftOut, Load, ServerCount, Sessions};
use crate::model::{AuthorizedKey, DisplayCookie, Machine, Session, SessionId, SessionState, SessionUser};

/// What hosts say, and what they were asked.
#[derive(Debug, Default)]
pub struct FakeAgent(Mutex<Script>);

#[derive(Debug, Default)]
struct Script {
    sessions: HashMap<Machine, Vec<(String, Session)>>,
    counts: HashMap<Machine, Result<Vec<ServerCount>, AgentError>>,
    frozen: Vec<Machine>,
    slow: HashMap<Machine, Duration>,
    failing: HashMap<Machine, AgentError>,
    left_out: LeftOut,
    asked: Vec<String>,
}

impl FakeAgent {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Lets a host tell of a session of a user.
    pub fn tells(&self, machine: &Machine, user: &str, session: Session) {
        let mut script = self.0.lock().unwrap();
        let sessions = script.sessions.entry(machine.clone()).or_default();
        sessions.push((user.to_owned(), session));
    }

    /// Lets a host tell of no session any more.
    pub fn tells_nothing(&self, machine: &Machine) {
        self.0.lock().unwrap().sessions.remove(machine);
    }

    /// Lets a host count sessions so.
    pub fn counts(&self, machine: &Machine, counts: Result<&[(&str, u32)], AgentError>) {
        let count = |(server, sessions): &(&str, u32)| ServerCount {
            server: (*server).to_owned(),
            sessions: *sessions,
        };
        let counts = counts.map(|counts| counts.iter().map(count).collect());
        self.0.lock().unwrap().counts.insert(machine.clone(), counts);
    }

    /// Lets a host answer nothing from now on.
    pub fn freeze(&self, machine: &Machine) {
        self.0.lock().unwrap().frozen.push(machine.clone());
    }

    /// Lets every host list such lines beside the sessions.
    pub fn lists_wrongly(&self, left_out: LeftOut) {
        self.0.lock().unwrap().left_out = left_out;
    }

    /// Lets a host take so long for every answer.
    pub fn slow(&self, machine: &Machine, takes: Duration) {
        self.0.lock().unwrap().slow.insert(machine.clone(), takes);
    }

    /// Lets a host answer questions for sessions with this error from now on.
    pub fn fails(&self, machine: &Machine, error: AgentError) {
        self.0.lock().unwrap().failing.insert(machine.clone(), error);
    }

    /// Lets it answer again.
    pub fn thaw(&self, machine: &Machine) {
        self.0.lock().unwrap().frozen.retain(|frozen| frozen != machine);
    }

    /// What was asked since this was called last: the question and the machine.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().asked)
    }

    /// The answer, or none ever.
    fn answer<T: Send + 'static>(
        &self,
        question: &str,
        machine: &Machine,
        answer: impl FnOnce(&Script) -> Result<T, AgentError>,
    ) -> Answer<'_, T> {
        let mut script = self.0.lock().unwrap();
        script.asked.push(format!("{question} {}", machine.address()));
        if script.frozen.contains(machine) {
            return Box::pin(pending());
        }
        let answer = answer(&script);
        let takes = script.slow.get(machine).copied();
        Box::pin(async move {
            if let Some(takes) = takes {
                tokio::time::sleep(takes).await;
            }
            answer
        })
    }
}

/// A session of that id on that server.
pub fn session(id: &str, server: &str) -> Session {
    Session {
        id: SessionId::new(id).unwrap(),
        pid: 1,
        display: 51,
        server: server.to_owned(),
        state: SessionState::Running,
        started: "2026-03-02T09:00:00".to_owned(),
        cookie: DisplayCookie::new("").unwrap(),
        client: "10.1.2.3".to_owned(),
        ports: [30001, 30002, 30003],
        changed: "2026-03-02T09:00:00".to_owned(),
        age_s: 60,
    }
}

impl Agent for FakeAgent {
    fn ping<'a>(&'a self, machine: &'a Machine) -> Answer<'a, ()> {
        self.answer("ping", machine, |_| Ok(()))
    }

    fn load<'a>(&'a self, machine: &'a Machine) -> Answer<'a, Load> {
        let load = Load {
            average_percent: 150,
            memory_available_mb: 4096,
            processors: 8,
        };
        self.answer("load", machine, |_| Ok(load))
    }

    fn session_counts<'a>(
        &'a self,
        machine: &'a Machine,
        _user: &'a SessionUser,
    ) -> Answer<'a, Vec<ServerCount>> {
        self.answer("counts", machine, |script| {
            script.counts.get(machine).cloned().unwrap_or(Ok(Vec::new()))
        })
    }

    fn sessions<'a>(&'a self, machine: &'a Machine, user: &'a SessionUser) -> Answer<'a, Sessions> {
        self.answer("sessions", machine, |script| {
            if let Some(error) = script.failing.get(machine) {
                return Err(error.clone());
            }
            let all = script.sessions.get(machine).into_iter().flatten();
            let own = all.filter(|(owner, _)| owner == user.as_str());
            Ok(Sessions {
                sessions: own.map(|(_, session)| session.clone()).collect(),
                left_out: script.left_out,
            })
        })
    }

    fn suspend<'a>(&'a self, machine: &'a Machine, _: &'a SessionUser, _: &'a SessionId) -> Answer<'a, ()> {
        self.answer("suspend", machine, |_| Ok(()))
    }

    fn terminate<'a>(&'a self, machine: &'a Machine, _: &'a SessionUser, _: &'a SessionId) -> Answer<'a, ()> {
        self.answer("terminate", machine, |_| Ok(()))
    }

    fn add_key<'a>(
        &'a self,
        machine: &'a Machine,
        _: &'a SessionUser,
        _: &'a AuthorizedKey,
    ) -> Answer<'a, ()> {
        self.answer("add_key", machine, |_| Ok(()))
    }

    fn remove_key<'a>(
        &'a self,
        machine: &'a Machine,
        _: &'a SessionUser,
        _: &'a AuthorizedKey,
    ) -> Answer<'a, ()> {
        self.answer("remove_key", machine, |_| Ok(()))
    }
}

//! What is refused before there is a question for the pipeline: a request that is none, and somebody whom this machine
//! does not know. It is decided too, so it has a line and is counted.

use super::{Broker, REFUSAL_STEP, Remote};
use crate::audit::{Decision, Outcome};
use crate::model::{ClientAddress, DecisionId, Door};
use crate::wire::{BadRequest, Task};

/// The word for the task of a request that names none, or none of its door.
const UNKNOWN_TASK: &str = "unknown";

/// Where something came from that is turned away.
#[derive(Debug, Clone, Copy)]
pub struct Sender {
    door: Door,
    client: Option<ClientAddress>,
    by_uid: Option<u32>,
}

/// Why it is turned away.
#[derive(Debug, thiserror::Error)]
pub enum TurnedAway {
    /// It is no request.
    #[error("bad request: {0}")]
    Request(#[from] BadRequest),
    /// It is no message that could have a request.
    #[error("bad request: {0}")]
    Message(String),
    /// The kernel has an id for who asks, and this machine no user.
    #[error("this machine has no user with that uid")]
    Nameless,
    /// Who asks could not be found out.
    #[error("{0}")]
    Unknown(String),
}

impl From<Remote> for Sender {
    fn from(remote: Remote) -> Self {
        Self {
            door: remote.door,
            client: Some(remote.address),
            by_uid: None,
        }
    }
}

impl Sender {
    /// A process of this machine at the SSH door, of which no more is known.
    pub fn process(uid: u32) -> Self {
        Self {
            door: Door::Ssh,
            client: None,
            by_uid: Some(uid),
        }
    }
}

impl TurnedAway {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Request(_) | Self::Message(_) | Self::Nameless => Outcome::Refused,
            Self::Unknown(_) => Outcome::Unavailable,
        }
    }
}

impl Broker {
    /// Writes a line about what is turned away, and counts it. `task` is what was asked for, if that could be told. Returns
    /// when the refusal may leave: whoever sends rubbish has no more lines written than whoever guesses passwords.
    pub async fn turned_away(&self, sender: Sender, task: Option<Task>, why: &TurnedAway) {
        let Sender { door, client, by_uid } = sender;
        let task = task.map_or(UNKNOWN_TASK, Task::as_str);
        let id = DecisionId::from_random((self.edge.random)());
        let configuration = self.snapshot().configuration;
        let mut decision = Decision::begin(id, (self.edge.now)(), configuration, task, door, client);
        decision.by_uid = by_uid;
        decision.outcome = why.outcome();
        decision.cause = Some(why.to_string());
        let metrics = &self.records.metrics;
        metrics.turned_away(door.as_str(), task, decision.outcome.as_str());
        self.records.audit.decision(&decision);
        tokio::time::sleep(REFUSAL_STEP).await;
    }
}

//! What hosts told and what is not believed, in the audit log.

use std::sync::{Arc, Mutex, PoisonError};

use super::clock;
use crate::audit::{Action, Outcome, Ration};
use crate::broker::Records;
use crate::model::{ConfigurationHash, DecisionId};
use crate::placement::{Disbelieved, Witness};

/// Writes lines about hosts, not more than their ration.
#[derive(Debug)]
pub(super) struct Disbelief {
    records: Arc<Records>,
    ration: Mutex<Ration>,
}

impl Disbelief {
    pub(super) fn new(records: Arc<Records>) -> Arc<Self> {
        Arc::new(Self {
            records,
            ration: Mutex::default(),
        })
    }

    /// Who is told of it under a configuration.
    pub(super) fn witness(self: &Arc<Self>, configuration: ConfigurationHash) -> Witness {
        let disbelief = Arc::clone(self);
        Witness::new(move |disbelieved| disbelief.note(configuration, &disbelieved))
    }

    fn note(&self, configuration: ConfigurationHash, disbelieved: &Disbelieved) {
        let Disbelieved { host, user, what } = disbelieved;
        let now = clock::now();
        let mut ration = self.ration.lock().unwrap_or_else(PoisonError::into_inner);
        if !ration.admit(now) {
            tracing::debug!(host, %user, "not believed: {what}");
            return;
        }
        drop(ration);
        self.records.audit.action(&Action {
            decision: DecisionId::from_random(rand::random()),
            time: now,
            configuration,
            task: "host sessions",
            door: "agent",
            by_uid: None,
            about: Some(format!("sessions of {user}, told by {host}")),
            outcome: Outcome::Refused,
            cause: Some(format!("not believed: {what}")),
        });
    }
}

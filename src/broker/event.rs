//! What a client reports of a session.

use super::turn::Turn;
use super::{Broker, Caller, Refusal};
use crate::wire::{Credentials, Event, EventKind, Reply};

impl Broker {
    /// Something happened to a session: tells the ledger about the account's own lease. Of clients only a
    /// valid ticket counts here, so one that reports every few minutes never costs the directory a bind.
    pub(super) async fn event(
        &self,
        turn: &mut Turn,
        credentials: &Credentials,
        event: &Event,
    ) -> Result<Reply, Refusal> {
        let login = &turn.snapshot.login;
        let verified = match turn.caller() {
            Caller::Peer { peer, .. } => login.peer(peer, turn.now, &turn.stages).await,
            Caller::Remote(remote) => {
                let user = turn.name(*remote, credentials)?;
                login
                    .ticket_only(&turn.attempt(*remote, &user, credentials))
                    .await
            }
        };
        let verified = turn.note_proof(credentials, verified, |verified| {
            (verified.account(), verified.proof())
        })?;
        let (farms, account) = (&turn.snapshot.farms, verified.account());
        let server = event.server.as_str();
        if !matches!(event.kind, EventKind::Alive) {
            self.placements.sessions_changed(farms, account, server);
        }
        let counted = match event.kind {
            EventKind::Connected => self.placements.confirm(farms, account, server, turn.now).await?,
            EventKind::Finished => self.placements.end(farms, account, server, turn.now).await?,
            EventKind::Connecting | EventKind::Suspending | EventKind::Terminating | EventKind::Alive => {
                false
            }
        };
        turn.note_event(event, counted);
        Ok(Reply::EventTaken)
    }
}

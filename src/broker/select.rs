//! Where a profile starts, or goes on.

use std::sync::Arc;

use super::key::KeyHosts;
use super::turn::Turn;
use super::{Broker, Refusal, hooks, identity, prove, sessions};
use crate::entitlement::Offer;
use crate::model::{Door, FarmName, HostAddress, HostName, Offered, ProfileId, TypedName};
use crate::observe::Stage;
use crate::placement::{Admitted, FoundSession, Wish};
use crate::wire::{Credentials, LoginKey, Reply, SelectedHost};

/// What a client selects.
pub(super) struct Selection {
    /// The profile.
    pub(super) profile: ProfileId,
    /// The name typed for the hosts.
    pub(super) login: Option<TypedName>,
    /// The public key that the client would like to log in with.
    pub(super) public_key: Option<String>,
}

/// Where something new starts.
pub(super) struct Start {
    /// The farm that the host is of.
    pub(super) farm: FarmName,
    /// The host.
    pub(super) host: HostName,
    /// What the client dials.
    address: HostAddress,
    /// The SSH port there.
    port: u16,
}

impl Broker {
    /// A host for a profile, with the sessions that can be resumed instead and the key that lets the client in; no host
    /// for a notice, whoever was shown it.
    ///
    /// A name typed for the hosts chooses nothing: where it is not the session user's, the client is given neither
    /// sessions nor a key, for it would use them under another name.
    pub(super) async fn select(
        &self,
        turn: &mut Turn,
        credentials: &Credentials,
        selection: Selection,
    ) -> Result<Reply, Refusal> {
        turn.note_profile(&selection.profile);
        let proven = prove(turn, credentials).await?;
        let ticket = turn.ticket_of(&proven);
        // Of the two answers below no program is asked.
        let unasked = ticket.clone().filter(|_| hooks::let_pass(turn, proven.proof()));
        if selection.profile.is_notice() {
            turn.note_notice(&selection.profile);
            return Ok(Reply::Select {
                ticket: unasked,
                host: None,
            });
        }
        let verified = proven.verified()?;
        let identity = identity(turn, &verified).await?;
        let offer = {
            let _rules = turn.stages.enter(Stage::Rules);
            let policy = &turn.snapshot.policy;
            policy.offer(&identity, turn.context(), &selection.profile)
        };
        let offer = offer.ok_or(Refusal::NotOffered(selection.profile))?;
        let own_name = turn.note_offer(&offer, selection.login);
        // Before anybody else is asked for it: programs, hosts, the pool of keys.
        let admitted = match self.placements.admit(offer.account(), turn.now) {
            Ok(admitted) => admitted,
            Err(refused) => {
                turn.note_placement(&Err(refused));
                return Ok(Reply::Select {
                    ticket: unasked,
                    host: None,
                });
            }
        };
        hooks::post_auth(turn, &identity).await?;
        let preferred = hooks::select(turn, &self.placements, &identity, &offer).await?;
        let host = if own_name {
            self.start_or_resume(turn, &offer, &admitted, preferred, selection.public_key)
                .await
        } else {
            self.start_under_another_name(turn, &offer, &admitted, preferred)
                .await
        };
        Ok(Reply::Select { ticket, host })
    }

    /// A host for something new, the sessions that go on elsewhere, and the key to all of them. Sessions are resumed on
    /// hosts that are full or draining too, and where no host takes anything new. The client has one port for all.
    async fn start_or_resume(
        &self,
        turn: &mut Turn,
        offer: &Offer,
        admitted: &Admitted,
        preferred: Option<HostName>,
        public_key: Option<String>,
    ) -> Option<SelectedHost> {
        let snapshot = Arc::clone(&turn.snapshot);
        let told = told(turn, offer).await;
        let mut found = sessions::of_offer(&snapshot.farms, offer, &told);
        let start = match found.first() {
            // Python X2Go is told of no sessions, and looks for them on the host that it is sent to. There is no lease,
            // for the session is there.
            Some(session) if turn.door() == Door::Json => Some(Start::beside(session)),
            _ => {
                let wish = Wish {
                    host: preferred,
                    told: &told,
                    resumable: &found,
                };
                self.start(turn, offer, admitted, wish).await
            }
        };
        let port = match (&start, found.first()) {
            (Some(start), _) => start.port,
            (None, Some(session)) => session.host.port,
            (None, None) => return None,
        };
        found.retain(|session| session.host.port == port);
        let hosts = KeyHosts::of(&snapshot.farms, offer, start.as_ref(), &found);
        let key = {
            let _key = turn.stages.enter(Stage::Key);
            self.key(turn, offer, hosts, public_key.as_deref()).await
        };
        let key = turn.note_key(key);
        {
            let _sessions = turn.stages.enter(Stage::Sessions);
            snapshot.farms.suspend_running(offer, &mut found).await;
        }
        let lines = sessions::lines(&found, offer);
        turn.note_sessions(&found, &lines);
        Some(SelectedHost {
            address: start.map(|start| start.address),
            port,
            key,
            sessions: lines.into_iter().flatten().collect(),
        })
    }

    /// A host for somebody who typed another name for it, and nothing else.
    async fn start_under_another_name(
        &self,
        turn: &mut Turn,
        offer: &Offer,
        admitted: &Admitted,
        preferred: Option<HostName>,
    ) -> Option<SelectedHost> {
        let told = told(turn, offer).await;
        let wish = Wish {
            host: preferred,
            ..Wish::beside(&told)
        };
        let start = self.start(turn, offer, admitted, wish).await?;
        Some(SelectedHost {
            address: Some(start.address),
            port: start.port,
            key: LoginKey::None,
            sessions: Vec::new(),
        })
    }

    /// A host for something new, with a lease on it; as it is wished where that can be.
    async fn start(
        &self,
        turn: &mut Turn,
        offer: &Offer,
        admitted: &Admitted,
        wish: Wish<'_>,
    ) -> Option<Start> {
        let snapshot = Arc::clone(&turn.snapshot);
        let placed = {
            let _placement = turn.stages.enter(Stage::Placement);
            let random = (self.edge.random)();
            self.placements
                .place_admitted(&snapshot.farms, offer, admitted, wish, turn.now, random)
                .await
        };
        turn.note_placement(&placed);
        let placement = placed.ok()?;
        Some(Start {
            farm: placement.farm().clone(),
            host: placement.host().clone(),
            address: placement.address().clone(),
            port: placement.port(),
        })
    }
}

/// What the hosts tell of the sessions of an offer's user. They are asked once in a select.
async fn told(turn: &mut Turn, offer: &Offer) -> Vec<FoundSession> {
    let snapshot = Arc::clone(&turn.snapshot);
    let _sessions = turn.stages.enter(Stage::Sessions);
    snapshot.farms.sessions(offer).await
}

impl Start {
    /// On the host of a session.
    fn beside(session: &FoundSession) -> Self {
        Self {
            farm: session.farm.clone(),
            host: session.host.name.clone(),
            address: session.host.address.clone(),
            port: session.host.port,
        }
    }
}

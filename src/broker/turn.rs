//! One request on its way: what it works with, and what will be written about it.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::time::Instant;

use super::hooks::{self, PreAuth};
use super::key::NotGiven;
use super::{Caller, Records, Refusal, Remote, Snapshot};
use crate::audit::{Decision, Outcome, RecordedPerson};
use crate::authenticate::{Attempt, Failure, Gate, Proof, Proven};
use crate::entitlement::{Context, Notice, Occasion, Offer};
use crate::grant::Given;
use crate::identity::Identity;
use crate::model::{
    Account, Authenticated, ClientAddress, DecisionId, Door, FarmName, Now, Offered, ProfileId, TicketText,
    TypedName,
};
use crate::observe::Stages;
use crate::placement::{FoundSession, NoHost, Placement};
use crate::wire::{Credentials, Event, LoginKey, SessionLine, Task};

/// One request. Its decision is written when this is dropped, so that a request that is cut off at its
/// deadline, at the stop of the daemon or by a panic leaves a line too.
pub(super) struct Turn {
    /// The configuration it works with to its end.
    pub(super) snapshot: Arc<Snapshot>,
    /// When it came.
    pub(super) now: Now,
    caller: Caller,
    began: Instant,
    /// How long what of it took.
    pub(super) stages: Stages,
    decision: Decision,
    /// Whether it came to an end of its own.
    decided: bool,
    pre_auth: Option<PreAuth>,
    records: Arc<Records>,
}

impl Turn {
    /// A request that has just come.
    pub(super) fn begin(
        id: DecisionId,
        task: Task,
        snapshot: Arc<Snapshot>,
        caller: Caller,
        now: Now,
        records: Arc<Records>,
    ) -> Self {
        let (door, client) = (caller.door(), caller.address());
        let mut decision = Decision::begin(id, now, snapshot.configuration, task.as_str(), door, client);
        decision.by_uid = caller.uid();
        decision.outcome = Outcome::Unavailable;
        let pre_auth = PreAuth::of(snapshot.hooks.as_ref(), || hooks::request_of(&decision));
        Self {
            snapshot,
            now,
            caller,
            began: Instant::now(),
            stages: Stages::default(),
            decision,
            decided: false,
            pre_auth,
            records,
        }
    }

    /// What a program of the site is told of the request.
    pub(super) fn asked_about(&self) -> crate::hooks::Request {
        hooks::request_of(&self.decision)
    }

    /// The front end that it came through.
    pub(super) fn door(&self) -> Door {
        self.caller.door()
    }

    /// Whether whoever asks has a name of their own: one that was typed, or the one that the kernel's word gives.
    pub(super) fn is_named(&self, credentials: &Credentials) -> bool {
        credentials.user.is_some() || matches!(self.caller, Caller::Peer { .. })
    }

    /// Who asks.
    pub(super) fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Where it came from, if that is known.
    pub(super) fn client(&self) -> Option<ClientAddress> {
        self.caller.address()
    }

    /// What the rules see of the request.
    pub(super) fn context(&self) -> Context {
        Context {
            client: self.client(),
            now: Some(self.now),
        }
    }

    /// What a client is called that sent these: the name as typed, or what the login path calls who gives none.
    pub(super) fn name(&self, remote: Remote, credentials: &Credentials) -> Result<TypedName, Failure> {
        match &credentials.user {
            Some(typed) => Ok(typed.clone()),
            None => self.snapshot.login.nameless(remote.address),
        }
    }

    /// What the login path sees of a client's request.
    pub(super) fn attempt<'a>(
        &'a self,
        remote: Remote,
        user: &'a TypedName,
        credentials: &'a Credentials,
    ) -> Attempt<'a> {
        Attempt {
            user,
            password: credentials.password.as_ref(),
            ticket: credentials.ticket.as_ref(),
            door: remote.door,
            client: remote.address,
            now: self.now,
            stages: &self.stages,
            gate: self.pre_auth.as_ref().map(|gate| -> &dyn Gate { gate }),
        }
    }

    /// The new ticket for the reply. One that could not be kept costs the directory a bind more, and nobody
    /// their login.
    pub(super) fn ticket_of(&self, proven: &Proven) -> Option<TicketText> {
        match proven.ticket() {
            Ok(ticket) => ticket.cloned(),
            Err(error) => {
                tracing::error!(%error, "no ticket issued");
                None
            }
        }
    }

    /// What notices see of it.
    pub(super) fn occasion(&self) -> Occasion {
        Occasion {
            now: self.now,
            decision: self.decision.decision,
        }
    }

    /// Notes who was proven and by what, or what was typed by somebody who was not.
    pub(super) fn note_proof<P>(
        &mut self,
        credentials: &Credentials,
        proven: Result<P, Failure>,
        of: impl FnOnce(&P) -> (&Account, Proof),
    ) -> Result<P, Failure> {
        match &proven {
            Ok(proven) => {
                let (account, proof) = of(proven);
                let typed = credentials.user.as_ref();
                let spelt_otherwise = |typed: &&TypedName| typed.as_str() != account.user.as_str();
                self.decision.typed = typed.filter(spelt_otherwise).cloned();
                tracing::Span::current().record("user", tracing::field::display(account));
                self.decision.account = Some(account.clone());
                self.decision.proof = Some(proof.as_str());
            }
            Err(_) => self.decision.typed = credentials.user.clone(),
        }
        proven
    }

    /// Notes what the rules will see of who was proven.
    pub(super) fn note_person(&mut self, identity: &Identity) {
        let attributes = &self.snapshot.recorded_attributes;
        self.decision.person = Some(RecordedPerson::new(identity.person(), attributes));
    }

    /// Notes the profiles of a list.
    pub(super) fn note_offers(&mut self, offers: &[Offer]) {
        self.decision.offered(offers.iter().map(Offer::profile_id));
    }

    /// Notes that somebody has to change the password first.
    pub(super) fn note_change_only(&mut self) {
        self.decision.no_profiles = Some(Failure::MustChange.to_string());
    }

    /// Notes the notices of a list.
    pub(super) fn note_notices(&mut self, notices: &[Notice]) {
        self.decision.notices = notices.iter().map(|notice| notice.id.clone()).collect();
    }

    /// Notes that a notice was selected.
    pub(super) fn note_notice(&mut self, notice: &ProfileId) {
        self.decision.profiles.clear();
        self.decision.notices = vec![notice.clone()];
        self.decision.no_host = Some("a notice starts nothing".to_owned());
    }

    /// Notes the profile of a select.
    pub(super) fn note_profile(&mut self, profile: &ProfileId) {
        self.decision.profiles = vec![profile.clone()];
    }

    /// Notes why it may be selected, and a name typed for the host that is not the session user's. Says whether the
    /// client will log in there as the session user.
    pub(super) fn note_offer(&mut self, offer: &Offer, login: Option<TypedName>) -> bool {
        self.decision.rules = offer.rules().to_vec();
        self.decision.farm = Some(offer.farm().clone());
        self.decision.login =
            login.filter(|login| login.folded() != offer.session_user().as_str().to_lowercase());
        self.decision.login.is_none()
    }

    /// Notes the host, or why there is none.
    pub(super) fn note_placement(&mut self, placed: &Result<Placement, NoHost>) {
        match placed {
            Ok(placement) => {
                self.decision.farm = Some(placement.farm().clone());
                self.decision.host = Some(placement.host().clone());
            }
            Err(no_host) => self.decision.no_host = Some(no_host.to_string()),
        }
    }

    /// Notes that a list names no host, since nobody can be asked about it.
    pub(super) fn note_no_hosts(&mut self) {
        let why = "a hook is to be asked at each select, and this client never selects";
        self.decision.no_host = Some(why.to_owned());
    }

    /// Notes the hosts that a list names, and why a farm has none.
    pub(super) fn note_placements(&mut self, placed: &BTreeMap<FarmName, Result<Placement, NoHost>>) {
        for (farm, placed) in placed {
            match placed {
                Ok(placement) => self.decision.named_host(farm, placement.host()),
                Err(no_host) => self.decision.no_host = Some(no_host.to_string()),
            }
        }
    }

    /// Notes the sessions that the client is told of, and those that cannot be told of.
    pub(super) fn note_sessions(&mut self, found: &[FoundSession], lines: &[Option<SessionLine>]) {
        let (told, untold): (Vec<_>, Vec<_>) = found.iter().zip(lines).partition(|(_, line)| line.is_some());
        let ids = |some: Vec<(&FoundSession, _)>| {
            some.into_iter()
                .map(|(found, _)| found.session.id.clone())
                .collect()
        };
        self.decision.sessions = ids(told);
        self.decision.sessions_untold = ids(untold);
    }

    /// Notes the key, or why there is none although the profile logs in once; gives it as the client is told of it.
    pub(super) fn note_key(&mut self, key: Option<Result<Given, NotGiven>>) -> LoginKey {
        match key {
            Some(Ok(Given { id, private })) => {
                self.decision.key = Some(id.to_string());
                private.map_or(LoginKey::Own, LoginKey::Made)
            }
            Some(Err(why)) => {
                self.decision.no_key = Some(why.to_string());
                LoginKey::None
            }
            None => LoginKey::None,
        }
    }

    /// Notes what happened to which session, and whether it changed a lease.
    pub(super) fn note_event(&mut self, event: &Event, counted: bool) {
        self.decision.event = Some(event.kind.as_str());
        self.decision.session = Some(event.session.clone());
        self.decision.counted = Some(counted);
    }

    /// What was asked for is given.
    pub(super) fn granted(&mut self) {
        self.decided = true;
        self.decision.outcome = Outcome::Granted;
    }

    /// It is not, and why.
    pub(super) fn refused(&mut self, refusal: &Refusal) {
        self.decided = true;
        self.decision.outcome = refusal.outcome();
        self.decision.cause = Some(refusal.to_string());
        if let Refusal::Login(Failure::Throttled(refused)) = refusal {
            self.records.metrics.throttled(refused.which.as_str());
        }
    }
}

impl Turn {
    /// Says in the log, where the request is named, what became of one that came to no end.
    fn cut_off(&mut self) {
        self.decision.cause = Some(if std::thread::panicking() {
            // Without the words of the panic, in which a field of the request might stand.
            tracing::error!("refused: the broker panicked");
            "the broker panicked: this is a fault in it".to_owned()
        } else {
            tracing::warn!("refused: no answer within `request_timeout`, or before the broker stopped");
            "cut off before it was answered".to_owned()
        });
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.decided {
            self.cut_off();
        }
        let decision = &mut self.decision;
        decision.duration = self.began.elapsed();
        decision.stages = self
            .stages
            .spent()
            .map(|(stage, took)| (stage.as_str(), took))
            .collect();
        let (door, outcome) = (decision.door.as_str(), decision.outcome.as_str());
        let metrics = &self.records.metrics;
        metrics.request(door, decision.task, outcome, decision.duration);
        for (stage, took) in self.stages.spent() {
            metrics.stage(stage, took);
        }
        self.records.audit.decision(decision);
    }
}

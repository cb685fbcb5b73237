//! When the site's programs are asked, and what their answers change.

use std::sync::Arc;

use super::Refusal;
use super::turn::Turn;
use crate::audit::Decision;
use crate::authenticate::{Closed, Gate, GateAnswer, Proof};
use crate::entitlement::{Notice, Offer};
use crate::hooks::{Candidate, Client, Known, Moment, Question, Request, Verdict};
use crate::identity::Identity;
use crate::model::{Authenticated, HostName, Offered, TypedName};
use crate::placement::Placements;

/// The kind of the notice that a program may add.
const NOTICE: &str = "site";

/// The request of a decision, in a program's words.
pub(super) fn request_of(decision: &Decision) -> Request {
    Request {
        decision: decision.decision.to_string(),
        task: decision.task,
        door: decision.door.as_str(),
        client: decision.client.map(|client| client.to_string()),
        time: decision.time.to_string(),
    }
}

/// The program that is asked before the password of a request is checked.
#[derive(Debug)]
pub(super) struct PreAuth {
    client: Arc<Client>,
    request: Request,
}

impl PreAuth {
    /// None where nobody is asked.
    pub(super) fn of(client: Option<&Arc<Client>>, request: impl FnOnce() -> Request) -> Option<Self> {
        let client = client.filter(|client| client.asks(Moment::PreAuth))?;
        Some(Self {
            client: Arc::clone(client),
            request: request(),
        })
    }
}

impl Gate for PreAuth {
    fn admit<'a>(&'a self, user: &'a TypedName) -> GateAnswer<'a> {
        Box::pin(async move {
            let question = Question::PreAuth {
                request: self.request.clone(),
                typed: user.as_str().to_owned(),
            };
            let answer = self.client.ask(&question).await;
            let verdict = answer.map_err(|failed| Closed(failed.to_string()))?;
            match verdict.refuse {
                Some(why) => Err(Closed(refusal(Moment::PreAuth, &why))),
                None => Ok(()),
            }
        })
    }
}

/// Asks about somebody who is known, and gives the notice that they should read. Asked at a list and at a select, or
/// whoever is refused the one would do the other.
pub(super) async fn post_auth(turn: &Turn, identity: &Identity) -> Result<Option<Notice>, Refusal> {
    let Some(client) = asked(turn, Moment::PostAuth) else {
        return Ok(None);
    };
    let offers = turn.snapshot.policy.offers(identity, turn.context());
    let question = Question::PostAuth {
        request: turn.asked_about(),
        known: known(identity),
        offers: offers
            .iter()
            .map(|offer| offer.profile_id().to_string())
            .collect(),
    };
    let verdict = unless_refused(client.ask(&question).await?, Moment::PostAuth)?;
    Ok(verdict.notice.and_then(|words| {
        let notice = Notice::of_words(NOTICE, &words, turn.occasion());
        if let Err(why) = &notice {
            tracing::warn!(
                hook = Moment::PostAuth.as_str(),
                why,
                "a hook's notice is not shown"
            );
        }
        notice.ok()
    }))
}

/// Whether somebody may be given a ticket for whom no program was asked in this request. Whoever shows one has been
/// let pass when it was given, and is given the one that follows it.
pub(super) fn let_pass(turn: &Turn, proof: Proof) -> bool {
    proof == Proof::Ticket || asked(turn, Moment::PostAuth).is_none()
}

/// Asks where something may start, and gives the host that the program would have.
pub(super) async fn select(
    turn: &Turn,
    placements: &Placements,
    identity: &Identity,
    offer: &Offer,
) -> Result<Option<HostName>, Refusal> {
    let Some(client) = asked(turn, Moment::Select) else {
        return Ok(None);
    };
    let open = placements.open_hosts(&turn.snapshot.farms, offer, turn.now);
    let question = Question::Select {
        request: turn.asked_about(),
        known: known(identity),
        profile: offer.profile_id().to_string(),
        farm: offer.farm().to_string(),
        hosts: open
            .into_iter()
            .map(|(host, load)| Candidate {
                host: host.to_string(),
                load,
            })
            .collect(),
    };
    let verdict = unless_refused(client.ask(&question).await?, Moment::Select)?;
    Ok(verdict.host)
}

fn asked(turn: &Turn, moment: Moment) -> Option<Arc<Client>> {
    turn.snapshot.hooks.clone().filter(|client| client.asks(moment))
}

fn unless_refused(verdict: Verdict, moment: Moment) -> Result<Verdict, Refusal> {
    match verdict.refuse {
        Some(why) => Err(Refusal::Hook(refusal(moment, &why))),
        None => Ok(verdict),
    }
}

fn refusal(moment: Moment, why: &str) -> String {
    format!("refused by hook {}: {why}", moment.as_str())
}

fn known(identity: &Identity) -> Known {
    let person = identity.person();
    Known {
        user: person.account.user.to_string(),
        source: person.account.source.as_str(),
        groups: person
            .groups
            .iter()
            .map(|group| group.name.as_str().to_owned())
            .collect(),
    }
}

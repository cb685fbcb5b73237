//! The sessions that somebody has already: shown beside the profiles that began them, and offered to be resumed.
//!
//! Hosts are asked within a deadline of a second, and a host that does not answer only hides its sessions: nobody's
//! login fails over it. Where nobody proves who they are, nobody is told of sessions.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::task::JoinSet;
use tracing::Instrument as _;

use super::Snapshot;
use crate::entitlement::Offer;
use crate::model::session_key::Value;
use crate::model::{Offered, SessionState, Source};
use crate::placement::{Farms, FoundSession};
use crate::wire::SessionLine;

/// Those of the user's sessions that an offer could have begun: those first that wait to be resumed, and the newest of
/// them before the others.
pub(super) fn of_offer(farms: &Farms, offer: &Offer, told: &[FoundSession]) -> Vec<FoundSession> {
    if !may_have(farms, offer) {
        return Vec::new();
    }
    fitting(told, offer)
}

/// The same for each of many offers. All hosts are asked at the same time, and once for all offers of a farm.
pub(super) async fn of_offers(snapshot: &Arc<Snapshot>, offers: &[Offer]) -> Vec<Vec<FoundSession>> {
    let mut questions: Vec<&Offer> = Vec::new();
    let question_of = |questions: &[&Offer], offer: &Offer| {
        let is_its =
            |asked: &&Offer| asked.farm() == offer.farm() && asked.session_user() == offer.session_user();
        questions.iter().position(is_its)
    };
    for offer in offers.iter().filter(|offer| may_have(&snapshot.farms, offer)) {
        if question_of(&questions, offer).is_none() {
            questions.push(offer);
        }
    }
    let mut asking = JoinSet::new();
    for (number, offer) in questions.iter().enumerate() {
        let (snapshot, offer) = (Arc::clone(snapshot), (*offer).clone());
        let sessions = async move { (number, snapshot.farms.sessions(&offer).await) };
        asking.spawn(sessions.in_current_span());
    }
    let mut answers = vec![Vec::new(); questions.len()];
    while let Some(answer) = asking.join_next().await {
        if let Ok((number, sessions)) = answer
            && let Some(place) = answers.get_mut(number)
        {
            *place = sessions;
        }
    }
    let answer = |offer| answers.get(question_of(&questions, offer)?);
    offers
        .iter()
        .map(|offer| answer(offer).map_or_else(Vec::new, |sessions| fitting(sessions, offer)))
        .collect()
}

/// Whether hosts can tell of sessions that an offer began, and may: not where nobody proved who they are.
fn may_have(farms: &Farms, offer: &Offer) -> bool {
    offer.account().source != Source::Unproven && farms.agent(offer.farm()).is_some()
}

/// Those of the sessions that the offer could have begun, in order.
fn fitting(sessions: &[FoundSession], offer: &Offer) -> Vec<FoundSession> {
    let Some(kind) = offer.session_kind() else {
        return Vec::new();
    };
    let of_kind = |found: &&FoundSession| kind.has(&found.session.id, offer.session_user());
    let mut fitting: Vec<_> = sessions.iter().filter(of_kind).cloned().collect();
    fitting.sort_by_key(|found| {
        let running = found.session.state == SessionState::Running;
        (running, found.session.age_s)
    });
    fitting
}

/// What the client shows beside a profile: `(running)` or `(suspended)`, or, since 4.1.2.2, how many there are.
pub(super) fn note(keys: &mut BTreeMap<&'static str, Value>, sessions: &[FoundSession]) {
    if sessions.is_empty() {
        return;
    }
    let running = sessions
        .iter()
        .filter(|found| found.session.state == SessionState::Running)
        .count();
    let status = if running > 0 { "R" } else { "S" };
    let number = |count: usize| Value::Number(i64::try_from(count).unwrap_or(i64::MAX));
    keys.insert("status", Value::Text(status.to_owned()));
    keys.insert("running", number(running));
    keys.insert("suspended", number(sessions.len() - running));
}

/// The lines for the client; none for a session that would be read as something else.
pub(super) fn lines(sessions: &[FoundSession], offer: &Offer) -> Vec<Option<SessionLine>> {
    let line = |found: &FoundSession| {
        SessionLine::new(&found.session, &found.host.address, offer.session_user()).ok()
    };
    sessions.iter().map(line).collect()
}

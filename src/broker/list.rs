//! The profiles that somebody may have.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::turn::Turn;
use super::{Broker, Refusal, hooks, identity, prove, sessions};
use crate::authenticate::Proven;
use crate::entitlement::{Notice, Offer};
use crate::model::Offered;
use crate::model::session_key::Value;
use crate::observe::Stage;
use crate::placement::FoundSession;
use crate::wire::{Credentials, OfferedProfile, Reply};

impl Broker {
    /// The profiles somebody may have, and what they must read.
    pub(super) async fn list(&self, turn: &mut Turn, credentials: &Credentials) -> Result<Reply, Refusal> {
        let proven = prove(turn, credentials).await?;
        let ticket = turn.ticket_of(&proven);
        let snapshot = Arc::clone(&turn.snapshot);
        let (mut notices, offers) = match proven {
            Proven::Verified(verified) => {
                let identity = identity(turn, &verified).await?;
                let offers = {
                    let _rules = turn.stages.enter(Stage::Rules);
                    snapshot.policy.offers(&identity, turn.context())
                };
                let of_the_site = hooks::post_auth(turn, &identity).await?;
                let password = verified.password_end();
                let mut notices = snapshot.notices.beside(offers.len(), password, turn.occasion());
                notices.extend(of_the_site);
                (notices, offers)
            }
            Proven::ChangeOnly(known) => {
                turn.note_change_only();
                let here = known.is_changed_here();
                (
                    snapshot.notices.instead_of_offers(here, turn.occasion()),
                    Vec::new(),
                )
            }
        };
        turn.note_offers(&offers);
        let is_named = turn.is_named(credentials);
        let profiles = if turn.door().starts_from_list() {
            self.listed_with_hosts(turn, &offers, is_named).await
        } else {
            let found = {
                let _sessions = turn.stages.enter(Stage::Sessions);
                sessions::of_offers(&snapshot, &offers).await
            };
            notices.extend(self.no_host(turn, &offers, &found));
            turn.note_notices(&notices);
            let offers = offers.iter().zip(&found);
            let offers = offers.map(|(offer, found)| listed(offer, found, is_named));
            notices.iter().map(shown).chain(offers).collect()
        };
        Ok(Reply::List {
            ticket,
            profiles,
            client: snapshot.client,
        })
    }
}

impl Broker {
    /// What somebody must read to whom no host can be given for one of the offers, and who has no session to go on with
    /// instead.
    fn no_host(&self, turn: &Turn, offers: &[Offer], found: &[Vec<FoundSession>]) -> Option<Notice> {
        let notice = turn.snapshot.notices.no_host(turn.occasion())?;
        let mut farms_with_room = BTreeMap::new();
        let without_session = offers.iter().zip(found).filter(|(_, found)| found.is_empty());
        let without_host = without_session.map(|(offer, _)| offer).any(|offer| {
            let known = farms_with_room.entry(offer.farm());
            let farms = &turn.snapshot.farms;
            !*known.or_insert_with(|| self.placements.has_room(farms, offer, turn.now))
        });
        without_host.then_some(notice)
    }
}

/// A notice as the client shows it. Selected, it asks for no second password and gets its answer at once.
fn shown(notice: &Notice) -> OfferedProfile {
    OfferedProfile {
        id: notice.id.clone(),
        keys: [
            ("name", Value::Text(notice.text.clone())),
            ("usebrokerpass", Value::Flag(true)),
        ]
        .into(),
    }
}

/// An offer as the client shows it: with the account on the hosts, and the farm where a client that has not
/// selected yet shows a host. Who has no name of their own is asked for one by the client, unless the hosts know
/// them by another name than the one they were given here.
pub(super) fn listed(offer: &Offer, found: &[FoundSession], is_named: bool) -> OfferedProfile {
    let mut keys = offer.keys().clone();
    let given_here = !is_named && offer.session_user().as_str() == offer.account().user.as_str();
    let user = if given_here {
        ""
    } else {
        offer.session_user().as_str()
    };
    keys.insert("user", Value::Text(user.to_owned()));
    keys.insert("host", Value::Text(offer.farm().to_string()));
    sessions::note(&mut keys, found);
    OfferedProfile {
        id: offer.profile_id().clone(),
        keys,
    }
}

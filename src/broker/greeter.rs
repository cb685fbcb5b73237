//! Lists for clients that start a session straight from the list: with a host for each profile.

use super::Broker;
use super::list::listed;
use super::turn::Turn;
use crate::entitlement::Offer;
use crate::hooks::Moment;
use crate::model::Offered;
use crate::model::session_key::Value;
use crate::observe::Stage;
use crate::wire::OfferedProfile;

impl Broker {
    /// The offers, each on the host that a select of it would give; those that have none now are left out. The rules
    /// gave the offers as they give them to every list, and the leases are those of one select in each of their farms:
    /// the client starts on one of these hosts, and nobody will ask before it does. So there are none where the site has
    /// a program asked at each select, which could refuse this one.
    pub(super) async fn listed_with_hosts(
        &self,
        turn: &mut Turn,
        offers: &[Offer],
        is_named: bool,
    ) -> Vec<OfferedProfile> {
        let hooks = turn.snapshot.hooks.as_ref();
        if hooks.is_some_and(|client| client.asks(Moment::Select)) {
            turn.note_no_hosts();
            return Vec::new();
        }
        let farms = &turn.snapshot.farms;
        let placed = {
            let _placement = turn.stages.enter(Stage::Placement);
            self.placements
                .place_in_each_farm(farms, offers, turn.now, (self.edge.random)())
                .await
        };
        turn.note_placements(&placed);
        let with_host = |offer: &Offer| {
            let placement = placed.get(offer.farm())?.as_ref().ok()?;
            let mut profile = listed(offer, &[], is_named);
            let host = placement.address().to_string();
            profile.keys.insert("host", Value::Text(host));
            profile
                .keys
                .insert("sshport", Value::Number(placement.port().into()));
            Some(profile)
        };
        offers.iter().filter_map(with_host).collect()
    }
}

//! The places and moments that two sets of rules can tell apart, one of each kind, so that trying those is as good as
//! trying every client address at every moment.
//!
//! **Places.** A condition on the client asks whether its address lies in some network of a list. The networks of
//! all lists part the addresses into cells (a network without those inside it, and what is outside all); addresses of
//! one cell are in the same lists. Cells that are in the same lists count as one kind of place. A client whose address
//! is unknown is a place of its own, and where a text names `${client}`, so are IPv4 and IPv6: of two addresses in
//! the same lists and of one family, no rule and no text but the address itself tells which it was.
//!
//! **Moments.** A condition on the time asks the same of a list of hours. All moments of [`SPAN`] at which some
//! hours may begin or end, or clocks change, part that span; between two neighbours nothing changes. So every
//! combination of hours that occurs within the span is there, also one that exists only while one country has
//! changed its clocks and another has not.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::rule::Rule;
use super::{Context, Hours, Policy};
use crate::model::{ClientAddress, Network, Now};

/// How far ahead moments are looked for: a year, and some days, so that both changes of the clocks come with all their
/// weekdays.
const SPAN: Duration = Duration::from_hours(371 * 24);
/// Most situations; a real site has some dozens.
const SITUATIONS_MAX: usize = 20_000;

/// A kind of place or moment: one of them, and which of the conditions hold there.
#[derive(Debug)]
pub(super) struct Kind<T> {
    pub(super) sample: T,
    pub(super) holds: Vec<bool>,
}

/// Every combination of a kind of place and a kind of moment. A situation is known by its position: that of its place
/// times the number of moments, plus that of its moment.
#[derive(Debug)]
pub struct Situations {
    /// The distinct lists of networks in the rules.
    pub(super) networks: Vec<Vec<Network>>,
    /// The distinct lists of hours in the rules.
    pub(super) hours: Vec<Vec<Hours>>,
    /// Of a place, one flag for each list of networks says whether the address is in it, the last but one whether it
    /// is known, and the last whether it is IPv6 and that matters.
    pub(super) places: Vec<Kind<Option<ClientAddress>>>,
    /// Of a moment, one flag for each list of hours says whether it is in it.
    pub(super) moments: Vec<Kind<Now>>,
}

/// There are more situations than can be tried.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the rules tell {places} kinds of places and {moments} kinds of moments apart; at most {SITUATIONS_MAX} combinations are \
     tried: let rules share their lists of networks and hours"
)]
pub struct TooManySituations {
    places: usize,
    moments: usize,
}

impl Situations {
    /// The situations that the rules of these policies can tell apart from `now` on.
    ///
    /// # Errors
    /// There are too many.
    pub fn of(policies: [&Policy; 2], now: Now) -> Result<Self, TooManySituations> {
        let rules = || policies.into_iter().flat_map(Policy::rules);
        let networks: BTreeSet<Vec<Network>> = rules()
            .flat_map(network_lists)
            .filter(|list| !list.is_empty())
            .map(|list| sorted(list))
            .collect();
        let networks: Vec<_> = networks.into_iter().collect();
        let by_text: BTreeMap<String, &Vec<Hours>> = rules()
            .map(|rule| &rule.hours)
            .filter(|list| !list.is_empty())
            .map(|list| (text(list), list))
            .collect();
        let hours: Vec<_> = by_text.into_values().cloned().collect();
        let client_is_shown = policies.into_iter().any(Policy::shows_client);
        let places = places(&networks, client_is_shown);
        let moments = moments(&hours, now);
        if places.len().saturating_mul(moments.len()) > SITUATIONS_MAX {
            let (places, moments) = (places.len(), moments.len());
            return Err(TooManySituations { places, moments });
        }
        Ok(Self {
            networks,
            hours,
            places,
            moments,
        })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.places.len() * self.moments.len()
    }

    /// How many kinds of places are told apart; 1 if it never matters where a client is.
    pub fn places(&self) -> usize {
        self.places.len()
    }

    /// How many kinds of moments are told apart; 1 if it never matters when it is.
    pub fn moments(&self) -> usize {
        self.moments.len()
    }

    /// Groups the situations that none of these rules tells apart, each with one of them as it is on a request.
    pub(super) fn as_seen_by<'a>(&self, rules: impl Iterator<Item = &'a Rule>) -> Vec<(Context, Vec<usize>)> {
        let (mut networks, mut hours) = (BTreeSet::new(), BTreeSet::new());
        for rule in rules {
            networks.extend(
                network_lists(rule).filter_map(|list| self.networks.binary_search(&sorted(list)).ok()),
            );
            hours.extend(self.hours.iter().position(|list| *list == rule.hours));
        }
        // Whether the address is known, and its family, may matter to texts.
        networks.extend([self.networks.len(), self.networks.len() + 1]);
        let places = alike(&self.places, &networks);
        let moments = alike(&self.moments, &hours);
        let mut groups = Vec::new();
        for (client, places) in &places {
            for (now, moments) in &moments {
                let members = places.iter().flat_map(|place| {
                    moments
                        .iter()
                        .map(move |moment| place * self.moments.len() + moment)
                });
                let context = Context {
                    client: *client,
                    now: Some(*now),
                };
                groups.push((context, members.collect()));
            }
        }
        groups
    }
}

/// The positions of those that do not differ in these flags, with one of them.
fn alike<T: Copy>(kinds: &[Kind<T>], flags: &BTreeSet<usize>) -> Vec<(T, Vec<usize>)> {
    let mut groups: BTreeMap<Vec<bool>, (T, Vec<usize>)> = BTreeMap::new();
    for (at, kind) in kinds.iter().enumerate() {
        let seen = flags.iter().filter_map(|flag| kind.holds.get(*flag).copied());
        let (_, members) = groups
            .entry(seen.collect())
            .or_insert_with(|| (kind.sample, Vec::new()));
        members.push(at);
    }
    groups.into_values().collect()
}

fn network_lists(rule: &Rule) -> impl Iterator<Item = &Vec<Network>> {
    [&rule.clients, &rule.except_clients].into_iter()
}

fn sorted(list: &[Network]) -> Vec<Network> {
    let distinct: BTreeSet<Network> = list.iter().copied().collect();
    distinct.into_iter().collect()
}

fn text(list: &[Hours]) -> String {
    let texts: Vec<_> = list.iter().map(ToString::to_string).collect();
    texts.join(", ")
}

fn places(lists: &[Vec<Network>], client_is_shown: bool) -> Vec<Kind<Option<ClientAddress>>> {
    let networks: BTreeSet<Network> = lists.iter().flatten().copied().collect();
    let cells = networks
        .iter()
        .copied()
        .chain(Network::everywhere())
        .filter_map(|network| {
            let inner: Vec<_> = networks
                .iter()
                .filter(|inner| **inner != network && network.covers(inner))
                .copied()
                .collect();
            network.address_outside(&inner)
        });
    let mut kinds = BTreeMap::new();
    for client in std::iter::once(None).chain(cells.map(Some)) {
        let in_list = |list: &Vec<Network>| {
            client.is_some_and(|address| list.iter().any(|network| network.contains(address)))
        };
        let known = client.is_some() && (client_is_shown || !lists.is_empty());
        let ipv6 = client_is_shown && client.is_some_and(|address| address.ip().is_ipv6());
        let holds: Vec<bool> = lists.iter().map(in_list).chain([known, ipv6]).collect();
        kinds.entry(holds).or_insert(client);
    }
    kinds
        .into_iter()
        .map(|(holds, sample)| Kind { sample, holds })
        .collect()
}

fn moments(lists: &[Vec<Hours>], now: Now) -> Vec<Kind<Now>> {
    let mut edges = BTreeSet::from([now]);
    for hours in lists.iter().flatten() {
        hours.add_edges(now, now.plus(SPAN), &mut edges);
    }
    let mut kinds: BTreeMap<Vec<bool>, Now> = BTreeMap::new();
    for edge in edges {
        let holds = lists
            .iter()
            .map(|list| list.iter().any(|hours| hours.contains(edge)));
        kinds.entry(holds.collect()).or_insert(edge);
    }
    kinds
        .into_iter()
        .map(|(holds, sample)| Kind { sample, holds })
        .collect()
}

//! The choice among the hosts of a farm. Pure.

use std::cmp::Ordering;

use super::facts::HostFacts;
use crate::model::HostName;

/// A host as the choice sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate<'f> {
    pub facts: HostFacts<'f>,
    /// Why nothing new can start there.
    pub obstacle: Option<Obstacle>,
    /// Sessions on it, begun or about to.
    pub load: u32,
}

/// Why nothing new can start on a host; where there are several, the first of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// It does not answer.
    Down,
    /// An admin lets nothing new start there.
    Draining,
    /// It has `max_sessions_per_host`.
    Full,
    /// It was given its `starts_per_host`.
    Hurried,
}

/// The host on which one more session makes the smallest `load / weight`, among those without an obstacle; `random`
/// decides between equals. `preferred` is taken before any other. A host that is backed off is taken only if
/// `backed_off_too`.
///
/// The session to come is counted in (`(load + 1) / weight`). With equal weights that changes nothing; with
/// uneven ones it fills an empty farm from its strongest host, where `load / weight` would call all empty
/// hosts equal, and it keeps the largest `load / weight` of the farm as small as whole sessions allow (as
/// D'Hondt's method does with seats).
pub(super) fn choose<'f>(
    candidates: &[Candidate<'f>],
    preferred: Option<&HostName>,
    backed_off_too: bool,
    random: u64,
) -> Option<HostFacts<'f>> {
    let mut least = f64::INFINITY;
    let mut best: Vec<HostFacts<'f>> = Vec::new();
    let fits = |candidate: &&Candidate<'f>| {
        candidate.obstacle.is_none() && (backed_off_too || !candidate.facts.backed_off)
    };
    for Candidate { facts, load, .. } in candidates.iter().filter(fits) {
        if preferred == Some(&facts.host.name) {
            return Some(*facts);
        }
        let score = (f64::from(*load) + 1.0) / facts.host.weight;
        match score.total_cmp(&least) {
            Ordering::Less => {
                least = score;
                best.clear();
                best.push(*facts);
            }
            Ordering::Equal => best.push(*facts),
            Ordering::Greater => {}
        }
    }
    let pick = random.checked_rem(best.len() as u64)?;
    best.get(usize::try_from(pick).ok()?).copied()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::HostAddress;
    use crate::placement::Host;

    fn hosts(weights: &[f64]) -> Vec<Host> {
        let host = |(number, weight): (usize, &f64)| {
            let name = HostName::new(&format!("ts{number}")).unwrap();
            let address = HostAddress::new(&format!("ts{number}.example.org")).unwrap();
            Host {
                weight: *weight,
                ..Host::new(name, address, 22)
            }
        };
        weights.iter().enumerate().map(host).collect()
    }

    fn candidate(host: &Host, load: u32) -> Candidate<'_> {
        Candidate {
            facts: HostFacts {
                host,
                sites: &[],
                up: true,
                draining: false,
                backed_off: false,
                counted: None,
            },
            obstacle: None,
            load,
        }
    }

    /// Places one session after the other and gives the load of each host.
    fn fill(hosts: &[Host], randoms: &[u64]) -> Vec<u32> {
        let mut loads = vec![0; hosts.len()];
        for random in randoms {
            let candidates: Vec<_> = hosts
                .iter()
                .zip(&loads)
                .map(|(host, load)| candidate(host, *load))
                .collect();
            let chosen = choose(&candidates, None, false, *random).unwrap();
            let index = hosts.iter().position(|host| host == chosen.host).unwrap();
            loads[index] += 1;
        }
        loads
    }

    fn obstacles() -> impl Strategy<Value = Option<Obstacle>> {
        prop_oneof![
            3 => Just(None),
            1 => Just(Some(Obstacle::Down)),
            1 => Just(Some(Obstacle::Draining)),
            1 => Just(Some(Obstacle::Full)),
            1 => Just(Some(Obstacle::Hurried)),
        ]
    }

    proptest! {
        #[test]
        fn nothing_but_the_least_loaded_host_without_obstacle_is_chosen(
            states in prop::collection::vec((obstacles(), any::<bool>(), 0..6_u32, 0.1..10.0_f64), 0..12),
            preferred in prop::option::of(0..14_usize),
            backed_off_too: bool,
            random: u64,
        ) {
            let hosts = hosts(&states.iter().map(|(.., weight)| *weight).collect::<Vec<_>>());
            let mut candidates = Vec::new();
            for (host, (obstacle, backed_off, load, _)) in hosts.iter().zip(&states) {
                let mut candidate = candidate(host, *load);
                candidate.obstacle = *obstacle;
                candidate.facts.backed_off = *backed_off;
                candidates.push(candidate);
            }
            let preferred = preferred.map(|number| HostName::new(&format!("ts{number}")).unwrap());
            let fits = |candidate: &&Candidate<'_>| {
                candidate.obstacle.is_none() && (backed_off_too || !candidate.facts.backed_off)
            };
            let with_it = |candidate: &Candidate<'_>| f64::from(candidate.load + 1) / candidate.facts.host.weight;
            let is_preferred = |candidate: &&Candidate<'_>| Some(&candidate.facts.host.name) == preferred.as_ref();
            match choose(&candidates, preferred.as_ref(), backed_off_too, random) {
                Some(chosen) => {
                    let chosen = candidates.iter().find(|c| c.facts.host == chosen.host).unwrap();
                    prop_assert!(fits(&chosen));
                    if candidates.iter().filter(fits).any(|c| is_preferred(&c)) {
                        prop_assert!(is_preferred(&chosen));
                    } else {
                        for other in candidates.iter().filter(fits) {
                            prop_assert!(with_it(chosen) <= with_it(other));
                        }
                    }
                }
                None => prop_assert_eq!(candidates.iter().filter(fits).count(), 0),
            }
        }

        #[test]
        fn hosts_of_equal_weight_stay_within_one_session(
            count in 1..20_usize,
            randoms in prop::collection::vec(any::<u64>(), 0..200),
        ) {
            let loads = fill(&hosts(&vec![1.5; count]), &randoms);
            let spread = loads.iter().max().unwrap() - loads.iter().min().unwrap();
            prop_assert!(spread <= 1, "{loads:?}");
        }

        #[test]
        fn hosts_get_sessions_in_proportion_to_their_weight(
            weights in prop::collection::vec(1..8_u32, 1..10),
            randoms in prop::collection::vec(any::<u64>(), 0..300),
        ) {
            let weights: Vec<f64> = weights.into_iter().map(f64::from).collect();
            let loads = fill(&hosts(&weights), &randoms);
            for (load, weight) in loads.iter().zip(&weights) {
                for (other_load, other_weight) in loads.iter().zip(&weights) {
                    let other_with_one_more = f64::from(other_load + 1) / other_weight;
                    prop_assert!(f64::from(*load) / weight <= other_with_one_more, "{loads:?} {weights:?}");
                }
            }
        }
    }

    #[test]
    fn a_host_of_weight_two_gets_twice_as_many() {
        let randoms: Vec<u64> = (0..400).collect();
        assert_eq!(fill(&hosts(&[2.0, 1.0, 1.0]), &randoms), [200, 100, 100]);
    }

    #[test]
    fn every_equal_host_can_be_the_one() {
        let hosts = hosts(&[1.0, 1.0, 1.0]);
        let candidates: Vec<_> = hosts.iter().map(|host| candidate(host, 7)).collect();
        let chosen: Vec<_> = (0..3)
            .map(|random| choose(&candidates, None, false, random).unwrap().host)
            .collect();
        assert_eq!(chosen, hosts.iter().collect::<Vec<_>>());
    }
}

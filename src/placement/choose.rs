//! The choice among the hosts of a farm. Pure.

use std::cmp::Ordering;

use super::{Host, NoHost};

/// A host as the choice sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate<'h> {
    pub host: &'h Host,
    /// Whether it answers.
    pub healthy: bool,
    /// Sessions and leases on it.
    pub load: u32,
}

/// The host on which one more session makes the smallest `load / weight`, among those that are healthy and
/// hold fewer than `most`; `random` decides between equals.
///
/// The session to come is counted in (`(load + 1) / weight`). With equal weights that changes nothing; with
/// uneven ones it fills an empty farm from its strongest host, where `load / weight` would call all empty
/// hosts equal, and it keeps the largest `load / weight` of the farm as small as whole sessions allow (as
/// D'Hondt's method does with seats).
///
/// # Errors
/// [`NoHost::NoneHealthy`] or [`NoHost::AllFull`].
pub(super) fn choose<'h>(
    candidates: &[Candidate<'h>],
    most: Option<u32>,
    random: u64,
) -> Result<&'h Host, NoHost> {
    if !candidates.iter().any(|candidate| candidate.healthy) {
        return Err(NoHost::NoneHealthy);
    }
    let mut least = f64::INFINITY;
    let mut best: Vec<&'h Host> = Vec::new();
    for candidate in candidates {
        let full = most.is_some_and(|most| candidate.load >= most);
        if !candidate.healthy || full {
            continue;
        }
        let score = (f64::from(candidate.load) + 1.0) / candidate.host.weight;
        match score.total_cmp(&least) {
            Ordering::Less => {
                least = score;
                best = vec![candidate.host];
            }
            Ordering::Equal => best.push(candidate.host),
            Ordering::Greater => {}
        }
    }
    let pick = random.checked_rem(best.len() as u64).ok_or(NoHost::AllFull)?;
    usize::try_from(pick)
        .ok()
        .and_then(|pick| best.get(pick).copied())
        .ok_or(NoHost::AllFull)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{HostAddress, HostName};

    fn host(number: usize, weight: f64) -> Host {
        let name = HostName::new(&format!("ts{number}")).unwrap();
        let address = HostAddress::new(&format!("ts{number}.example.org")).unwrap();
        Host {
            weight,
            ..Host::new(name, address, 22)
        }
    }

    fn hosts(weights: &[f64]) -> Vec<Host> {
        weights
            .iter()
            .enumerate()
            .map(|(number, weight)| host(number, *weight))
            .collect()
    }

    /// Places one session after the other and gives the load of each host.
    fn fill(hosts: &[Host], randoms: &[u64]) -> Vec<u32> {
        let mut loads = vec![0; hosts.len()];
        for random in randoms {
            let candidates: Vec<_> = hosts
                .iter()
                .zip(&loads)
                .map(|(host, load)| Candidate {
                    host,
                    healthy: true,
                    load: *load,
                })
                .collect();
            let chosen = choose(&candidates, None, *random).unwrap();
            let index = hosts.iter().position(|host| host == chosen).unwrap();
            loads[index] += 1;
        }
        loads
    }

    proptest! {
        #[test]
        fn a_host_that_is_down_or_full_is_never_chosen(
            states in prop::collection::vec((any::<bool>(), 0..6_u32, 0.1..10.0_f64), 0..12),
            most in prop::option::of(1..6_u32),
            random: u64,
        ) {
            let hosts = hosts(&states.iter().map(|(_, _, weight)| *weight).collect::<Vec<_>>());
            let candidates: Vec<_> = hosts
                .iter()
                .zip(&states)
                .map(|(host, (healthy, load, _))| Candidate { host, healthy: *healthy, load: *load })
                .collect();
            let fits = |candidate: &Candidate<'_>| {
                candidate.healthy && most.is_none_or(|most| candidate.load < most)
            };
            match choose(&candidates, most, random) {
                Ok(chosen) => {
                    let chosen = candidates.iter().find(|candidate| candidate.host == chosen).unwrap();
                    prop_assert!(fits(chosen));
                    let with_it =
                        |candidate: &Candidate<'_>| f64::from(candidate.load + 1) / candidate.host.weight;
                    for other in candidates.iter().filter(|candidate| fits(candidate)) {
                        prop_assert!(with_it(chosen) <= with_it(other));
                    }
                }
                Err(NoHost::NoneHealthy) => prop_assert!(!candidates.iter().any(|c| c.healthy)),
                Err(NoHost::AllFull) => {
                    prop_assert!(candidates.iter().any(|c| c.healthy));
                    prop_assert!(!candidates.iter().any(fits));
                }
                Err(other) => prop_assert!(false, "{other}"),
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
        let candidates: Vec<_> = hosts
            .iter()
            .map(|host| Candidate {
                host,
                healthy: true,
                load: 7,
            })
            .collect();
        let chosen: Vec<_> = (0..3)
            .map(|random| choose(&candidates, None, random).unwrap())
            .collect();
        assert_eq!(chosen, hosts.iter().collect::<Vec<_>>());
    }
}

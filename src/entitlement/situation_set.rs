//! Some of all situations, and in which words to say which.

use super::Situations;

const WORD_BITS: usize = u64::BITS as usize;
/// Most alternatives that are told.
const ALTERNATIVES_MAX: usize = 6;
/// Most networks or hours of one list that are told.
const ITEMS_MAX: usize = 4;

/// Some of the situations of one [`Situations`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SituationSet(Box<[u64]>);

impl SituationSet {
    /// None of that many.
    pub(super) fn none_of(situations: usize) -> Self {
        Self(vec![0; situations.div_ceil(WORD_BITS)].into())
    }

    pub(super) fn insert(&mut self, situation: usize) {
        if let Some(word) = self.0.get_mut(situation / WORD_BITS) {
            *word |= 1 << (situation % WORD_BITS);
        }
    }

    pub(super) fn contains(&self, situation: usize) -> bool {
        self.0
            .get(situation / WORD_BITS)
            .is_some_and(|word| word & (1 << (situation % WORD_BITS)) != 0)
    }
}

/// Something that holds in a situation or does not. The order is that in which they are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fact {
    /// The client is in a network of this list.
    Networks(usize),
    /// The client's address is known.
    Known,
    /// It is an IPv6 address.
    Ipv6,
    /// The moment is in the hours of this list.
    Hours(usize),
}

impl Situations {
    /// In which situations, in words: each text is one alternative, and no text means all of them. Beyond
    /// a handful of alternatives, the last text says only that there are more.
    pub fn told(&self, set: &SituationSet) -> Vec<String> {
        // Where most conditions hold comes last, and is what an admin looks for.
        let wanted: Vec<usize> = (0..self.count()).rev().filter(|at| set.contains(*at)).collect();
        if wanted.len() == self.count() {
            return Vec::new();
        }
        let others: Vec<usize> = (0..self.count()).filter(|at| !set.contains(*at)).collect();
        let mut left = wanted.clone();
        let mut alternatives: Vec<Vec<(Fact, bool)>> = Vec::new();
        while let Some(first) = left.first().copied() {
            if alternatives.len() == ALTERNATIVES_MAX {
                break;
            }
            let facts = self.fewest_facts(first, &others);
            left.retain(|at| !self.all_hold(&facts, *at));
            alternatives.push(facts);
        }
        // One that was found early may say nothing that the later ones do not say together.
        let mut at = 0;
        while let Some(facts) = alternatives.get(at) {
            let mut told = wanted
                .iter()
                .filter(|situation| self.all_hold(facts, **situation));
            let told_again = told.all(|situation| {
                let mut rest = alternatives.iter().enumerate().filter(|(other, _)| *other != at);
                rest.any(|(_, facts)| self.all_hold(facts, *situation))
            });
            if told_again {
                alternatives.remove(at);
            } else {
                at += 1;
            }
        }
        let more = (!left.is_empty()).then(|| "in other situations, too".to_owned());
        alternatives
            .iter()
            .map(|facts| self.words(facts))
            .chain(more)
            .collect()
    }

    /// The facts of a situation less those without which still none of the others fits. What does not hold goes
    /// first: it says less to somebody who reads it.
    fn fewest_facts(&self, situation: usize, others: &[usize]) -> Vec<(Fact, bool)> {
        let all = (0..self.networks.len())
            .map(Fact::Networks)
            .chain([Fact::Known, Fact::Ipv6])
            .chain((0..self.hours.len()).map(Fact::Hours));
        let mut facts: Vec<(Fact, bool)> = all.map(|fact| (fact, self.holds(fact, situation))).collect();
        for holding in [false, true] {
            let mut at = 0;
            while let Some((fact, holds)) = facts.get(at).copied() {
                facts.remove(at);
                let needed = holds != holding || others.iter().any(|other| self.all_hold(&facts, *other));
                if needed {
                    facts.insert(at, (fact, holds));
                    at += 1;
                }
            }
        }
        facts
    }

    fn all_hold(&self, facts: &[(Fact, bool)], situation: usize) -> bool {
        facts
            .iter()
            .all(|(fact, holds)| self.holds(*fact, situation) == *holds)
    }

    fn holds(&self, fact: Fact, situation: usize) -> bool {
        let (place, moment) = (situation / self.moments.len(), situation % self.moments.len());
        let there = |flag: usize| {
            let place = self.places.get(place);
            place.and_then(|place| place.holds.get(flag)) == Some(&true)
        };
        match fact {
            Fact::Networks(list) => there(list),
            Fact::Known => there(self.networks.len()),
            Fact::Ipv6 => there(self.networks.len() + 1),
            Fact::Hours(list) => {
                let moment = self.moments.get(moment);
                moment.and_then(|moment| moment.holds.get(list)) == Some(&true)
            }
        }
    }

    fn words(&self, facts: &[(Fact, bool)]) -> String {
        let of_client = |fact: &Fact| matches!(fact, Fact::Networks(_) | Fact::Ipv6);
        let place_is_told = facts.iter().any(|(fact, _)| of_client(fact));
        let words: Vec<String> = facts
            .iter()
            .filter_map(|(fact, holds)| {
                Some(match (fact, holds) {
                    (Fact::Networks(list), true) => format!("from {}", listed(self.networks.get(*list)?)),
                    (Fact::Networks(list), false) => {
                        format!("from outside {}", listed(self.networks.get(*list)?))
                    }
                    // An address that is in or outside something is known.
                    (Fact::Known, true) if place_is_told => return None,
                    (Fact::Known, true) => "from a known address".to_owned(),
                    (Fact::Known, false) => "from an unknown address".to_owned(),
                    (Fact::Ipv6, true) => "over IPv6".to_owned(),
                    (Fact::Ipv6, false) => "over IPv4".to_owned(),
                    (Fact::Hours(list), true) => format!("within {}", listed(self.hours.get(*list)?)),
                    (Fact::Hours(list), false) => format!("outside {}", listed(self.hours.get(*list)?)),
                })
            })
            .collect();
        words.join(", ")
    }
}

fn listed<T: ToString>(items: &[T]) -> String {
    let mut shown: Vec<_> = items.iter().take(ITEMS_MAX).map(ToString::to_string).collect();
    if items.len() > ITEMS_MAX {
        shown.push(format!("{} more", items.len() - ITEMS_MAX));
    }
    shown.join(" or ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::sample::{at, from, hours, profile, rule, text};
    use super::super::{Policy, Rule};
    use super::*;

    fn situations(client_is_shown: bool) -> Situations {
        let networks = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let rules = vec![
            Rule {
                clients: networks(&["10.0.0.0/8", "2001:db8::/32"]),
                except_clients: networks(&["10.1.0.0/16"]),
                hours: vec![hours("Mon-Fri 07:00-20:00 Europe/Berlin")],
                ..rule("a", &["*"])
            },
            Rule {
                clients: networks(&["10.1.0.0/16"]),
                hours: vec![
                    hours("Mon-Fri 07:00-18:00 Europe/Berlin"),
                    hours("Sat 00:00-24:00 UTC"),
                ],
                ..rule("b", &["*"])
            },
        ];
        let shown = if client_is_shown { "${client}" } else { "" };
        let policy = Policy::new(vec![profile("p", &[("command", text(shown))])], rules);
        let now = at("2026-03-02T09:00:00+01:00", from("10.0.0.1")).now.unwrap();
        let other = Policy::new(Vec::new(), Vec::new());
        Situations::of([&policy, &other], now).unwrap()
    }

    /// The situations of which all that is true.
    fn set(situations: &Situations, facts: &[(Fact, bool)]) -> SituationSet {
        let mut set = SituationSet::none_of(situations.count());
        for at in (0..situations.count()).filter(|at| situations.all_hold(facts, *at)) {
            set.insert(at);
        }
        set
    }

    #[test]
    fn conditions_are_told_as_rules_have_them() {
        let situations = situations(false);
        // 10.1.0.0/16, the rest of the first list, outside both, unknown; in none, one or two of the windows.
        assert_eq!((situations.places(), situations.moments()), (4, 4));
        let told = |facts: &[(Fact, bool)]| situations.told(&set(&situations, facts));
        assert_eq!(told(&[]), [""; 0]);
        let wide = "from 10.0.0.0/8 or 2001:db8::/32";
        assert_eq!(told(&[(Fact::Networks(0), true)]), [wide]);
        assert_eq!(
            told(&[(Fact::Networks(0), true), (Fact::Networks(1), false)]),
            [format!("{wide}, from outside 10.1.0.0/16")]
        );
        assert_eq!(told(&[(Fact::Known, false)]), ["from an unknown address"]);
        assert_eq!(told(&[(Fact::Known, true)]), ["from a known address"]);
        assert_eq!(
            told(&[
                (Fact::Networks(1), true),
                (Fact::Hours(1), true),
                (Fact::Hours(0), false)
            ]),
            [
                "from 10.1.0.0/16, outside Mon-Fri 07:00-18:00 Europe/Berlin or Sat 00:00-24:00 UTC, within \
              Mon-Fri 07:00-20:00 Europe/Berlin"
            ]
        );
    }

    proptest! {
        #[test]
        fn what_is_told_is_that_set_and_no_more(
            members in prop::collection::vec(any::<bool>(), 24), client_is_shown in any::<bool>(),
        ) {
            let situations = situations(client_is_shown);
            let count = situations.count();
            prop_assert_eq!(count, if client_is_shown { 24 } else { 16 });
            let wanted = |at: &usize| members[*at];
            let others: Vec<usize> = (0..count).filter(|at| !wanted(at)).collect();
            let mut covered = vec![false; count];
            for first in (0..count).filter(wanted) {
                let facts = situations.fewest_facts(first, &others);
                for (at, covered) in covered.iter_mut().enumerate() {
                    *covered |= situations.all_hold(&facts, at);
                }
            }
            prop_assert_eq!(&covered, &members[..count]);
        }
    }
}

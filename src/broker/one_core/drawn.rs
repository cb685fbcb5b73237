//! Configurations as somebody might write them, and moments at which they are asked.

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::model::Now;

pub(in crate::broker) const USERS: [&str; 3] = ["alice", "bob", "carol"];
/// As many as can be listed and selected at every door within the selects of a minute.
pub(in crate::broker) const PROFILES: [&str; 3] = ["p0", "p1", "p2"];
pub(in crate::broker) const MESSAGE: &str = "notice-message-move";
pub(in crate::broker) const NO_PROFILES: &str = "notice-no-profiles";

/// Each moment is within some of them and outside of others.
const HOURS: [&str; 6] = [
    "Mon-Fri 07:00-20:00 UTC",
    "Sat 07:00-20:00 UTC",
    "Mon-Fri 20:00-07:00 UTC",
    "Mon 22:30-23:30 Europe/Berlin",
    "Sun 00:00-24:00 UTC",
    "Sat 20:00-10:00 UTC",
];
/// When messages begin and end, in order. Some are moments at which a site is asked: a beginning counts,
/// an end does not.
const BOUNDS: [&str; 4] = [
    "2026-03-01T00:00:00Z",
    "2026-03-02T09:00:00Z",
    "2026-03-02T22:00:00Z",
    "2026-03-03T00:00:00Z",
];

/// When a site is asked.
#[derive(Debug, Clone, Copy)]
pub(in crate::broker) enum Moment {
    /// Monday, 9 o'clock.
    Weekday,
    /// The same day, 22 o'clock.
    Evening,
    /// The day before, 9 o'clock.
    Sunday,
}

impl Moment {
    /// A clock that stands still at it.
    pub(in crate::broker) fn clock(self) -> fn() -> Now {
        match self {
            Self::Weekday => || moment("2026-03-02T09:00:00Z"),
            Self::Evening => || moment("2026-03-02T22:00:00Z"),
            Self::Sunday => || moment("2026-03-01T09:00:00Z"),
        }
    }
}

fn moment(text: &str) -> Now {
    text.parse().unwrap()
}

/// What stands in lists besides profiles.
#[derive(Debug, Clone, Default)]
pub(in crate::broker) struct Told {
    pub(in crate::broker) no_profiles: bool,
    /// A message, and from and until when it is shown.
    pub(in crate::broker) message: Option<(Option<&'static str>, Option<&'static str>)>,
}

impl Told {
    /// The ids of the notices beside so many offers.
    pub(in crate::broker) fn ids(&self, offers: usize, now: Now) -> BTreeSet<String> {
        let no_profiles = (self.no_profiles && offers == 0).then_some(NO_PROFILES);
        let message = self.message.filter(|(from, until)| {
            from.is_none_or(|from| moment(from) <= now) && until.is_none_or(|until| now < moment(until))
        });
        let ids = no_profiles.into_iter().chain(message.map(|_| MESSAGE));
        ids.map(str::to_owned).collect()
    }

    fn section(&self) -> String {
        let mut section = format!("[notices]\nno_profiles = {}\n", self.no_profiles);
        if let Some((from, until)) = self.message {
            section.push_str("[notices.message.move]\ntext = \"We move\"\n");
            for (key, bound) in [("from", from), ("until", until)] {
                section.extend(bound.map(|bound| format!("{key} = {bound:?}\n")));
            }
        }
        section
    }
}

/// A configuration of two farms.
#[derive(Debug, Clone)]
pub(in crate::broker) struct Drawn {
    pub(in crate::broker) rules: Vec<String>,
    pub(in crate::broker) told: Told,
    pub(in crate::broker) moment: Moment,
}

impl Drawn {
    /// The text of it, with the hosts at this port.
    pub(in crate::broker) fn text(&self, port: u16) -> String {
        let profiles = PROFILES.iter().enumerate().map(|(number, id)| {
            let farm = ["main", "other"][number / 2];
            format!("[profile.{id}]\nname = \"{id}\"\nfarm = \"{farm}\"\ncommand = \"XFCE\"\n")
        });
        let rules = self.rules.iter().enumerate();
        let rules = rules.map(|(number, rule)| format!("[rule.r{number}]\n{rule}"));
        let hosts = ["main", "other"]
            .map(|farm| format!("[farm.{farm}.hosts.ts01]\naddress = \"127.0.0.1\"\nport = {port}\n"));
        let directory = "[directory.ldap]\nurls = [\"ldap://127.0.0.1:1\"]\nbase_dn = \"dc=example,dc=org\"\n\
                         schema = \"rfc2307bis\"\n";
        let parts = [directory.to_owned(), self.told.section()].into_iter();
        parts
            .chain(hosts)
            .chain(profiles)
            .chain(rules)
            .collect::<Vec<_>>()
            .concat()
    }
}

prop_compose! {
    pub(in crate::broker) fn drawn()(
        rules in prop::collection::vec(rule(), 1..7),
        told in told(),
        moment in prop::sample::select(vec![Moment::Weekday, Moment::Evening, Moment::Sunday]),
    ) -> Drawn {
        Drawn { rules, told, moment }
    }
}

/// The groups of each user.
pub(in crate::broker) fn groups() -> impl Strategy<Value = Vec<Vec<&'static str>>> {
    prop::collection::vec(
        prop::sample::subsequence(vec!["g0", "g1", "g2"], 0..=3),
        USERS.len(),
    )
}

fn told() -> impl Strategy<Value = Told> {
    let bounds = prop::sample::subsequence(BOUNDS.to_vec(), 2);
    let kept = || prop::bool::weighted(0.7);
    let window = (bounds, kept(), kept())
        .prop_map(|(bounds, from, until)| (from.then_some(bounds[0]), until.then_some(bounds[1])));
    (any::<bool>(), prop::option::weighted(0.8, window))
        .prop_map(|(no_profiles, message)| Told { no_profiles, message })
}

/// A rule, as somebody might write it.
fn rule() -> impl Strategy<Value = String> {
    let some = |words: &'static [&'static str]| {
        prop::sample::subsequence(words.to_vec(), 1..=words.len()).prop_map(|words| format!("{words:?}"))
    };
    let whom = prop_oneof![
        1 => Just("everyone = true".to_owned()),
        3 => some(&["g0", "g1", "g2"]).prop_map(|groups| format!("groups = {groups}")),
        2 => some(&USERS).prop_map(|users| format!("users = {users}")),
    ];
    let clients = prop::option::weighted(0.3, some(&["10.1.0.0/16", "10.2.0.0/16"]));
    let except = prop::option::weighted(0.2, some(&["g0", "g1", "g2"]));
    let hours = prop::option::weighted(0.3, prop::sample::select(&HOURS[..]));
    let profiles = some(&PROFILES);
    (whom, clients, except, hours, profiles, prop::bool::weighted(0.3)).prop_map(
        |(whom, clients, except, hours, profiles, deny)| {
            let clients = clients.map(|clients| format!("clients = {clients}"));
            let except = except.map(|groups| format!("except_groups = {groups}"));
            let hours = hours.map(|hours| format!("hours = {hours:?}"));
            let lines = [
                Some(whom),
                clients,
                except,
                hours,
                deny.then(|| "deny = true".to_owned()),
            ];
            let lines: Vec<String> = lines.into_iter().flatten().collect();
            format!("{}\nprofiles = {profiles}\n", lines.join("\n"))
        },
    )
}

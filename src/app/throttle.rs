//! What the daemon tells an admin about the throttle, and forgets for one.

use std::net::IpAddr;

use super::clock;
use super::daemon::Daemon;
use crate::admin::{Asker, Cleared, Clearing, CounterReport, Throttled};
use crate::authenticate::throttle::Counted;
use crate::model::{ClientAddress, Network, Source};
use crate::store::Forgotten;

/// Most counters in a list, so that it fits a reply.
const COUNTERS_MAX: usize = 10_000;

impl Daemon {
    pub(super) fn throttled(&self) -> Throttled {
        let counted = self.broker.snapshot().login.throttled_now(clock::now());
        Throttled {
            left_out: counted.len().saturating_sub(COUNTERS_MAX),
            counters: counted.into_iter().take(COUNTERS_MAX).map(report).collect(),
        }
    }

    /// Forgets failures, and writes down who had that done.
    pub(super) async fn clear_throttle(&self, which: &Clearing, asker: Asker) -> Result<Cleared, String> {
        let cleared = self.try_clear(which).await;
        let about = match which {
            Clearing::All => "all".to_owned(),
            Clearing::User(user) => user.clone(),
            Clearing::Client(client) => client.clone(),
        };
        let done = cleared.as_ref().map(drop).map_err(Clone::clone);
        self.note("clear throttle", Some(asker.uid), Some(about), done);
        cleared
    }

    async fn try_clear(&self, which: &Clearing) -> Result<Cleared, String> {
        let which = match which {
            Clearing::All => Forgotten::All,
            Clearing::User(user) => Forgotten::Name(bare_name(user)),
            Clearing::Client(client) => Forgotten::Client(network(client)?),
        };
        let cleared = self.checks.throttle().clear(which).await;
        cleared
            .map(|counters| Cleared { counters })
            .map_err(|error| error.to_string())
    }
}

/// The name that counters are found by, from a name as a list shows it: with its source or without.
fn bare_name(text: &str) -> String {
    let folded = text.trim().to_lowercase();
    match folded.split_once(':') {
        Some((source, name)) if Source::from_word(source).is_some() => name.to_owned(),
        _ => folded,
    }
}

/// The client that an address or a listed network stands for.
fn network(text: &str) -> Result<Network, String> {
    match text.parse::<IpAddr>() {
        Ok(address) => Ok(ClientAddress::new(address).network()),
        Err(_) => text.parse(),
    }
}

fn report(counted: Counted) -> CounterReport {
    CounterReport {
        limit: counted.limit.as_str().to_owned(),
        user: counted.user,
        client: counted.client.map(|client| client.to_string()),
        count: counted.count,
        refuses_until: counted.refuses_until.map(|until| until.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_list_shows_can_be_cleared() {
        for (given, name) in [
            ("ldap:Alice", "alice"),
            (" ALICE ", "alice"),
            ("other:alice", "other:alice"),
            ("ldapuser", "ldapuser"),
        ] {
            assert_eq!(bare_name(given), name);
        }
        assert_eq!(network("10.1.2.3"), network("10.1.2.3/32"));
        assert_eq!(network("2001:db8::5"), network("2001:db8::/64"));
        assert!(network("gateway").is_err());
    }
}

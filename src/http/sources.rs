//! How many connections each source address has, so that one address cannot take them all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::{ClientAddress, Network};

/// The count of every source that has connections now. Never longer than the number of connections.
#[derive(Debug)]
pub(super) struct Sources {
    limit: usize,
    counts: Mutex<HashMap<Network, usize>>,
}

/// One connection counted for its source, until dropped.
#[derive(Debug)]
pub(super) struct Seat {
    sources: Arc<Sources>,
    network: Network,
}

impl Sources {
    /// Allows `limit` connections to each source.
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            counts: Mutex::default(),
        })
    }

    /// Counts one more connection from there; none if the source has all it may have.
    pub(super) fn seat(self: &Arc<Self>, address: ClientAddress) -> Option<Seat> {
        let network = address.network();
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.get(&network).copied().unwrap_or(0);
        if count >= self.limit {
            return None;
        }
        counts.insert(network, count + 1);
        drop(counts);
        Some(Seat {
            sources: Arc::clone(self),
            network,
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut counts = self.sources.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> ClientAddress {
        ClientAddress::new(text.parse().unwrap())
    }

    #[test]
    fn a_source_has_its_limit_and_no_other_one_notices() {
        let sources = Sources::new(2);
        let first = sources.seat(address("192.0.2.1")).unwrap();
        let _second = sources.seat(address("::ffff:192.0.2.1")).unwrap();
        assert!(sources.seat(address("192.0.2.1")).is_none());
        assert!(sources.seat(address("192.0.2.2")).is_some());
        drop(first);
        assert!(sources.seat(address("192.0.2.1")).is_some());
    }

    #[test]
    fn an_ipv6_source_is_its_64() {
        let sources = Sources::new(1);
        let _one = sources.seat(address("2001:db8::1")).unwrap();
        assert!(sources.seat(address("2001:db8::ffff:2")).is_none());
        assert!(sources.seat(address("2001:db8:0:1::1")).is_some());
    }

    #[test]
    fn sources_without_connections_are_forgotten() {
        let sources = Sources::new(1);
        drop(sources.seat(address("192.0.2.1")));
        assert!(sources.counts.lock().unwrap().is_empty());
    }
}

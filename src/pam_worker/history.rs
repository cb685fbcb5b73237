//! Who succeeded and who failed of late, as far as the worker needs it to share out its processes. Pure.
//!
//! It refuses nobody: the throttle does that, in the daemon. What is forgotten costs somebody a better place
//! in the queue, no more.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

/// How long a failure counts.
const FAILURE_LASTS: Duration = Duration::from_mins(10);
/// Most entries of a generation. There are two, so about a megabyte each for those who failed and who did not.
const GENERATION_MAX: usize = 8192;

/// Somebody at some seat: a name that many try to guess is worth no less at the seat of its owner.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Who {
    /// The name in lower case.
    pub(super) name: String,
    /// Where they sit, if that is known.
    pub(super) client: Option<IpAddr>,
}

/// How far somebody is trusted not to waste a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// Failed of late, or hung, or does not exist.
    Failed,
    /// Nothing is known.
    New,
    /// Succeeded last time.
    Proven,
}

/// The last outcomes.
#[derive(Debug, Default)]
pub(super) struct History {
    proven: Generations<()>,
    failed: Generations<Instant>,
}

impl History {
    /// What is known of somebody.
    pub(super) fn standing(&self, who: &Who, now: Instant) -> Standing {
        match self.failed.get(who) {
            Some(at) if now.duration_since(*at) < FAILURE_LASTS => Standing::Failed,
            _ if self.proven.get(who).is_some() => Standing::Proven,
            _ => Standing::New,
        }
    }

    /// Notes a success.
    pub(super) fn succeeded(&mut self, who: &Who) {
        self.failed.remove(who);
        self.proven.insert(who.clone(), ());
    }

    /// Notes a failure.
    pub(super) fn failed(&mut self, who: &Who, now: Instant) {
        self.proven.remove(who);
        self.failed.insert(who.clone(), now);
    }
}

/// A bounded map that forgets what was entered longest ago, in bulk.
#[derive(Debug)]
struct Generations<V> {
    young: HashMap<Who, V>,
    old: HashMap<Who, V>,
}

impl<V> Default for Generations<V> {
    fn default() -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
        }
    }
}

impl<V> Generations<V> {
    fn get(&self, who: &Who) -> Option<&V> {
        self.young.get(who).or_else(|| self.old.get(who))
    }

    fn insert(&mut self, who: Who, value: V) {
        self.old.remove(&who);
        self.young.insert(who, value);
        if self.young.len() >= GENERATION_MAX {
            self.old = std::mem::take(&mut self.young);
        }
    }

    fn remove(&mut self, who: &Who) {
        self.young.remove(who);
        self.old.remove(who);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(name: &str) -> Who {
        Who {
            name: name.to_owned(),
            client: None,
        }
    }

    #[test]
    fn the_last_outcome_counts_and_a_failure_for_a_while() {
        let (mut history, alice) = (History::default(), who("alice"));
        let now = Instant::now();
        assert_eq!(history.standing(&alice, now), Standing::New);
        history.succeeded(&alice);
        assert_eq!(history.standing(&alice, now), Standing::Proven);
        history.failed(&alice, now);
        assert_eq!(history.standing(&alice, now), Standing::Failed);
        let elsewhere = Who {
            client: Some([10, 0, 0, 1].into()),
            ..alice.clone()
        };
        assert_eq!(history.standing(&elsewhere, now), Standing::New);
        assert_eq!(history.standing(&alice, now + FAILURE_LASTS), Standing::New);
        history.succeeded(&alice);
        assert_eq!(history.standing(&alice, now), Standing::Proven);
    }

    #[test]
    fn names_without_end_push_out_the_oldest_and_no_success() {
        let (mut history, now) = (History::default(), Instant::now());
        history.succeeded(&who("alice"));
        for number in 0..3 * GENERATION_MAX {
            history.failed(&who(&number.to_string()), now);
        }
        assert!(history.failed.young.len() + history.failed.old.len() <= 2 * GENERATION_MAX);
        assert_eq!(history.standing(&who("0"), now), Standing::New);
        assert_eq!(history.standing(&who("alice"), now), Standing::Proven);
    }
}

//! What was asked of the directory and is kept for a while, within bounds, so that not every login has to ask: see
//! [`Kept::due`] for how it stays current.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How often everything in use is asked for again.
pub(super) const REFRESH: Duration = Duration::from_secs(60);
/// How old an answer may be when the last refreshes failed.
const USABLE: Duration = Duration::from_secs(3 * 60);
/// How long an answer nobody asked for is kept.
const UNUSED_MAX: Duration = Duration::from_secs(60 * 60);
/// Most answers kept.
const ANSWERS_MAX: usize = 10_000;

/// Answers, by what was asked for.
pub(super) struct Kept<K, V> {
    known: Mutex<HashMap<K, Known<V>>>,
}

/// One answer.
struct Known<V> {
    value: V,
    /// When that was asked.
    asked: Instant,
    /// When somebody wanted to know.
    used: Instant,
}

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        let known = Mutex::default();
        Self { known }
    }
}

impl<K: Hash + Eq + Clone, V: Clone> Kept<K, V> {
    /// The answer, unless it was never given or is too old.
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let mut known = self.lock();
        let known = known.get_mut(key)?;
        known.used = Instant::now();
        (known.asked.elapsed() < USABLE).then(|| known.value.clone())
    }

    /// Keeps what was found out. When full, what was not used for longest makes room.
    pub fn keep(&self, answers: impl IntoIterator<Item = (K, V)>) {
        let now = Instant::now();
        let mut known = self.lock();
        for (key, value) in answers {
            let used = known.get(&key).map_or(now, |known| known.used);
            let asked = now;
            known.insert(key, Known { value, asked, used });
        }
        if known.len() > ANSWERS_MAX {
            let mut uses: Vec<Instant> = known.values().map(|known| known.used).collect();
            uses.sort_unstable();
            if let Some(&limit) = uses.get(known.len() - ANSWERS_MAX) {
                known.retain(|_, known| known.used >= limit);
            }
        }
    }

    /// What to ask for again every [`REFRESH`]: what is in use. Forgets the rest.
    pub fn due(&self) -> Vec<K> {
        let mut known = self.lock();
        known.retain(|_, known| known.used.elapsed() < UNUSED_MAX);
        known.keys().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Known<V>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_answers_is_bounded() {
        let kept = Kept::default();
        for batch in 0..3 {
            kept.keep((0..ANSWERS_MAX / 2).map(|at| (format!("{batch}-{at}"), at)));
        }
        assert!(kept.due().len() <= ANSWERS_MAX);
        assert_eq!(kept.get("2-0"), Some(0));
    }
}

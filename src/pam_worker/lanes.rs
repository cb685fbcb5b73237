//! Who gets one of the processes next, so that those who fail or hang cannot use up all of them.
//!
//! There are as many slots as processes. Those who failed of late may hold a quarter of them at any time, they
//! and those of whom nothing is known three quarters together. So a quarter is always left for users who
//! succeeded last time at their seat, and half for those who did not fail.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use super::history::{History, Standing, Who};
use super::load::PoolLoad;

/// How many questions of one name and seat count as well as the first. More at a time are no person at a
/// keyboard, or one whose first question hangs.
const AT_ONCE: usize = 2;

/// The slots, and those who wait for one.
#[derive(Debug)]
pub(super) struct Lanes {
    /// What everybody needs.
    any: Arc<Semaphore>,
    /// What everybody needs who is not proven.
    unproven: Arc<Semaphore>,
    /// What those need who failed.
    failed: Arc<Semaphore>,
    /// Places in the queue, by standing: one crowd does not fill the others' queue.
    waiting: [Arc<Semaphore>; 3],
    slots: usize,
    queue: usize,
    wait: Duration,
    told: Mutex<Told>,
    history: Mutex<History>,
    under_way: Mutex<HashMap<Who, usize>>,
}

/// What was counted since the start.
#[derive(Debug, Default)]
struct Told {
    taken: u64,
    turned_away: u64,
    waited: Duration,
}

/// There is no slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoSlot {
    /// As many wait as may.
    #[error("too many requests wait for a free process")]
    Full,
    /// None became free in time.
    #[error("no process became free in time")]
    Late,
}

/// One slot, free again when dropped.
#[derive(Debug)]
pub(super) struct Slot {
    permits: Vec<OwnedSemaphorePermit>,
    lanes: Arc<Lanes>,
    who: Who,
}

impl Lanes {
    /// `slots` at once; of each standing at most `queue` wait, and none longer than `wait`.
    pub(super) fn new(slots: usize, queue: usize, wait: Duration) -> Arc<Self> {
        let semaphore = |permits: usize| Arc::new(Semaphore::new(permits.max(1)));
        Arc::new(Self {
            any: semaphore(slots),
            unproven: semaphore(slots * 3 / 4),
            failed: semaphore(slots / 4),
            waiting: std::array::from_fn(|_| semaphore(queue)),
            slots: slots.max(1),
            queue: queue.max(1),
            wait,
            told: Mutex::default(),
            history: Mutex::default(),
            under_way: Mutex::default(),
        })
    }

    /// Waits for a slot. Whoever goes away meanwhile leaves the queue.
    ///
    /// # Errors
    /// The queue is full, or the wait took too long.
    pub(super) async fn enter(self: &Arc<Self>, who: Who) -> Result<Slot, NoSlot> {
        let began = Instant::now();
        let entered = self.wait_for_slot(who).await;
        let mut told = lock(&self.told);
        told.taken += 1;
        told.turned_away += u64::from(entered.is_err());
        told.waited += began.elapsed();
        drop(told);
        entered
    }

    /// How many hold a slot and wait for one, and what was counted.
    pub(super) fn load(&self) -> PoolLoad {
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let waiting = self
            .waiting
            .iter()
            .map(|places| self.queue - places.available_permits());
        let told = lock(&self.told);
        PoolLoad {
            slots: number(self.slots),
            busy: number(self.slots - self.any.available_permits()),
            waiting: number(waiting.sum()),
            taken: told.taken,
            turned_away: told.turned_away,
            waited: told.waited,
        }
    }

    async fn wait_for_slot(self: &Arc<Self>, who: Who) -> Result<Slot, NoSlot> {
        let standing = self.standing(&who);
        // Counts from here on, so that the wait counts too.
        let mut slot = Slot {
            permits: Vec::with_capacity(3),
            lanes: Arc::clone(self),
            who,
        };
        let [failed, new, proven] = &self.waiting;
        let (waiting, needed): (_, &[_]) = match standing {
            Standing::Failed => (failed, &[&self.failed, &self.unproven, &self.any]),
            Standing::New => (new, &[&self.unproven, &self.any]),
            Standing::Proven => (proven, &[&self.any]),
        };
        let _place = Arc::clone(waiting)
            .try_acquire_owned()
            .map_err(|_| NoSlot::Full)?;
        let taken = timeout(self.wait, async {
            for semaphore in needed {
                // Never closed.
                if let Ok(permit) = Arc::clone(semaphore).acquire_owned().await {
                    slot.permits.push(permit);
                }
            }
        });
        taken.await.map_err(|_| NoSlot::Late)?;
        Ok(slot)
    }

    /// What is known of somebody, counting what is under way; counts one more.
    fn standing(&self, who: &Who) -> Standing {
        let known = lock(&self.history).standing(who, Instant::now());
        let mut under_way = lock(&self.under_way);
        let count = under_way.entry(who.clone()).or_default();
        *count += 1;
        if *count > AT_ONCE { Standing::Failed } else { known }
    }
}

impl Slot {
    /// Who holds it.
    pub(super) fn who(&self) -> &Who {
        &self.who
    }

    /// Notes that whoever holds it succeeded.
    pub(super) fn succeeded(&self) {
        lock(&self.lanes.history).succeeded(&self.who);
    }

    /// Notes that whoever holds it failed.
    pub(super) fn failed(&self) {
        lock(&self.lanes.history).failed(&self.who, Instant::now());
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut under_way = lock(&self.lanes.under_way);
        if let Some(count) = under_way.get_mut(&self.who) {
            *count -= 1;
            if *count == 0 {
                under_way.remove(&self.who);
            }
        }
    }
}

/// Locks what holds no promise that a panic could break.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIT: Duration = Duration::from_millis(100);

    fn who(name: &str) -> Who {
        Who {
            name: name.to_owned(),
            client: None,
        }
    }

    #[tokio::test]
    async fn new_names_leave_a_quarter_to_those_who_succeeded() {
        let lanes = Lanes::new(16, 100, WAIT);
        lanes.enter(who("alice")).await.unwrap().succeeded();
        let mut held = Vec::new();
        for number in 0..12 {
            held.push(lanes.enter(who(&number.to_string())).await.unwrap());
        }
        assert_eq!(lanes.enter(who("one more")).await.unwrap_err(), NoSlot::Late);
        lanes.enter(who("alice")).await.unwrap();
        held.pop();
        lanes.enter(who("one more")).await.unwrap();
    }

    #[tokio::test]
    async fn those_who_failed_leave_half_to_new_names() {
        let lanes = Lanes::new(16, 100, WAIT);
        let mut held = Vec::new();
        for number in 0..16 {
            lanes.enter(who(&number.to_string())).await.unwrap().failed();
        }
        for number in 0..4 {
            held.push(lanes.enter(who(&number.to_string())).await.unwrap());
        }
        assert_eq!(lanes.enter(who("5")).await.unwrap_err(), NoSlot::Late);
        for number in 0..8 {
            held.push(lanes.enter(who(&format!("new {number}"))).await.unwrap());
        }
    }

    #[tokio::test]
    async fn one_name_at_one_seat_holds_no_more_than_those_who_failed() {
        let lanes = Lanes::new(16, 100, WAIT);
        let mut held = Vec::new();
        for _ in 0..2 + 4 {
            held.push(lanes.enter(who("alice")).await.unwrap());
        }
        assert_eq!(lanes.enter(who("alice")).await.unwrap_err(), NoSlot::Late);
        drop(held);
        assert!(lock(&lanes.under_way).is_empty());
        assert_eq!(lanes.any.available_permits(), 16);
    }

    #[tokio::test]
    async fn the_queue_is_bounded_and_whoever_leaves_it_is_gone() {
        let lanes = Lanes::new(4, 1, Duration::from_mins(10));
        let held = [
            lanes.enter(who("a")).await.unwrap(),
            lanes.enter(who("b")).await.unwrap(),
            lanes.enter(who("c")).await.unwrap(),
        ];
        let waits = tokio::spawn({
            let lanes = Arc::clone(&lanes);
            async move { lanes.enter(who("d")).await.map(drop) }
        });
        tokio::task::yield_now().await;
        assert_eq!(lanes.enter(who("e")).await.unwrap_err(), NoSlot::Full);
        let load = lanes.load();
        assert_eq!((load.slots, load.busy, load.waiting), (4, 3, 1));
        assert_eq!((load.taken, load.turned_away), (4, 1));
        waits.abort();
        assert!(waits.await.unwrap_err().is_cancelled());
        drop(held);
        lanes.enter(who("e")).await.unwrap();
        assert!(lock(&lanes.under_way).is_empty());
    }
}

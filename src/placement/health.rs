//! Whether a machine answers, kept fresh in the background.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::probe::{Prober, Silence};
use crate::model::Machine;

/// Time between two probes of a machine. OpenSSH 9.8 and later counts a second of penalty against an address
/// for each connection that does not log in, and refuses it when 15 of them have come together
/// (`PerSourcePenalties` in sshd_config(5)): one probe in 5 s never gets there.
pub(super) const PROBE_INTERVAL: Duration = Duration::from_secs(5);

/// Whether a machine can take sessions, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    /// It has not been asked yet; nothing starts there.
    Unknown,
    /// It answered the last probe.
    Up,
    /// It did, and its agent answers nothing any more while those of other hosts of the farm do: what is frozen takes
    /// connections too.
    Silent,
    /// It did not answer the last probe.
    Down,
}

impl Health {
    /// The word for it in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Silent => "silent",
            Self::Down => "down",
        }
    }
}

/// Probes a machine for ever, about once in `interval`, and tells `health` of it. `names` is what the log calls
/// the machine.
pub(super) async fn keep_watch(
    prober: Arc<Prober>,
    machine: Machine,
    names: String,
    interval: Duration,
    health: watch::Sender<Health>,
) {
    let mut known = Vec::new();
    let mut tried = true;
    loop {
        let answer = prober.probe(&machine, &mut known).await;
        let before = *health.borrow();
        match &answer {
            Ok(()) if before != Health::Up => tracing::info!(host = names, "host answers"),
            Err(Silence::NotTried(error)) if tried => {
                tracing::warn!(host = names, %error, "host cannot be probed; what was known of it stays");
            }
            Err(silence @ (Silence::Name(_) | Silence::Connection(_))) if before != Health::Down => {
                tracing::warn!(host = names, error = %silence, "host does not answer; nothing starts there");
            }
            _ => {}
        }
        tried = !matches!(answer, Err(Silence::NotTried(_)));
        if tried {
            health.send_replace(if answer.is_ok() { Health::Up } else { Health::Down });
        }
        sleep(jittered(interval)).await;
    }
}

/// The interval, a fifth shorter to a fifth longer, so that the hosts of a farm are not all probed at once.
pub(super) fn jittered(interval: Duration) -> Duration {
    interval.mul_f64(rand::random_range(0.8..1.2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_spread_by_a_fifth_to_either_side() {
        let second = Duration::from_secs(1);
        let intervals: Vec<_> = (0..1000).map(|_| jittered(second)).collect();
        let spread = second.mul_f64(0.8)..second.mul_f64(1.2);
        assert!(intervals.iter().all(|interval| spread.contains(interval)));
        let shortest = intervals.iter().min().unwrap();
        let longest = intervals.iter().max().unwrap();
        assert!(*shortest < second.mul_f64(0.85) && *longest > second.mul_f64(1.15));
    }
}

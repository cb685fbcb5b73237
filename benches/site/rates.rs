//! How often something can be done in a second, beside something else in the same run.

use std::future::Future;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

/// How many do it at the same time.
pub const AT_ONCE: usize = 12;
/// How long it is done in one round.
const ROUND: Duration = Duration::from_millis(1000);

/// Somebody who does the same thing again and again.
pub trait Worker: Send + 'static {
    fn work(&mut self) -> impl Future<Output = ()> + Send;
}

/// How often the workers get it done in a second, each after the other's fashion: as soon as one is done, it
/// begins again.
pub async fn rate<W: Worker>(workers: &mut Vec<W>) -> f64 {
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for mut worker in workers.drain(..) {
        tasks.spawn(async move {
            let mut done = 0_u32;
            while begun.elapsed() < ROUND {
                worker.work().await;
                done += 1;
            }
            (worker, done)
        });
    }
    let mut total = 0;
    while let Some(ended) = tasks.join_next().await {
        let (worker, done) = ended.unwrap();
        workers.push(worker);
        total += done;
    }
    f64::from(total) / begun.elapsed().as_secs_f64()
}

/// The middle one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The middle one of the ratios of each round.
pub fn ratio(these: &[f64], those: &[f64]) -> f64 {
    median(these.iter().zip(those).map(|(this, that)| this / that).collect())
}

/// The processor time that a process has used so far, all its threads together.
pub fn processor_time(process: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // proc_pid_stat(5): after the name in brackets comes field 3; user and system time are 14 and 15, in
    // hundredths of a second (USER_HZ).
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let ticks: u64 = fields
        .split(' ')
        .skip(11)
        .take(2)
        .map(|field| field.parse::<u64>().unwrap())
        .sum();
    Duration::from_millis(ticks * 10)
}

//! Word to systemd (sd_notify(3)): ready, reloading, stopping, a line for `systemctl status`, and signs of life for its
//! watchdog.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::sleep;

use super::clock;
use super::daemon::Daemon;
use super::report::UP;

/// Longest time between two looks at what `systemctl status` shows.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Tells systemd, if it started us.
pub(crate) fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd was not told");
    }
}

/// Gives signs of life for a process whose one thread does everything: it lives while this is polled. Ends never.
pub(crate) async fn keep_watch() {
    match watchdog() {
        Some(every) => loop {
            give_sign_of_life(None).await;
            sleep(every).await;
        },
        None => std::future::pending().await,
    }
}

/// Tells the watchdog, and what is shown from now on. On a thread of its own, for the socket takes few messages while
/// systemd is busy, and logins do not wait for it.
async fn give_sign_of_life(status: Option<String>) {
    let told = tokio::task::spawn_blocking(move || match &status {
        Some(status) => tell(&[NotifyState::Watchdog, NotifyState::Status(status)]),
        None => tell(&[NotifyState::Watchdog]),
    });
    if let Err(error) = told.await {
        tracing::warn!(%error, "systemd was not told");
    }
}

/// How often systemd wants to hear of us: twice as often as it needs to (sd_watchdog_enabled(3)).
fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|limit| limit / 2)
}

/// Says that the configuration is being read again, until it is dropped (`Type=notify-reload` of later systemd wants the
/// time, too).
pub(super) struct Reloading<'a>(&'a Daemon);

impl<'a> Reloading<'a> {
    pub(super) fn begin(daemon: &'a Daemon) -> Self {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => tell(&[NotifyState::Reloading, now]),
            Err(error) => tracing::warn!(%error, "systemd was not told"),
        }
        Self(daemon)
    }
}

impl Drop for Reloading<'_> {
    fn drop(&mut self) {
        self.0.tell_ready();
    }
}

impl Daemon {
    /// Says that requests are served, and by what.
    pub(super) fn tell_ready(&self) {
        tell(&[NotifyState::Ready, NotifyState::Status(&self.status_line())]);
    }

    /// Gives signs of life, each after a round through what every request needs: a worker of the runtime, the state and
    /// the locks of the broker. Ends never.
    pub(super) async fn keep_watch(self: Arc<Self>) {
        let every = watchdog().map_or(LOOK_EVERY, |every| every.min(LOOK_EVERY));
        let round = move || {
            let daemon = Arc::clone(&self);
            let round = tokio::spawn(async move { daemon.round().await });
            async {
                let line = round.await;
                line.inspect_err(|error| tracing::error!("the daemon cannot look at itself: {error}"))
                    .ok()
            }
        };
        signs_of_life(every, round, give_sign_of_life).await;
    }

    async fn round(&self) -> String {
        let now = clock::now();
        // What they say is of no interest here, but a lock that nobody lets go of ends the signs of life.
        let _ = self.store.ticket_uses().await;
        self.checks.throttle().sizes(now);
        self.broker.placements().leases(now);
        self.status_line()
    }

    /// What `systemctl status` shows beside the state.
    fn status_line(&self) -> String {
        let snapshot = self.broker.snapshot();
        let servers = self.directory_servers();
        let hosts = self.hosts();
        let last_reload = self.last_reload.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = last_reload.as_ref().is_some_and(|reload| !reload.taken);
        let pam = snapshot.pam.as_ref().map(|pam| pam.is_reachable());
        line(&Sight {
            configuration: &snapshot.configuration.to_string(),
            refused,
            servers: counted(servers.iter().map(|server| &server.state)),
            pam,
            hosts: counted(hosts.iter().map(|host| &host.health)),
        })
    }
}

/// Gives a sign of life after every round that comes to its end with a line, which is shown where it is another than
/// before. Ends never.
async fn signs_of_life<Round, Told>(
    every: Duration,
    round: impl Fn() -> Round,
    tell: impl Fn(Option<String>) -> Told,
) where
    Round: Future<Output = Option<String>>,
    Told: Future<Output = ()>,
{
    let mut shown = None;
    loop {
        match round().await {
            Some(line) if shown.as_ref() != Some(&line) => {
                tell(Some(line.clone())).await;
                shown = Some(line);
            }
            Some(_) => tell(None).await,
            None => {}
        }
        sleep(every).await;
    }
}

/// What the line says.
struct Sight<'a> {
    configuration: &'a str,
    /// Whether a newer one was not taken.
    refused: bool,
    /// How many are up, and how many there are.
    servers: (usize, usize),
    pam: Option<bool>,
    hosts: (usize, usize),
}

fn counted<'a>(states: impl Iterator<Item = &'a String>) -> (usize, usize) {
    states.fold((0, 0), |(up, all), state| {
        (up + usize::from(state == UP), all + 1)
    })
}

fn line(sight: &Sight<'_>) -> String {
    let mut line = format!("Serving, configuration {}", sight.configuration);
    if sight.refused {
        line += " (the last reload was refused)";
    }
    for ((up, all), what) in [(sight.servers, "LDAP servers"), (sight.hosts, "hosts")] {
        if all > 0 {
            line += &format!(", {up} of {all} {what} up");
        }
    }
    if let Some(up) = sight.pam {
        line += if up {
            ", PAM worker up"
        } else {
            ", PAM worker DOWN"
        };
    }
    line
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_round_that_fails_or_never_ends_gives_no_sign_of_life() {
        let (rounds, told) = (Cell::new(0), RefCell::new(Vec::new()));
        let round = || async {
            rounds.set(rounds.get() + 1);
            match rounds.get() {
                1 | 2 => Some("Serving".to_owned()),
                3 => None,
                4 => Some("Serving two".to_owned()),
                _ => std::future::pending().await,
            }
        };
        let tell = |status| {
            told.borrow_mut().push(status);
            std::future::ready(())
        };
        let watch = signs_of_life(Duration::from_secs(1), round, tell);
        timeout(Duration::from_secs(60), watch).await.unwrap_err();
        let shown = |text: &str| Some(text.to_owned());
        assert_eq!(*told.borrow(), [shown("Serving"), None, shown("Serving two")]);
        assert_eq!(rounds.get(), 5);
    }

    #[test]
    fn the_line_has_what_there_is() {
        let least = Sight {
            configuration: "3f2a91c07b1e",
            refused: false,
            servers: (0, 0),
            pam: None,
            hosts: (0, 0),
        };
        assert_eq!(line(&least), "Serving, configuration 3f2a91c07b1e");
        let most = Sight {
            refused: true,
            servers: (1, 2),
            pam: Some(false),
            hosts: (40, 40),
            ..least
        };
        assert_eq!(
            line(&most),
            "Serving, configuration 3f2a91c07b1e (the last reload was refused), 1 of 2 LDAP servers up, \
             40 of 40 hosts up, PAM worker DOWN"
        );
    }
}

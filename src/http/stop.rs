//! The word to stop, from the server to every listener and connection.

use tokio::sync::watch;

/// Gives the word, once; dropping it gives it too.
#[derive(Debug)]
pub(super) struct StopSender(watch::Sender<bool>);

/// Hears the word.
#[derive(Debug, Clone)]
pub(super) struct Stop(watch::Receiver<bool>);

/// Both ends.
pub(super) fn stop() -> (StopSender, Stop) {
    let (sender, receiver) = watch::channel(false);
    (StopSender(sender), Stop(receiver))
}

impl StopSender {
    /// Tells everybody to stop.
    pub(super) fn send(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// Whether the word was given.
    pub(super) fn is_given(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Waits for the word.
    pub(super) async fn given(mut self) {
        // An error means that the sender is gone, which is the word as well.
        let _ = self.0.wait_for(|given| *given).await;
    }
}

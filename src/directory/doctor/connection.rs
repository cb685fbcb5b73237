//! Whether a server can be reached, and whether its certificate will do for a while.

use std::time::Duration;

use crate::directory::certificate::not_after;
use crate::directory::dial::Dialer;
use crate::directory::settings::Transport;
use crate::model::{Check, Now};

/// A certificate that ends sooner should be renewed now.
const RENEW: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// Connects.
pub(super) async fn checks(dialer: &Dialer, now: Now) -> Vec<Check> {
    let mut checks = Vec::new();
    match dialer.dial_and_look().await {
        // Says itself what to do.
        Err(trouble) => checks.push(Check::bad(trouble.cause(), None)),
        Ok(dialed) => {
            checks.push(match dialer.server.transport {
                Transport::Plain => Check::good("connected; on this machine, so without TLS"),
                Transport::Tls | Transport::StartTls => Check::good("connected with TLS"),
            });
            let end = dialed.certificate.as_deref().and_then(not_after);
            checks.extend(end.map(|end| certificate(end.since(now))));
        }
    }
    let global_catalogue = [3268, 3269].contains(&dialer.server.port);
    checks.extend(global_catalogue.then(|| {
        Check::doubtful(
            "this is the port of a global catalogue, which does not know all groups",
            format!("urls = [\"ldaps://{}\"]", dialer.server.host),
        )
    }));
    checks
}

/// A certificate that is good for that long.
fn certificate(left: Duration) -> Check {
    let days = left.as_secs() / (24 * 60 * 60);
    let what = format!("the server's certificate is good for {days} more days");
    if left < RENEW {
        Check::doubtful(what, "renew it on the server")
    } else {
        Check::good(what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Outcome;

    #[test]
    fn a_certificate_is_to_be_renewed_before_it_ends() {
        assert_eq!(certificate(RENEW).outcome, Outcome::Good);
        let short = certificate(RENEW / 2);
        assert_eq!(short.outcome, Outcome::Doubtful);
        assert!(short.what.contains("7 more days"), "{}", short.what);
    }
}

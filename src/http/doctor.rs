//! What an admin should know of the certificate that clients see. Makes nothing and changes nothing.

use std::path::Path;
use std::time::Duration;

use super::{CertificateError, KeyPair, certificate, self_signed};
use crate::model::{Check, Now};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// A certificate that ends sooner should have been renewed by whatever renews it.
const RENEW: Duration = Duration::from_secs(14 * 24 * 60 * 60);
const RENEWAL: &str = "renew it, then `x2godirector reload`";

/// Looks at the certificate and its key. Blocks on file access.
pub fn examine(key_pair: &KeyPair, now: Now) -> Vec<Check> {
    let checks = match key_pair {
        KeyPair::Files {
            certificate,
            private_key,
        } => pair(certificate, private_key, now),
        KeyPair::SelfSigned { folder } => self_signed_pair(folder, now),
    };
    // Says itself what to do.
    checks.unwrap_or_else(|error| vec![Check::bad(error.to_string(), None)])
}

fn pair(certificate: &Path, private_key: &Path, now: Now) -> Result<Vec<Check>, CertificateError> {
    let times = certificate::times(certificate, private_key)?;
    let mut checks = vec![Check::good(format!(
        "{} and {} belong together",
        certificate.display(),
        private_key.display()
    ))];
    checks.extend(times.map(|(begin, end)| valid(begin, end, now)));
    Ok(checks)
}

fn self_signed_pair(folder: &Path, now: Now) -> Result<Vec<Check>, CertificateError> {
    let Some((certificate, private_key)) = self_signed::find(folder)? else {
        let what = format!(
            "none is configured: the first start makes a self-signed one in {}, and X2Go Client asks its user once \
             whether to trust it",
            folder.display()
        );
        return Ok(vec![Check::good(what)]);
    };
    let mut checks = pair(&certificate, &private_key, now)?;
    let what = "it is self-signed: X2Go Client asks its user once whether to trust it";
    checks.push(Check::good(what));
    Ok(checks)
}

/// What its times mean now. One out of its time is served all the same: clients that have accepted it come in.
fn valid(begin: Now, end: Now, now: Now) -> Check {
    if now < begin {
        let what = format!("it is valid only from {begin} on, and clients warn their users until then");
        return Check::doubtful(what, "look at the clock of this machine, or wait");
    }
    if now >= end {
        let what = format!("it ended on {end}, and clients warn their users or refuse it");
        return Check::doubtful(what, RENEWAL);
    }
    let left = end.since(now);
    let what = format!("it is good for {} more days", left.as_secs() / DAY.as_secs());
    if left < RENEW {
        Check::doubtful(what, RENEWAL)
    } else {
        Check::good(what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Outcome;

    #[test]
    fn a_certificate_is_looked_at_in_its_time() {
        let day = |day: i64| Now::from_unix_ms(day * 24 * 60 * 60 * 1000);
        let at = |now| valid(day(100), day(200), day(now));
        assert_eq!(at(150).outcome, Outcome::Good);
        assert_eq!(at(150).what, "it is good for 50 more days");
        for (now, words) in [
            (99, "valid only from"),
            (190, "10 more days"),
            (200, "it ended on"),
        ] {
            let check = at(now);
            assert_eq!(check.outcome, Outcome::Doubtful);
            assert!(check.what.contains(words), "{}", check.what);
        }
    }

    #[test]
    fn a_self_signed_pair_is_looked_at_and_never_made() {
        let folder = tempfile::tempdir().unwrap();
        let key_pair = KeyPair::SelfSigned {
            folder: folder.path().to_owned(),
        };
        let now = Now::from_unix_ms(1_790_000_000_000);
        let none = examine(&key_pair, now);
        assert!(none[0].what.contains("the first start makes"), "{}", none[0].what);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);

        let (_, private_key) = self_signed::ensure(folder.path(), now).unwrap();
        let made = examine(&key_pair, now);
        assert!(
            made.iter().all(|check| check.outcome == Outcome::Good),
            "{made:?}"
        );
        assert_eq!(made[1].what, "it is good for 3652 more days");

        std::fs::remove_file(private_key).unwrap();
        let half = examine(&key_pair, now);
        assert_eq!(half[0].outcome, Outcome::Bad);
        assert!(half[0].what.contains("only"), "{}", half[0].what);
    }
}

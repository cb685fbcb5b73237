//! Whether the broker refuses wrong passwords before the directory locks the account: else anybody who knows a name
//! can lock its owner out, at the broker's door.

use std::time::Duration;

use jiff::SignedDuration;

use crate::directory::search::{Extent, Query};
use crate::directory::servers::Servers;
use crate::directory::settings::{Schema, Settings};
use crate::model::{Attributes, Check};

use super::root::Root;

const PURPOSE: &str = "lockout policy";
/// Of a domain (\[MS-SAMR\] 2.2.3.4): 0 for never.
const LOCKOUT_THRESHOLD: &str = "lockoutThreshold";
/// Of a domain (\[MS-ADA1\]): how long a failure counts, in units of 100 ns and negative.
const LOCKOUT_WINDOW: &str = "lockOutObservationWindow";
/// Of draft-behera-ldap-password-policy section 5.2.11: 0 for never.
const MAX_FAILURE: &str = "pwdMaxFailure";
/// Of the same, section 5.2.12, in seconds: 0 if only a right password ends the count.
const FAILURE_INTERVAL: &str = "pwdFailureCountInterval";
/// No limit of the broker looks back further, so a directory that remembers for longer never forgets in time.
const REMEMBERED_MAX: Duration = Duration::from_hours(24);
/// What to have a directory forget failures after that does not.
const REMEMBERED_USUAL: Duration = Duration::from_mins(10);
/// The counts of the broker's own defaults, which nothing that is advised goes beyond.
const USUAL: (u32, u32) = (5, 10);

/// So many wrong passwords of one user in so much time; the next one is refused by the broker itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// How many.
    pub failures: u32,
    /// The time that ends now.
    pub within: Duration,
}

/// How many wrong passwords of one user reach the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throttle {
    /// Those from one client: `user` of `[authentication.throttle]`.
    pub user: Allowance,
    /// Those from all clients together, unless the user has logged in there before: `user_elsewhere`.
    pub user_elsewhere: Allowance,
}

/// When the directory locks an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Lockout {
    threshold: u32,
    /// For how long it counts a failure; none if until a right password.
    remembered: Option<Duration>,
}

/// Looks for the threshold. Says nothing where `bind_dn` may not see any, which is usual.
pub(super) async fn checks(
    servers: &Servers,
    settings: &Settings,
    root: &Root,
    throttle: &Throttle,
) -> Option<Check> {
    let domain = settings.schema == Schema::ActiveDirectory;
    let (extent, filter, attributes) = if domain {
        (
            Extent::Base,
            "(objectClass=*)",
            [LOCKOUT_THRESHOLD, LOCKOUT_WINDOW],
        )
    } else {
        (
            Extent::All,
            "(objectClass=pwdPolicy)",
            [MAX_FAILURE, FAILURE_INTERVAL],
        )
    };
    let query = Query {
        purpose: PURPOSE,
        base: root.top()?.to_owned(),
        extent,
        filter: filter.to_owned(),
        attributes: attributes.map(str::to_owned).to_vec(),
        values: None,
    };
    let found = servers.search(query).await.ok()?.found;
    let lockouts = found
        .iter()
        .filter_map(|policy| lockout(&policy.attributes, attributes, domain));
    lockouts.reduce(strictest).map(|lockout| judge(lockout, throttle))
}

/// What a policy says in these two attributes; none if it locks nobody.
fn lockout(policy: &Attributes, [threshold, remembered]: [&str; 2], domain: bool) -> Option<Lockout> {
    let first = |name: &str| policy.get(&name.to_lowercase())?.first()?.parse::<i64>().ok();
    let units_per_second = if domain { 10_000_000 } else { 1 };
    let remembered =
        first(remembered).map(|units| Duration::from_secs(units.unsigned_abs() / units_per_second));
    Some(Lockout {
        threshold: u32::try_from(first(threshold)?)
            .ok()
            .filter(|threshold| *threshold > 0)?,
        remembered: remembered.filter(|remembered| !remembered.is_zero() && *remembered <= REMEMBERED_MAX),
    })
}

/// What satisfies both satisfies this.
fn strictest(one: Lockout, other: Lockout) -> Lockout {
    Lockout {
        threshold: one.threshold.min(other.threshold),
        remembered: one
            .remembered
            .zip(other.remembered)
            .map(|(one, other)| one.max(other)),
    }
}

/// What a lockout means beside our own limits. Somebody who tries names from many clients is held by
/// `user_elsewhere`; the user's own failures at a desk of theirs, which `user` holds, come on top.
fn judge(lockout: Lockout, throttle: &Throttle) -> Check {
    let Lockout {
        threshold,
        remembered,
    } = lockout;
    let what = format!("the directory locks an account after {threshold} wrong passwords");
    let Some(remembered) = remembered else {
        return Check::doubtful(
            format!("{what} and does not forget them within a day, so that a patient attacker gets there"),
            format!(
                "have the directory forget failures (pwdFailureCountInterval: {}), and write\n{}",
                REMEMBERED_USUAL.as_secs(),
                lines(threshold, REMEMBERED_USUAL)
            ),
        );
    };
    let what = format!("{what} in {}", written(remembered));
    let Throttle { user, user_elsewhere } = throttle;
    let sum = user.failures.saturating_add(user_elsewhere.failures);
    let looks_back = user.within.min(user_elsewhere.within);
    if sum >= threshold {
        let ours = format!(
            "the broker lets {sum} through: {} from one client (user) and {} from all others (user_elsewhere)",
            user.failures, user_elsewhere.failures
        );
        Check::doubtful(format!("{what}, and {ours}"), lines(threshold, remembered))
    } else if looks_back < remembered {
        let ours = format!(
            "the broker forgets its {sum} sooner, after {}",
            written(looks_back)
        );
        Check::doubtful(format!("{what}, and {ours}"), lines(threshold, remembered))
    } else {
        Check::good(format!("{what}; the broker lets no more than {sum} through"))
    }
}

/// The lines of conf.d that stay below a threshold.
fn lines(threshold: u32, remembered: Duration) -> String {
    let allowed = threshold.saturating_sub(1);
    let user = (allowed * 3 / 4).clamp(1, USUAL.0);
    let elsewhere = allowed.saturating_sub(user).min(USUAL.1);
    if elsewhere == 0 {
        return format!(
            "raise the directory's threshold: no limit of the broker stays below {threshold}; \
             {} goes well with its defaults",
            (USUAL.0 + USUAL.1).next_multiple_of(10)
        );
    }
    let within = written(remembered);
    format!(
        "[authentication.throttle]\nuser = \"{user} in {within}\"\nuser_elsewhere = \"{elsewhere} in {within}\""
    )
}

/// A time as conf.d has it.
fn written(time: Duration) -> String {
    SignedDuration::try_from(time).map_or_else(|_| format!("{time:?}"), |time| format!("{time:#}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Outcome;

    const TEN_MINUTES: Duration = Duration::from_mins(10);

    fn throttle(user: u32, user_elsewhere: u32, within: Duration) -> Throttle {
        let allowance = |failures| Allowance { failures, within };
        Throttle {
            user: allowance(user),
            user_elsewhere: allowance(user_elsewhere),
        }
    }

    fn judged(threshold: u32, throttle: &Throttle) -> Check {
        let remembered = Some(TEN_MINUTES);
        judge(
            Lockout {
                threshold,
                remembered,
            },
            throttle,
        )
    }

    #[test]
    fn the_broker_should_refuse_first_at_all_clients_together() {
        assert_eq!(judged(16, &throttle(5, 10, TEN_MINUTES)).outcome, Outcome::Good);
        let late = judged(15, &throttle(5, 10, TEN_MINUTES));
        assert_eq!(late.outcome, Outcome::Doubtful);
        assert!(late.what.contains("lets 15 through"), "{}", late.what);
        let short = judged(16, &throttle(5, 10, TEN_MINUTES / 2));
        assert_eq!(short.outcome, Outcome::Doubtful);
        assert!(
            short.what.ends_with("forgets its 15 sooner, after 5m"),
            "{}",
            short.what
        );
        assert_eq!(
            judged(5, &throttle(5, 10, TEN_MINUTES)).advice.as_deref(),
            Some("[authentication.throttle]\nuser = \"3 in 10m\"\nuser_elsewhere = \"1 in 10m\"")
        );
        assert!(
            judged(2, &throttle(1, 1, TEN_MINUTES))
                .advice
                .unwrap()
                .starts_with("raise")
        );
    }

    #[test]
    fn whatever_is_advised_is_right() {
        for threshold in 3..40 {
            let advice = judged(threshold, &throttle(99, 99, TEN_MINUTES)).advice.unwrap();
            let counts: Vec<u32> = advice
                .split([' ', '"'])
                .filter_map(|word| word.parse().ok())
                .collect();
            let [user, elsewhere] = counts[..] else {
                panic!("{advice}")
            };
            let better = judged(threshold, &throttle(user, elsewhere, TEN_MINUTES));
            assert_eq!(better.outcome, Outcome::Good, "{threshold}: {advice}");
        }
    }

    #[test]
    fn policies_are_read_in_their_units() {
        let read = |domain, window: &str| {
            let policy = [("threshold", "5"), ("window", window)]
                .map(|(name, value)| (name.to_owned(), vec![value.to_owned()]));
            lockout(&policy.into_iter().collect(), ["Threshold", "Window"], domain)
                .unwrap()
                .remembered
        };
        assert_eq!(read(true, "-6000000000"), Some(TEN_MINUTES));
        assert_eq!(read(false, "600"), Some(TEN_MINUTES));
        assert_eq!(read(false, "0"), None);
        assert_eq!(read(true, "-9223372036854775808"), None);
        assert_eq!(lockout(&Attributes::new(), ["a", "b"], false), None);
    }

    #[test]
    fn a_directory_that_never_forgets_is_told() {
        let forever = Lockout {
            threshold: 20,
            remembered: None,
        };
        let check = judge(forever, &throttle(5, 10, TEN_MINUTES));
        assert_eq!(check.outcome, Outcome::Doubtful);
        let ten_minutes = Lockout {
            threshold: 10,
            remembered: Some(TEN_MINUTES),
        };
        let both = Lockout {
            threshold: 10,
            remembered: None,
        };
        assert_eq!(strictest(forever, ten_minutes), both);
    }
}

//! Whether the broker refuses wrong passwords before the directory locks the account: else anybody who knows a name
//! can lock its owner out, at the broker's door.

use crate::directory::search::{Extent, Query};
use crate::directory::servers::Servers;
use crate::directory::settings::{Schema, Settings};
use crate::model::Check;

use super::root::Root;

const PURPOSE: &str = "lockout policy";
/// Of a domain (\[MS-SAMR\] 2.2.3.4): 0 for never.
const LOCKOUT_THRESHOLD: &str = "lockoutThreshold";
/// Of draft-behera-ldap-password-policy section 5.2.11: 0 for never.
const MAX_FAILURE: &str = "pwdMaxFailure";

/// Looks for the threshold. Says nothing where `bind_dn` may not see any, which is usual.
pub(super) async fn checks(
    servers: &Servers,
    settings: &Settings,
    root: &Root,
    failures_max: Option<u32>,
) -> Option<Check> {
    let (extent, filter, attribute) = match settings.schema {
        Schema::ActiveDirectory => (Extent::Base, "(objectClass=*)", LOCKOUT_THRESHOLD),
        Schema::Rfc2307 | Schema::Rfc2307bis => (Extent::All, "(objectClass=pwdPolicy)", MAX_FAILURE),
    };
    let query = Query {
        purpose: PURPOSE,
        base: root.top()?.to_owned(),
        extent,
        filter: filter.to_owned(),
        attributes: vec![attribute.to_owned()],
        values: None,
    };
    let found = servers.search(query).await.ok()?.found;
    let thresholds = found
        .iter()
        .filter_map(|found| found.attributes.get(&attribute.to_lowercase()))
        .flatten()
        .filter_map(|value| value.parse::<u32>().ok())
        .filter(|threshold| *threshold > 0);
    thresholds.min().map(|threshold| judge(threshold, failures_max))
}

/// What a threshold means beside our own.
fn judge(threshold: u32, failures_max: Option<u32>) -> Check {
    let what = format!("the directory locks an account after {threshold} wrong passwords");
    match failures_max {
        Some(ours) if ours < threshold => Check::good(format!("{what}; the broker refuses after {ours}")),
        Some(ours) => Check::doubtful(
            format!("{what}, and the broker refuses only after {ours}"),
            format!(
                "[authentication.throttle] user = \"{} in 5m\"",
                threshold.saturating_sub(1).max(1)
            ),
        ),
        None => Check::doubtful(
            format!("{what}, and the broker does not refuse any before"),
            "whoever knows a name can lock its owner out",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Outcome;

    #[test]
    fn the_broker_should_refuse_first() {
        assert_eq!(judge(6, Some(5)).outcome, Outcome::Good);
        let late = judge(5, Some(5));
        assert_eq!(late.outcome, Outcome::Doubtful);
        assert_eq!(
            late.advice.as_deref(),
            Some("[authentication.throttle] user = \"4 in 5m\"")
        );
        assert_eq!(judge(1, None).outcome, Outcome::Doubtful);
    }
}

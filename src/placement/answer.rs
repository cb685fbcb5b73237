//! The answer: a host, or why there is none.

use std::fmt;

use super::{Farm, Host};
use crate::model::{FarmName, HostAddress, HostName, Limit};
use crate::store::StoreError;

/// The host on which an offer starts. Only [`super::Placements`] makes one, and its lease is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    farm: FarmName,
    host: HostName,
    address: HostAddress,
    port: u16,
    renewed: bool,
}

impl Placement {
    pub(super) fn new(farm: &Farm, host: &Host, renewed: bool) -> Self {
        Self {
            farm: farm.name.clone(),
            host: host.name.clone(),
            address: host.address.clone(),
            port: host.port,
            renewed,
        }
    }

    /// The farm of the host: that of the offer, or one of its fallbacks.
    pub fn farm(&self) -> &FarmName {
        &self.farm
    }

    /// The host's name in its farm.
    pub fn host(&self) -> &HostName {
        &self.host
    }

    /// What the client dials.
    pub fn address(&self) -> &HostAddress {
        &self.address
    }

    /// The SSH port there.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether the account was on this host already and its lease began anew.
    pub fn renewed(&self) -> bool {
        self.renewed
    }
}

/// Why there is no host for an offer; the words are for the audit log.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NoHost {
    /// The user has `max_sessions_per_user` of the offer's farm.
    #[error("the user has {sessions} sessions in farm {farm} (max_sessions_per_user = {most})")]
    TooManySessions {
        /// The farm.
        farm: FarmName,
        /// How many sessions.
        sessions: u32,
        /// How many there may be.
        most: u32,
    },
    /// No host of the offer's farm and of its fallbacks takes a new session.
    #[error("{}", listed(.0))]
    NoneTakes(Vec<FullFarm>),
    /// The account selects too often.
    #[error("too many selects of this account within a minute")]
    TooManySelects,
    /// The lease could not be kept, so it was not given.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why no host of a farm takes a new session: each host is counted under the first reason it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FullFarm {
    /// The farm.
    pub farm: FarmName,
    /// How many hosts it has.
    pub hosts: usize,
    /// How many of them do not answer.
    pub down: usize,
    /// How many are drained.
    pub draining: usize,
    /// How many have `max_sessions_per_host`.
    pub full: usize,
    /// How many were given their `starts_per_host`.
    pub hurried: usize,
    /// `max_sessions_per_host`.
    pub most: Option<u32>,
    /// `starts_per_host`.
    pub starts: Option<Limit>,
    /// How many sessions the user has there and may have, where that is the reason and the hosts were not looked at.
    pub user: Option<(u32, u32)>,
}

impl FullFarm {
    pub(super) fn new(settings: &Farm) -> Self {
        Self {
            farm: settings.name.clone(),
            hosts: 0,
            down: 0,
            draining: 0,
            full: 0,
            hurried: 0,
            most: settings.max_sessions_per_host,
            starts: settings.starts_per_host,
            user: None,
        }
    }
}

impl fmt::Display for FullFarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((sessions, most)) = self.user {
            return write!(
                f,
                "farm {}: the user has {sessions} sessions (max_sessions_per_user = {most})",
                self.farm
            );
        }
        write!(f, "farm {}: of {} hosts", self.farm, self.hosts)?;
        let most = self.most.unwrap_or_default();
        let starts = self.starts.map(|starts| starts.to_string()).unwrap_or_default();
        let reasons = [
            (self.down, "down".to_owned()),
            (self.draining, "draining".to_owned()),
            (self.full, format!("full (max_sessions_per_host = {most})")),
            (
                self.hurried,
                format!("just given their starts_per_host = {starts}"),
            ),
        ];
        let mut separator = " ";
        for (count, reason) in reasons {
            if count > 0 {
                write!(f, "{separator}{count} {reason}")?;
                separator = ", ";
            }
        }
        Ok(())
    }
}

fn listed(farms: &[FullFarm]) -> String {
    if farms.is_empty() {
        return "the farm is not configured".to_owned();
    }
    let farms: Vec<String> = farms.iter().map(ToString::to_string).collect();
    format!("no host takes a new session; {}", farms.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_say_which_bound_it_was() {
        let mut lab = Farm::new(FarmName::new("lab").unwrap(), Vec::new());
        lab.max_sessions_per_host = Some(80);
        let full = FullFarm {
            hosts: 4,
            down: 1,
            full: 3,
            ..FullFarm::new(&lab)
        };
        let spare = FullFarm {
            farm: FarmName::new("spare").unwrap(),
            user: Some((2, 2)),
            ..FullFarm::new(&lab)
        };
        assert_eq!(
            NoHost::NoneTakes(vec![full, spare]).to_string(),
            "no host takes a new session; farm lab: of 4 hosts 1 down, 3 full (max_sessions_per_host = 80); \
             farm spare: the user has 2 sessions (max_sessions_per_user = 2)"
        );
    }
}

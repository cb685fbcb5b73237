//! A host as commands name it that do without the daemon.

use std::collections::BTreeSet;

use clap::Args;

use crate::agent::{AgentKind, Asked};
use crate::model::did_you_mean;
use crate::placement::{Farm, Host};

/// Which host is meant.
#[derive(Debug, Args)]
pub(super) struct HostChoice {
    /// The host, by its name in conf.d
    host: String,
    /// The farm that it is of, where several have a host of that name
    #[arg(long, value_name = "FARM")]
    farm: Option<String>,
}

impl HostChoice {
    /// The host, as its farm asks it.
    ///
    /// # Errors
    /// There is no such host, or several.
    pub(super) fn find(&self, farms: &[Farm]) -> Result<Asked, String> {
        if let Some(name) = &self.farm
            && !farms.iter().any(|farm| farm.name.as_str() == name)
        {
            let meant = did_you_mean(name, farms.iter().map(|farm| farm.name.as_str()));
            return Err(unknown("farm", name, meant));
        }
        let named = |farm: &&Farm| {
            let wanted = self.farm.as_deref();
            wanted.is_none_or(|wanted| farm.name.as_str() == wanted)
        };
        let in_farms = || farms.iter().filter(named);
        let all = || in_farms().flat_map(|farm| farm.hosts.iter().map(move |host| (farm, host)));
        let found: Vec<_> = all()
            .filter(|(_, host)| host.name.as_str() == self.host)
            .collect();
        let Some((farm, host)) = found.first() else {
            let meant = did_you_mean(&self.host, all().map(|(_, host)| host.name.as_str()));
            return Err(unknown("host", &self.host, meant));
        };
        let asked = asked(farm, host);
        let same =
            |(farm, host): &(&Farm, &Host)| farm.agent == asked.kind && host.machine() == asked.machine;
        if !found.iter().all(same) {
            let farms: BTreeSet<_> = found.iter().map(|(farm, _)| farm.name.as_str()).collect();
            let farms: Vec<_> = farms.into_iter().collect();
            return Err(format!(
                "the farms {} have different hosts `{}`; say which with --farm",
                farms.join(", "),
                self.host
            ));
        }
        Ok(asked)
    }
}

/// A host, as its farm asks it.
pub(super) fn asked(farm: &Farm, host: &Host) -> Asked {
    Asked {
        name: host.name.clone(),
        machine: host.machine(),
        kind: farm.agent,
    }
}

/// Why nobody is asked.
pub(super) fn is_not_asked(asked: &Asked) -> Option<String> {
    (asked.kind == AgentKind::None).then(|| {
        format!(
            "the agent of {} is not asked for anything: its farm has agent = \"none\"; write agent = \"ssh\" there",
            asked.name
        )
    })
}

fn unknown(what: &str, name: &str, meant: Option<&str>) -> String {
    match meant {
        Some(meant) => format!("there is no {what} `{name}`; did you mean `{meant}`?"),
        None => format!("there is no {what} `{name}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FarmName, HostAddress, HostName};

    fn farm(name: &str, hosts: &[(&str, &str)]) -> Farm {
        let host = |(name, address): &(&str, &str)| {
            Host::new(
                HostName::new(name).unwrap(),
                HostAddress::new(address).unwrap(),
                22,
            )
        };
        Farm::new(FarmName::new(name).unwrap(), hosts.iter().map(host).collect())
    }

    fn found(farms: &[Farm], host: &str, farm: Option<&str>) -> Result<String, String> {
        let choice = HostChoice {
            host: host.to_owned(),
            farm: farm.map(str::to_owned),
        };
        choice.find(farms).map(|asked| asked.machine.to_string())
    }

    #[test]
    fn a_host_is_found_by_its_name_unless_it_could_be_two() {
        let farms = [
            farm("lab", &[("ts01", "10.0.0.1"), ("ts02", "10.0.0.2")]),
            farm("staff", &[("ts01", "10.0.0.1"), ("ts02", "10.0.1.2")]),
        ];
        assert_eq!(found(&farms, "ts01", None), Ok("10.0.0.1:22".to_owned()));
        assert_eq!(found(&farms, "ts02", Some("staff")), Ok("10.0.1.2:22".to_owned()));
        let both = found(&farms, "ts02", None).unwrap_err();
        assert!(both.contains("lab, staff") && both.contains("--farm"), "{both}");
        let typo = found(&farms, "ts03", Some("lab")).unwrap_err();
        assert!(typo.contains("did you mean `ts0"), "{typo}");
        let typo = found(&farms, "ts01", Some("stuff")).unwrap_err();
        assert_eq!(typo, "there is no farm `stuff`; did you mean `staff`?");
    }
}

//! What clients dial: the names of hosts, as far as this machine can tell that they are wrong. Pure.

use super::parts::Part;
use crate::model::Check;
use crate::placement::Farm;

/// The name of every machine for itself.
const ITSELF: &str = "localhost";

/// Hosts that a client would look for on its own machine; nothing if there are none.
pub(super) fn examine(farms: &[Farm]) -> Option<Part> {
    let checks: Vec<Check> = farms
        .iter()
        .flat_map(|farm| farm.hosts.iter().map(move |host| (farm, host)))
        .filter(|(_, host)| host.machine().address() == ITSELF)
        .map(|(farm, host)| {
            let what = format!(
                "{} has the address {ITSELF}: a client on any other machine looks for its session there",
                host.name
            );
            let advice = format!(
                "[farm.{}.hosts.{}]\naddress = \"ts01.example.org\"   # what this host is called on the network",
                farm.name, host.name
            );
            Check::doubtful(what, advice)
        })
        .collect();
    (!checks.is_empty()).then(|| Part {
        title: "What clients dial".to_owned(),
        checks,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    #[test]
    fn a_host_that_is_everybody_s_own_machine_is_named() {
        let farms = |folder: &str| config::load(&[folder.into()], std::iter::empty()).unwrap().farms;
        let part = examine(&farms("examples/local/conf.d")).unwrap();
        assert!(
            part.checks[0].what.starts_with("here has"),
            "{}",
            part.checks[0].what
        );
        assert!(examine(&farms("conf.d")).is_none());
    }
}

//! The agents of the configuration in use, kept over reloads so that their connections are.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use crate::agent::{AgentKind, Agents, Local, Settings, Ssh};
use crate::placement::Farm;

/// The agents in use, with the settings that they were made for.
#[derive(Debug, Default)]
pub(super) struct KeptAgents(Mutex<Option<(Settings, Agents)>>);

impl KeptAgents {
    /// The agents that these farms want: those that there are already, as long as the settings are the same.
    ///
    /// # Errors
    /// There is no place for their sockets.
    pub(super) fn of(&self, settings: &Settings, farms: &[Farm]) -> io::Result<Agents> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut agents = match kept.take() {
            Some((before, agents)) if before == *settings => agents,
            _ => Agents::default(),
        };
        let wanted = |kind| farms.iter().any(|farm| farm.agent == kind);
        if !wanted(AgentKind::Ssh) {
            agents.ssh = None;
        } else if agents.ssh.is_none() {
            agents.ssh = Some(Arc::new(Ssh::new(settings.clone())?));
        }
        if !wanted(AgentKind::Local) {
            agents.local = None;
        } else if agents.local.is_none() {
            agents.local = Some(Arc::new(Local::new(settings.clone())));
        }
        *kept = Some((settings.clone(), agents.clone()));
        Ok(agents)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::model::FarmName;

    fn farm(agent: AgentKind) -> Farm {
        Farm {
            agent,
            ..Farm::new(FarmName::new("lab").unwrap(), Vec::new())
        }
    }

    #[test]
    fn agents_are_kept_while_the_settings_are_the_same() {
        let kept = KeptAgents::default();
        let settings = Settings::beside(Path::new("/s"));
        let farms = [farm(AgentKind::Ssh)];
        let first = kept.of(&settings, &farms).unwrap();
        let again = kept.of(&settings, &farms).unwrap();
        assert!(Arc::ptr_eq(
            first.of(AgentKind::Ssh).unwrap(),
            again.of(AgentKind::Ssh).unwrap()
        ));
        assert!(again.of(AgentKind::Local).is_none());
        let settings = Settings::beside(Path::new("/other"));
        let other = kept.of(&settings, &farms).unwrap();
        assert!(!Arc::ptr_eq(
            first.of(AgentKind::Ssh).unwrap(),
            other.of(AgentKind::Ssh).unwrap()
        ));
        let none = kept.of(&settings, &[farm(AgentKind::None)]).unwrap();
        assert!(none.ssh.is_none());
    }
}

//! `[farm.NAME]` and `[farm.NAME.hosts.HOST]`: the X2Go servers.

use std::time::Duration;

use super::diagnostic::Diagnostic;
use super::own_names::OwnNames;
use super::section::Section;
use super::source::Place;
use super::value::{FromText, Located};
use crate::agent::AgentKind;
use crate::model::{FarmName, HostAddress, HostName, did_you_mean};
use crate::placement::{Farm, Host, KeyWay};

const ASSUMED_SESSION_MIN: Duration = Duration::from_mins(1);
const ASSUMED_SESSION_MAX: Duration = Duration::from_hours(31 * 24);
const SESSIONS_MAX: i64 = 100_000;
const SSH_PORT: u16 = 22;
/// Longest name of a host or a session database, in bytes (`HOST_NAME_MAX` is 64).
const NAME_BYTES_MAX: usize = 253;
/// Beyond these, two weights could differ so much that a computer cannot compare their loads.
const WEIGHT_MIN: f64 = 0.001;
const WEIGHT_MAX: f64 = 1000.0;

/// The farms, and the names of all that were written, faulty ones included.
pub(super) struct Farms {
    pub(super) farms: Vec<Farm>,
    pub(super) names: Vec<String>,
}

impl FromText for AgentKind {
    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self::None),
            "ssh" => Ok(Self::Ssh),
            "local" => Ok(Self::Local),
            _ => Err(format!(
                "there is no agent `{text}`; there are `ssh`, `local` and `none`"
            )),
        }
    }
}

impl FromText for KeyWay {
    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "agent" => Ok(Self::Agent),
            "command" => Ok(Self::Command),
            _ => Err(format!(
                "keys do not come to hosts by `{text}`; they come by `agent` or `command`"
            )),
        }
    }
}

/// Reads `[farm.*]`.
pub(super) fn read(root: &mut Section<'_>) -> Farms {
    let written = root.named("farm");
    let names: Vec<String> = written.iter().map(|(name, _)| name.clone()).collect();
    let mut own_names = OwnNames::default();
    let farms = written
        .into_iter()
        .filter_map(|(name, section)| farm(&name, &names, section, &mut own_names))
        .collect();
    Farms { farms, names }
}

fn farm(name: &str, names: &[String], mut section: Section<'_>, own_names: &mut OwnNames) -> Option<Farm> {
    let problems = section.problems();
    let header = section.header().clone();
    let name = FarmName::new(name)
        .map_err(|why| problems.error(&header, why.to_string()))
        .ok();
    let written = section.named("hosts");
    if written.is_empty() {
        let message = format!("{} has no hosts", section.title());
        let hint = format!("write [{}.hosts.ts01]", section.title().trim_matches(['[', ']']));
        problems.add_absence(Diagnostic::error(&header, message).hint(hint));
    }
    // What is written wrong may be meant as any.
    let has_agent = section.has("agent");
    let agent = section.take::<Located<AgentKind>>("agent");
    let is_asked = agent
        .as_ref()
        .map_or(has_agent, |agent| agent.value != AgentKind::None);
    if let Some(Located {
        value: AgentKind::Local,
        place,
    }) = &agent
        && written.len() > 1
    {
        let message = format!(
            "{} has {} hosts, and the agent `local` is that of the broker's own machine",
            section.title(),
            written.len()
        );
        let hint = "write agent = \"ssh\", or make a farm of this machine alone".to_owned();
        problems.add(Diagnostic::error(place, message).hint(hint));
    }
    let hosts: Vec<_> = written
        .into_iter()
        .filter_map(|(name, section)| host(&name, section, is_asked, own_names))
        .collect();
    check_same_port(&hosts, &section);
    let keys = section.take("keys");
    let assumed_session = section.duration("assumed_session", ASSUMED_SESSION_MIN..=ASSUMED_SESSION_MAX);
    let max_sessions_per_host = section.number("max_sessions_per_host", 1..=SESSIONS_MAX);
    let max_sessions_per_user = section.number("max_sessions_per_user", 1..=SESSIONS_MAX);
    let starts_per_host = section.take("starts_per_host");
    let place = section.place_of("fallback").unwrap_or(&header).clone();
    let fallback: Vec<FarmName> = section.take("fallback").unwrap_or_default();
    for farm in &fallback {
        if let Some(problem) = unusable_fallback(farm, name.as_ref(), names, &place) {
            problems.add(problem);
        }
    }
    let sticky = section.take("sticky");
    let suspend_running = section.take::<Located<bool>>("suspend_running");
    if let Some(Located { value: true, place }) = &suspend_running
        && !is_asked
    {
        problems.add(useless_without_agent("suspend_running", place));
    }
    section.finish();
    let usual = Farm::new(name?, hosts.into_iter().map(|host| host.value).collect());
    Some(Farm {
        agent: agent.map_or(usual.agent, |agent| agent.value),
        keys: keys.unwrap_or(usual.keys),
        assumed_session: assumed_session.unwrap_or(usual.assumed_session),
        max_sessions_per_host,
        max_sessions_per_user,
        starts_per_host,
        fallback,
        sticky: sticky.unwrap_or(usual.sticky),
        suspend_running: suspend_running.map_or(usual.suspend_running, |suspend| suspend.value),
        ..usual
    })
}

/// Reads one host; its place is that of its port, or of its header if that was not written.
fn host(
    name: &str,
    mut section: Section<'_>,
    is_asked: bool,
    own_names: &mut OwnNames,
) -> Option<Located<Host>> {
    let problems = section.problems();
    let header = section.header().clone();
    let name = HostName::new(name)
        .map_err(|why| problems.error(&header, why.to_string()))
        .ok();
    let written = section.has("address");
    let mut address = section.take::<HostAddress>("address");
    if let (false, Some(name)) = (written, &name) {
        address = HostAddress::new(name.as_str())
            .map_err(|why| {
                let hint = "write address = \"10.0.2.11\"".to_owned();
                problems.add(Diagnostic::error(&header, why.to_string()).hint(hint));
            })
            .ok();
    }
    let place = section.place_of("port").unwrap_or(&header).clone();
    let port = section
        .number("port", 1..=i64::from(u16::MAX))
        .unwrap_or(SSH_PORT);
    let weight = section.take::<Located<f64>>("weight");
    if let Some(Located { value, place }) = &weight
        && !(WEIGHT_MIN..=WEIGHT_MAX).contains(value)
    {
        let message = format!("`weight` must be between {WEIGHT_MIN} and {WEIGHT_MAX}");
        problems.error(place, message);
    }
    let hostname = section.take::<Located<OwnName>>("hostname");
    let named = hostname
        .as_ref()
        .map_or(&header, |hostname| &hostname.place)
        .clone();
    let session_database = section.take::<Located<OwnName>>("session_database");
    if let (Some(database), false) = (&session_database, is_asked) {
        problems.add(useless_without_agent("session_database", &database.place));
    }
    let draining = section.take("draining");
    section.finish();
    let usual = Host::new(name?, address?, port);
    let value = Host {
        weight: weight.map_or(usual.weight, |weight| weight.value),
        hostname: hostname.map_or(usual.hostname, |name| name.value.0),
        session_database: session_database.map(|name| name.value.0),
        draining: draining.unwrap_or(usual.draining),
        ..usual
    };
    own_names.add(&value, &named, problems);
    Some(Located { value, place })
}

/// A name that hosts give themselves or their session database.
struct OwnName(String);

impl FromText for OwnName {
    fn from_text(text: &str) -> Result<Self, String> {
        let known = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        if text.is_empty() || text.len() > NAME_BYTES_MAX || !text.bytes().all(known) {
            return Err(format!(
                "`{text}` is no name: 1 to {NAME_BYTES_MAX} letters, digits, `.`, `_` and `-`"
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

fn useless_without_agent(key: &str, place: &Place) -> Diagnostic {
    Diagnostic::warning(place, format!("`{key}` does nothing in a farm without an agent"))
        .hint("write agent = \"ssh\" in the farm".to_owned())
}

/// What is wrong with a fallback that would never take anything: it is no farm, or the farm itself.
fn unusable_fallback(
    farm: &FarmName,
    own: Option<&FarmName>,
    names: &[String],
    place: &Place,
) -> Option<Diagnostic> {
    if Some(farm) == own {
        let message = format!("farm `{farm}` cannot be its own fallback");
        return Some(Diagnostic::error(place, message));
    }
    if names.iter().any(|name| name == farm.as_str()) {
        return None;
    }
    let diagnostic = Diagnostic::error(place, format!("there is no farm `{farm}`"));
    let meant = did_you_mean(farm.as_str(), names.iter().map(String::as_str));
    Some(match meant {
        Some(meant) => diagnostic.hint(format!("did you mean \"{meant}\"?")),
        None => diagnostic,
    })
}

/// X2Go Client resumes a session on any host of the farm with the port of the one that was chosen.
fn check_same_port(hosts: &[Located<Host>], section: &Section<'_>) {
    let Some((first, others)) = hosts.split_first() else {
        return;
    };
    for Located { value, place } in others {
        if value.port != first.value.port {
            let message = format!(
                "host `{}` has port {} and `{}` has {} in {}",
                value.name,
                value.port,
                first.value.name,
                first.value.port,
                section.title()
            );
            let hint = "all hosts of a farm share one port; make two farms".to_owned();
            section
                .problems()
                .add(Diagnostic::error(place, message).hint(hint));
        }
    }
}

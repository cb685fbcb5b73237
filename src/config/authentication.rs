//! `[authentication]`: how somebody proves who they are, and for how long that counts.

use std::sync::Arc;
use std::time::Duration;

use super::diagnostic::Diagnostic;
use super::pam;
use super::section::Section;
use super::source::Place;
use super::throttle;
use super::value::{FromText, Located};
use crate::authenticate::{Method, Settings};
use crate::pam_worker::WorkerSettings;

const TICKET_LIFETIME: Duration = Duration::from_hours(10);
const TICKET_IDLE: Duration = Duration::from_hours(2);
const BIND_TICKET_TO_CLIENT: bool = true;
const TICKET_TIME_MIN: Duration = Duration::from_secs(1);
/// A month: who comes less often types the password.
const TICKET_TIME_MAX: Duration = Duration::from_hours(31 * 24);

impl FromText for Method {
    fn from_text(text: &str) -> Result<Self, String> {
        Self::from_word(text)
            .ok_or_else(|| format!("there is no method `{text}`; there are `ldap`, `pam` and `none`"))
    }
}

/// What `[authentication]` says.
pub(super) struct Authentication {
    pub(super) settings: Settings,
    /// Where `methods` stands, if it does.
    pub(super) methods: Option<Place>,
    /// `fallback_when_unreachable`
    pub(super) fallback_when_unreachable: Option<Located<bool>>,
    /// `[authentication.pam]`
    pub(super) pam: WorkerSettings,
}

impl Authentication {
    /// Where `"none"` is named, if it is.
    pub(super) fn unproven(&self) -> Option<&Place> {
        self.methods.as_ref().filter(|_| self.settings.is_unproven())
    }
}

/// Reads the section. `usual_methods` count where none are written.
pub(super) fn read(mut section: Section<'_>, usual_methods: &[Method]) -> Authentication {
    let pam = pam::read(section.section("pam"));
    let problems = section.problems();
    let methods = section.take::<Located<Vec<Method>>>("methods");
    if let Some(Located { value, place }) = &methods {
        if value.is_empty() {
            problems.add(
                Diagnostic::error(place, "`methods` is empty").hint("write methods = [\"ldap\"]".to_owned()),
            );
        }
        let repeated = |(at, method)| value.iter().skip(at + 1).any(|other| other == method);
        if value.iter().enumerate().any(repeated) {
            problems.error(place, "`methods` names a method twice");
        }
        if value.len() > 1 && value.contains(&Method::Unproven) {
            problems.error(
                place,
                "`none` must be the only method: it takes everybody at their word",
            );
        }
    }
    let (methods, methods_place) = methods.map_or_else(
        || (usual_methods.to_vec(), None),
        |methods| (methods.value, Some(methods.place)),
    );
    let fallback_when_unreachable = section.take("fallback_when_unreachable");
    let ticket_lifetime = section
        .duration("ticket_lifetime", TICKET_TIME_MIN..=TICKET_TIME_MAX)
        .unwrap_or(TICKET_LIFETIME);
    // A site that only shortens the lifetime need not shorten the idle time too.
    let ticket_idle = section
        .duration("ticket_idle", TICKET_TIME_MIN..=ticket_lifetime)
        .unwrap_or(TICKET_IDLE.min(ticket_lifetime));
    let settings = Settings {
        methods,
        ticket_lifetime,
        ticket_idle,
        bind_ticket_to_client: section
            .take("bind_ticket_to_client")
            .unwrap_or(BIND_TICKET_TO_CLIENT),
        throttle: Arc::new(throttle::read(section.section("throttle"))),
    };
    section.finish();
    Authentication {
        settings,
        methods: methods_place,
        fallback_when_unreachable,
        pam,
    }
}

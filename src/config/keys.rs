//! `[keys]`: the SSH keys that open sessions without a second password.

use std::time::Duration;

use jiff::tz::TimeZone;

use super::section::Section;
use super::time_zone;
use super::value::FromText;
use crate::grant::Settings;

/// The client must have logged in by then, and sshd's clock may differ a little.
const LIFETIME_MIN: Duration = Duration::from_secs(20);
const LIFETIME_MAX: Duration = Duration::from_hours(1);
const READY_MAX: i64 = 4096;

/// The time zone of hosts.
struct Zone(TimeZone);

impl FromText for Zone {
    fn from_text(text: &str) -> Result<Self, String> {
        time_zone::find(text).map(Self)
    }
}

/// Reads the section.
pub(super) fn read(mut section: Section<'_>) -> Settings {
    let usual = Settings::default();
    let settings = Settings {
        lifetime: section
            .duration("lifetime", LIFETIME_MIN..=LIFETIME_MAX)
            .unwrap_or(usual.lifetime),
        from_client: section.take("from_client").unwrap_or(usual.from_client),
        client_keys: section.take("client_keys").unwrap_or(usual.client_keys),
        expiry_zone: section.take("expiry_zone").map(|zone: Zone| zone.0),
        ready: section.number("ready", 1..=READY_MAX).unwrap_or(usual.ready),
    };
    section.finish();
    settings
}

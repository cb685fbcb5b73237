//! `[client]`: how X2Go Client shall behave.

use std::time::Duration;

use super::section::Section;
use crate::wire::ClientConfig;

const EVENTS: bool = true;
const LIVE_EVENT_MIN: Duration = Duration::from_secs(5);
const LIVE_EVENT_MAX: Duration = Duration::from_hours(1);

/// Reads the section.
pub(super) fn read(mut section: Section<'_>) -> ClientConfig {
    let events = section.take("events").unwrap_or(EVENTS);
    let place = section.place_of("live_event").cloned();
    let live_event = section.duration("live_event", LIVE_EVENT_MIN..=LIVE_EVENT_MAX);
    if let Some(place) = place
        && live_event.is_some_and(|time| time.subsec_nanos() > 0)
    {
        section
            .problems()
            .error(&place, "`live_event` must be whole seconds");
    }
    section.finish();
    ClientConfig {
        events,
        live_event_s: live_event.map_or(0, |time| u32::try_from(time.as_secs()).unwrap_or(u32::MAX)),
    }
}

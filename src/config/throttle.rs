//! `[authentication.throttle]`: how many failures are too many.

use super::section::Section;
use crate::authenticate::Limits;

/// Reads the section.
pub(super) fn read(mut section: Section<'_>) -> Limits {
    let usual = Limits::default();
    let limits = Limits {
        user: section.take("user").unwrap_or(usual.user),
        user_elsewhere: section.take("user_elsewhere").unwrap_or(usual.user_elsewhere),
        client: section.take("client").unwrap_or(usual.client),
        shared_networks: section.take("shared_networks").unwrap_or_default(),
    };
    section.finish();
    limits
}

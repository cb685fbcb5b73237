//! Time zones by name.

use jiff::tz::{self, TimeZone, TimeZoneDatabase};

use crate::model::did_you_mean;

/// The time zone of that name. The system's database counts first, for it is kept up to date when a country
/// changes its rules; where it is missing or lacks the name, the one built into the program does.
///
/// # Errors
/// Says, for the admin, that there is none and what may have been meant.
pub(super) fn find(name: &str) -> Result<TimeZone, String> {
    tz::db()
        .get(name)
        .or_else(|_| TimeZoneDatabase::bundled().get(name))
        .ok()
        .filter(|zone| !zone.is_unknown())
        .ok_or_else(|| unknown(name))
}

fn unknown(name: &str) -> String {
    let bundled = TimeZoneDatabase::bundled();
    let names: Vec<_> = bundled.available().collect();
    let names = || names.iter().map(|name| name.as_str());
    // An admin who knows the city alone.
    let city = names().find(|known| {
        known
            .rsplit_once('/')
            .is_some_and(|(_, city)| city.eq_ignore_ascii_case(name))
    });
    match city.or_else(|| did_you_mean(name, names())) {
        Some(meant) => format!("`{name}` is no time zone; did you mean `{meant}`?"),
        None => format!("`{name}` is no time zone; write a name like Europe/Berlin, or UTC"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_found_by_name() {
        assert_eq!(find("Europe/Berlin").unwrap().iana_name(), Some("Europe/Berlin"));
        assert!(find("europe/berlin").is_ok());
        assert!(find("UTC").is_ok());
    }

    #[test]
    fn what_is_no_zone_is_told_with_what_was_meant() {
        let message = |name| find(name).unwrap_err();
        assert_eq!(
            message("Europe/Belrin"),
            "`Europe/Belrin` is no time zone; did you mean `Europe/Berlin`?"
        );
        assert_eq!(
            message("berlin"),
            "`berlin` is no time zone; did you mean `Europe/Berlin`?"
        );
        assert_eq!(
            message("Middle-earth"),
            "`Middle-earth` is no time zone; write a name like Europe/Berlin, or UTC"
        );
        for odd in ["../../etc/passwd", "/etc/localtime", "", "Etc/Unknown"] {
            assert!(find(odd).is_err(), "{odd}");
        }
    }
}

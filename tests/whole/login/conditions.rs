//! Rules that ask for attributes and times, against a real directory and the real clock.

use jiff::{Timestamp, ToSpan, tz::TimeZone};

use crate::lab::site::{Reach, Site, configuration, profiles};
use crate::lab::slapd;

/// A day of the week, so many days from now.
fn day_from_now(days: i64) -> String {
    let now = Timestamp::now().to_zoned(TimeZone::UTC);
    let then = now.checked_add(days.days()).expect("a day");
    then.strftime("%a").to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn attributes_that_rules_name_are_read_and_hours_count_now() {
    let mut site = Site::start(Reach::Tls);
    // Yesterday and tomorrow are in it, so that midnight may pass meanwhile.
    let (yesterday, tomorrow) = (day_from_now(-1), day_from_now(1));
    let rules = format!(
        r#"
[rule.professors]
attributes = {{ title = "prof*" }}
hours = "{yesterday}-{tomorrow} 00:00-24:00 Europe/Berlin"
profiles = ["office"]

[rule.another-day]
attributes = {{ title = "*" }}
hours = "{later} 12:00-13:00 UTC"
profiles = ["terminal"]

[[expect]]
user = "erin"
attributes = {{ title = "Professor" }}
offers = []
"#,
        later = day_from_now(3),
    );
    let configuration = configuration(&site.slapd, Reach::Tls, site.host_port());
    site.broker.write_configuration(&(configuration + &rules));
    site.broker.process().signal("HUP");
    site.broker.process().wait_for_line("configuration reloaded");

    assert_eq!(profiles(&site.list("erin").await), [""; 0]);
    site.slapd.modify(&format!(
        "dn: {}\nchangetype: modify\nreplace: title\ntitle: Professor\n",
        slapd::person("erin")
    ));
    assert_eq!(profiles(&site.list("erin").await), ["office"]);
}

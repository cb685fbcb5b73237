//! What authentication `"none"` forbids: rules that would need to know who somebody is.

use super::diagnostic::{Diagnostic, Problems};
use super::rules::Rules;
use super::source::Place;
use crate::entitlement::{Profile, ProfileValue, Rule};

/// The session key that lets the client in with a key of the broker's.
const AUTOLOGIN: &str = "autologin";

/// Warns at every start and check, and notes what cannot be. `place` is where the method is named.
pub(super) fn check(place: &Place, rules: &Rules, profiles: &[Profile], problems: &Problems) {
    let message = "authentication is \"none\": whoever reaches the broker is whom they say they are";
    problems.add(Diagnostic::warning(place, message));
    for (rule, header) in rules.with_headers() {
        check_rule(rule, header, profiles, problems);
    }
}

fn check_rule(rule: &Rule, header: &Place, profiles: &[Profile], problems: &Problems) {
    let name = &rule.name;
    let conditions = [
        ("groups", !rule.groups.is_empty()),
        ("all_groups", !rule.all_groups.is_empty()),
        ("except_groups", !rule.except_groups.is_empty()),
        ("attributes", !rule.attributes.is_empty()),
    ];
    // Nobody has any: an allow rule would give nothing, and a deny rule or an exception take nothing.
    for (key, _) in conditions.iter().filter(|(_, stands_there)| *stands_there) {
        let message =
            format!("[rule.{name}] has `{key}`, and authentication \"none\" knows names and addresses alone");
        let hint = "write users and clients".to_owned();
        problems.add(Diagnostic::error(header, message).hint(hint));
    }
    if rule.deny {
        return;
    }
    if rule.clients.is_empty() {
        let message =
            format!("[rule.{name}] gives profiles to every address, and authentication is \"none\"");
        let hint = "write clients = [\"10.0.0.0/8\"] with the networks that you trust".to_owned();
        problems.add(Diagnostic::error(header, message).hint(hint));
    }
    let set = rule.set.get(AUTOLOGIN);
    let is_on = |profile: &Profile| set.or(profile.keys.get(AUTOLOGIN)) == Some(&ProfileValue::Flag(true));
    let given = |profile: &&Profile| rule.profiles.iter().any(|glob| glob.matches(profile.id.as_str()));
    for profile in profiles.iter().filter(given).filter(|profile| is_on(profile)) {
        let message = format!(
            "[rule.{name}] gives `{}` with `autologin`, and authentication \"none\" lets nobody in without a password",
            profile.id
        );
        let hint = "set autologin = false, or choose another method".to_owned();
        problems.add(Diagnostic::error(header, message).hint(hint));
    }
}

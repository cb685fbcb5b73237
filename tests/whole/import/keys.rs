//! The keys of the imported profiles beside what X2Go Client read when x2gobroker sent them.

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use x2godirector::entitlement::ProfileValue;
use x2godirector::model::session_key::{self, KEYS, Kind, Value};

use super::imported;
use super::x2gobroker::{Ask, Site, X2goBroker};

const SITES: u32 = 300;

/// Values that `conf.d` takes for a key, in the spellings of the old file.
fn value(name: &'static str, kind: Kind) -> BoxedStrategy<String> {
    let typed = ["kdrive", "fullscreen", "sound", "rootless", "print", "usekbd"].contains(&name);
    let texts = match kind {
        Kind::Flag if name == "setdpi" => vec!["0", "1", "not-set"],
        Kind::Flag if typed => vec!["true", "False", "yes", "OFF", "1", "0"],
        Kind::Flag if session_flag(name) => vec!["true", "false", "1", "0"],
        Kind::Flag => vec!["true", "false", "1", "0", "no", "", "\"false\"", "not-set"],
        Kind::Number { .. } if name == "quality" || name == "speed" => vec!["0", "3", "04", "not-set"],
        Kind::Number { .. } => vec!["22", "+33", "044", "not-set"],
        Kind::OneOf(words) => words.to_vec(),
        Kind::PackMethod => vec!["16m-jpeg", "nopack", "\"adaptive-7\""],
        Kind::Text { .. } if name == "command" => {
            vec!["xfce", "KDE", "LXQt", "xterm -e top", "\"a, b\"", "SHADOW"]
        }
        Kind::Text { .. } if name == "icon" => vec!["AAAA=="],
        Kind::Text { .. } => vec![
            "plain text",
            "a, b",
            "a; b",
            "\"/home/x:1;/y:0;\"",
            "say \"hi\" ; now",
            r"back\slash \\ \x41 \102",
            "100% %41 %(x)s ${user} $${user} $",
            "@Invalid()",
            "@@at",
            "@at",
            "first\n  second",
            "",
            "not-set",
            "x = y : z # no comment",
        ],
    };
    select(texts).prop_map(str::to_owned).boxed()
}

/// Flags that x2gobroker gives a type by its own defaults.
fn session_flag(name: &str) -> bool {
    ["defsndport", "xinerama", "multidisp", "soundtunnel", "directrdp"].contains(&name)
}

fn section() -> impl Strategy<Value = String> {
    let entries: Vec<_> = KEYS
        .iter()
        .filter(|key| key.name != "name")
        .map(|key| {
            let name = key.name;
            let value = prop::option::weighted(0.3, value(name, key.kind));
            value.prop_map(move |value| value.map(|value| format!("{name}={value}\n")).unwrap_or_default())
        })
        .collect();
    (
        entries,
        prop::option::of(select(vec!["true", "1", "false", "yes", ""])),
    )
        .prop_map(|(entries, autologin)| {
            let autologin = autologin.map(|on| format!("broker-session-autologin={on}\n"));
            entries.concat() + &autologin.unwrap_or_default()
        })
}

/// What the client makes of a text for a key of this kind.
fn seen(kind: Kind, text: &str) -> Value {
    match kind {
        Kind::Flag => Value::Flag(!["", "0", "false"].contains(&text.to_lowercase().as_str())),
        Kind::Number { .. } => Value::Number(text.trim().parse().unwrap_or(0)),
        Kind::Text { .. } | Kind::OneOf(_) | Kind::PackMethod => Value::Text(text.to_owned()),
    }
}

#[test]
fn every_profile_has_the_same_keys() {
    let broker = RefCell::new(X2goBroker::start());
    let sites = (section(), prop::collection::vec(section(), 1..4), any::<bool>());
    let config = Config {
        cases: SITES,
        failure_persistence: None,
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(&sites, |(defaults, sections, autologin)| {
        let mut profiles = format!("[DEFAULT]\n{defaults}");
        for (at, section) in sections.iter().enumerate() {
            profiles.push_str(&format!("[p{at}]\nname=Profile {at}\nhost=ts\n{section}"));
        }
        let settings = format!("[global]\ndefault-session-autologin = {autologin}\n");
        let ask = Ask {
            user: "alice".to_owned(),
            groups: Vec::new(),
            client: "10.0.0.1".to_owned(),
        };
        let site = Site {
            profiles: &profiles,
            settings: &settings,
            asks: &[ask],
            keys: true,
        };
        let theirs = broker.borrow_mut().offers(&site);
        let theirs = theirs.map_err(|why| TestCaseError::fail(format!("{why}\n{profiles}")))?;
        for profile in imported(&profiles, &settings).profiles {
            let theirs = &theirs[0][profile.id.as_str()];
            let theirs: BTreeMap<&str, Value> = KEYS
                .iter()
                .filter_map(|key| Some((key.name, seen(key.kind, theirs.get(key.name)?))))
                // What is no legal value is left out, and said.
                .filter(|(name, value)| session_key::check(session_key::find(name).unwrap(), value).is_ok())
                .collect();
            let ours: BTreeMap<&str, Value> = profile
                .keys
                .iter()
                .map(|(name, value)| (*name, constant(value)))
                .collect();
            prop_assert_eq!(theirs, ours, "{}", profiles);
        }
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

/// The value as everybody gets it; nothing of the old file may become a variable.
fn constant(value: &ProfileValue) -> Value {
    match value {
        ProfileValue::Text(template) => Value::Text(template.constant().expect("no variables").to_owned()),
        ProfileValue::Flag(flag) => Value::Flag(*flag),
        ProfileValue::Number(number) => Value::Number(*number),
    }
}

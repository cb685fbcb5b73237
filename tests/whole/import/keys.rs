//! The keys of the imported profiles beside what X2Go Client read when x2gobroker sent them.

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestCaseResult, TestRunner};
use x2godirector::entitlement::ProfileValue;
use x2godirector::model::session_key::{self, KEYS, Kind, Value};

use super::imported;
use super::x2gobroker::{Ask, Offered, Site, X2goBroker};
use x2godirector::import::{self, Source};

const SITES: u32 = 300;
const FILES: u32 = 2000;

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

/// Runs the property with x2gobroker beside it.
fn check<S: Strategy>(sites: u32, site: &S, holds: impl Fn(&mut X2goBroker, S::Value) -> TestCaseResult) {
    let broker = RefCell::new(X2goBroker::start());
    let config = Config {
        cases: sites,
        failure_persistence: None,
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(site, |site| holds(&mut broker.borrow_mut(), site));
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

/// What X2Go Client reads of every profile.
fn theirs(broker: &mut X2goBroker, profiles: &str, settings: &str) -> Result<Offered, String> {
    let ask = Ask {
        user: "alice".to_owned(),
        groups: Vec::new(),
        client: "10.0.0.1".to_owned(),
    };
    let site = Site {
        profiles,
        settings,
        asks: &[ask],
        keys: true,
    };
    broker.offers(&site).map(|mut answers| answers.remove(0))
}

/// Compares all keys of all profiles but the names.
fn assert_same_keys(theirs: &Offered, profiles: &str, settings: &str) -> TestCaseResult {
    let imported = imported(profiles, settings).policy;
    prop_assert_eq!(theirs.len(), imported.profiles().len());
    for profile in imported.profiles() {
        let theirs = &theirs[profile.id.as_str()];
        let theirs: BTreeMap<&str, Value> = KEYS
            .iter()
            .filter(|key| key.name != "name")
            .filter_map(|key| Some((key, seen(key.kind, theirs.get(key.name)?))))
            // What is no legal value is left out, and said.
            .filter(|(key, value)| session_key::check(key, value).is_ok())
            .map(|(key, value)| (key.name, value))
            .collect();
        let ours: BTreeMap<&str, Value> = profile
            .keys
            .iter()
            .filter(|(name, _)| **name != "name")
            .map(|(name, value)| (*name, constant(value)))
            .collect();
        prop_assert_eq!(theirs, ours, "{}", profiles);
    }
    Ok(())
}

#[test]
fn every_profile_has_the_same_keys() {
    let sites = (section(), prop::collection::vec(section(), 1..4), any::<bool>());
    check(SITES, &sites, |broker, (defaults, sections, autologin)| {
        let mut profiles = format!("[DEFAULT]\n{defaults}");
        for (at, section) in sections.iter().enumerate() {
            profiles.push_str(&format!("[p{at}]\nname=Profile {at}\nhost=ts\n{section}"));
        }
        let settings = format!("[global]\ndefault-session-autologin = {autologin}\n");
        let theirs = theirs(broker, &profiles, &settings);
        let theirs = theirs.map_err(|why| TestCaseError::fail(format!("{why}\n{profiles}")))?;
        assert_same_keys(&theirs, &profiles, &settings)
    });
}

/// Lines of a file, good and bad ones, with which Python's reader has its ways.
const LINES: &[&str] = &[
    "[p0]",
    "[p1]",
    " [p2]",
    "[DEFAULT]",
    "[p3] junk",
    "[p4",
    "[]",
    "rdpserver=one",
    "rdpserver : two = 2",
    "  three",
    "xdmcpserver=a",
    "xdmcpserver=",
    "XDMCPSERVER=b",
    "sound=no",
    "sound=maybe",
    "width=5",
    "width=x",
    "\tcontinued",
    "    more",
    "# comment",
    "  ; comment",
    "",
    "   ",
    "word",
    "= nothing",
    ": nothing",
    "rdpoptions=%(width)s %% # kept ; kept",
    "rdpclient",
    "rdpclient =",
    "=",
    "acl-users-allow=['alice',",
    "  'bob']",
    "\r",
    "\u{a0}more",
];

#[test]
fn both_read_the_same_files() {
    let text = prop::collection::vec(select(LINES), 0..9).prop_map(|lines| lines.join("\n"));
    let counts = RefCell::new((0, 0));
    check(FILES, &text, |broker, text| {
        // Most files begin as they should.
        let text = format!("[first]\n{text}\n");
        let theirs = theirs(broker, &text, "");
        let ours = import::import(&[Source {
            name: "f".to_owned(),
            text: text.clone(),
        }]);
        // x2gobroker reads [DEFAULT] for whoever gets a profile: one hidden by its `acl-` lines shows nothing of it.
        let hidden = text.contains("acl-") && theirs.as_ref().is_ok_and(BTreeMap::is_empty);
        if hidden && ours.is_err() {
            return Ok(());
        }
        prop_assert_eq!(theirs.is_ok(), ours.is_ok(), "{:?} {:?}\n{}", theirs, ours, text);
        let Ok(theirs) = theirs else {
            counts.borrow_mut().1 += 1;
            return Ok(());
        };
        counts.borrow_mut().0 += 1;
        // A profile that `acl-` lines hide has no keys to compare, and a header within a value ends the profile
        // for X2Go Client.
        if theirs.is_empty() || text.contains("acl-") || text.contains("\n [") {
            return Ok(());
        }
        assert_same_keys(&theirs, &text, "[global]\n")
    });
    let (good, bad) = counts.into_inner();
    assert!(good > 100 && bad > 100, "{good} good files, {bad} bad ones");
}

/// The value as everybody gets it; nothing of the old file may become a variable.
fn constant(value: &ProfileValue) -> Value {
    match value {
        ProfileValue::Text(template) => Value::Text(template.constant().expect("no variables").to_owned()),
        ProfileValue::Flag(flag) => Value::Flag(*flag),
        ProfileValue::Number(number) => Value::Number(*number),
    }
}

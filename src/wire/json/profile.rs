//! A profile as Python X2Go takes it.
//!
//! That client turns each value into the type of its own default (`type(default)(value)`), knows no other keys,
//! and ends with an exception over a value that cannot be turned. So each key goes out with exactly the type
//! that the client has for it, and keys it does not know stay behind.

use serde_json::{Map, Value as Json, json};

use crate::model::session_key::Value;
use crate::wire::OfferedProfile;
use crate::wire::names::Names;

/// The keys of `X2GO_SESSIONPROFILE_DEFAULTS` (x2go/defaults.py) that a profile of ours may have and whose value
/// it takes as we hold it: texts, flags and whole numbers. Sorted.
///
/// `icon` is left out: this client takes the name of a file for it, X2Go Client the picture.
const AS_THEY_ARE: &[&str] = &[
    "autologin",
    "clipboard",
    "command",
    "defsndport",
    "directrdp",
    "directrdpsettings",
    "display",
    "dpi",
    "fullscreen",
    "height",
    "kdrive",
    "krblogin",
    "maxdim",
    "multidisp",
    "name",
    "pack",
    "print",
    "published",
    "quality",
    "rdpclient",
    "rdpoptions",
    "rdpport",
    "rdpserver",
    "rootless",
    "setdpi",
    "sndport",
    "sound",
    "soundsystem",
    "soundtunnel",
    "speed",
    "sshproxyautologin",
    "sshproxyhost",
    "sshproxykeyfile",
    "sshproxyport",
    "sshproxysamepass",
    "sshproxysameuser",
    "sshproxytype",
    "sshproxyuser",
    "startsoundsystem",
    "type",
    "usekbd",
    "user",
    "usesshproxy",
    "width",
    "xdmcpserver",
    "xinerama",
];

/// What stands for a key that must be sent because the client's own default would do harm: it would start a
/// terminal window (`TERMINAL`, `rootless`) where X2Go Client starts what these say. The port is a place holder
/// until a host is chosen.
fn needed() -> Map<String, Json> {
    let needed = json!({"command": "", "rootless": false, "sshport": 22, "host": [], "user": ""});
    match needed {
        Json::Object(map) => map,
        _ => Map::new(),
    }
}

/// The profiles by id. Names are made unlike each other by a number, as two alike end the client.
pub(super) fn profiles(profiles: &[OfferedProfile]) -> Map<String, Json> {
    let mut names = Names::default();
    let mut out = Map::new();
    for profile in profiles {
        let mut keys = keys(profile);
        keys.insert("name".to_owned(), Json::String(names.of(profile)));
        out.insert(profile.id.as_str().to_owned(), Json::Object(keys));
    }
    out
}

fn keys(profile: &OfferedProfile) -> Map<String, Json> {
    let mut out = needed();
    for (name, value) in &profile.keys {
        let json = match (*name, value) {
            ("host", Value::Text(host)) => json!([host]),
            ("export", Value::Text(paths)) => Json::Object(exports(paths)),
            (name, value) if AS_THEY_ARE.binary_search(&name).is_ok() => as_it_is(value),
            _ => continue,
        };
        out.insert((*name).to_owned(), json);
    }
    out
}

fn as_it_is(value: &Value) -> Json {
    match value {
        Value::Text(text) => Json::String(text.clone()),
        Value::Flag(flag) => Json::Bool(*flag),
        Value::Number(number) => Json::from(*number),
    }
}

/// `PATH:1;PATH:0;` as X2Go Client writes the paths to share: with 1 those that are shared at the start. The
/// parts of one list are parted by commas or semicolons.
fn exports(paths: &str) -> Map<String, Json> {
    let parts = paths.split([';', ',']).map(str::trim);
    parts
        .filter(|part| !part.is_empty())
        .map(|part| match part.rsplit_once(':') {
            Some((path, "1")) => (path.to_owned(), Json::Bool(true)),
            Some((path, "0")) => (path.to_owned(), Json::Bool(false)),
            _ => (part.to_owned(), Json::Bool(true)),
        })
        .collect()
}

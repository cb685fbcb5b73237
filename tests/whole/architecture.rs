//! Which room may use which. The table is here, and this test holds `src/` to it; `docs/architecture.md`
//! says why it is as it is.

mod source;

use std::fs;
use std::path::{Path, PathBuf};

use self::source::Source;

/// What a room may use of the crate.
enum May {
    /// Any room: these do the wiring.
    UseAll,
    /// These rooms, in whole or in part.
    Use(&'static [Allowed]),
}

/// A room that may be used.
enum Allowed {
    /// Everything it makes public.
    Room(&'static str),
    /// Only these names of it.
    Names(&'static str, &'static [&'static str]),
    /// Only the public items of these files of it.
    Files(&'static str, &'static [&'static str]),
}

use Allowed::{Files, Names, Room};

/// The traits of the store and what they speak of; never a store itself.
const STORE_TRAIT: Allowed = Files(
    "store",
    &[
        "mod.rs",
        "records.rs",
        "history.rs",
        "host_credentials.rs",
        "keys.rs",
        "drains.rs",
        "last_hosts.rs",
    ],
);

/// The trait `Agent` and what it speaks of; never a way of asking.
const AGENT_TRAIT: Allowed = Files("agent", &["mod.rs", "kind.rs", "left_out.rs"]);

/// What measures the stages of a request; never the metrics that come of it.
const STAGES: Allowed = Files("observe", &["stages.rs"]);

/// Every room, and what it may use.
const ROOMS: &[(&str, May)] = &[
    ("model", May::Use(&[])),
    ("tls", May::Use(&[])),
    ("host_side", May::Use(&[Room("model"), Room("tls"), Room("wire")])),
    ("wire", May::Use(&[Room("model")])),
    ("entitlement", May::Use(&[Room("model")])),
    ("import", May::Use(&[Room("model")])),
    (
        "directory",
        May::Use(&[
            Room("model"),
            Room("tls"),
            Files("pam_worker", &["answers.rs", "client.rs"]),
        ]),
    ),
    ("store", May::Use(&[Room("model")])),
    ("audit", May::Use(&[Room("model")])),
    ("observe", May::Use(&[Room("model")])),
    ("pam_worker", May::Use(&[Room("model"), Room("worker_socket")])),
    ("worker_socket", May::Use(&[])),
    ("hooks", May::Use(&[Room("model"), Room("worker_socket")])),
    ("agent", May::Use(&[Room("model")])),
    ("socket", May::Use(&[Room("model")])),
    ("admin", May::Use(&[Room("model"), Room("socket")])),
    ("placement", May::Use(&[Room("model"), STORE_TRAIT, AGENT_TRAIT])),
    ("grant", May::Use(&[Room("model"), STORE_TRAIT, AGENT_TRAIT])),
    (
        "authenticate",
        May::Use(&[
            Room("model"),
            Room("directory"),
            STORE_TRAIT,
            STAGES,
            Files("pam_worker", &["answers.rs", "client.rs"]),
            Names("socket", &["Peer"]),
        ]),
    ),
    (
        "identity",
        May::Use(&[
            Room("model"),
            Room("directory"),
            Names("authenticate", &["Verified"]),
        ]),
    ),
    (
        "config",
        May::Use(&[
            Room("model"),
            Room("entitlement"),
            Files("admin", &["settings.rs"]),
            Files("agent", &["kind.rs", "settings.rs"]),
            Files("authenticate", &["settings.rs", "limits.rs"]),
            Files("directory", &["settings.rs"]),
            Files("grant", &["settings.rs"]),
            Files("hooks", &["settings.rs"]),
            Files("http", &["settings.rs"]),
            Files("pam_worker", &["settings.rs"]),
            Files("placement", &["farm.rs"]),
            Names("socket", &["PATH_BYTES_MAX"]),
            Files("ssh", &["settings.rs"]),
            Names("wire", &["ClientConfig"]),
        ]),
    ),
    (
        "broker",
        May::Use(&[
            Room("model"),
            Room("wire"),
            Room("entitlement"),
            Room("directory"),
            Room("store"),
            Room("audit"),
            Room("observe"),
            Room("hooks"),
            Room("placement"),
            Room("grant"),
            Room("authenticate"),
            Room("identity"),
            Files("pam_worker", &["client.rs"]),
            Names("socket", &["Peer"]),
        ]),
    ),
    ("http", May::Use(&[Room("model"), Room("wire"), Room("broker")])),
    (
        "ssh",
        May::Use(&[Room("model"), Room("wire"), Room("broker"), Room("socket")]),
    ),
    ("cli", May::UseAll),
    ("app", May::UseAll),
    ("fuzzing", May::UseAll),
    ("main", May::UseAll),
    ("bin", May::UseAll),
    ("lib", May::UseAll),
];

/// Crates that only these rooms know, so that they can be exchanged there.
const CRATES: &[(&str, &[&str])] = &[
    ("ldap3", &["directory"]),
    ("lber", &["directory"]),
    ("warp", &["http"]),
    ("openssh", &["agent"]),
    ("rusqlite", &["store"]),
    ("prometheus_client", &["observe"]),
    ("x509_parser", &["http"]),
    ("anyhow", &["app", "cli", "main"]),
];

/// The only module that may be unsafe: the calls into libpam.
const UNSAFE_MODULE: &[&str] = &["pam_worker", "ffi"];

/// Traits that stand for a step that was taken: one room implements each, and tests may pretend.
const PROOFS: &[(&str, &str)] = &[("Authenticated", "identity"), ("Offered", "entitlement")];

const ON_PURPOSE: &str =
    "or change the table in tests/whole/architecture.rs and docs/architecture.md on purpose";

#[test]
fn every_room_uses_only_what_the_table_allows() {
    let complaints: Vec<String> = files().iter().flat_map(SourceFile::complaints).collect();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn the_table_names_only_rooms_that_there_are() {
    let known = |room: &str| ROOMS.iter().any(|(name, _)| *name == room);
    for (room, may) in ROOMS {
        let May::Use(allowed) = may else { continue };
        for allowed in *allowed {
            assert!(
                known(allowed.room()),
                "{room} may use {}, which is no room",
                allowed.room()
            );
        }
    }
    for (_, rooms) in CRATES {
        assert!(rooms.iter().all(|room| known(room)));
    }
    assert!(PROOFS.iter().all(|(_, room)| known(room)));
}

#[test]
fn what_the_table_forbids_is_found() {
    let found = |path: &str, text: &str| {
        let file = SourceFile {
            path: path.into(),
            text: text.to_owned(),
        };
        file.complaints().len()
    };
    for (path, text) in [
        ("wire/plain.rs", "use crate::broker::Broker;"),
        ("wire/plain.rs", "fn f() { super::super::broker::f() }"),
        ("wire/plain.rs", "use crate::{model::Now, http::Settings};"),
        ("placement/probe.rs", "use crate::store::SqliteStore;"),
        ("placement/probe.rs", "use crate::store::*;"),
        ("identity/mod.rs", "use crate::authenticate::Settings;"),
        ("config/mod.rs", "use crate::placement::Placements;"),
        ("broker.rs", "use crate::config::Config;"),
        ("broker.rs", "fn f() { warp::serve() }"),
        ("http/mod.rs", "use ldap3::LdapConn;"),
        ("entitlement/rule.rs", "impl Authenticated for Everyone {}"),
        ("broker.rs", "impl crate::model::Offered for Everything {}"),
        ("model/now.rs", "fn f() { unsafe { g() } }"),
        ("pam_worker/process.rs", "fn f() { unsafe { g() } }"),
        ("helpers/mod.rs", ""),
    ] {
        assert_eq!(found(path, text), 1, "{path}: {text}");
    }
    for (path, text) in [
        ("wire/plain.rs", "use crate::model::Now; use super::Request;"),
        ("placement/ledger.rs", "use crate::store::{LeaseRecord, Store};"),
        ("identity/mod.rs", "impl Authenticated for Identity {}"),
        (
            "entitlement/rule.rs",
            "#[cfg(test)] mod tests { impl Authenticated for Anybody {} }",
        ),
        (
            "config/mod.rs",
            "use crate::placement::Farm; // not crate::placement::Placements",
        ),
        ("app.rs", "use crate::{broker::Broker, config, http};"),
        ("pam_worker/ffi.rs", "fn f() { unsafe { g() } }"),
    ] {
        assert_eq!(found(path, text), 0, "{path}: {text}");
    }
}

/// A file below `src/`.
struct SourceFile {
    /// Its path there.
    path: PathBuf,
    text: String,
}

impl SourceFile {
    /// The path of its module from the crate's root; the first word is the room.
    fn module(&self) -> Vec<&str> {
        let mut module: Vec<&str> = self.path.iter().filter_map(|part| part.to_str()).collect();
        if let Some(file) = module.pop()
            && file != "mod.rs"
        {
            module.push(file.trim_end_matches(".rs"));
        }
        module
    }

    /// The modules in files of their own that are only for tests.
    fn test_modules(&self) -> Vec<Vec<String>> {
        let module: Vec<String> = self.module().iter().map(ToString::to_string).collect();
        let declared = Source::read(&self.text, &self.module()).test_modules;
        declared
            .into_iter()
            .map(|name| [&module[..], &[name]].concat())
            .collect()
    }

    /// Whatever breaks the table, each with what to do about it.
    fn complaints(&self) -> Vec<String> {
        let module = self.module();
        let room = module[0];
        let at = format!("src/{}", self.path.display());
        let Some((_, may)) = ROOMS.iter().find(|(name, _)| *name == room) else {
            return vec![format!(
                "{at}: `{room}` is not in the table of rooms; put the file into a room, {ON_PURPOSE}",
            )];
        };
        // The paths of lib.rs and main.rs begin at the root.
        let source = Source::read(
            &self.text,
            if ["lib", "main"].contains(&room) {
                &[]
            } else {
                &module
            },
        );
        let complaints = foreign_rooms(room, may, &source)
            .chain(foreign_crates(&module, &source))
            .chain(foreign_proofs(room, &source));
        complaints.map(|complaint| format!("{at}: {complaint}")).collect()
    }
}

fn foreign_rooms(room: &str, may: &May, source: &Source) -> impl Iterator<Item = String> {
    let foreign = source
        .paths
        .iter()
        .filter(move |path| path.first().is_some_and(|used| used != room) && !may.allows(path));
    foreign.map(move |path| {
        format!(
            "`{room}` may not use `crate::{}`. It may use {}. Take the value as an argument, move the code to a \
             room that may, {ON_PURPOSE}",
            path.join("::"),
            may.in_words(),
        )
    })
}

fn foreign_crates(module: &[&str], source: &Source) -> impl Iterator<Item = String> {
    let room = module[0];
    let may_be_unsafe = module == UNSAFE_MODULE;
    source.words.iter().filter_map(move |word| {
        if word == "unsafe" && !may_be_unsafe {
            return Some("nothing here is unsafe; find a safe way, or a crate that has one".to_owned());
        }
        let (name, rooms) = CRATES.iter().find(|(name, _)| name == word)?;
        (!rooms.contains(&room)).then(|| {
            format!(
                "the crate `{name}` is known only in {}; ask that room, {ON_PURPOSE}",
                rooms.join(", ")
            )
        })
    })
}

fn foreign_proofs(room: &str, source: &Source) -> impl Iterator<Item = String> {
    source.implemented.iter().filter_map(move |implemented| {
        let (proof, owner) = PROOFS.iter().find(|(proof, _)| proof == implemented)?;
        (*owner != room).then(|| {
            format!("only `{owner}` implements `{proof}`: it stands for what was proven there; take a value from it")
        })
    })
}

impl May {
    fn allows(&self, path: &[String]) -> bool {
        let Self::Use(allowed) = self else { return true };
        let name = path.get(1).map(String::as_str);
        allowed
            .iter()
            .filter(|allowed| path.first().is_some_and(|room| room == allowed.room()))
            .any(|allowed| match allowed.names() {
                None => true,
                Some(names) => name.is_some_and(|name| names.iter().any(|allowed| allowed == name)),
            })
    }

    fn in_words(&self) -> String {
        let Self::Use(allowed) = self else {
            return "everything".to_owned();
        };
        let words: Vec<_> = allowed
            .iter()
            .map(|allowed| match allowed.names() {
                None => allowed.room().to_owned(),
                Some(names) => format!("{} (only {})", allowed.room(), names.join(", ")),
            })
            .collect();
        if words.is_empty() {
            "no other room".to_owned()
        } else {
            words.join("; ")
        }
    }
}

impl Allowed {
    fn room(&self) -> &'static str {
        match self {
            Room(room) | Names(room, _) | Files(room, _) => room,
        }
    }

    /// The names that may be used, where it is not all of them.
    fn names(&self) -> Option<Vec<String>> {
        match self {
            Room(_) => None,
            Names(_, names) => Some(names.iter().map(ToString::to_string).collect()),
            Files(room, files) => {
                let items = |file: &&str| {
                    let path = source_folder().join(room).join(file);
                    let text =
                        fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
                    Source::read(&text, &[room]).public_items
                };
                Some(files.iter().flat_map(items).collect())
            }
        }
    }
}

fn source_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every Rust file below `src/` but those that are only for tests.
fn files() -> Vec<SourceFile> {
    let root = source_folder();
    let mut files = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(SourceFile {
                    text: fs::read_to_string(&path).unwrap(),
                    path: path.strip_prefix(&root).unwrap().to_owned(),
                });
            }
        }
    }
    let for_tests: Vec<Vec<String>> = files.iter().flat_map(SourceFile::test_modules).collect();
    files.retain(|file| {
        !for_tests
            .iter()
            .any(|module| file.module().starts_with(&words(module)))
    });
    files
}

fn words(module: &[String]) -> Vec<&str> {
    module.iter().map(String::as_str).collect()
}

//! `check` against the shipped configuration and against a corpus of broken ones.

use std::fs;
use std::iter;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use x2godirector::cli::check::report;
use x2godirector::config::{Accounts, Configuration, load};

use crate::lab::authority::Authority;

/// Each folder here is a broken configuration, with the diagnostics that it must give in `expected`. A file
/// `environment` beside it has variables, one `NAME=value` a line. `UPDATE_EXPECTED=1` writes what is given.
const BAD_CONF: &str = "tests/whole/bad_conf";

fn shipped(environment: &[(&str, &str)]) -> Configuration {
    let environment = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    load(&[PathBuf::from("conf.d")], environment).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn checked(folder: &Path) -> (bool, String) {
    let environment = fs::read_to_string(folder.join("environment")).unwrap_or_default();
    let variables = environment.lines().map(|line| {
        let (name, value) = line.split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    });
    let mut out = Vec::new();
    let good = report(&[folder.to_owned()], variables, &mut out).unwrap();
    (good, String::from_utf8(out).unwrap())
}

#[test]
fn the_shipped_configuration_is_good_as_it_is() {
    let configuration = shipped(&[]);
    assert!(configuration.warnings.is_empty(), "{:#?}", configuration.warnings);
    assert_eq!(configuration.policy.profiles().len(), 3);
    assert_eq!(configuration.policy.rules().count(), 4);
}

#[test]
fn the_example_without_a_directory_is_good_as_it_is() {
    let configuration = load(&[PathBuf::from("examples/local/conf.d")], iter::empty());
    let configuration = configuration.unwrap_or_else(|problems| panic!("{problems:#?}"));
    assert!(configuration.warnings.is_empty(), "{:#?}", configuration.warnings);
    let Accounts::Host(host) = configuration.accounts else {
        panic!("{:?}", configuration.accounts);
    };
    assert_eq!(host.min_uid, 1000);
    assert_eq!(configuration.expectations, 2);
}

/// What the comments call a default is one: with every commented-out key switched on, little changes.
#[test]
fn the_defaults_in_the_comments_are_the_defaults() {
    let folder = tempfile::tempdir().unwrap();
    // What is not set unless somebody writes it; the comment has an example.
    let other = [
        "certificate",
        "private_key",
        "ca_file",
        "bind_",
        "user_dn_template",
        "live_event",
        "group_filter",
        "admin_socket",
        "metrics_listen",
        "expiry_zone",
        "file",
        "max_sessions_per_user",
        "starts_per_host",
        "fallback",
        "session_database",
    ];
    for entry in fs::read_dir("conf.d").unwrap() {
        let path = entry.unwrap().path();
        let text: String = fs::read_to_string(&path)
            .unwrap()
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(key)
                    if key.contains(" = ")
                        && key.starts_with(|c: char| c.is_ascii_lowercase())
                        && key
                            .split(" = ")
                            .next()
                            .unwrap()
                            .chars()
                            .all(|c| c.is_ascii_lowercase() || c == '_')
                        && !other.iter().any(|other| key.starts_with(other)) =>
                {
                    format!("{key}\n")
                }
                _ => format!("{line}\n"),
            })
            .collect();
        fs::write(folder.path().join(path.file_name().unwrap()), text).unwrap();
    }
    let shipped = shipped(&[]);
    let switched_on = Configuration {
        hash: shipped.hash,
        ..load(&[folder.path().to_owned()], iter::empty()).unwrap()
    };
    assert_eq!(format!("{switched_on:?}"), format!("{shipped:?}"));
}

#[test]
fn every_broken_configuration_gives_exactly_its_diagnostics() {
    let mut cases: Vec<_> = fs::read_dir(BAD_CONF)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    cases.sort();
    assert!(!cases.is_empty());
    let mut wrong = Vec::new();
    for case in cases {
        let (good, given) = checked(&case);
        let expected = case.join("expected");
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            fs::write(&expected, &given).unwrap();
        }
        if fs::read_to_string(&expected).unwrap_or_default() != given {
            wrong.push(format!("{}:\n{given}", case.display()));
        }
        let only_warnings = case
            .file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with("warning-");
        assert_eq!(good, only_warnings, "{}", case.display());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Files with distinct tables say the same whatever their names.
#[test]
fn the_order_of_files_with_distinct_tables_does_not_matter() {
    let shipped: Vec<String> = ["10-directory", "20-farms", "30-profiles", "40-rules"]
        .iter()
        .map(|name| fs::read_to_string(format!("conf.d/{name}.toml")).unwrap())
        .collect();
    let read = |order: &[usize]| {
        let folder = tempfile::tempdir().unwrap();
        for (at, file) in order.iter().enumerate() {
            fs::write(folder.path().join(format!("{at}.toml")), &shipped[*file]).unwrap();
        }
        let configuration = load(&[folder.path().to_owned()], iter::empty()).unwrap();
        format!("{:?}", configuration.policy)
    };
    let expected = read(&[0, 1, 2, 3]);
    for order in [[3, 2, 1, 0], [2, 0, 3, 1], [1, 3, 0, 2], [3, 0, 1, 2]] {
        assert_eq!(read(&order), expected, "{order:?}");
    }
}

#[test]
fn of_very_many_problems_the_first_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let unknown: String = (0..300).map(|at| format!("x{at} = 1\n")).collect();
    let directory = "[directory.ldap]\nurls = [\"ldap://localhost\"]\nbase_dn = \"dc=x\"\n";
    fs::write(folder.path().join("a.toml"), unknown + directory).unwrap();
    let (good, told) = checked(folder.path());
    assert!(!good);
    assert_eq!(told.matches("unknown key").count(), 200);
    assert!(
        told.contains("a.toml:200:1") && !told.contains("a.toml:201:1"),
        "{told}"
    );
    assert!(
        told.contains("\n… and 100 more\n\nThe configuration cannot be used: 300 problems.\n"),
        "{told}"
    );
}

#[test]
fn the_environment_overrides_the_files() {
    let configuration = shipped(&[
        ("X2GODIRECTOR__SERVER__LISTEN", "127.0.0.1:1443, [::1]:1443"),
        ("X2GODIRECTOR__SERVER__STATE", "sqlite:///tmp/x/state.db"),
        ("X2GODIRECTOR__DIRECTORY__LDAP__URLS", "ldap://127.0.0.1:3890"),
        ("X2GODIRECTOR__AUTHENTICATION__BIND_TICKET_TO_CLIENT", "false"),
        ("X2GODIRECTOR__FARM__STAFF__HOSTS__TS10__PORT", "2222"),
        ("X2GODIRECTORY", "another program's"),
    ]);
    assert_eq!(configuration.server.listen.len(), 2);
    assert_eq!(configuration.state, Path::new("/tmp/x/state.db"));
    assert_eq!(configuration.accounts.directory().unwrap().servers[0].port, 3890);
    assert!(!configuration.authentication.bind_ticket_to_client);
    let staff = configuration
        .farms
        .iter()
        .find(|farm| farm.name.as_str() == "staff")
        .unwrap();
    assert_eq!(staff.hosts[0].port, 2222);
}

#[test]
fn several_folders_are_read_in_order() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("site.toml"),
        "[farm.students.hosts.ts01]\naddress = \"10.0.2.11\"\n",
    )
    .unwrap();
    fs::write(folder.path().join("site.toml~"), "no TOML").unwrap();
    fs::write(folder.path().join(".#site.toml"), "no TOML").unwrap();
    let folders = [PathBuf::from("conf.d"), folder.path().to_owned()];
    let configuration = load(&folders, iter::empty()).unwrap();
    let students = configuration
        .farms
        .iter()
        .find(|farm| farm.name.as_str() == "students")
        .unwrap();
    assert_eq!(students.hosts[0].address.as_str(), "10.0.2.11");
    assert!((students.hosts[0].weight - 2.0).abs() < f64::EPSILON);
}

/// A pair and authorities that are PEM files, and of which a server can still make nothing.
#[test]
fn what_the_named_files_hold_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    };
    let said = |file: &str| {
        let pair = format!(
            "[server]\ncertificate = \"web.pem\"\nprivate_key = \"{file}\"\n\
             [directory.ldap]\nurls = [\"ldaps://ldap.example.org\"]\nca_file = \"ca.pem\"\nbase_dn = \"dc=x\"\n"
        );
        write("conf.toml", &pair);
        checked(folder.path())
    };
    let authority = Authority::new("authority");
    let (web, other) = (authority.issue(&["localhost"]), authority.issue(&["localhost"]));
    write("ca.pem", &authority.pem);
    write("web.pem", &web.certificate);
    write("web.key", &web.key);
    write("other.key", &other.key);
    assert!(said("web.key").0, "{:?}", said("web.key"));
    let (good, problem) = said("other.key");
    assert!(
        !good && problem.contains("conf.toml:2:15: the key in"),
        "{problem}"
    );
    let (good, problem) = said("web.pem");
    assert!(!good && problem.contains("conf.toml:3:15: "), "{problem}");
    write(
        "ca.pem",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    let (good, problem) = said("web.key");
    assert!(
        !good && problem.contains("conf.toml:6:11: ") && problem.contains("cannot be an authority"),
        "{problem}"
    );
}
